"""The demo data: the same from the same seed, true captions, and a test split of the unseen."""

import io
import time

import numpy as np
import pytest
from PIL import Image

from datasets.captioning import demo


def scenes(split: str, count: int, seed: int = 0) -> list[demo.Scene]:
    number, _, combinations = demo._SPLITS[split]
    return [
        demo.compose(np.random.default_rng((seed, number, i)), combinations) for i in range(count)
    ]


def elements(split: str, **options) -> list[tuple[str, bytes, list[str]]]:
    count, generate = demo.examples(split, **options)
    found = list(generate())
    assert len(found) == count
    return found


def pixels(image_bytes: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(image_bytes)).convert("RGB"), np.float32)


def test_default_sizes():
    assert [demo.examples(split)[0] for split in ("train", "dev", "test")] == [6000, 500, 500]


def test_same_seed_same_bytes_and_a_smaller_set_is_a_prefix():
    assert elements("train", limit=20) == elements("train", limit=30)[:20]
    other = elements("train", limit=20, seed=1)
    assert all(
        a[1] != b[1] and a[0] != b[0]
        for a, b in zip(elements("train", limit=20), other, strict=True)
    )


def test_no_image_is_in_two_splits():
    images = {split: {e[1] for e in elements(split, limit=300)} for split in demo._SPLITS}
    assert all(len(found) == 300 for found in images.values())
    assert len(set.union(*images.values())) == 900


def test_the_test_split_shows_only_what_training_and_dev_never_show():
    shown = {
        split: {(t.colour, t.shape) for s in scenes(split, count) for t in s.things}
        for split, (_, count, _) in demo._SPLITS.items()
    }
    assert shown["train"] == shown["dev"] == set(demo.SEEN)
    assert shown["test"] == set(demo.HELD_OUT)
    assert not shown["train"] & shown["test"]
    assert {colour for colour, _ in shown["train"]} == set(demo.COLOURS)
    assert {shape for _, shape in shown["train"]} == set(demo.SHAPES)
    assert len({colour for colour, _ in shown["test"]}) == len(shown["test"]) == 6
    assert {shape for _, shape in shown["test"]} == set(demo.SHAPES)


def test_captions_of_held_out_combinations_are_in_no_training_caption():
    training = {c for e in elements("train", limit=600) for c in e[2]}
    assert not training & {c for e in elements("test", limit=300) for c in e[2]}


def facts(scene):
    """What every reference of the scene claims, in the form that `claims` gives."""
    first, last = (f"{thing.colour} {thing.shape}" for thing in (scene.things[0], scene.things[-1]))
    if scene.kind == "pair":
        return frozenset({("1", first), ("1", last), (scene.where, first, last)})
    claims = {(str(len(scene.things)), first), ("size", first, scene.things[0].size)}
    return frozenset(claims | ({("place", first, scene.where)} if scene.where else set()))


def test_every_reference_claims_just_the_facts_of_its_scene():
    for split in demo._SPLITS:
        for i, scene in enumerate(scenes(split, 400)):
            references = demo.references(scene, np.random.default_rng(i))
            assert len(set(references)) == 5
            for reference in references:
                assert demo.claims(reference) == facts(scene), reference
                assert demo.is_exact(reference, references)


def test_every_kind_of_scene_and_of_fact_occurs():
    found = scenes("train", 1000)
    assert {s.kind for s in found} == {"single", "group", "pair"}
    assert {len(s.things) for s in found if s.kind == "group"} == {2, 3}
    assert {s.where for s in found} == {"", *demo.PLACES, *demo.RELATIONS}
    assert {t.size for s in found for t in s.things} == set(demo.SIZES)


def test_alike_objects_lie_side_by_side_and_a_pair_apart():
    def steps(one, other):
        return sum(abs(a - b) for a, b in zip(one.cell, other.cell, strict=True))

    shapes = set()
    for scene in scenes("train", 1000):
        cells = {thing.cell for thing in scene.things}
        assert len(cells) == len(scene.things)
        if scene.kind == "pair":
            first, second = scene.things
            assert (first.cell[0] < second.cell[0]) == (scene.where == "above")
            assert (first.cell[1] < second.cell[1]) == (scene.where == "left of")
            assert steps(first, second) == 2
        elif scene.kind == "group":
            shapes.add(frozenset(cells))
            for one in scene.things:
                assert min(steps(one, other) for other in scene.things if other is not one) == 1
    assert len(shapes) == 12 + 6 + 16  # two beside each other; three in a row; three in an L


