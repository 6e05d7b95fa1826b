"""The metrics against loops over their definitions."""

import numpy as np
import pytest

from pipelines import classification
from pipelines.sentiment import metrics


@pytest.fixture
def answers():
    """Probabilities `[300, 3]` and labels that follow them loosely."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(300, 3)) * 2
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return logits, np.exp(classification.log_softmax(logits)), labels


def test_macro_f1_and_confusion_by_their_definitions(answers):
    _, probabilities, labels = answers
    said = probabilities.argmax(axis=1)
    f1 = []
    for label in range(3):
        hits = sum((s == label) and (t == label) for s, t in zip(said, labels, strict=True))
        precision = hits / sum(said == label)
        recall = hits / sum(labels == label)
        f1.append(2 * precision * recall / (precision + recall))
    assert classification.macro_f1(probabilities, labels) == pytest.approx(np.mean(f1))
    found = classification.confusion(probabilities, labels)
    assert found[1, 2] == sum((labels == 1) & (said == 2))
    assert found.sum() == 300
    assert classification.accuracy(probabilities, labels) == pytest.approx(np.trace(found) / 300)


def test_a_label_that_does_not_occur_does_not_count():
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]])
    assert classification.macro_f1(probabilities, np.array([0, 1])) == 1.0


def test_loss_is_the_mean_log_probability(answers):
    _, probabilities, labels = answers
    expected = -np.mean([np.log(row[label]) for row, label in zip(*answers[1:], strict=True)])
    assert classification.loss(probabilities, labels) == pytest.approx(expected)
    assert np.isfinite(classification.loss(np.array([[1.0, 0.0]]), np.array([1])))


def test_calibration_error_by_its_definition(answers):
    _, probabilities, labels = answers
    confidence, said = probabilities.max(axis=1), probabilities.argmax(axis=1)
    expected = 0.0
    for b in range(15):
        inside = (confidence >= b / 15) & (confidence < (b + 1) / 15)
        if inside.any():
            gap = (said[inside] == labels[inside]).mean() - confidence[inside].mean()
            expected += inside.mean() * abs(gap)
    assert classification.calibration_error(probabilities, labels) == pytest.approx(expected)
    assert classification.calibration_error(np.array([[1.0, 0.0]] * 4), np.zeros(4, int)) == 0.0
    assert classification.calibration_error(np.array([[1.0, 0.0]] * 4), np.ones(4, int)) == 1.0


def test_auc_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 8, 60) / 8  # with many equal ones
    truths = rng.random(60) < 0.4
    pairs = [(p > n) + 0.5 * (p == n) for p in scores[truths] for n in scores[~truths]]
    assert metrics.auc(scores, truths) == pytest.approx(np.mean(pairs))
    across, up = metrics.roc(scores, truths)
    assert (across[0], up[0], across[-1], up[-1]) == (0, 0, 1, 1)


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_temperature_finds_the_scale_and_only_helps(answers, scale):
    logits, _, labels = answers
    lengths = np.full(len(labels), 7)
    calibration, found = metrics.fit_calibration(logits * scale, labels, lengths)
    assert calibration.temperatures(lengths) == pytest.approx(found)
    assert calibration.exponent == pytest.approx(0, abs=1e-4)
    unscaled = metrics.fit_calibration(logits, labels, lengths)[1]
    assert found == pytest.approx(scale * unscaled, rel=1e-4)

    def cost(temperature):
        return classification.loss(
            np.exp(classification.log_softmax(logits * scale / temperature)), labels
        )

    assert cost(found) <= min(cost(1.0), cost(found * 1.2), cost(found / 1.2))


def test_temperature_of_answers_that_are_all_right_is_not_endlessly_sure():
    labels = np.arange(98) % 2
    logits = np.where(np.eye(2)[labels] > 0, 3.0, 0.0)
    _, temperature = metrics.fit_calibration(logits, labels, np.ones(98))
    found = np.exp(classification.log_softmax(logits / temperature))
    np.testing.assert_allclose(found.max(axis=1), 99 / 100, rtol=1e-6)


def test_short_and_long_texts_have_temperatures_of_their_own():
    """Labels drawn from logits that were made too faint in short texts, too strong in long ones."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 2)) * 2
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    lengths = rng.choice([5, 20, 300], len(labels))
    true = metrics.Calibration(0.5, 0.3)
    seen = logits * true.temperatures(lengths)[:, None]
    calibration, middling = metrics.fit_calibration(seen, labels, lengths)
    assert calibration.exponent == pytest.approx(0.3, abs=0.03)
    np.testing.assert_allclose(
        calibration.temperatures(lengths), true.temperatures(lengths), rtol=0.06
    )
    assert middling == pytest.approx(calibration.temperatures(np.exp(np.log(lengths).mean())))

    def error(temperatures, length):
        chosen = lengths == length
        probabilities = np.exp(classification.log_softmax(seen / temperatures[:, None]))
        return classification.calibration_error(probabilities[chosen], labels[chosen])

    for length in (5, 300):
        one = error(np.full(len(labels), middling), length)
        assert error(calibration.temperatures(lengths), length) < 0.02 < one


def test_a_text_of_no_words_is_one_of_one_word():
    assert metrics.Calibration(2.0, 0.5).temperatures(np.array([0, 1, 4])).tolist() == [2, 2, 4]


def test_temperatures_can_be_taken_back(answers):
    logits, probabilities, _ = answers
    temperatures = np.linspace(0.5, 2.5, len(logits))
    calibrated = np.exp(classification.log_softmax(logits / temperatures[:, None]))
    np.testing.assert_allclose(
        classification.with_temperature(calibrated, 1 / temperatures), probabilities
    )


def test_metrics_by_source_are_those_of_its_texts(answers):
    _, probabilities, labels = answers
    sources = np.array(["b", "a", "b"] * 100)
    found = metrics.metrics_by_source(probabilities, labels, sources)
    assert list(found) == ["accuracy_a", "ece_a", "accuracy_b", "ece_b"]
    chosen = probabilities[1::3], labels[1::3]
    assert found["accuracy_a"] == classification.accuracy(*chosen)
    assert found["ece_a"] == classification.calibration_error(*chosen)


def test_metrics_of_two_labels_have_an_auc(answers):
    _, probabilities, labels = answers
    found = metrics.classification_metrics(probabilities, labels, np.ones(300), None)
    assert list(found) == ["accuracy", "macro_f1", "loss", "ece", "ece_uncalibrated"]
    assert found["ece"] == pytest.approx(found["ece_uncalibrated"])
    two = np.stack([1 - probabilities[:, 0], probabilities[:, 0]], axis=1)
    found = metrics.classification_metrics(two, (labels == 0).astype(int), np.ones(300), 1)
    assert found["auc"] == metrics.auc(probabilities[:, 0], labels == 0)
