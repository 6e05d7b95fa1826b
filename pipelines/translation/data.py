"""Sentence pairs as numbers: words by the function that the exported graph has, then subwords."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from datasets import translation
from datasets.translation import load, raw_files
from pipelines.cache import cached, digest_of, with_progress
from pipelines.inspection import lengths_of
from pipelines.runs import json_digest, read_json, write_json
from pipelines.store import Store, cached_store
from pipelines.translation.flags import Train
from pipelines.translation.sentences import split_sentences
from pipelines.translation.subwords import END, learn_vocabulary, numbered_pieces, split_words
from pipelines.translation.variations import Variations

SIDES = ("source", "target")
BATCH = 1000  # pairs a call
SAMPLE = 1_000_000  # pairs that the vocabulary is learnt from, at most
CACHED_WORDS = 2**18  # whose pieces are remembered
VERSION = 2  # of the transform: another one makes caches anew


def read_split(flags: Train, split: str) -> tf.data.Dataset:
    """The records of a split."""
    languages = {"source": flags.source, "target": flags.target}
    return load(flags.dataset, split, flags.data_dir, **languages, limit=flags.limit)


def describe(flags: Train, splits: Sequence[str]) -> dict[str, Any]:
    """What the loader understands of the pairs, the first of them as words, and their lengths.

    Raises:
        ValueError: a split cannot be read.
    """
    languages = {"source": flags.source, "target": flags.target}
    found = translation.describe(
        flags.dataset, splits, flags.data_dir, **languages, limit=flags.limit
    )
    (batch,) = read_split(flags, "train").batch(BATCH).take(1).as_numpy_iterator()
    words = {side: split_words(batch[side]).to_list() for side in SIDES}
    examples = [
        {languages[side]: b" ".join(words[side][pair]).decode() for side in SIDES}
        for pair in range(min(3, len(batch["id"])))
    ]
    lengths = {
        languages[side]: lengths_of([len(row) for row in words[side]], "words") for side in SIDES
    }
    return {**found, "examples": examples, "lengths": lengths}


def data_key(flags: Train) -> dict[str, Any]:
    """All that the records of a run's splits depend on."""
    languages = {"source": flags.source, "target": flags.target}
    files = digest_of(raw_files(flags.dataset, flags.data_dir, **languages))
    names = {"dataset": flags.dataset, "limit": flags.limit, **languages}
    return {"version": VERSION, "files": files, **names}


def build_vocabulary(flags: Train, records: tf.data.Dataset, key: Mapping[str, Any]) -> list[str]:
    """The subwords that are learnt from both sides of the training records, or from the cache.

    Of more than `SAMPLE` pairs a sample drawn by `--seed` is read.

    Raises:
        ValueError: `vocabulary_size` leaves no room beside bytes and characters.
    """
    pairs = int(records.cardinality())

    def write(folder):
        if pairs > SAMPLE:
            print(f"The vocabulary is learnt from {SAMPLE:,} of {pairs:,} pairs.", flush=True)
        pieces = learn_vocabulary(lambda: sentences(records, flags.seed), flags.vocabulary_size)
        write_json(folder / "vocabulary.json", pieces)

    kind = {"kind": "translation vocabulary", "size": flags.vocabulary_size}
    seed = flags.seed if pairs > SAMPLE else None
    folder = cached(flags.cache_dir, {**key, **kind, "seed": seed}, write)
    return read_json(folder / "vocabulary.json")


def sentences(records: tf.data.Dataset, seed: int, most: int = SAMPLE) -> Iterator[str]:
    """Both sides of at most about `most` records: of all, or of a share drawn by the seed."""
    share = most / int(records.cardinality())
    rng = np.random.default_rng(seed)
    batches = records.batch(BATCH).prefetch(1).as_numpy_iterator()
    for batch in with_progress(batches, lambda batch: len(batch["id"]), "pairs read"):
        chosen = rng.random(len(batch["id"])) < share
        for side in SIDES:
            yield from (sentence.decode() for sentence in batch[side][chosen])


