"""How many held-out reviews stand in the training data as well, word for word or nearly so."""

import logging
import zlib

import numpy as np
import tensorflow as tf

from datasets.sentiment.cleaning import words

MOST = 100_000  # texts of each side, which bounds time and memory
SHINGLE = 5  # words
ALIKE = 0.5  # share of shingles in common from which two reviews are near-duplicates

_COMMON = 20  # a shingle of more held-out reviews than this is a set phrase: it makes no candidate
_BLOCK = 2000  # training reviews at a time: bounds the memory
_EXAMPLES = 3
_LOG = logging.getLogger(__name__)


def warn_overlap(train: tf.data.Dataset, held_out: tf.data.Dataset) -> int:
    """The number of held-out reviews that have a near-duplicate in training, told in a warning.

    With S(a) the set of the runs of five words in text a (of all its words, if it has fewer), lower
    case, punctuation aside, two texts are near-duplicates if

        |S(a) & S(b)| / |S(a) | S(b)| >= 0.5

    (Broder, "On the resemblance and containment of documents", 1997; here exact, not sampled). A
    pair whose common shingles are all in more than 20 held-out reviews is not seen.

    Args:
        train, held_out: records of `id` and `text`; the first `MOST` of each are compared.
    """
    names, held = [], []
    for record in held_out.take(MOST).as_numpy_iterator():
        names.append(record["id"].decode("utf-8", "replace"))
        held.append(_shingles(record["text"].decode("utf-8", "surrogatepass")))
    owners = np.repeat(np.arange(len(held)), [len(shingles) for shingles in held])
    shingles = np.concatenate([*held, np.zeros(0, np.uint64)])
    order = np.argsort(shingles, kind="stable")
    shingles, owners = shingles[order], owners[order]
    nearest: dict[int, str] = {}  # held-out text -> id of a training text that is like it
    for records in train.take(MOST).batch(_BLOCK).as_numpy_iterator():
        block = [_shingles(text.decode("utf-8", "surrogatepass")) for text in records["text"]]
        for row, place in _candidates(block, shingles, owners, len(held)):
            if place not in nearest and _resemblance(block[row], held[place]) >= ALIKE:
                nearest[place] = records["id"][row].decode("utf-8", "replace")
    if nearest:
        pairs = [f"{names[a]} ~ {b}" for a, b in sorted(nearest.items())[:_EXAMPLES]]
        more = "; ..." if len(nearest) > _EXAMPLES else ""
        _LOG.warning(
            "%d of %d held-out reviews have a near-duplicate in training: %s%s",
            *(len(nearest), len(held), "; ".join(pairs), more),
        )
    return len(nearest)


def _shingles(text: str) -> np.ndarray:
    """`<uint64>[shingles]`, sorted, each once: a polynomial hash of every run of `SHINGLE` words.

    Python's own hash of a string differs from process to process, CRC-32 does not.
    """
    hashes = np.array([zlib.crc32(word.encode()) for word in words(text)], np.uint64)
    width = min(SHINGLE, len(hashes))
    if not width:
        return hashes
    rolled = np.zeros(len(hashes) - width + 1, np.uint64)
    for i in range(width):  # odd factor, modulo 2**64
        rolled = rolled * np.uint64(0x9E3779B97F4A7C15) + hashes[i : len(rolled) + i]
    return np.unique(rolled)


def _candidates(
    block: list[np.ndarray], shingles: np.ndarray, owners: np.ndarray, count: int
) -> list[tuple[int, int]]:
    """Pairs (in the block, held out) that share a shingle which is no set phrase."""
    wanted = np.concatenate(block)
    place = np.repeat(np.arange(len(block)), [len(text) for text in block])
    low = np.searchsorted(shingles, wanted, "left")
    holders = np.searchsorted(shingles, wanted, "right") - low  # held-out reviews that have it
    use = (holders > 0) & (holders <= _COMMON)
    low, holders, place = low[use], holders[use], place[use]
    within = np.arange(holders.sum()) - np.repeat(np.cumsum(holders) - holders, holders)
    pairs = np.repeat(place, holders) * count + owners[np.repeat(low, holders) + within]
    return [divmod(pair, count) for pair in np.unique(pairs).tolist()]


def _resemblance(first: np.ndarray, second: np.ndarray) -> float:
    common = len(np.intersect1d(first, second, assume_unique=True))
    return common / (len(first) + len(second) - common)
