"""Metrics of probabilities `<float>[texts, classes]` against true labels `<int>[texts]`."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

BINS = 15  # of the calibration error


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """log p from logits, along the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of texts whose likeliest label is the true one."""
    return float((probabilities.argmax(axis=-1) == labels).mean())


def loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean -log p of the true label, nats."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def confusion(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """`<int>[classes, classes]`: texts by true label (rows) and predicted label (columns)."""
    classes = probabilities.shape[-1]
    pairs = labels * classes + probabilities.argmax(axis=-1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def macro_f1(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean over labels of F1 = 2 TP / (2 TP + FP + FN); a label that does not occur is left out."""
    counts = confusion(probabilities, labels)
    hits, sums = np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1)
    return float((2 * hits[sums > 0] / sums[sums > 0]).mean())


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Confidence against accuracy: `<float>[3, bins]` of texts, mean confidence, accuracy.

    Texts are put into `bins` equal ranges by the probability of their likeliest label.
    """
    confidence = probabilities.max(axis=-1)
    right = probabilities.argmax(axis=-1) == labels
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    counts = np.bincount(places, minlength=bins)
    sums = [np.bincount(places, weights, minlength=bins) for weights in (confidence, right)]
    return np.array([counts, *(total / np.maximum(counts, 1) for total in sums)])


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error Σ_b n_b/n |accuracy_b - confidence_b| (Guo et al. 2017, eq. 5)."""
    counts, confidence, right = reliability(probabilities, labels, bins)
    return float((counts * np.abs(right - confidence)).sum() / counts.sum())


def roc(scores: np.ndarray, truths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates as the threshold falls; equal scores are passed together.

    Args:
        scores: `<float>[texts]`, higher for positive.
        truths: `<bool>[texts]`.
    """
    order = np.argsort(-scores, kind="stable")
    last_of_equals = np.append(np.diff(scores[order]) != 0, True)
    hits = np.cumsum(truths[order])[last_of_equals]
    misses = np.cumsum(~truths[order])[last_of_equals]
    rates = [np.append(0.0, passed / max(passed[-1], 1)) for passed in (misses, hits)]
    return rates[0], rates[1]


def auc(scores: np.ndarray, truths: np.ndarray) -> float:
    """Area under the ROC curve: how often a positive text scores above a negative one."""
    false_positives, true_positives = roc(scores, truths)
    return float(np.trapezoid(true_positives, false_positives))


COLDEST, HOTTEST = 1 / 20, 20.0  # temperatures that are looked for
STEEPEST = 1.0  # exponent of the length, either way
PULL = 1e-4  # nats that an exponent of 1 must earn: where all texts are as long, it is 0
ROUNDS = 5  # of the search, in turn for temperature and exponent


class Calibration(NamedTuple):
    """The temperature of a text of n words: T = scale · n^exponent."""

    scale: float
    exponent: float = 0.0

    def __str__(self) -> str:
        return f"{self.scale:.3f} n^{self.exponent:.3f}"

    def temperatures(self, lengths: np.ndarray) -> np.ndarray:
        """T of texts of so many words, `<int>[texts]` -> `<float>[texts]`."""
        return self.scale * np.maximum(lengths, 1.0) ** self.exponent


def fit_calibration(
    logits: np.ndarray, labels: np.ndarray, lengths: np.ndarray
) -> tuple[Calibration, float]:
    """T(n) of softmax(logits / T) with the least mean -log p of the true labels (Guo et al. 2017).

    A short sentence and a long review are not sure of themselves in the same way, so T depends on
    the words n of a text: log T = c + b (log n - mean log n). The target is (m + 1)/(m + 2) for the
    true label of m texts, not 1 (Platt 1999): where all answers are right, the most confident T
    would be the best one otherwise. Golden-section searches find c and b, T from `COLDEST` to
    `HOTTEST` at the mean.

    Args:
        logits: `<float>[texts, classes]`.
        labels: the truth.
        lengths: words of each text.

    Returns:
        The calibration, and its temperature e^c of a text of the mean length.
    """
    count, classes = logits.shape
    targets = np.full(logits.shape, 1 / (count + 2) / (classes - 1))
    targets[np.arange(count), labels] = (count + 1) / (count + 2)
    log_lengths = np.log(np.maximum(lengths, 1.0))
    mean = log_lengths.mean()

    def cost(c, b):
        scaled = logits * np.exp(-c - b * (log_lengths - mean))[:, None]
        return -(targets * log_softmax(scaled)).sum(axis=1).mean() + PULL * b**2

    c = b = 0.0
    for _ in range(ROUNDS):
        c = _least(functools.partial(cost, b=b), np.log(COLDEST), np.log(HOTTEST))
        b = _least(functools.partial(cost, c), -STEEPEST, STEEPEST)
    return Calibration(float(np.exp(c - b * mean)), float(b)), float(np.exp(c))


def _least(cost: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one minimum is least: a golden-section search."""
    golden = (5**0.5 - 1) / 2
    for _ in range(60):
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if cost(left) <= cost(right) else (left, high)
    return (low + high) / 2


def with_temperature(probabilities: np.ndarray, temperatures: np.ndarray) -> np.ndarray:
    """softmax(log p / T): the probabilities under a further temperature T of each text."""
    log_probs = np.log(np.maximum(probabilities, 1e-30))
    return np.exp(log_softmax(log_probs / temperatures[:, None]))


def classification_metrics(
    probabilities: np.ndarray, labels: np.ndarray, temperatures: np.ndarray, positive: int | None
) -> dict[str, float]:
    """The metrics of calibrated probabilities.

    Args:
        probabilities: calibrated.
        labels: the truth.
        temperatures: that they were calibrated with: `ece_uncalibrated` is without them.
        positive: the label whose ROC counts; None for other than two labels.
    """
    raw = with_temperature(probabilities, 1 / temperatures)
    measured = {
        "accuracy": accuracy(probabilities, labels),
        "macro_f1": macro_f1(probabilities, labels),
        "loss": loss(probabilities, labels),
        "ece": calibration_error(probabilities, labels),
        "ece_uncalibrated": calibration_error(raw, labels),
    }
    if positive is not None:
        measured["auc"] = auc(probabilities[:, positive], labels == positive)
    return measured


def metrics_by_source(
    probabilities: np.ndarray, labels: np.ndarray, sources: np.ndarray
) -> dict[str, float]:
    """Accuracy and calibration error of the texts of each source, `<str>[texts]`."""
    measured = {}
    for source in sorted(set(sources.tolist())):
        texts = sources == source
        measured[f"accuracy_{source}"] = accuracy(probabilities[texts], labels[texts])
        measured[f"ece_{source}"] = calibration_error(probabilities[texts], labels[texts])
    return measured