def encode_split(
    flags: Train,
    split: str,
    records: tf.data.Dataset,
    vocabulary: Sequence[str],
    key: Mapping[str, Any],
) -> Store:
    """A split as numbers: ragged columns `source` and `target`, each row with its end token."""
    kind = {"kind": "translation records", "split": split, "vocabulary": json_digest(vocabulary)}
    variations = None
    if split == "train" and (flags.other_names or flags.lower_cased):
        shares = {"other_names": flags.other_names, "lower_cased": flags.lower_cased}
        kind |= {**shares, "seed": flags.seed}
        variations = Variations(**shares, seed=flags.seed)
    return cached_store(flags.cache_dir, {**key, **kind}, numbered(records, vocabulary, variations))


def sentence_pairs(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Pairs of sentences from pairs of texts, `<string>[texts]` -> `<string>[pairs]` of each side.

    A pair whose sides have the same number of sentences gives so many pairs; another stays whole.
    """
    sentences = {side: split_sentences(batch[side]) for side in SIDES}
    counts = [rows.row_lengths() for rows in sentences.values()]
    alike = (counts[0] == counts[1]) & (counts[0] > 1)
    pairs = {}
    for side, rows in sentences.items():
        whole = tf.RaggedTensor.from_row_lengths(batch[side], tf.ones_like(counts[0]))
        both = tf.concat([rows, whole], axis=1)
        places, last = tf.ragged.range(both.row_lengths()), rows.row_lengths()
        keep = (places.values < tf.repeat(last, last + 1)) == tf.repeat(alike, last + 1)
        pairs[side] = tf.ragged.boolean_mask(both, both.with_values(keep)).values
    return pairs


def numbered(
    records: tf.data.Dataset, vocabulary: Sequence[str], variations: Variations | None = None
) -> Iterator[dict[str, Any]]:
    """Batches of a store from records of `source` and `target`."""
    pieces = word_cutter(vocabulary)
    dtype = np.uint16 if len(vocabulary) <= 2**16 else np.int32

    def split(batch):
        return {side: split_words(texts) for side, texts in sentence_pairs(batch).items()}

    batches = records.batch(BATCH).map(split, num_parallel_calls=tf.data.AUTOTUNE).prefetch(1)
    for batch in with_progress(batches, lambda batch: int(batch["source"].nrows()), "pairs cut"):
        pairs = [batch[side].to_list() for side in SIDES]
        if variations is not None:
            pairs = zip(*itertools.starmap(variations.vary, zip(*pairs, strict=True)), strict=True)
        columns = zip(SIDES, pairs, strict=True)
        yield {side: _ragged(rows, pieces, dtype) for side, rows in columns}


def _ragged(rows: Sequence[list[bytes]], pieces: Callable, dtype) -> tuple[np.ndarray, list[int]]:
    tokens = [[*itertools.chain.from_iterable(map(pieces, words)), END] for words in rows]
    return np.fromiter(itertools.chain.from_iterable(tokens), dtype), list(map(len, tokens))


def word_cutter(vocabulary: Sequence[str]) -> Callable[[bytes], list[int]]:
    """A function from a word to its tokens, which remembers the words that it met last."""
    numbers = numbered_pieces(vocabulary)
    longest = max(map(len, numbers))
    return functools.lru_cache(CACHED_WORDS)(lambda word: longest_pieces(word, numbers, longest))


def longest_pieces(
    word: bytes,
    numbers: Mapping[bytes, int],
    longest: int,
    dropout: float = 0.0,
    rng: Any = None,
) -> list[int]:
    """Tokens of a word: the longest piece that it begins with, and so on with the rest.

    Every byte is a piece, so that there always is one. With dropout a piece of more than one
    character is passed over with that probability.

    Args:
        numbers: token of each piece.
        longest: bytes of the longest piece.
        rng: its `random()` decides what is passed over.
    """
    tokens = []
    start = 0
    while start < len(word):
        for end in range(min(len(word), start + longest), start, -1):
            token = numbers.get(word[start:end])
            if token is None:
                continue
            if dropout and not _is_character(word[start:end]) and rng.random() < dropout:
                continue
            tokens.append(token)
            start = end
            break
    return tokens


def _is_character(piece: bytes) -> bool:
    return len(piece) == 1 or len(piece.decode()) == 1
