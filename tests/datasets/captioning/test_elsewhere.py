"""Images of another world: the same from the same seed, every one of them decodable."""

import io

import numpy as np
import pytest
from PIL import Image

from datasets.captioning import demo, elsewhere
from datasets.images import check_image


def photographs(count=3):
    rng = np.random.default_rng(0)
    return [demo.draw(demo.compose(rng), rng) for _ in range(count)]


def made(part, each=2, **options):
    return list(elsewhere.examples(part, each, photographs(), **options))


@pytest.mark.parametrize("part", elsewhere.PARTS)
def test_every_kind_is_there_and_decodes(part):
    images = made(part, 3)
    assert [kind for kind, _ in images] == [*elsewhere.PARTS[part]] * 3
    assert [check_image(file) for _, file in images] == [None] * len(images)
    assert len({file for _, file in images}) == len(images)


def test_no_kind_is_fitted_on_and_measured():
    assert not set(elsewhere.FITTING) & set(elsewhere.MEASURING)


def test_the_seed_and_the_place_alone_say_what_is_drawn():
    assert made("measuring", 3)[: len(elsewhere.MEASURING)] == made("measuring", 1)
    assert made("fitting") == made("fitting")
    other = made("fitting", seed=1)
    assert not {file for _, file in made("fitting")} & {file for _, file in other}


def test_without_photographs_there_are_the_kinds_that_need_none():
    kinds = {kind for part in elsewhere.PARTS for kind, _ in elsewhere.examples(part, 1)}
    assert kinds == {*elsewhere.FITTING, *elsewhere.MEASURING} - {"blurred", "turned"}


def test_changed_photographs_are_no_longer_what_they_were():
    files = dict(made("fitting", 1)) | dict(made("measuring", 1))
    blurred, turned = (
        np.asarray(Image.open(io.BytesIO(files[kind]))).astype(float)
        for kind in ("blurred", "turned")
    )
    assert np.abs(np.diff(blurred, axis=1)).max() < 30  # no edge is left: the lines had over 100
    assert turned.shape == (96, 96, 3)


def test_bad_arguments():
    with pytest.raises(
        ValueError, match=r"`part` must be one of fitting, measuring\. Got 'testing'"
    ):
        list(elsewhere.examples("testing", 1))
    with pytest.raises(ValueError, match=r"`seed` must be an integer of at least 0\. Got -1\."):
        list(elsewhere.examples("fitting", 1, seed=-1))