@pytest.mark.parametrize("shape", demo.SHAPES)
def test_a_dark_line_is_around_every_shape(shape):
    thing = demo.Thing("yellow", shape, "large", (1, 1))
    scene = demo.Scene("single", (thing,), "in the centre")
    picture = pixels(demo.draw(scene, np.random.default_rng(0)))
    yellow = (np.abs(picture - demo.COLOURS["yellow"]) < 30).all(axis=2)
    dark = picture.max(axis=2) < 160
    for across in (yellow, dark), (yellow.T, dark.T):
        for inside, line in zip(*across, strict=True):
            places = np.flatnonzero(inside)
            if len(places):  # six pixels: the line may run aslant
                assert line[places[0] - 6 : places[0]].any()
                assert line[places[-1] + 1 : places[-1] + 7].any()


def test_objects_are_drawn_in_their_colour_at_their_cell():
    for i, scene in enumerate(scenes("train", 200)):
        picture = pixels(demo.draw(scene, np.random.default_rng(i)))
        assert picture.shape == (96, 96, 3)
        for thing in scene.things:
            row, column = thing.cell
            cell = picture[32 * row : 32 * row + 32, 32 * column : 32 * column + 32].reshape(-1, 3)
            near = np.abs(cell - demo.COLOURS[thing.colour]).max(axis=1) < 20
            assert near.sum() > 25, (scene, thing)


def test_large_is_larger_than_small():
    for shape in demo.SHAPES:
        areas = {}
        for size in demo.SIZES:
            scene = demo.Scene(
                "single", (demo.Thing("blue", shape, size, (1, 1)),), "in the centre"
            )
            drawn = [pixels(demo.draw(scene, np.random.default_rng(i))) for i in range(10)]
            areas[size] = [(np.abs(p - demo.COLOURS["blue"]).max(2) < 20).sum() for p in drawn]
        assert min(areas["large"]) > 1.5 * max(areas["small"]), shape


def test_the_size_of_the_picture_is_free():
    scene = scenes("train", 1)[0]
    assert pixels(demo.draw(scene, np.random.default_rng(0), pixels=64)).shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("an orange ring", {("1", "orange ring")}),
        ("three large red crosses", {("3", "red cross"), ("size", "red cross", "large")}),
        (
            "at the top there is a small red ring",
            {
                ("1", "red ring"),
                ("size", "red ring", "small"),
                ("place", "red ring", "at the top"),
            },
        ),
        (
            "a red circle with a blue star right of it",
            {("1", "red circle"), ("1", "blue star"), ("left of", "red circle", "blue star")},
        ),
        (
            "a blue star below a red circle",
            {("1", "red circle"), ("1", "blue star"), ("above", "red circle", "blue star")},
        ),
    ],
)
def test_claims(caption, expected):
    assert demo.claims(caption) == expected


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "a",
        "a dog",
        "a red",
        "a red red circle",
        "two red circle",
        "a red circles",
        "a red circle above",
        "above a red circle",
        "a red circle at the top at the top",
        "a red circle at the top a blue star",
        "there is there is a red circle",
        "a red circle above a blue star above a green square",
        "a red circle with a blue star it",
    ],
)
def test_what_is_outside_the_grammar_claims_nothing(caption):
    assert demo.claims(caption) is None
    assert not demo.is_exact(caption, ["a large red circle on the left"])


@pytest.mark.parametrize(
    ("caption", "exact"),
    [
        ("on the left is a large red circle", True),
        ("a large red circle on the right", False),  # wrong place
        ("a small red circle on the left", False),  # wrong size
        ("a large red ring on the left", False),  # wrong shape
        ("a large blue circle on the left", False),  # wrong colour
        ("two large red circles", False),  # wrong number
        ("a large red circle", False),  # leaves the place out
        ("a red circle on the left", False),  # leaves the size out
        ("a red circle left of a blue star", False),  # an object that is not there
    ],
)
def test_exact_is_all_true_and_nothing_left_out(caption, exact):
    assert demo.is_exact(caption, ["a large red circle on the left"]) is exact


def test_a_relation_turned_round_is_not_exact():
    references = ["a red circle above a blue star", "a blue star below a red circle"]
    assert demo.is_exact("a red circle with a blue star below it", references)
    assert not demo.is_exact("a blue star above a red circle", references)
    assert not demo.is_exact("a red circle left of a blue star", references)


def test_drawing_is_fast():
    start = time.process_time()
    elements("train", limit=200)
    assert time.process_time() - start < 1.0  # measured 0.2 s; the bound is for slow machines


@pytest.mark.parametrize("seed", [-1, 0.5, "a"])
def test_seed_must_be_an_integer_of_at_least_zero(seed):
    with pytest.raises(ValueError, match="`seed` must be an integer of at least 0"):
        demo.examples("train", seed=seed)
