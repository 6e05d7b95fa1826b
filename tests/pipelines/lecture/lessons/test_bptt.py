"""Backpropagation through time is the product of Jacobians; truncation drops its early part."""

from functools import partial

import keras
import numpy as np
import pytest

from pipelines.lecture import memory
from pipelines.lecture.gradients import gradients, state_gradients, unfolded
from pipelines.lecture.lessons import bptt
from zoo.layers import LSTM

FLAGS = bptt.Flags(units=6, length=8, steps=2)


@pytest.fixture
def data():
    """x `<float64>[3, 6, 4]`, and the loss of the last step with its W_o and y."""
    rng = np.random.default_rng(1)
    W_o, y = rng.normal(size=(5, bptt.WORDS)), rng.integers(bptt.WORDS, size=3)
    return rng.normal(size=(3, 6, 4)), W_o, y


def cell_of(start, x):
    cell = memory.network(start, x.shape[-1], 2, units=5, span=6).get_layer("rnn").cell
    constant = cell.kernel.shape[0] - x.shape[-1]
    return cell, np.concatenate([x, np.ones_like(x[..., :constant])], axis=-1)


@pytest.mark.parametrize("start", memory.STARTS)
def test_the_tape_gives_the_product_of_jacobians(start, data):
    x, W_o, y = data
    cell, x = cell_of(start, x)
    _, taped = unfolded(cell, x, partial(bptt.last_loss, W_o=W_o, y=y))
    product = state_gradients(cell, W_o, x, y)
    assert set(product) == ({"h", "C"} if start.startswith("LSTM") else {"h"})
    for name, gradient in product.items():
        assert gradient.shape == (5, 3, 5)
        assert np.abs(gradient).max() > 0
        np.testing.assert_allclose(gradient, taped[name], rtol=1e-9, atol=1e-15)


def test_the_gradient_for_a_state_is_that_of_finite_differences(data):
    x, W_o, y = data
    cell, x = cell_of("LSTM", x)
    _, taped = unfolded(cell, x, partial(bptt.last_loss, W_o=W_o, y=y))
    layer = LSTM(5, return_state=True, dtype="float64")
    layer.build(x.shape)
    layer.set_weights(cell.get_weights())
    states = [keras.ops.convert_to_numpy(s) for s in layer(x[:, :2])[1:]]
    for index, name in enumerate(("h", "C")):
        slopes = []
        for sign in (1, -1):
            nudged = [state.copy() for state in states]
            nudged[index][1, 3] += sign * 1e-6
            h = layer(x[:, 2:], initial_state=nudged)[0]
            slopes.append(float(bptt.last_loss(h, W_o, y)))
        assert (slopes[0] - slopes[1]) / 2e-6 == pytest.approx(taped[name][1][1, 3], rel=1e-4)


def test_truncation_loses_the_copies_before_the_last_k():
    of_copies = np.array([[8.0], [4.0], [2.0], [2.0]])
    assert bptt.truncation_errors(of_copies) == {1: 14 / 16, 2: 12 / 16, 4: 0.0}


def test_a_truncated_gradient_takes_the_states_before_the_last_k_steps_as_given(data):
    x, W_o, y = data
    cell, x = cell_of("LSTM", x)
    loss = partial(bptt.last_loss, W_o=W_o, y=y)
    _, by_step = unfolded(cell, x, loss)
    layer = LSTM(5, return_state=True, dtype="float64")
    layer.build(x.shape)
    layer.set_weights(cell.get_weights())
    for k in (1, 3, 5):
        states = layer(x[:, :-k])[1:]
        _, (expected,) = gradients(
            lambda k=k, states=states: layer(x[:, -k:], initial_state=states)[0],
            loss,
            [layer.cell.recurrent_kernel.value],
        )
        truncated = by_step["recurrent_kernel"][-k:].sum(axis=0)
        np.testing.assert_allclose(truncated, expected, rtol=1e-9, atol=1e-15)


def test_the_lesson_measures_every_cell_before_and_after():
    result = bptt.run(FLAGS)
    by_name = {finding.claim.split()[0]: finding for finding in result.findings}
    assert by_name["The"].holds
    assert by_name["Truncation"].holds
    first, trained = (result.numbers[when] for when in ("at first", "trained"))
    rows = [by_start[start] for by_start in (first, trained) for start in bptt.STARTS]
    assert all(row["distance"] < bptt.CLOSE for row in rows)
    assert len(trained["LSTM"]["norms"]["C"]) == FLAGS.length - 1
    assert first["LSTM"]["norms"] != trained["LSTM"]["norms"]


def test_gates_begun_near_one_carry_the_gradient_and_half_open_ones_do_not():
    factors = {}
    for start in ("LSTM", "LSTM, gate offsets"):
        model = memory.network(start, 2 * bptt.WORDS + 1, bptt.WORDS, units=6, span=20)
        factors[start] = bptt.measure(model, bptt.Flags(units=6, length=20))["factor"]
    assert factors["LSTM, gate offsets"] > 0.9
    assert factors["LSTM"] < 0.7
