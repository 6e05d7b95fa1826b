"""The demo's figures: splits, repeatability, and that only the order of frames tells partners."""

import numpy as np
import pytest

from datasets.actions import SPLITS, demo, label_names, load, motions, raw_files, sample_places
from tests.datasets.actions.records import records

PARTNERS = [names for names in motions.ACTIONS.values() if len(names) == 2]


def test_records():
    rows = records("demo", "train", limit=2 * len(demo.LABELS), frames=8, size=24)
    assert len({row["id"] for row in rows}) == len(rows)
    assert [row["label"] for row in rows] == [*demo.LABELS, *demo.LABELS]
    assert label_names("demo") == demo.LABELS
    for row in rows:
        assert row["clip"].shape == (8, 24, 24, 3)
        assert row["clip"].std() > 10
        assert np.abs(np.diff(row["clip"].astype(int), axis=0)).max() > 30
        assert 1 <= row["seconds"] <= 3


def test_default_counts():
    assert [int(load("demo", split).cardinality()) for split in SPLITS] == [1200, 150, 300]


def test_no_subject_is_in_two_splits():
    people = [{clip.subject for clip in demo.clips(s, 0, None, "video")} for s in SPLITS]
    assert [len(group) for group in people] == list(demo.PEOPLE.values())
    assert sum(map(len, people)) == len(set.union(*people))
    looks = [
        {str(demo.scene((0, number, i), person).person) for i, person in enumerate(range(count))}
        for number, count in enumerate(demo.PEOPLE.values())
    ]
    assert sum(map(len, looks)) == len(set.union(*looks))


def test_a_person_looks_the_same_in_each_clip():
    clips = demo.clips("test", 0, None, "video")
    looks = {}
    for i, clip in enumerate(clips):
        number = int(clip.subject.rpartition("-")[2])
        looks.setdefault(number, set()).add(str(demo.scene((0, 2, i), number).person))
    assert all(len(seen) == 1 for seen in looks.values())


def test_a_clip_depends_on_seed_split_and_place_alone():
    first, again = (records("demo", "dev", limit=limit, size=16) for limit in (3, 6))
    for one, other in zip(first, again[:3], strict=True):
        np.testing.assert_array_equal(one["clip"], other["clip"])
    others = records("demo", "dev", limit=6, size=16, seed=1)
    assert not any(np.array_equal(a["clip"], b["clip"]) for a, b in zip(again, others, strict=True))


@pytest.mark.parametrize("motion", motions.ACTIONS)
def test_the_partner_of_an_action_is_the_same_frames_backwards(motion):
    number = demo.LABELS.index(motions.ACTIONS[motion][0])
    scene = demo.scene((0, 0, number), person=0)
    scene = scene._replace(backwards=False, camera=scene.camera._replace(noise=0.0))
    places = np.arange(scene.frames)
    forwards = demo.draw(scene, places, 32)
    backwards = demo.draw(scene._replace(backwards=True), places, 32)
    np.testing.assert_array_equal(forwards[::-1], backwards)
    assert not np.array_equal(forwards, backwards)


def test_fewer_frames_are_those_of_the_whole_clip():
    scene = demo.scene((0, 0, 6), person=0)
    scene = scene._replace(camera=scene.camera._replace(noise=0.0))
    whole = demo.draw(scene, np.arange(scene.frames), 16)
    places = sample_places(scene.frames, 5)
    np.testing.assert_array_equal(demo.draw(scene, places, 16), whole[places])


def test_joints_lie_on_the_ground_and_limbs_keep_their_lengths():
    for row in records("demo", "train", limit=len(demo.LABELS), view="joints"):
        joints = row["joints"]
        assert joints.shape[1:] == (len(motions.JOINTS), 3)
        feet = joints[:, [8, 10], 1].min(axis=1)
        np.testing.assert_allclose(feet[[0, -1]], 0, atol=1e-6)
        assert (feet.max() > 0.05) == row["label"].startswith("jump")
        shin = np.linalg.norm(joints[:, 7] - joints[:, 8], axis=-1)
        np.testing.assert_allclose(shin, motions.SHIN, atol=1e-6)


def _joints(split, limit):
    """`<float64>[clips, 12, values]`: frames of joints about their own middle, and the labels."""
    frames, targets = [], []
    for i, clip in enumerate(demo.clips(split, 0, limit, "joints")):
        extent = clip.inspect()
        joints = clip.read(extent, 12, 0)[sample_places(extent.frames, 12), :, :2]
        own = joints - joints.mean(axis=1, keepdims=True)
        frames.append(np.concatenate([own, joints[:, 2:3]], axis=1).reshape(12, -1))
        targets.append(i % len(demo.LABELS))
    return np.stack(frames).astype(np.float64), np.array(targets)


def _fit(x, y, ridge=1e-2, features=1500):
    """Ridge regression onto one column a class, over random ReLU features; gives the scores."""
    rng = np.random.default_rng(0)
    mean, scale = x.mean(0), x.std(0) + 1e-6
    weights = rng.normal(size=(x.shape[1], features)) / np.sqrt(x.shape[1])
    shift = rng.normal(size=features)

    def lifted(values):
        return np.maximum((values - mean) / scale @ weights + shift, 0)

    hidden = lifted(x)
    gram = hidden.T @ hidden + ridge * len(x) * np.eye(features)
    readout = np.linalg.solve(gram, hidden.T @ np.eye(len(demo.LABELS))[y])
    return lambda values: lifted(values) @ readout


def test_order_alone_tells_the_partners_apart():
    """Joints of 12 frames: each frame by itself, a bag of them, a shuffled and an ordered clip.

    Without order at best half of the clips that have a partner, and all of those without one, can
    be named.
    """
    (x, y), (tested, truth) = _joints("train", 1200), _joints("test", 300)
    frame = _fit(x.reshape(-1, x.shape[-1])[::3], np.repeat(y, 12)[::3])
    votes = frame(tested.reshape(-1, x.shape[-1])).reshape(len(tested), 12, -1).mean(1)

    def moments(clips):
        return np.concatenate([clips.mean(1), clips.std(1), clips.min(1), clips.max(1)], axis=-1)

    def rows(clips):
        return clips.reshape(len(clips), -1)

    rng = np.random.default_rng(1)
    shuffled, shuffled_test = (
        np.stack([clip[rng.permutation(12)] for clip in clips]) for clips in (x, tested)
    )
    scores = {
        "frame by frame": votes,
        "bag of frames": _fit(moments(x), y)(moments(tested)),
        "shuffled": _fit(rows(shuffled), y)(rows(shuffled_test)),
        "in order": _fit(rows(x), y)(rows(tested)),
    }
    accuracy = {name: np.mean(score.argmax(1) == truth) for name, score in scores.items()}
    print({name: round(float(value), 3) for name, value in accuracy.items()})
    ceiling = (1 + (len(demo.LABELS) - 1) / 2) / len(demo.LABELS)
    for name in ("frame by frame", "bag of frames", "shuffled"):
        assert accuracy[name] < ceiling + 0.06  # two standard errors of 300 clips
    assert accuracy["bag of frames"] > 0.4
    assert accuracy["in order"] > 0.8


def test_raw_files_are_the_programs():
    assert [path.name for path in raw_files("demo") if not path.is_file()] == []
