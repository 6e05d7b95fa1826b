"""The SimpleRNN against the lecture's equation, written again in NumPy with plain loops."""

import keras
import numpy as np
import pytest

from zoo.layers import SimpleRNN, SimpleRNNCell

BATCH, TIME, INPUT, UNITS = 3, 6, 4, 5
MASK = np.array([[1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 0, 0], [0, 1, 1, 0, 1, 0]], bool)


def numpy_rnn(x, h, weights, mask):
    """h_t = ReLU(W_i x_t + W_r h_{t-1}), a sample and a step at a time."""
    outputs, h = np.zeros((BATCH, TIME, UNITS)), h.copy()
    for b in range(BATCH):
        for t in range(TIME):
            if mask[b, t]:
                z = x[b, t] @ weights["W_i"] + h[b] @ weights["W_r"] + weights.get("b", 0)
                h[b] = np.maximum(z, 0)
                outputs[b, t] = h[b]
            elif t > 0:
                outputs[b, t] = outputs[b, t - 1]
    return outputs, h


def random_weights(rng, use_bias):
    weights = {"W_i": rng.normal(size=(INPUT, UNITS)), "W_r": rng.normal(size=(UNITS, UNITS)) / 2}
    return {**weights, "b": rng.normal(size=UNITS)} if use_bias else weights


@pytest.fixture
def problem():
    rng = np.random.default_rng(2)
    return rng.normal(size=(BATCH, TIME, INPUT)), rng.normal(size=(BATCH, UNITS)), rng


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("way", [{}, {"fast": False}, {"unroll": True}], ids=str)
def test_equals_the_equation(problem, way, use_bias, mask):
    x, h, rng = problem
    layer = SimpleRNN(
        UNITS, use_bias=use_bias, return_sequences=True, return_state=True, dtype="float64", **way
    )
    layer.build(x.shape)
    weights = random_weights(rng, use_bias)
    layer.cell.set_lecture_weights(weights)
    expected = numpy_rnn(x, h, weights, np.ones_like(MASK) if mask is None else mask)
    for training in (False, True):
        found = layer(x, initial_state=h, mask=mask, training=training)
        for this, that in zip(found, expected, strict=True):
            np.testing.assert_allclose(this, that, rtol=0, atol=1e-10)


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
@pytest.mark.parametrize("sequences", [False, True])
def test_gradient_equals_differences(problem, layer_checks, sequences, mask):
    x, h, rng = problem
    layer = SimpleRNN(
        UNITS, return_sequences=sequences, return_state=True, use_bias=True, dtype="float64"
    )
    layer.build(x.shape)
    layer.cell.set_lecture_weights(random_weights(rng, use_bias=True))

    def call(x, h):
        return layer(x, initial_state=h, mask=mask, training=True)

    layer_checks.check_gradients(call, [x, h], layer.trainable_weights)


@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_is_the_rnn_of_keras(problem, activation, use_bias, mask):
    x, h, _ = problem
    options = {"activation": activation, "use_bias": use_bias, "return_sequences": True}
    ours = SimpleRNN(UNITS, **options)
    theirs = keras.layers.SimpleRNN(UNITS, bias_initializer="normal", **options)
    theirs(x)
    ours(x)
    ours.set_weights(theirs.get_weights())
    found = ours(x, initial_state=h, mask=mask)
    expected = theirs(x, initial_state=h, mask=mask)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_sums_its_inputs_as_in_the_lecture():
    layer = SimpleRNN(1, return_sequences=True)
    layer.build((1, 4, 1))
    layer.cell.set_lecture_weights({"W_i": [[1.0]], "W_r": [[1.0]]})
    found = layer(np.array([2.0, 3.0, 0.5, 1.0]).reshape(1, 4, 1))
    np.testing.assert_array_equal(np.ravel(found), [2, 5, 5.5, 6.5])


def test_lecture_weights_come_back_as_they_were_set(problem):
    cell = SimpleRNNCell(UNITS, use_bias=True, dtype="float64")
    cell.build((None, INPUT))
    weights = random_weights(problem[2], use_bias=True)
    cell.set_lecture_weights(weights)
    found = cell.lecture_weights()
    assert list(found) == list(weights)
    for name, array in weights.items():
        np.testing.assert_array_equal(found[name], array)


def test_lecture_weights_are_checked():
    cell = SimpleRNNCell(UNITS)
    with pytest.raises(ValueError, match="do not exist yet"):
        cell.set_lecture_weights({})
    cell.build((None, INPUT))
    weights = cell.lecture_weights()
    with pytest.raises(ValueError, match=r"\['W_i', 'W_r'\]. Got \['W_i'\]"):
        cell.set_lecture_weights({"W_i": weights["W_i"]})
    with pytest.raises(ValueError, match=r"`W_i` must have the shape \(4, 5\). Got \(5, 4\)"):
        cell.set_lecture_weights({**weights, "W_i": weights["W_i"].T})


def test_layer_check(layer_checks, tmp_path):
    x = np.random.default_rng(0).normal(size=(BATCH, TIME, INPUT)).astype("float32")
    options = {"units": UNITS, "return_sequences": True, "return_state": True, "use_bias": True}
    layer_checks.check_layer(SimpleRNN, options, x, UNITS * (UNITS + INPUT + 1), tmp_path)
