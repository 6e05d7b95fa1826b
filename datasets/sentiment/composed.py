"""Texts composed by code: drawn until a split has as many as it should."""

from collections.abc import Callable, Collection, Mapping

import numpy as np

from datasets.arguments import check_seed
from datasets.sentiment.cleaning import share_of
from datasets.sentiment.imdb import NAMES
from datasets.sentiment.reviews import Reviews, as_reviews


def drawn(
    name: str,
    split: str,
    seed: int,
    *,
    sizes: Mapping[str, int],
    shares: Mapping[str, Collection[int]],
    compose: Callable[[int, np.random.Generator], str],
    fits: Callable[[str], bool] = lambda text: True,
) -> Reviews:
    """One split; labels alternate, and no text occurs twice, in whatever split.

    Which split a text may stand in follows from a hash of its words, so that splits have nothing
    in common whatever their seeds: what was drawn for another split is thrown away.

    Args:
      name: of the source, with which ids begin.
      split: one of `sizes`.
      seed: of the draw.
      sizes: texts of each split.
      shares: the hundredths, by ten, of all texts that each split may have: see `share_of`.
      compose: (label, generator) -> a text.
      fits: whether a text is kept.

    Raises:
      ValueError: `seed` is negative or no integer.
    """
    check_seed(seed)
    rng = np.random.default_rng((seed, list(sizes).index(split)))
    labels: dict[str, int] = {}
    while len(labels) < sizes[split]:
        label = len(labels) % 2
        text = compose(label, rng)
        if fits(text) and share_of(text) in shares[split]:
            labels.setdefault(text, label)
    width = len(str(max(sizes.values())))
    rows = enumerate(labels.items())
    return as_reviews([(f"{name}-{seed}-{split}-{i:0{width}d}", *row) for i, row in rows], NAMES)
