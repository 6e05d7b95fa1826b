"""The LSTM against the lecture's equations, written again in NumPy with plain loops."""

import keras
import numpy as np
import pytest

from zoo.layers import LSTM, LSTMCell, lstm_loop

BATCH, TIME, INPUT, UNITS = 3, 6, 4, 5
MASK = np.array([[1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 0, 0], [0, 1, 1, 0, 1, 0]], bool)
GATES = "fico"


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def numpy_lstm(x, h, C, weights, mask, candidate=sigmoid):
    """The equations at the top of zoo/layers/lstm.py, a sample and a step at a time."""
    outputs, h, C = np.zeros((BATCH, TIME, UNITS)), h.copy(), C.copy()
    for b in range(BATCH):
        for t in range(TIME):
            if mask[b, t]:
                hx = np.concatenate([h[b], x[b, t]])
                z = {g: hx @ weights[f"W_{g}"] + weights.get(f"b_{g}", 0) for g in GATES}
                C[b] = sigmoid(z["f"]) * C[b] + sigmoid(z["i"]) * candidate(z["c"])
                h[b] = sigmoid(z["o"]) * np.tanh(C[b])
                outputs[b, t] = h[b]
            elif t > 0:
                outputs[b, t] = outputs[b, t - 1]
    return outputs, h, C


def random_weights(rng, use_bias):
    weights = {f"W_{g}": rng.normal(size=(UNITS + INPUT, UNITS)) for g in GATES}
    biases = {f"b_{g}": rng.normal(size=UNITS) for g in GATES}
    return {**weights, **biases} if use_bias else weights


@pytest.fixture
def problem():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(BATCH, TIME, INPUT))
    return x, rng.normal(size=(BATCH, UNITS)), rng.normal(size=(BATCH, UNITS)), rng


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("way", [{}, {"large": True}, {"fast": False}, {"unroll": True}], ids=str)
def test_equals_the_equations(problem, way, use_bias, mask, monkeypatch):
    x, h, C, rng = problem
    way = dict(way)
    if way.pop("large", False):  # as if the weights were too many for a product for each gate
        monkeypatch.setattr(lstm_loop, "SMALL", 0)
    layer = LSTM(
        UNITS, use_bias=use_bias, return_sequences=True, return_state=True, dtype="float64", **way
    )
    layer.build(x.shape)
    weights = random_weights(rng, use_bias)
    layer.cell.set_lecture_weights(weights)
    expected = numpy_lstm(x, h, C, weights, np.ones_like(MASK) if mask is None else mask)
    for training in (False, True):
        found = layer(x, initial_state=[h, C], mask=mask, training=training)
        for this, that in zip(found, expected, strict=True):
            np.testing.assert_allclose(this, that, rtol=0, atol=1e-10)


def test_tanh_candidate_equals_the_equations(problem):
    x, h, C, rng = problem
    layer = LSTM(UNITS, candidate_activation="tanh", return_sequences=True, dtype="float64")
    layer.build(x.shape)
    weights = random_weights(rng, use_bias=False)
    layer.cell.set_lecture_weights(weights)
    expected = numpy_lstm(x, h, C, weights, np.ones_like(MASK), candidate=np.tanh)[0]
    found = layer(x, initial_state=[h, C])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
@pytest.mark.parametrize("sequences", [False, True])
def test_gradient_equals_differences(problem, layer_checks, sequences, mask):
    x, h, C, rng = problem
    layer = LSTM(
        UNITS, return_sequences=sequences, return_state=True, use_bias=True, dtype="float64"
    )
    layer.build(x.shape)
    layer.cell.set_lecture_weights(random_weights(rng, use_bias=True))

    def call(x, h, C):
        return layer(x, initial_state=[h, C], mask=mask, training=True)

    layer_checks.check_gradients(call, [x, h, C], layer.trainable_weights)


