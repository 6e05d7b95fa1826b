"""The shared loss and learning rate schedule against NumPy."""

import keras
import numpy as np
import pytest

from pipelines.schedules import WarmupCosine
from zoo.losses import SmoothedCrossentropy


def log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_smoothed_crossentropy_equals_its_equation(smoothing):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 3, 4, 7)).astype("float32") * 3
    answers = rng.integers(0, 7, (2, 3, 4)).astype("int32")
    weights = rng.uniform(size=answers.shape).astype("float32")
    log_p = log_softmax(logits.astype("float64"))
    chosen = np.take_along_axis(log_p, answers[..., None], -1)[..., 0]
    expected = -(1 - smoothing) * chosen - smoothing / 7 * log_p.sum(-1)
    loss = SmoothedCrossentropy(smoothing)
    np.testing.assert_allclose(loss.call(answers, logits), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        loss(answers, logits, sample_weight=weights), (expected * weights).mean(), rtol=1e-5
    )


def test_smoothed_crossentropy_config_and_bad_smoothing():
    loss = SmoothedCrossentropy(0.2)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert isinstance(copy, SmoothedCrossentropy)
    assert copy.get_config() == loss.get_config()
    assert copy.smoothing == 0.2
    for smoothing in (1.0, -0.1):
        with pytest.raises(ValueError, match=f"`smoothing` must be .* Got {smoothing}"):
            SmoothedCrossentropy(smoothing)


def test_warmup_cosine():
    rate = WarmupCosine(peak=0.2, steps=110, warmup=10)
    values = [float(rate(step)) for step in range(130)]
    np.testing.assert_allclose(values[:10], 0.02 * np.arange(1, 11), rtol=1e-6)
    falling = 0.1 * (1 + np.cos(np.pi * np.arange(100) / 100))
    np.testing.assert_allclose(values[10:110], falling, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(values[110:], 0, atol=1e-8)
    assert max(values) == pytest.approx(0.2)
    copy = WarmupCosine.from_config(rate.get_config())
    assert float(copy(50)) == values[50]


def test_warmup_cosine_without_warmup_or_of_one_step():
    assert float(WarmupCosine(0.2, 10, 0)(0)) == pytest.approx(0.2)
    assert float(WarmupCosine(0.2, 1, 0)(0)) == pytest.approx(0.2)
    assert float(WarmupCosine(0.2, 1, 0)(1)) == pytest.approx(0.2)
    assert float(WarmupCosine(0.2, 1, 0)(2)) == pytest.approx(0)
