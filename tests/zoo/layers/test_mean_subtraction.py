"""Features less their mean, against the definition, frame by frame."""

import numpy as np
import pytest

from zoo.layers.mean_subtraction import PRIOR, MeanSubtraction

X = np.random.default_rng(0).normal(3.0, size=(3, 7, 4)).astype("float32")
LENGTHS = np.array([7, 4, 0])
MEAN, SCALE = np.array([1.0, -1.0, 0.5, 2.0]), np.array([1.0, 2.0, 0.5, 4.0])


def layer(running):
    made = MeanSubtraction(running)
    made.build((None, None, 4))
    made.set_statistics(MEAN, SCALE)
    return made


def expected(x, frames):
    """Of one recording, each frame less the mean of so many."""
    return np.array(
        [
            (row - (PRIOR * MEAN + x[:count].sum(axis=0)) / (PRIOR + count)) / SCALE
            for row, count in zip(x.astype("float64"), frames, strict=True)
        ]
    )


def test_the_mean_of_the_whole():
    y = np.asarray(layer(running=False)(X, LENGTHS))
    for row, length in enumerate(LENGTHS):
        found = expected(X[row], [length] * 7)
        np.testing.assert_allclose(y[row], found, rtol=1e-5, atol=1e-6)


def test_what_stands_behind_the_end_has_no_part():
    changed = X.copy()
    changed[1, 4:] = 1e6
    y, other = (np.asarray(layer(running=False)(x, LENGTHS)) for x in (X, changed))
    np.testing.assert_array_equal(y[1, :4], other[1, :4])


def test_the_running_mean():
    y, (sums, frames) = layer(running=True)(X)
    for row in range(3):
        found = expected(X[row], range(1, 8))
        np.testing.assert_allclose(np.asarray(y)[row], found, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(sums, X.sum(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(frames, np.full((3, 1), 7))


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_pieces_equal_the_whole(cut):
    made = layer(running=True)
    whole, state = made(X)
    first, between = made(X[:, :cut])
    second, last = made(X[:, cut:], state=between)
    joined = np.concatenate([first, second], axis=1)
    np.testing.assert_allclose(joined, whole, rtol=1e-5, atol=1e-6)
    for one, other in zip(last, state, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_statistics_are_weights_but_not_trainable():
    made = layer(running=False)
    assert len(made.weights) == 2
    assert not made.trainable_weights


def test_running_must_be_a_truth_value():
    with pytest.raises(ValueError, match=r"`running` must be True or False. Got 1"):
        MeanSubtraction(1)
