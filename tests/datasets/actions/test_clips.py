"""Sampling and scaling of frames, which serving repeats inside TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from datasets.actions import sample_places
from datasets.actions.clips import fit


@pytest.mark.parametrize(
    ("count", "frames", "places"),
    [
        (10, 4, [1, 3, 6, 8]),
        (3, 4, [0, 1, 2]),
        (4, 4, [0, 1, 2, 3]),
        (5, 1, [2]),
        (100, 2, [25, 75]),
        (1, 1, [0]),
    ],
)
def test_sample_places(count, frames, places):
    assert sample_places(count, frames).tolist() == places


def test_places_are_the_middles_of_equal_parts():
    for count in range(1, 70):
        for frames in range(1, 40):
            places = sample_places(count, frames)
            assert len(places) == min(count, frames)
            assert (np.diff(places) >= 1).all()
            assert places[0] >= 0
            assert places[-1] < count
            if count > frames:
                middles = (np.arange(frames) + 0.5) * count / frames
                np.testing.assert_array_equal(places, np.floor(middles + 1e-9))


@pytest.mark.parametrize("value", [0, -1, 2.0, True, None])
def test_places_of_no_number(value):
    with pytest.raises(ValueError, match="`count` must be a positive integer"):
        sample_places(value, 4)
    with pytest.raises(ValueError, match="`frames` must be a positive integer"):
        sample_places(4, value)


def test_fit_pads_the_shorter_side():
    image = np.full((30, 61, 3), 90, np.uint8)
    square = fit(image, 40)
    rows, columns = (np.flatnonzero(square[..., 0].any(axis=axis)) for axis in (1, 0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (10, 28, 0, 39)
    assert set(np.unique(square)) == {0, 90}
    high = fit(image.transpose(1, 0, 2), 40)
    np.testing.assert_array_equal(high, square.transpose(1, 0, 2))
    assert fit(np.full((1, 500, 3), 9, np.uint8), 8).any()


def test_fit_keeps_a_square_and_enlarges():
    image = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    np.testing.assert_array_equal(fit(image, 16), image)
    assert fit(image, 32).shape == (32, 32, 3)


def test_fit_is_tensorflows_resize_with_pad():
    rng = np.random.default_rng(0)
    for height, width in ((48, 64), (240, 320), (33, 20)):
        coarse = rng.uniform(0, 255, (1, 5, 6, 3))
        image = tf.cast(tf.image.resize(coarse, (height, width)), tf.uint8)[0].numpy()
        theirs = tf.image.resize_with_pad(image, 32, 32, antialias=True).numpy()
        np.testing.assert_allclose(fit(image, 32), theirs, atol=1.5)
