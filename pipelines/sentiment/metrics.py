"""Metrics of probabilities `<float>[texts, classes]` against true labels `<int>[texts]`."""

import functools
from typing import NamedTuple

import numpy as np

from pipelines.classification import (
    COLDEST,
    HOTTEST,
    accuracy,
    calibration_error,
    log_softmax,
    loss,
    macro_f1,
    minimum,
    platt_targets,
    with_temperature,
)

STEEPEST = 1.0  # exponent of the length, either way
PULL = 1e-4  # nats that an exponent of 1 must earn: where all texts are as long, it is 0
ROUNDS = 5  # of the search, in turn for temperature and exponent


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
    the words n of a text: log T = c + b (log n - mean log n). Golden-section searches find c and b,
    T from `COLDEST` to `HOTTEST` at the mean, against `platt_targets`.

    Args:
        logits: `<float>[texts, classes]`.
        labels: the truth.
        lengths: words of each text.

    Returns:
        The calibration, and its temperature e^c of a text of the mean length.
    """
    targets = platt_targets(labels, logits.shape[1])
    log_lengths = np.log(np.maximum(lengths, 1.0))
    mean = log_lengths.mean()

    def cost(c, b):
        scaled = logits * np.exp(-c - b * (log_lengths - mean))[:, None]
        return -(targets * log_softmax(scaled)).sum(axis=1).mean() + PULL * b**2

    c = b = 0.0
    for _ in range(ROUNDS):
        c = minimum(functools.partial(cost, b=b), np.log(COLDEST), np.log(HOTTEST))
        b = minimum(functools.partial(cost, c), -STEEPEST, STEEPEST)
    return Calibration(float(np.exp(c - b * mean)), float(b)), float(np.exp(c))


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
