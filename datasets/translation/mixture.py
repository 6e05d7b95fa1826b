"""The pairs of several sources as one data set: `tatoeba+bcontrast+multi30k+multi30k`.

The sources have their own splits, so that a sentence of one's dev may be in another's train: such
pairs are left out of dev and test.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

import numpy as np

from datasets.translation.cleaning import RawPair
from datasets.translation.pairs import key_of


def raw_pairs(
    split: str,
    weights: Mapping[str, int],
    readers: Mapping[str, Callable[[], Iterator[RawPair]]],
    limit: int | None,
) -> Iterator[RawPair]:
    """The pairs of all sources, one source after the other; their ids begin with its name.

    Args:
        split: in train a source's pairs come as often as it weighs.
        weights: by source.
        readers: by source: begins a pass over its split.
        limit: the first so many pairs of each source; None for all.
    """
    for name, weight in weights.items():
        for _ in range(weight if split == "train" else 1):
            for pair, source, target in islice(readers[name](), limit):
                yield f"{name}/{pair}", source, target


def keys(pairs: Iterable[RawPair]) -> np.ndarray:
    """The different keys of the pairs' source sentences, sorted: `<uint64>[sentences]`."""
    return np.unique(np.fromiter((key_of(source or "") for _, source, _ in pairs), np.uint64))


def among(sentence: str, known: np.ndarray) -> bool:
    """Whether a sentence's key is one of `keys`."""
    key = np.uint64(key_of(sentence))
    place = np.searchsorted(known, key)
    return bool(place < len(known) and known[place] == key)
