"""The loss by blocks against its equation, finite differences, and the plain way."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.layers import readout_loss
from zoo.layers.readout_loss import readout_crossentropy

UNITS, WORDS = 5, 11


@pytest.fixture(params=[1, 4, 7, 23])
def numbers(request, monkeypatch):
    """A block is four rows: there is less than one, exactly one, or a last one cut off."""
    monkeypatch.setattr(readout_loss, "BLOCK", 4)
    rows = request.param
    rng = np.random.default_rng(rows)
    return {
        "hidden": 2 * rng.normal(size=(rows, UNITS)),
        "kernel": rng.normal(size=(WORDS, UNITS)),
        "bias": rng.normal(size=WORDS),
        "answers": rng.integers(0, WORDS, rows),
        "weights": rng.uniform(size=rows) * (rng.random(rows) < 0.8),
    }


def reference(hidden, kernel, answers, weights, bias, smoothing):
    """The equation with plain loops, float64."""
    total = 0.0
    for h, y, w in zip(hidden, answers, weights, strict=True):
        z = [sum(h[j] * row[j] for j in range(UNITS)) + b for row, b in zip(kernel, bias)]  # noqa: B905
        log_total = np.log(sum(np.exp(v) for v in z))
        total += w * (log_total - (1 - smoothing) * z[y] - smoothing / WORDS * sum(z))
    return total / len(hidden)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_equals_its_equation(numbers, smoothing):
    loss = readout_crossentropy(
        **{
            k: ops.convert_to_tensor(v, "int32" if k == "answers" else "float32")
            for k, v in numbers.items()
        },
        smoothing=smoothing,
    )
    np.testing.assert_allclose(loss, reference(**numbers, smoothing=smoothing), rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradients_equal_finite_differences(numbers, smoothing):
    import tensorflow as tf

    tensors = {
        name: tf.constant(value, tf.int32 if name == "answers" else tf.float32)
        for name, value in numbers.items()
    }
    sources = {name: tensors[name] for name in ("hidden", "kernel", "bias")}
    with tf.GradientTape() as tape:
        tape.watch(sources)
        loss = 3.0 * readout_crossentropy(**tensors, smoothing=smoothing)
    gradients = tape.gradient(loss, sources)
    rng = np.random.default_rng(0)
    for name, gradient in gradients.items():
        direction = rng.normal(size=numbers[name].shape)
        sides = [
            reference(
                **{**numbers, name: numbers[name] + sign * 1e-5 * direction}, smoothing=smoothing
            )
            for sign in (1, -1)
        ]
        slope = 3.0 * (sides[0] - sides[1]) / 2e-5
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=2e-4, atol=1e-5)


def test_row_of_weight_zero_has_no_part(numbers):
    tensors = {
        name: ops.convert_to_tensor(value, "int32" if name == "answers" else "float32")
        for name, value in numbers.items()
    }
    loss = readout_crossentropy(**tensors)
    far = np.where(numbers["weights"][:, None] == 0, 50.0, numbers["hidden"])
    tensors["hidden"] = ops.convert_to_tensor(far, "float32")
    np.testing.assert_allclose(readout_crossentropy(**tensors), loss, rtol=1e-6)


def test_large_logits_stay_finite():
    hidden = ops.full((3, UNITS), 1e3)
    kernel = ops.ones((WORDS, UNITS))
    loss = readout_crossentropy(hidden, kernel, ops.zeros(3, "int32"), ops.ones(3))
    np.testing.assert_allclose(loss, np.log(WORDS), rtol=1e-4)


@pytest.mark.parametrize("jit", [False, True])
def test_graph_with_rows_unknown_equals_the_plain_way(jit):
    import tensorflow as tf

    rng = np.random.default_rng(1)
    kernel = tf.constant(rng.normal(size=(WORDS, UNITS)), tf.float32)

    @tf.function(
        input_signature=[tf.TensorSpec([None if not jit else 600, UNITS])], jit_compile=jit
    )
    def loss(hidden):
        answers = tf.zeros(tf.shape(hidden)[:1], tf.int32)
        return readout_crossentropy(hidden, kernel, answers, tf.ones(tf.shape(hidden)[:1]))

    hidden = tf.constant(rng.normal(size=(600, UNITS)), tf.float32)
    plain = keras.losses.sparse_categorical_crossentropy(
        np.zeros(600), tf.matmul(hidden, kernel, transpose_b=True), from_logits=True
    )
    np.testing.assert_allclose(loss(hidden), np.mean(plain), rtol=1e-5)


def test_bad_smoothing_is_named():
    with pytest.raises(ValueError, match=r"`smoothing` must be .* Got 1\.0"):
        readout_crossentropy(
            ops.ones((1, 2)), ops.ones((3, 2)), ops.zeros(1, "int32"), ops.ones(1), smoothing=1.0
        )
