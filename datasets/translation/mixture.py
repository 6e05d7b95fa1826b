"""Several sources as one data set: `tatoeba+bcontrast+multi30k+multi30k`.

A source that is named twice has its training pairs twice in an epoch, and so twice the weight.
Each source is in a folder of its own name. The sources have their own splits, so that a sentence of
one's dev may be in another's train: such pairs are left out of dev and test.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import numpy as np

from datasets.arguments import check_choice
from datasets.files import check_place
from datasets.translation.cleaning import RawPair
from datasets.translation.pairs import key_of

NO_FILES = "demo"  # the source without a folder


def parts(dataset: str, sources: Iterable[str]) -> Counter[str]:
    """The names that a data set is made of, in their order, and how often each is named.

    Raises:
        ValueError: a name is none of `sources`.
    """
    names = dataset.split("+")
    for name in names:
        check_choice("dataset", name, tuple(sources))
    return Counter(names)


def folders(names: Iterable[str], data_dir: Path | str | None) -> dict[str, Path | None]:
    """Name -> the folder of a source, in `data_dir`.

    Raises:
        ValueError: there is no such folder.
    """
    found: dict[str, Path | None] = {}
    for name in names:
        wanted = f"a folder that holds one for each source, {name}/ among them"
        if name == NO_FILES:
            found[name] = None
            continue
        found[name] = check_place(data_dir, wanted) / name
        if not found[name].is_dir():
            raise ValueError(f"`data_dir` must be {wanted}. {found[name]} is no folder.")
    return found


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
