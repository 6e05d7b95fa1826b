"""Where a text comes from, piece by piece, and which part of it is train, dev and test."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

SPLITS = ("train", "dev", "test")

Piece = str | bytes  # bytes where a symbol is a byte


class Source(NamedTuple):
    """One text, or one split of it.

    Attributes:
        pieces: gives the text from its start to its end, a part at a time.
        shares: per cent of train, dev and test, which lie one after the other in the text; None
            where the text is the split itself.
        files: that the text is read from.
    """

    pieces: Callable[[], Iterable[Piece]]
    shares: Sequence[int] | None = None
    files: Sequence[Path] = ()


def limits_of(split: str, shares: Sequence[int], dataset: str) -> tuple[int, int]:
    """Per cent of the text at which a split begins and ends: of dev in (80, 10, 10), 80 and 90.

    Raises:
        ValueError: the set has no such split.
    """
    names = SPLITS[: len(shares)]
    if split not in names:
        raise ValueError(
            f"`split` of `{dataset}` must be one of {', '.join(names)}. Got {split!r}, which its "
            "literature does not have."
        )
    before = sum(shares[: names.index(split)])
    return before, before + shares[names.index(split)]


def part(pieces: Iterable[Piece], start: int, end: int) -> Iterator[Piece]:
    """The symbols from `start` to before `end` of a text, piece by piece."""
    place = 0
    for piece in pieces:
        if place >= end:
            return
        chosen = piece[max(start - place, 0) : end - place]
        if chosen:
            yield chosen
        place += len(piece)
