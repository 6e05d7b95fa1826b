"""One set of weights at all steps: the loop, the unfolded graph, and the copies made real agree."""

import keras
import numpy as np
import pytest

from pipelines.lecture.lessons import unfold
from zoo.layers import SimpleRNNCell

FLAGS = unfold.Flags(lengths=(1, 4))


@pytest.fixture(scope="module")
def result():
    return unfold.run(FLAGS)


def test_all_claims_hold(result):
    assert [finding.holds for finding in result.findings] == [True, True, True]
    assert {row["parameters"] for row in result.numbers["lengths"]} == {4 * 4 + 3 * 4}


def test_the_copies_of_a_weight_have_gradients_of_their_own_that_add_up(result):
    copies = result.numbers["copies"]
    assert len(copies["W_r[0, 0]"]) == 4
    assert copies["W_r[0, 0]"][0] == 0  # h_0 is zero
    assert sum(copies["W_r[0, 0]"]) == pytest.approx(copies["sum"])


def test_the_summed_gradient_is_that_of_finite_differences():
    cell = SimpleRNNCell(3, dtype="float64")
    cell.build((None, 2))
    x = np.random.default_rng(0).normal(size=(2, 5, 2))

    W_i, W_r = cell.get_weights()

    def loss(nudge):
        cell.set_weights([W_i, W_r + nudge])
        (h, *_), _ = unfold.through_layer(cell, x, unroll=False)
        return float(keras.ops.convert_to_numpy(unfold.half_square(h)))

    shared = unfold.compare(cell, x)[1].sum(axis=0)
    for place in np.ndindex(3, 3):
        nudge = np.zeros((3, 3))
        nudge[place] = 1e-6
        slope = (loss(nudge) - loss(-nudge)) / 2e-6
        assert slope == pytest.approx(shared[place], abs=1e-7)
