"""Unbroken text: `load("demo", "train")` and its likes; README.md has a card for each.

A source is a function `(split, data_dir, **options) -> Source`: one long text, read a piece at a
time from its start to its end.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from datasets.arguments import check_choice, check_limit
from datasets.files import stamps
from datasets.text import corpora, demo, file
from datasets.text.source import SPLITS, Piece, Source, limits_of, part

SOURCES: dict[str, Callable[..., Source]] = {
    "demo": demo.source,
    "file": file.source,
    "tiny_shakespeare": corpora.tiny_shakespeare,
    "war_and_peace": corpora.war_and_peace,
    "ptb": corpora.ptb,
    "text8": corpora.text8,
    "enwik8": corpora.enwik8,
}
CHUNK = 2**20  # symbols of a record, at most


def load(
    dataset: str,
    split: str,
    data_dir: Path | str | None = None,
    *,
    limit: int | None = None,
    **options,
) -> tf.data.Dataset:
    """The symbols of one split, from its start to its end.

    A file is read twice, a piece at a time: once to check it and to learn its length, once for the
    records. So what is wrong is told here, and a text may be larger than the memory.

    Args:
        dataset: `demo`, `file`, `tiny_shakespeare`, `war_and_peace`, `ptb`, `text8` or `enwik8`.
        split: `train`, `dev` or `test`; not every set has all three.
        data_dir: the folder of the raw files; for `file`, a text file or a folder of them.
        limit: at most so many symbols, the first ones.
        **options: of the source: `encoding` and `unit` of `file`.

    Returns:
        Records of `symbols <int32>[chunk]`, at most `CHUNK` of them: code points, or values of
        bytes (see `unit_of`). "Ab" -> [65, 98].

    Raises:
        ValueError: an unknown name; a file that is not there, or not in the layout expected; an
            encoding that is broken; a split that the set has not, or that is empty.
        ImportError: a package that the set needs is not installed.
    """
    start, end = _limits(dataset, split, data_dir, limit, options)
    source = _source(dataset, split, data_dir, options)
    return tf.data.Dataset.from_generator(
        lambda: _records(part(source.pieces(), start, end)),
        output_signature={"symbols": tf.TensorSpec([None], tf.int32)},
    )


def describe(
    dataset: str,
    splits: Sequence[str] = SPLITS,
    data_dir: Path | str | None = None,
    *,
    limit: int | None = None,
    **options,
) -> dict:
    """What `load` understands of a data set: `files`, `unit`, and each of `splits` with its size.

    Raises:
        ValueError: as `load`, for any of `splits`.
    """
    sizes = {split: _limits(dataset, split, data_dir, limit, options) for split in splits}
    unit = unit_of(dataset, options.get("unit", "character"))
    paths = (_source(dataset, split, data_dir, options).files for split in splits)
    return {
        "dataset": dataset,
        "files": list(dict.fromkeys(str(path) for files in paths for path in files)),
        "unit": unit,
        **({"encoding": options["encoding"]} if "encoding" in options else {}),
        "splits": {split: {f"{unit}s": end - start} for split, (start, end) in sizes.items()},
    }


def unit_of(dataset: str, unit: str = "character") -> str:
    """A data set's symbol: "character" (a Unicode code point) or "byte"; of `file`, `unit`."""
    return {"file": unit, "enwik8": "byte"}.get(dataset, "character")


def raw_files(dataset: str, data_dir: Path | str | None = None, **options) -> list[Path]:
    """The files that train and dev are read from: what a digest of the data is made of."""
    sources = (_source(dataset, split, data_dir, options) for split in ("train", "dev"))
    return list(dict.fromkeys(path for source in sources for path in source.files))


def _limits(dataset, split, data_dir, limit, options) -> tuple[int, int]:
    """Where a split begins and ends in its source's text, in symbols."""
    check_limit(limit)
    source = _source(dataset, split, data_dir, options)
    shares = (0, 100) if source.shares is None else limits_of(split, source.shares, dataset)
    # One text of several splits is checked once, whichever split is asked for.
    checked = split if source.shares is None else "train"
    total = _length(
        dataset, checked, data_dir, tuple(sorted(options.items())), stamps(*source.files)
    )
    start, end = (total * share // 100 for share in shares)
    end = end if limit is None else min(end, start + limit)
    if start == end:
        raise ValueError(f"Split `{split}` of `{dataset}` must hold text. It is empty.")
    return start, end


def _source(dataset: str, split: str, data_dir, options) -> Source:
    check_choice("dataset", dataset, tuple(SOURCES))
    check_choice("split", split, SPLITS)
    return SOURCES[dataset](split, data_dir, **options)


@functools.lru_cache(maxsize=8)
def _length(dataset: str, split: str, data_dir, options: tuple, state: tuple) -> int:
    """Symbols of a source's text, all of which are read; once for each state of the files."""
    pieces = _source(dataset, split, data_dir, dict(options)).pieces()
    return sum(len(_symbols(piece)) for piece in pieces)


def _symbols(piece: Piece) -> np.ndarray:
    if isinstance(piece, bytes):
        return np.frombuffer(piece, np.uint8).astype(np.int32)
    return np.frombuffer(piece.encode("utf-32-le"), np.uint32).astype(np.int32)


def _records(pieces: Iterator[Piece]) -> Iterator[dict[str, np.ndarray]]:
    for piece in pieces:
        symbols = _symbols(piece)
        for place in range(0, len(symbols), CHUNK):
            yield {"symbols": symbols[place : place + CHUNK]}
