"""Rows of word numbers of many lengths as batches of few shapes."""

from collections.abc import Iterator, Sequence

import numpy as np

from pipelines.sentiment.tokens import PAD, UNKNOWN

LENGTHS = (32, 64, 96, 128, 192, 256, 320, 400, 512, 640, 800, 1024)  # words to pad to


def boundaries(rows: Sequence[np.ndarray], most: int = 6) -> list[int]:
    """Lengths to pad to, rising, the longest row's last; `most` of them at most.

    Few: each is a shape of its own to compile. Those are kept that leave the least padding.
    """
    lengths = np.array([max(1, len(row)) for row in rows])
    longest = int(lengths.max())
    found = [length for length in LENGTHS if length < longest] + [longest]
    while len(found) > most:
        fuller = [[*found[:i], *found[i + 1 :]] for i in range(len(found) - 1)]
        found = min(fuller, key=lambda candidate: _padded(lengths, candidate))
    return found


def _padded(lengths: np.ndarray, candidate: Sequence[int]) -> int:
    return int(np.array(candidate)[np.searchsorted(candidate, lengths)].sum())


def pad(rows: Sequence[np.ndarray], time: int) -> np.ndarray:
    """Right padding with 0: `<int32>[rows, time]`."""
    padded = np.full((len(rows), time), PAD, np.int32)
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = row
    return padded


def shuffled(
    rows: Sequence[np.ndarray], size: int, lengths: Sequence[int], rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """One pass over the rows in random order, rows of similar length together.

    The last batch of a length is filled up with rows of that length, so that all have one size.

    Args:
        rows: word numbers, none longer than the last of `lengths`.
        size: rows a batch.
        lengths: see `boundaries`.
        rng: decides the order; the same generator state gives the same pass.

    Yields:
        indices `<int>[size]` and their words `<int32>[size, time]`.
    """
    order = rng.permutation(len(rows))
    buckets = np.searchsorted(lengths, [len(rows[index]) for index in order])
    batches = []
    for bucket in np.unique(buckets):
        members = order[buckets == bucket]
        filled = np.resize(members, -(-len(members) // size) * size)
        batches += [(lengths[bucket], part) for part in filled.reshape(-1, size)]
    for index in rng.permutation(len(batches)):
        time, members = batches[index]
        yield members, pad([rows[member] for member in members], time)


def count(rows: Sequence[np.ndarray], size: int, lengths: Sequence[int]) -> int:
    """Batches of one pass of `shuffled`."""
    buckets = np.searchsorted(lengths, [len(row) for row in rows])
    return int(sum(-(-members // size) for members in np.bincount(buckets)))


def in_order(
    rows: Sequence[np.ndarray], size: int, lengths: Sequence[int]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every row once, the shortest first; as `shuffled`, with a last batch that is filled up.

    Yields:
        indices `<int>[at most size]` and words `<int32>[size, time]`, empty rows at the end.
    """
    order = np.argsort([len(row) for row in rows], kind="stable")
    for start in range(0, len(order), size):
        members = order[start : start + size]
        time = lengths[np.searchsorted(lengths, len(rows[members[-1]]))]
        words = np.full((size, time), PAD, np.int32)
        words[: len(members)] = pad([rows[member] for member in members], time)
        yield members, words


def drop_words(tokens: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Replaces a random share of the words by the unknown word; padding stays.

    A verdict must then rest on more than one word (word dropout, Iyyer et al. 2015).
    """
    if not share:
        return tokens
    return np.where((rng.random(tokens.shape) < share) & (tokens != PAD), UNKNOWN, tokens)
