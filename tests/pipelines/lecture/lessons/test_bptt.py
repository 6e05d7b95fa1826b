"""Backpropagation through time is the product of Jacobians; truncation drops its early part."""

import keras
import numpy as np
import pytest

from pipelines.lecture import memory
from pipelines.lecture.jacobians import state_gradients
from pipelines.lecture.lessons import bptt

FLAGS = bptt.Flags(units=6, length=8, steps=2)


def layers(start, x):
    model = memory.network(start, x.shape[-1], bptt.WORDS, units=5, span=6)
    layer, W_o = bptt.double_precision(model, start)
    if memory.has_constant(start):
        x = np.concatenate([x, np.ones_like(x[..., :1])], axis=-1)
    return layer, W_o, x


@pytest.mark.parametrize("start", memory.STARTS)
def test_the_tape_gives_the_product_of_jacobians(start):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(3, 6, 4)), rng.integers(bptt.WORDS, size=3)
    layer, W_o, x = layers(start, x)
    taped, product = bptt.tape_gradients(layer, W_o, x, y), state_gradients(layer.cell, W_o, x, y)
    assert set(taped) == set(product) == ({"h", "C"} if start.startswith("LSTM") else {"h"})
    for name, gradient in taped.items():
        assert gradient.shape == (5, 3, 5)
        assert np.abs(gradient).max() > 0
        np.testing.assert_allclose(product[name], gradient, rtol=1e-9, atol=1e-15)


def test_the_gradient_for_a_state_is_that_of_finite_differences():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 5, 4)), rng.integers(bptt.WORDS, size=2)
    layer, W_o, x = layers("LSTM", x)
    taped = bptt.tape_gradients(layer, W_o, x, y)
    states = [keras.ops.convert_to_numpy(s) for s in layer(x[:, :2])[1:]]
    loss = bptt.last_loss(W_o, y)
    for index, name in enumerate(("h", "C")):
        slopes = []
        for sign in (1, -1):
            nudged = [state.copy() for state in states]
            nudged[index][1, 3] += sign * 1e-6
            slopes.append(float(loss(layer(x[:, 2:], initial_state=nudged)[0])))
        assert (slopes[0] - slopes[1]) / 2e-6 == pytest.approx(taped[name][1][1, 3], rel=1e-4)


def test_truncation_keeps_all_at_the_whole_length_and_loses_less_the_longer_it_is():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(3, 6, 4)), rng.integers(bptt.WORDS, size=3)
    layer, W_o, x = layers("LSTM", x)
    lost = bptt.truncation_errors(layer, W_o, x, y, [1, 3, 6])
    assert lost[1] > lost[3] > lost[6] == 0


def test_the_lesson_measures_every_cell_before_and_after():
    result = bptt.run(FLAGS)
    by_name = {finding.claim.split()[0]: finding for finding in result.findings}
    assert by_name["The"].holds
    assert by_name["Truncation"].holds
    keys = [f"{start}, {when}" for start in bptt.STARTS for when in ("at first", "trained")]
    assert all(result.numbers[key]["distance"] < bptt.CLOSE for key in keys)
    assert len(result.numbers["LSTM, trained"]["norms"]["C"]) == FLAGS.length - 1
    first, trained = (result.numbers[f"LSTM, {when}"]["norms"] for when in ("at first", "trained"))
    assert first != trained


def test_gates_begun_near_one_carry_the_gradient_and_half_open_ones_do_not():
    factors = {}
    for start in ("LSTM", "LSTM, gate offsets"):
        model = memory.network(start, 2 * bptt.WORDS + 1, bptt.WORDS, units=6, span=20)
        norms = bptt.measure(model, start, bptt.Flags(units=6, length=20))["norms"]["C"]
        factors[start] = bptt.factor(norms)
    assert factors["LSTM, gate offsets"] > 0.9
    assert factors["LSTM"] < 0.7


def test_a_sequence_needs_a_gap():
    with pytest.raises(ValueError, match=r"`length` must be at least 3. Got 2."):
        bptt.run(bptt.Flags(length=2))
