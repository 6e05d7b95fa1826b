"""Metrics of probabilities `<float>[clips, classes]` against true labels `<int>[clips]`."""

from collections.abc import Sequence

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
    """Share of clips whose likeliest label is the true one."""
    return float((probabilities.argmax(axis=-1) == labels).mean())


def top(probabilities: np.ndarray, labels: np.ndarray, count: int) -> float:
    """Share of clips whose true label is among the `count` likeliest; equal ones count against."""
    chosen = probabilities[np.arange(len(labels)), labels][:, None]
    before = (probabilities >= chosen).sum(axis=-1) - 1
    return float((before < count).mean())


def loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean -log p of the true label, nats."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def confusion(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """`<int>[classes, classes]`: clips by true label (rows) and predicted label (columns)."""
    classes = probabilities.shape[-1]
    pairs = labels * classes + probabilities.argmax(axis=-1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def macro_f1(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean over labels of F1 = 2 TP / (2 TP + FP + FN); a label that does not occur is left out."""
    counts = confusion(probabilities, labels)
    hits, sums = np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1)
    return float((2 * hits[sums > 0] / sums[sums > 0]).mean())


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Confidence against accuracy: `<float>[3, bins]` of clips, mean confidence, accuracy.

    Clips are put into `bins` equal ranges by the probability of their likeliest label.
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


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """T of softmax(logits / T) with the least mean -log p of the true labels (Guo et al. 2017).

    The target is (m + 1)/(m + 2) for the true label of m clips, not 1 (Platt 1999): where all
    answers are right, the most confident T would be the best one otherwise. A golden-section
    search over log T, from `COLDEST` to `HOTTEST`.
    """
    count, classes = logits.shape
    targets = np.full(logits.shape, 1 / (count + 2) / (classes - 1))
    targets[np.arange(count), labels] = (count + 1) / (count + 2)

    def cost(log_temperature):
        return -(targets * log_softmax(logits * np.exp(-log_temperature))).sum()

    golden, low, high = (5**0.5 - 1) / 2, np.log(COLDEST), np.log(HOTTEST)
    for _ in range(60):
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if cost(left) <= cost(right) else (left, high)
    return float(np.exp((low + high) / 2))


def with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(log p / T): the probabilities under a further temperature T."""
    return softmax(np.log(np.maximum(probabilities, 1e-30)) / temperature)


def classification_metrics(
    probabilities: np.ndarray, labels: np.ndarray, temperature: float
) -> dict[str, float]:
    """The metrics of calibrated probabilities; `ece_uncalibrated` is without the temperature."""
    raw = with_temperature(probabilities, 1 / temperature)
    return {
        "accuracy": accuracy(probabilities, labels),
        "macro_f1": macro_f1(probabilities, labels),
        "top_3": top(probabilities, labels, 3),
        "loss": loss(probabilities, labels),
        "ece": calibration_error(probabilities, labels),
        "ece_uncalibrated": calibration_error(raw, labels),
    }


def by_share(
    beliefs: Sequence[np.ndarray], labels: np.ndarray, shares: Sequence[float]
) -> dict[float, float]:
    """Accuracy of what is believed once a share of each clip was seen.

    Args:
        beliefs: of each clip `<float>[frames, classes]`, after its first 1, 2, ... frames.
        labels: the truth.
        shares: above 0, up to 1; of n frames, the first ceil(share n) were seen.
    """
    found = {}
    for share in shares:
        seen = [row[int(np.ceil(share * len(row) - 1e-9)) - 1] for row in beliefs]
        found[share] = accuracy(np.array(seen), labels)
    return found


def by_group(
    probabilities: np.ndarray, labels: np.ndarray, groups: Sequence[str]
) -> dict[str, tuple[int, float]]:
    """Of each group, in the order of their names: clips and accuracy."""
    groups = np.array(groups)
    found = {}
    for group in sorted(set(groups.tolist())):
        rows = groups == group
        found[group] = (int(rows.sum()), accuracy(probabilities[rows], labels[rows]))
    return found
