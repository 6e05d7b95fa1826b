"""The recordings of a data set, or of several sources as one, each a voice: `espeak+asterisk`.

Of several, each has a folder of its own name in `data_dir`, and its own splits; a source that is
named twice has its training records twice in an epoch. Ids begin with the name of the source.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from datasets import speech
from datasets.arguments import check_choice
from datasets.mixture import described, folders, parts
from datasets.speech import one_voice

SOURCES = ("demo", "espeak", "asterisk", "folder")
MADE = ("demo",)  # by code: without a folder


def load(flags: Any, split: str, voice: str | None = None) -> Iterator[tuple[int, dict]]:
    """The records of a split, each after the number of its voice, from 0: `id`, `waveform`, ...

    Args:
        flags: with `dataset`, `data_dir` and `limit` (of each source).
        split: train, dev or test.
        voice: the one source to read; None: all.

    Raises:
        ValueError: a source is unknown or cannot be used.
    """
    counts = weights(flags)
    for number, (name, place) in enumerate(_places(flags).items()):
        if voice not in (None, name):
            continue
        source = _load(name, split, place, flags.limit)
        for _ in range(counts[name] if split == "train" else 1):
            for record in source.as_numpy_iterator():
                prefix = f"{name}/" if len(counts) > 1 else ""
                yield number, {**record, "id": prefix + record["id"].decode("utf-8", "replace")}


def describe(flags: Any, splits: Sequence[str]) -> dict[str, Any]:
    """What the loader understands: of several sources, `sources` has what it does of each.

    Raises:
        ValueError: a source is unknown or cannot be used.
    """
    found = {name: _describe(name, splits, place, flags) for name, place in _places(flags).items()}
    return described(flags.dataset, splits, found)


def raw_files(flags: Any) -> list[Path]:
    """The files of all sources."""
    files: list[Path] = []
    for name, place in _places(flags).items():
        spoken = name in ("demo", "espeak")
        files += one_voice.raw_files(place) if spoken else speech.raw_files(name, place)
    return files


def weights(flags: Any) -> Mapping[str, int]:
    """The sources of a data set, and how often each is named.

    Raises:
        ValueError: a source is unknown.
    """
    return parts(flags.dataset, SOURCES)


def voice_of(flags: Any) -> tuple[str, int]:
    """The source whose voice the exported model speaks with, and the voice's number.

    Raises:
        ValueError: `voice` is none of the sources.
    """
    names = list(weights(flags))
    name = names[-1] if flags.voice is None else flags.voice
    check_choice("voice", name, names)
    return name, names.index(name)


def _places(flags: Any) -> dict[str, Path | None]:
    names = weights(flags)
    if len(names) > 1:
        return folders(names, flags.data_dir, MADE)
    (name,) = names
    if name in MADE and flags.data_dir is not None:
        raise ValueError(f"`data_dir` must be left out for {name}. Got {flags.data_dir}.")
    if name not in MADE and flags.data_dir is None:
        raise ValueError(f"`data_dir` must name the folder of {name}. Got none.")
    return {name: flags.data_dir}


def _load(name: str, split: str, place: Path | None, limit: int | None) -> tf.data.Dataset:
    if name in ("demo", "espeak"):
        return one_voice.load(split, place, limit)
    return speech.load(name, split, place, limit=limit)


def _describe(name: str, splits: Sequence[str], place: Path | None, flags: Any) -> dict[str, Any]:
    if name in ("demo", "espeak"):
        return one_voice.describe(splits, place, flags.limit)
    return speech.describe(name, splits, place, limit=flags.limit)
