"""The reparametrised layer against its equations, and its dropout on weights."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.layers import LSTMCell, SimpleRNNCell
from zoo.layers.reparametrised_rnn import ReparametrisedRNN

BATCH, TIME, WIDTH, UNITS = 2, 5, 4, 3


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def numpy_lstm(x, h, C, W_x, W_h):
    """The lecture's LSTM, one sequence, step by step."""
    found = []
    for x_t in x:
        f, i, c, o = (sigmoid(z) for z in np.split(x_t @ W_x + h @ W_h, 4))
        C = f * C + i * c
        h = o * np.tanh(C)
        found.append(h)
    return np.stack(found), h, C


def layer_and_inputs(**options):
    layer = ReparametrisedRNN(LSTMCell(UNITS, dtype="float64"), dtype="float64", **options)
    layer.build((None, None, WIDTH))
    rng = np.random.default_rng(3)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    x = rng.normal(size=(BATCH, TIME, WIDTH))
    x[..., -1] = 1
    return layer, x, [rng.normal(size=(BATCH, UNITS)) for _ in range(2)]


def test_the_layer_is_the_lectures_over_the_weights_that_it_names():
    layer, x, (h, C) = layer_and_inputs(gain=4.0, center=0.3)
    V_x, V_h = (weight.numpy() for weight in (layer.cell.kernel, layer.cell.recurrent_kernel))
    W_x, W_h = V_x.copy(), V_h.copy()
    W_x[:, 2 * UNITS : 3 * UNITS] *= 4
    W_h[:, 2 * UNITS : 3 * UNITS] *= 4
    W_x[-1] -= 0.3 * W_h.sum(axis=0)
    for found, wanted in zip(layer.lecture_weights(), (W_x, W_h), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    found, states = layer(x, [h, C])
    for row in range(BATCH):
        wanted, last_h, last_C = numpy_lstm(x[row], h[row], C[row], W_x, W_h)
        np.testing.assert_allclose(found[row], wanted, rtol=1e-10)
        np.testing.assert_allclose(states[0][row], last_h, rtol=1e-10)
        np.testing.assert_allclose(states[1][row], last_C, rtol=1e-10)


def test_given_weights_take_the_place_of_the_layers_own():
    layer, x, states = layer_and_inputs(gain=4.0, center=0.3)
    fixed = layer.lecture_weights()
    wanted = layer(x, states)[0]
    layer.cell.recurrent_kernel.assign(np.zeros((UNITS, 4 * UNITS)))
    np.testing.assert_array_equal(layer(x, states, None, fixed)[0], wanted)


def test_steps_that_are_not_kept_leave_the_state():
    layer, x, states = layer_and_inputs(center=0.3)
    keep = np.ones((BATCH, TIME), bool)
    keep[1, 2:] = False
    _, found = layer(x, states, keep)
    _, wanted = layer(x[:, :2], states)
    np.testing.assert_allclose(found[0][1], wanted[0][1], rtol=1e-12)
    np.testing.assert_allclose(found[1][1], wanted[1][1], rtol=1e-12)


def test_gradients_by_finite_differences():
    layer, x, states = layer_and_inputs(gain=4.0, center=0.3)
    weights = layer.trainable_weights

    def total():
        return tf.reduce_sum(tf.sin(layer(x, states, training=True)[0]))

    with tf.GradientTape() as tape:
        value = total()
    gradients = tape.gradient(value, [weight.value for weight in weights])
    rng = np.random.default_rng(0)
    for weight, gradient in zip(weights, gradients, strict=True):
        before, direction = weight.numpy(), rng.normal(size=weight.shape)
        ends = []
        for sign in (1, -1):
            weight.assign(before + sign * 1e-6 * direction)
            ends.append(float(total()))
        weight.assign(before)
        slope = (ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-6)


@pytest.mark.parametrize("cell", [LSTMCell(16), SimpleRNNCell(16)])
def test_a_weight_is_dropped_for_all_steps_of_a_batch_or_for_none(cell):
    layer = ReparametrisedRNN(cell, rate=0.5)
    layer.build((None, None, WIDTH))
    x = np.random.default_rng(0).normal(size=(BATCH, TIME, WIDTH)).astype("float32")
    states = [np.full((BATCH, 16), 0.5, "float32")] * (2 if isinstance(cell, LSTMCell) else 1)
    seen = []
    drop = layer.drop
    layer.drop = lambda weights, training: seen.append(drop(weights, training=training)) or seen[-1]
    found = layer(x, states, training=True)[0]
    (dropped,) = seen
    kept = dropped.numpy() != 0
    assert 0.3 < kept.mean() < 0.7
    whole = layer.cell.recurrent_kernel.numpy()
    np.testing.assert_allclose(dropped.numpy()[kept], 2 * whole[kept], rtol=1e-6)
    fixed = (layer.cell.kernel.value, dropped)
    np.testing.assert_allclose(layer(x, states, None, fixed)[0], found, rtol=1e-5, atol=1e-6)


def test_nothing_is_dropped_outside_training():
    layer, x, states = layer_and_inputs(rate=0.9)
    np.testing.assert_array_equal(layer(x, states)[0], layer(x, states)[0])
    assert np.all(layer.lecture_weights()[1] == layer.cell.recurrent_kernel.numpy())
