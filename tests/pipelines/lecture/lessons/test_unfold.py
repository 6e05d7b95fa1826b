"""One set of weights at all steps: the loop, the unfolded graph, and the copies made real agree."""

import keras
import numpy as np
import pytest

from pipelines.lecture.lessons import unfold
from zoo.layers import SimpleRNNCell

FLAGS = unfold.Flags(units=3, features=2, lengths=(1, 4))


@pytest.fixture(scope="module")
def result():
    return unfold.run(FLAGS)


def test_all_claims_hold(result):
    assert [finding.holds for finding in result.findings] == [True, True, True]
    assert {row["parameters"] for row in result.numbers["lengths"]} == {3 * 3 + 2 * 3}


def test_the_copies_of_a_weight_have_gradients_of_their_own_that_add_up(result):
    copies = result.numbers["copies"]
    assert len(copies["W_r[0, 0]"]) == 4
    assert copies["W_r[0, 0]"][0] == 0  # h_0 is zero
    assert sum(copies["W_r[0, 0]"]) == pytest.approx(copies["sum"])


def test_the_summed_gradient_is_that_of_finite_differences():
    cell = SimpleRNNCell(3, dtype="float64")
    cell.build((None, 2))
    weights = cell.lecture_weights()
    x = np.random.default_rng(0).normal(size=(2, 5, 2))

    def loss(W_r):
        h = unfold.through_layer(x, {**weights, "W_r": W_r}, unroll=False)["h"]
        return float(keras.ops.convert_to_numpy(unfold.half_square(h)))

    shared = unfold.through_copies(x, weights)["W_r"]
    step = 1e-6
    for place in np.ndindex(3, 3):
        nudge = np.zeros((3, 3))
        nudge[place] = step
        slope = (loss(weights["W_r"] + nudge) - loss(weights["W_r"] - nudge)) / (2 * step)
        assert slope == pytest.approx(shared[place], abs=1e-7)


def test_a_length_below_one_is_an_error():
    with pytest.raises(ValueError, match=r"`lengths` must be at least 1. Got 0."):
        unfold.run(unfold.Flags(lengths=(3, 0)))
