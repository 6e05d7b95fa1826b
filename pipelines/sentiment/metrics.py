"""Metrics of probabilities `<float>[texts, classes]` against true labels `<int>[texts]`."""

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


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """T > 0 of softmax(logits / T) with the least mean -log p of the true labels (Guo et al. 2017).

    The target is (n + 1)/(n + 2) for the true label of n texts, not 1 (Platt 1999): where all
    answers are right, the most confident T would be the best one otherwise. The loss is convex in
    1/T: a golden-section search finds its minimum, T from `COLDEST` to `HOTTEST`.
    """
    count, classes = logits.shape
    targets = np.full(logits.shape, 1 / (count + 2) / (classes - 1))
    targets[np.arange(count), labels] = (count + 1) / (count + 2)

    def cost(log_inverse):
        return -(targets * log_softmax(logits * np.exp(log_inverse))).sum(axis=1).mean()

    low, high, golden = -np.log(HOTTEST), -np.log(COLDEST), (5**0.5 - 1) / 2
    for _ in range(60):
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if cost(left) <= cost(right) else (left, high)
    return float(np.exp(-(low + high) / 2))


def with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(log p / T): the probabilities under a further temperature T."""
    return np.exp(log_softmax(np.log(np.maximum(probabilities, 1e-30)) / temperature))


def classification_metrics(
    probabilities: np.ndarray, labels: np.ndarray, temperature: float, positive: int | None
) -> dict[str, float]:
    """The metrics of calibrated probabilities.

    Args:
        probabilities: calibrated.
        labels: the truth.
        temperature: that they were calibrated with: `ece_uncalibrated` is without it.
        positive: the label whose ROC counts; None for other than two labels.
    """
    raw = with_temperature(probabilities, 1 / temperature)
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
