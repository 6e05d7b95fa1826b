"""Probabilities `<float>[examples, classes]` against true labels `<int>[examples]`, of any task.

What is a task's own (a temperature that depends on a text's length, accuracy by what was seen of a
clip, ...) is in its `metrics.py`.
"""

from collections.abc import Callable

import numpy as np

BINS = 15  # of the calibration error
COLDEST, HOTTEST = 1 / 20, 20.0  # temperatures that are looked for


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """log p from logits, along the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def softmax(logits: np.ndarray) -> np.ndarray:
    """p from logits, along the last axis."""
    return np.exp(log_softmax(logits))


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of examples whose likeliest label is the true one."""
    return float((probabilities.argmax(axis=-1) == labels).mean())


def loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean -log p of the true label, nats."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def confusion(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """`<int>[classes, classes]`: examples by true label (rows) and predicted label (columns)."""
    classes = probabilities.shape[-1]
    pairs = labels * classes + probabilities.argmax(axis=-1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def macro_f1(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean over labels of F1 = 2 TP / (2 TP + FP + FN); a label that does not occur is left out."""
    counts = confusion(probabilities, labels)
    hits, sums = np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1)
    return float((2 * hits[sums > 0] / sums[sums > 0]).mean())


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Confidence against accuracy: `<float>[3, bins]` of examples, mean confidence, accuracy.

    Examples are put into `bins` equal ranges by the probability of their likeliest label.
    """
    confidence = probabilities.max(axis=-1)
    right = probabilities.argmax(axis=-1) == labels
    ranges = np.minimum((confidence * bins).astype(int), bins - 1)
    counts = np.bincount(ranges, minlength=bins)
    sums = [np.bincount(ranges, weights, minlength=bins) for weights in (confidence, right)]
    return np.array([counts, *(total / np.maximum(counts, 1) for total in sums)])


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error Σ_b n_b/n |accuracy_b - confidence_b| (Guo et al. 2017, eq. 5)."""
    counts, confidence, right = reliability(probabilities, labels, bins)
    return float((counts * np.abs(right - confidence)).sum() / counts.sum())


def with_temperature(probabilities: np.ndarray, temperatures: np.ndarray | float) -> np.ndarray:
    """softmax(log p / T): under a further temperature T, one for all or one for each example."""
    log_probs = np.log(np.maximum(probabilities, 1e-30))
    return softmax(log_probs / np.reshape(temperatures, (-1, 1)))


def platt_targets(labels: np.ndarray, classes: int) -> np.ndarray:
    """What temperatures are fitted to: `<float>[examples, classes]`.

    (m + 1)/(m + 2) for the true label of m examples, not 1 (Platt 1999): where all answers are
    right, the most confident temperature would be the best one otherwise.
    """
    count = len(labels)
    targets = np.full((count, classes), 1 / (count + 2) / (classes - 1))
    targets[np.arange(count), labels] = (count + 1) / (count + 2)
    return targets


def minimum(cost: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one minimum is least: a golden-section search."""
    golden = (5**0.5 - 1) / 2
    for _ in range(60):
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if cost(left) <= cost(right) else (left, high)
    return (low + high) / 2


def warn_at_bound(temperature: float) -> None:
    """Prints a warning where a fitted temperature is at the bound of its search."""
    if not 1.01 * COLDEST < temperature < HOTTEST / 1.01:
        print(
            f"Warning: the temperature is at the bound of its search ({COLDEST:g} to "
            f"{HOTTEST:g}), so probabilities are not calibrated: at {HOTTEST:g} "
            "the answers on dev are no better than chance.",
            flush=True,
        )
