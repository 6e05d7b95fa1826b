"""Metrics of probabilities `<float>[clips, classes]` against true labels `<int>[clips]`."""

from collections.abc import Sequence

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


def top(probabilities: np.ndarray, labels: np.ndarray, count: int) -> float:
    """Share of clips whose true label is among the `count` likeliest; equal ones count against."""
    chosen = probabilities[np.arange(len(labels)), labels][:, None]
    before = (probabilities >= chosen).sum(axis=-1) - 1
    return float((before < count).mean())


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """T of softmax(logits / T) with the least mean -log p of the true labels (Guo et al. 2017).

    A golden-section search over log T, from `COLDEST` to `HOTTEST`, against `platt_targets`.
    """
    targets = platt_targets(labels, logits.shape[1])

    def cost(log_temperature):
        return -(targets * log_softmax(logits * np.exp(-log_temperature))).sum()

    return float(np.exp(minimum(cost, np.log(COLDEST), np.log(HOTTEST))))


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