@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_tanh_candidate_is_the_lstm_of_keras(problem, use_bias, mask):
    x, h, C, _ = problem
    ours = LSTM(UNITS, candidate_activation="tanh", use_bias=use_bias, return_sequences=True)
    theirs = keras.layers.LSTM(
        UNITS, use_bias=use_bias, return_sequences=True, bias_initializer="normal"
    )
    theirs(x)
    ours(x)
    # Theirs have the order i, f, c, o.
    swapped = [np.split(w, 4, axis=-1) for w in theirs.get_weights()]
    ours.set_weights([np.concatenate([f, i, c, o], axis=-1) for i, f, c, o in swapped])
    found = ours(x, initial_state=[h, C], mask=mask)
    expected = theirs(x, initial_state=[h, C], mask=mask)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_lecture_weights_come_back_as_they_were_set(problem):
    cell = LSTMCell(UNITS, use_bias=True, dtype="float64")
    cell.build((None, INPUT))
    weights = random_weights(problem[3], use_bias=True)
    cell.set_lecture_weights(weights)
    found = cell.lecture_weights()
    assert list(found) == list(weights)
    for name, array in weights.items():
        np.testing.assert_array_equal(found[name], array)


def test_lecture_weights_have_h_before_x(problem):
    cell = LSTMCell(UNITS, dtype="float64")
    cell.build((None, INPUT))
    weights = cell.lecture_weights()
    forget = slice(0, UNITS)
    np.testing.assert_array_equal(weights["W_f"][:UNITS], cell.recurrent_kernel.numpy()[:, forget])
    np.testing.assert_array_equal(weights["W_f"][UNITS:], cell.kernel.numpy()[:, forget])


def test_a_constant_feature_does_the_work_of_a_bias(problem):
    x, h, C, rng = problem
    biased = LSTM(UNITS, use_bias=True, dtype="float64")
    biased.build(x.shape)
    weights = random_weights(rng, use_bias=True)
    biased.cell.set_lecture_weights(weights)
    plain = LSTM(UNITS, dtype="float64")
    plain.build((BATCH, TIME, INPUT + 1))
    plain.cell.set_lecture_weights(
        {f"W_{g}": np.vstack([weights[f"W_{g}"], weights[f"b_{g}"]]) for g in GATES}
    )
    with_one = np.concatenate([x, np.ones((BATCH, TIME, 1))], axis=-1)
    found = plain(with_one, initial_state=[h, C])
    np.testing.assert_allclose(found, biased(x, initial_state=[h, C]), rtol=0, atol=1e-12)


def test_lecture_weights_are_checked(problem):
    cell = LSTMCell(UNITS)
    with pytest.raises(ValueError, match="do not exist yet"):
        cell.lecture_weights()
    cell.build((None, INPUT))
    weights = cell.lecture_weights()
    with pytest.raises(ValueError, match=r"`weights` must be exactly .*'W_o'\]. Got .*'W_c'\]"):
        cell.set_lecture_weights({g: w for g, w in weights.items() if g != "W_o"})
    with pytest.raises(ValueError, match=r"'W_o'\]. Got .*'b_f'\]"):
        cell.set_lecture_weights({**weights, "b_f": np.zeros(UNITS)})
    with pytest.raises(ValueError, match=r"`W_f` must have the shape \(9, 5\). Got \(5, 9\)"):
        cell.set_lecture_weights({**weights, "W_f": weights["W_f"].T})


def test_layer_check(layer_checks, tmp_path):
    x = np.random.default_rng(0).normal(size=(BATCH, TIME, INPUT)).astype("float32")
    options = {"units": UNITS, "return_sequences": True, "return_state": True, "use_bias": True}
    layer_checks.check_layer(LSTM, options, x, 4 * UNITS * (UNITS + INPUT + 1), tmp_path)


def test_weights_of_the_lecture_have_no_bias():
    layer = LSTM(UNITS)
    layer.build((None, None, INPUT))
    assert [tuple(w.shape) for w in layer.weights] == [(INPUT, 4 * UNITS), (UNITS, 4 * UNITS)]
