"""Symbols as numbers: the vocabulary of a model of characters or of bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

UNKNOWN = 0  # also what stands before a text


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

    def encode(self, symbols: np.ndarray) -> np.ndarray:
        """Code points or bytes -> numbers, `<int32>[...]` both."""
        last = self.symbols[-1]
        numbers = np.zeros(last + 2, np.int32)  # of each code point; the last for all above
        numbers[list(self.symbols)] = np.arange(1, len(self))
        return numbers[np.minimum(symbols, last + 1)]

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


def build_vocabulary(unit: str, symbols: np.ndarray, min_count: int) -> Vocabulary:
    """The symbols seen at least `min_count` times.

    Raises:
        ValueError: there is none.
    """
    found, counts = np.unique(symbols, return_counts=True)
    kept = found[counts >= min_count]
    if not len(kept):
        raise ValueError(
            f"`min_count` must leave at least one symbol. Got {min_count} for {len(found)} symbols."
        )
    return Vocabulary(unit, tuple(kept.tolist()))
