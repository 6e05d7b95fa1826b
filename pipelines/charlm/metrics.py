"""What the costs of a text's symbols say about a model."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Cost(NamedTuple):
    """What a piece of text cost.

    characters: in it.
    nats: Σ -log p of its characters.
    hits: how many of them were the likeliest.
    """

    characters: int
    nats: float
    hits: int


def total(costs: Iterable[Cost]) -> dict[str, float]:
    """The metrics of a text: bits and nats per character, accuracy, characters."""
    sums = np.array([list(cost) for cost in costs], np.float64).reshape(-1, 3).sum(axis=0)
    characters, nats, hits = sums.tolist()
    count = max(characters, 1)
    return {
        "bits_per_char": nats / count / np.log(2),
        "nats_per_char": nats / count,
        "accuracy": hits / count,
        "characters": characters,
    }
