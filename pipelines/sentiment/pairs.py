"""Which pairs of neighbouring words tell most about the label."""

import numpy as np

from pipelines.sentiment.data import UNKNOWN
from pipelines.store import Store


def telling_pairs(store: Store, count: int) -> np.ndarray:
    """The `count` pairs of neighbouring known words that tell most about the label.

    By the chi-squared statistic of a pair's texts over the labels, Σ_c (n_c - e_c)² / e_c, where
    n_c is how many texts of label c have the pair and e_c how many would if labels did not matter.

    Args:
        store: `tokens` and `label` of each text.
        count: pairs at most. Of equals the smaller numbers come first.

    Returns:
        `<int>[pairs, 2]` in rising order: word before, word; fewer than `count`, where there are
        fewer.
    """
    labels = store.columns["label"].values
    shares = np.bincount(labels) / len(labels)
    codes = []
    for record in range(len(store)):
        row = store.row("tokens", record).astype(np.int64)
        pairs = np.stack([row[:-1], row[1:]], axis=1)
        pairs = pairs[(pairs > UNKNOWN).all(axis=1)]
        codes.append(np.unique((pairs[:, 0] << 32) + pairs[:, 1]))  # sorted as the pairs are
    owners = np.repeat(labels, [len(row) for row in codes])
    codes, places = np.unique(np.concatenate(codes), return_inverse=True)
    counts = np.zeros((len(codes), len(shares)))
    np.add.at(counts, (places, owners), 1)
    expected = counts.sum(axis=1, keepdims=True) * shares
    statistics = np.sum((counts - expected) ** 2 / np.maximum(expected, 1e-9), axis=1)
    chosen = np.sort(codes[np.argsort(-statistics, kind="stable")[:count]])
    return np.stack([chosen >> 32, chosen & 0xFFFFFFFF], axis=1)
