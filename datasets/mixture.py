"""Several sources as one data set: `imdb+sst2+sst2`, each in a folder of its own name.

A source that is named twice has its training records twice in an epoch, and so twice the weight.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets.arguments import check_choice
from datasets.files import check_place


def parts(dataset: str, sources: Iterable[str]) -> Counter[str]:
    """The names that a data set is made of, in their order, and how often each is named.

    Raises:
        ValueError: a name is none of `sources`.
    """
    names = dataset.split("+")
    for name in names:
        check_choice("dataset", name, tuple(sources))
    return Counter(names)


def folders(
    names: Iterable[str], data_dir: Path | str | None, without: Collection[str] = ("demo",)
) -> dict[str, Path | None]:
    """Name -> the folder of a source, in `data_dir`; None for those of `without`, which need none.

    Raises:
        ValueError: there is no such folder.
    """
    places: dict[str, Path | None] = {}
    for name in names:
        if name in without:
            places[name] = None
            continue
        wanted = f"a folder that holds one for each source, {name}/ among them"
        places[name] = check_place(data_dir, wanted) / name
        if not places[name].is_dir():
            raise ValueError(f"`data_dir` must be {wanted}. {places[name]} is no folder.")
    return places


def described(
    dataset: str, splits: Sequence[str], found: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What loaders understood of the sources, as of one data set.

    Args:
        dataset: the sources' names, joined.
        splits: that were described.
        found: source -> its own description. Of several, `sources` has them, and `splits` the first
            size of each.
    """
    if len(found) == 1:
        return {**next(iter(found.values())), "dataset": dataset}
    sizes = {
        split: {name: next(iter(each["splits"][split].values())) for name, each in found.items()}
        for split in splits
    }
    return {"dataset": dataset, "splits": sizes, "sources": dict(found)}
