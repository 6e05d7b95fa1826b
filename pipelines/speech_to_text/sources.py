"""The recordings of a data set, or of several sources as one: `an4+fsdd_strings+demo`.

Of several, each has a folder of its own name in `data_dir`, and its own splits; a source that is
named twice has its training records twice in an epoch. Ids begin with the name of the source.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from datasets import speech
from datasets.mixture import described, folders, parts

MADE = ("demo",)  # by code: without a folder
WITH_UNHEARD = ("fsdd", "fsdd_strings")  # whose speakers can be left out by name


def load(flags: Any, split: str) -> tf.data.Dataset:
    """The records of a split: `id`, `waveform`, `rate`, `text` and `speaker`.

    Args:
        flags: with `dataset`, `data_dir`, `limit` (of each source) and `unheard`.
        split: train, dev or test.

    Raises:
        ValueError: a source is unknown or cannot be used.
    """
    counts = weights(flags)
    records = []
    for name, place, options in _sources(flags):
        source = speech.load(name, split, place, **options)
        if len(counts) > 1:
            source = source.map(lambda record, name=name: _named(record, name))
        records += [source] * (counts[name] if split == "train" else 1)
    joined = records[0]
    for source in records[1:]:
        joined = joined.concatenate(source)
    return joined


def describe(flags: Any, splits: Sequence[str]) -> dict[str, Any]:
    """What the loader understands: of several sources, `sources` has what it does of each.

    Raises:
        ValueError: a source is unknown or cannot be used.
    """
    found = {
        name: speech.describe(name, splits, place, **options)
        for name, place, options in _sources(flags)
    }
    return described(flags.dataset, splits, found)


def raw_files(flags: Any) -> list[Path]:
    """The files of all sources."""
    return [file for name, place, _ in _sources(flags) for file in speech.raw_files(name, place)]


def weights(flags: Any) -> Mapping[str, int]:
    """The sources of a data set, and how often each is named.

    Raises:
        ValueError: a source is unknown, or `unheard` is given and none of them knows its speakers.
    """
    names = parts(flags.dataset, speech.DATASETS)
    if flags.unheard is not None and not {*names} & {*WITH_UNHEARD}:
        raise ValueError(
            f"`unheard` must be left out without {' or '.join(WITH_UNHEARD)}. Got "
            f"{flags.unheard!r} for {flags.dataset}."
        )
    return names


def _sources(flags: Any) -> Iterator[tuple[str, Path | None, dict[str, Any]]]:
    """Name, folder and options of each source."""
    names = weights(flags)
    one = len(names) == 1
    places = dict.fromkeys(names, flags.data_dir) if one else folders(names, flags.data_dir, MADE)
    for name, place in places.items():
        options = {"limit": flags.limit}
        if name in WITH_UNHEARD:
            options["unheard"] = flags.unheard
        yield name, place, options


def _named(record: dict[str, tf.Tensor], name: str) -> dict[str, tf.Tensor]:
    return {**record, "id": tf.strings.join([name, record["id"]], "/")}
