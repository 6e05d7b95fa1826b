"""The confidence: nearness, the fit, whether references bear a caption out, risk and coverage."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.captioning.calibration import borne_out
from pipelines.captioning.ciderd import document_frequencies
from pipelines.captioning.confidence import (
    NEIGHBOURS,
    Calibration,
    auroc,
    bank_of,
    calibrate,
    calibration_error,
    is_borne_out,
    logistic_regression,
    near,
    risk_coverage,
)
from pipelines.captioning.metrics import tokenize_for_metrics


def features(count, channels=40, seed=0):
    """Features along three directions, and a little of all others."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(9).normal(size=(3, channels))
    values = 5 + rng.normal(size=(count, 3)) @ directions + 0.1 * rng.normal(size=(count, channels))
    return values.astype(np.float32)


def near_by_numpy(pooled, training):
    """The module's equation."""
    images, bank = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (pooled, training))
    return np.sort(images @ bank.T, axis=1)[:, -NEIGHBOURS]


def test_near_is_the_similarity_to_the_kth_nearest_training_image():
    training, images = features(200), features(20, seed=1)
    bank = bank_of(training)
    assert (bank.dtype, bank.shape) == (np.float16, (200, 40))
    found = near(tf.constant(images), bank).numpy()
    np.testing.assert_allclose(found, near_by_numpy(images, training), atol=5e-3)


def test_images_of_another_world_are_further():
    bank = bank_of(features(300))
    inside = near(tf.constant(features(50, seed=1)), bank).numpy()
    rng = np.random.default_rng(2)
    outside = near(tf.constant(rng.normal(0, 2, (50, 40)).astype(np.float32)), bank).numpy()
    assert inside.min() > outside.max()


@pytest.mark.parametrize("count", [1, 2, NEIGHBOURS - 1, NEIGHBOURS + 10])
def test_a_bank_of_any_size(count):
    bank = bank_of(features(count))
    assert np.isfinite(near(tf.constant(features(3)), bank)).all()
    assert near(tf.zeros([0, 40]), bank).shape == (0,)


# The fit.


def drawn(count, weights, bias, seed=0):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(3, 2, (count, len(weights)))
    chances = 1 / (1 + np.exp(-(inputs @ np.array(weights) + bias)))
    return inputs, rng.random(count) < chances


def test_the_fit_finds_the_weights_that_drew_the_truths():
    weights, bias = logistic_regression(*drawn(40_000, [1.5, 0.7, 0.0], -4.0))
    np.testing.assert_allclose(weights, [1.5, 0.7, 0.0], atol=0.06)
    assert bias == pytest.approx(-4.0, abs=0.15)


def test_an_input_that_speaks_against_is_left_out():
    weights, _ = logistic_regression(*drawn(5_000, [1.0, -1.0], 0.0))
    assert weights[0] > 0.5
    assert weights[1] == 0


@pytest.mark.parametrize("truths", [np.zeros(30), np.ones(30), np.arange(30) > 14])
def test_the_fit_is_finite_where_nothing_is_to_be_told_apart_or_everything(truths):
    inputs = np.column_stack([np.arange(30.0), np.zeros(30)])
    weights, bias = logistic_regression(inputs, truths.astype(bool))
    assert np.isfinite([*weights, bias]).all()
    chances = Calibration(tuple(weights), bias, 0.5).confidence(inputs)
    assert np.all((chances[truths == 1] > 0.3) & (chances[truths == 1] <= 1))


def test_the_confidence_rises_with_every_input():
    calibration = calibrate(*drawn(3_000, [1.0, -0.2, 0.5], -2.0), np.ones(3_000, bool))
    base = np.array([[-0.5, -2.0, 0.6]])
    for i in range(3):
        higher = base.copy()
        higher[0, i] += 0.3
        assert calibration.confidence(higher) >= calibration.confidence(base)
    higher = base + 0.3
    assert calibration.confidence(higher) > calibration.confidence(base)


def test_nine_in_ten_captions_of_dev_that_are_borne_out_stay_sure():
    inputs, truths = drawn(4_000, [1.0, 0.5], -3.0)
    of_dev = np.arange(4_000) < 3_000
    calibration = calibrate(inputs, truths, of_dev)
    confidence = calibration.confidence(inputs)
    stay = (confidence >= calibration.threshold)[of_dev & truths].mean()
    assert stay == pytest.approx(0.9, abs=0.002)
    assert (confidence >= calibration.threshold)[of_dev & ~truths].mean() < 0.75


def test_where_no_caption_is_borne_out_nothing_is_sure():
    inputs, _ = drawn(50, [1.0], 0.0)
    assert calibrate(inputs, np.zeros(50, bool), np.ones(50, bool)).threshold == 1


# References.

REFERENCES = [
    ["A brown dog runs in the grass.", "A dog on grass"],
    ["A boy in the water", "The boy swims"],
    ["A man in a hat", "A man smiles"],
    ["Two women in a street", "Women walk in a city"],
]
FREQUENCIES = document_frequencies(
    [[tokenize_for_metrics(text) for text in texts] for texts in REFERENCES]
)


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("a dog in the grass", True),
        ("a brown cat", True),  # brown and cat weigh the same: log 4
        ("a black cat", False),
        ("a in", False),  # words that say nothing bear nothing out
        ("a man in a hat", False),
        ("", False),
    ],
)
def test_borne_out_is_half_of_the_weight_of_the_words(caption, expected):
    assert is_borne_out(caption, REFERENCES[0], FREQUENCIES) is expected


def test_images_without_references_bear_nothing_out():
    assert not is_borne_out("a dog", [], FREQUENCIES)
    captions = ["a dog in the grass", "a cat", "a man in a hat", "the city", "a dog in the grass"]
    assert borne_out(captions, REFERENCES).tolist() == [True, False, True, True, False]


# Measures.


def test_auroc_is_how_often_the_inside_is_above():
    assert auroc(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 1
    assert auroc(np.array([1.0]), np.array([2.0])) == 0
    assert auroc(np.array([2.0, 2.0]), np.array([2.0])) == 0.5
    rng = np.random.default_rng(0)
    inside, outside = rng.integers(0, 9, 60), rng.integers(0, 7, 40)
    pairs = inside[:, None] - outside[None]
    expected = (pairs > 0).mean() + 0.5 * (pairs == 0).mean()
    assert auroc(inside, outside) == pytest.approx(expected)


def test_calibration_error():
    confidence = np.array([0.9] * 10 + [0.1] * 10)
    truths = np.array([True] * 9 + [False] + [True] * 3 + [False] * 7)
    assert calibration_error(confidence, truths) == pytest.approx(0.5 * 0.0 + 0.5 * 0.2)
    assert calibration_error(np.array([1.0, 1.0]), np.array([True, True])) == 0


def test_risk_and_coverage():
    confidence = np.array([0.2, 0.9, 0.6, 0.4])
    truths = np.array([False, True, True, False])
    coverage, risk = risk_coverage(confidence, truths)
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(risk, [0.0, 0.0, 1 / 3, 1 / 2])
