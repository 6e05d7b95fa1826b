"""Texts as numbers: the vocabulary, and the lookup that training and the exported graph share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from datasets import text as texts
from pipelines.cache import cached, digest_of, with_progress
from pipelines.charlm.flags import Evaluate, Train
from pipelines.runs import json_digest, read_json, write_json
from pipelines.store import Store, cached_store

UNKNOWN = 0  # also what stands before a text
CODE_POINTS = 0x110000
VERSION = 1  # of the transform: another one makes caches anew


@dataclass(frozen=True)
class Vocabulary:
    """The symbols that a model knows: number n + 1 is `symbols[n]`; 0 is any other.

    Attributes:
        unit: "character" or "byte".
        symbols: code points or values of bytes, rising.
    """

    unit: str
    symbols: Sequence[int]

    def __len__(self) -> int:
        return len(self.symbols) + 1

    def encode(self, symbols: tf.Tensor) -> tf.Tensor:
        """Code points or bytes -> numbers, `<int32>[symbols]` both, in core TensorFlow alone."""
        known = tf.constant(self.symbols, tf.int32)
        places = tf.searchsorted(known, symbols)
        nearest = tf.gather(known, tf.minimum(places, tf.size(known) - 1))
        return tf.where(nearest == symbols, places + 1, UNKNOWN)

    def strings(self) -> list[bytes]:
        """What each number is in a text; nothing for 0."""
        if self.unit == "byte":
            return [b"", *(bytes([symbol]) for symbol in self.symbols)]
        return [b"", *(chr(symbol).encode() for symbol in self.symbols)]

    def decode(self, numbers: np.ndarray) -> str:
        """Numbers `<int32>[time]` -> text; bytes that are not UTF-8 become "\ufffd"."""
        strings = self.strings()
        return b"".join(strings[number] for number in numbers).decode(errors="replace")

    def to_json(self) -> dict[str, Any]:
        """For vocabulary.json; `from_json` reads it."""
        return {"unit": self.unit, "symbols": [int(symbol) for symbol in self.symbols]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Vocabulary":
        """The vocabulary that `to_json` wrote."""
        return cls(value["unit"], tuple(value["symbols"]))


# Reading: from raw text to numbers on the disk, one piece in the memory at a time.


def options(flags: Train | Evaluate, unit: str) -> dict[str, str]:
    """What `file` alone is told."""
    return {"encoding": flags.encoding, "unit": unit} if flags.dataset == "file" else {}


def read_split(flags: Train | Evaluate, split: str, unit: str) -> tf.data.Dataset:
    """The symbols of a split, in pieces."""
    return texts.load(
        flags.dataset, split, flags.data_dir, limit=flags.limit, **options(flags, unit)
    )


def describe(flags: Train, splits: Sequence[str]) -> dict[str, Any]:
    """What the loader understands of the text, and the first stretches that the model reads.

    Raises:
        ValueError: a split cannot be read.
    """
    found = texts.describe(
        flags.dataset, splits, flags.data_dir, limit=flags.limit, **options(flags, flags.unit)
    )
    (first,) = read_split(flags, "train", flags.unit).take(1).as_numpy_iterator()
    starts = range(0, min(3 * flags.time, len(first["symbols"])), flags.time)
    stretches = [first["symbols"][start : start + flags.time].tolist() for start in starts]
    joined = bytes if found["unit"] == "byte" else lambda points: "".join(map(chr, points))
    return {**found, "examples": [repr(joined(stretch)) for stretch in stretches]}


def data_key(flags: Train) -> dict:
    """All that the symbols of a run's splits depend on."""
    names = ("dataset", "limit", "encoding", "unit")
    given = {name: getattr(flags, name) for name in names}
    files = texts.raw_files(flags.dataset, flags.data_dir, **options(flags, flags.unit))
    return {"version": VERSION, "files": digest_of(files), **given}


def build_vocabulary(flags: Train, key: dict) -> Vocabulary:
    """The symbols seen at least `min_count` times in train.

    Raises:
        ValueError: there is none.
    """

    def write(folder):
        counts = np.zeros(CODE_POINTS, np.int64)
        for symbols in _pieces(read_split(flags, "train", flags.unit), "counted"):
            counts += np.bincount(symbols, minlength=CODE_POINTS)
        write_json(folder / "symbols.json", frequent(counts, flags.min_count))

    kind = {"kind": "charlm vocabulary", "min_count": flags.min_count}
    symbols = read_json(cached(flags.cache_dir, {**key, **kind}, write) / "symbols.json")
    return Vocabulary(texts.unit_of(flags.dataset, flags.unit), tuple(symbols))


def frequent(counts: np.ndarray, min_count: int) -> list[int]:
    """The symbols of a vocabulary, from how often each symbol is there."""
    symbols = np.flatnonzero(counts >= min_count).tolist()
    if not symbols:
        raise ValueError(
            f"`min_count` must leave at least one symbol. Got {min_count} for "
            f"{np.count_nonzero(counts)} symbols."
        )
    return symbols


def encode_split(flags: Train, split: str, vocabulary: Vocabulary, key: dict) -> Store:
    """A split as numbers: the dense column `numbers`, of 8 or 16 bits each."""
    kind = {
        "kind": "charlm numbers",
        "split": split,
        "vocabulary": json_digest(vocabulary.to_json()),
    }
    return cached_store(flags.cache_dir, {**key, **kind}, _numbered(flags, split, vocabulary))


def _numbered(flags: Train, split: str, vocabulary: Vocabulary) -> Iterator[dict]:
    dtype = np.min_scalar_type(len(vocabulary) - 1)
    records = read_split(flags, split, flags.unit)
    numbers = records.map(lambda record: {"symbols": vocabulary.encode(record["symbols"])})
    for piece in _pieces(numbers, "read"):
        yield {"numbers": piece.astype(dtype)}


def _pieces(records: tf.data.Dataset, verb: str) -> Iterator[np.ndarray]:
    symbols = (record["symbols"] for record in records.as_numpy_iterator())
    return with_progress(symbols, len, f"symbols {verb}")
