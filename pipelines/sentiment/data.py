"""Texts as numbers, by one TensorFlow function that training and the exported graph share.

Core `tf.strings` and `tf.lookup` alone, so that the exported model needs nothing but TensorFlow.
"""

import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from datasets import sentiment
from datasets.sentiment import CLEANING, label_names, load, raw_files
from pipelines.cache import cached, digest_of, with_progress
from pipelines.inspection import lengths_of
from pipelines.runs import json_digest, read_json, write_json
from pipelines.sentiment.flags import Train, csv_options
from pipelines.store import Store, cached_store
from pipelines.unicode import compose

PAD, UNKNOWN = range(2)
SPECIAL = ("<padding>", "<unknown>")  # no token is ever spelt so: < is a token of its own
BATCH = 1000  # texts a call
SAMPLE = 1_000_000  # texts that the vocabulary is counted over, at most
VERSION = 3  # of the transform: another one makes caches anew

# (pattern, replacement), one after the other, in RE2's syntax; after `datasets.sentiment.CLEANING`.
RULES = (
    (r"</?[A-Za-z][^<>]{0,200}>", " "),  # tags other than breaks, which are gone by now
    (r"[“”„«»]|''|``", '"'),
    (r"[’‘ʼ´`]", "'"),
    # Signs that change the looks of the sign before alone: an emoji of any colour is one word.
    (r"[\x{FE00}-\x{FE0F}\x{1F3FB}-\x{1F3FF}\x{200B}-\x{200F}\x{2060}\x{AD}]", ""),
    (r"[\p{Z}\p{Cc}]+", " "),
    # Faces made of signs, before the signs are split.
    (r"(^|[^\p{L}\p{N}])[:;=]'?-?[)\]D]+", r"\1 🙂 "),
    (r"(^|[^\p{L}\p{N}])[:=]'?-?[(\[]+", r"\1 🙁 "),
    # Repeated signs are one word: how often hardly matters.
    (r"[.]{2,}|…", " ... "),
    (r"[!?]*(?:![?]|[?]!)[!?]*", " ?! "),
    (r"!{2,}", " !! "),
    (r"[?]{2,}", " ?? "),
    (r"-{2,}|[–—]", " -- "),
    # Signs inside numbers stay there: 7.5, 8/10, 1,000.
    (r"(^|[^\d.,/:])([.,/:]+)", r"\1 \2 "),
    (r"([.,/:]+)($|[^\d.,/:])", r" \1 \2"),
    # Texts that come in tokens: it 's -> it's. ("wo n't" needs nothing, and 's' is quoted.)
    (r"(?i)([\p{L}\p{N}]) '(s|re|ve|ll|d|m)( |$)", r"\1'\2\3"),
    # Quotation marks, then "n't", "'s" and the like as words of their own.
    (r"(^|[^\p{L}\p{M}\p{N}])'", r"\1 ' "),
    (r"'($|[^\p{L}\p{M}\p{N}])", r" ' \1"),
    (r"(?i)n't\b", " n't"),
    (r"(?i)'(s|re|ve|ll|d|m)\b", r" '\1"),
    # Runs of some signs, every other sign, every emoji, every letter of scripts without spaces.
    (r"([!?]+|\*+|-+)", r" \1 "),
    (r"([^\p{L}\p{M}\p{N}\s'.,/:!?*-]|\p{Han}|\p{Hiragana}|\p{Katakana}|\p{Thai})", r" \1 "),
)


def tokenize(texts: tf.Tensor, lower_case: bool = True) -> tf.RaggedTensor:
    """Words and signs of each text: `<string>[batch]` -> `<string>[batch, None]`.

    "It's GREAT!!<br />8/10 :)" -> ["it", "'s", "great", "!!", "8/10", "🙂"]. Bytes that are not
    UTF-8 become U+FFFD, a sign like others.

    Args:
        texts: of any length, empty ones too.
        lower_case: whether "Great" and "great" are one word.
    """
    texts = compose(tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace"))
    for pattern, replacement in (*CLEANING, *RULES):
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    if lower_case:
        texts = tf.strings.lower(texts, encoding="utf-8")
    return tf.strings.split(texts)


def cut(tokens: tf.RaggedTensor, head: int, tail: int) -> tf.RaggedTensor:
    """The first `head` and the last `tail` tokens of each row; a row of no more stays whole."""
    lengths = tokens.row_lengths()
    places = tf.ragged.range(lengths)
    ends = tf.gather(lengths, places.value_rowids())
    keep = (places.values < head) | (places.values >= ends - tail)
    return tf.ragged.boolean_mask(tokens, tokens.with_values(keep))


def ends(part: str, max_length: int) -> tuple[int, int]:
    """(head, tail) of `cut` for the flag's word, "head", "tail" or "both".

    "both" keeps a quarter from the beginning and the rest from the end, where the verdict stands
    (Sun et al. 2019, "How to fine-tune BERT for text classification").
    """
    head = {"head": max_length, "tail": 0, "both": max_length // 4}[part]
    return head, max_length - head


def lookup_table(vocabulary: Sequence[str]) -> tf.lookup.StaticHashTable:
    """Token -> number; a token that is not there is `UNKNOWN`."""
    numbers = tf.range(len(vocabulary), dtype=tf.int32)
    words = tf.lookup.KeyValueTensorInitializer(tf.constant(vocabulary), numbers)
    return tf.lookup.StaticHashTable(words, UNKNOWN)


# Reading: from raw texts to numbers on the disk, one batch in the memory at a time.


def read_split(flags: Train, split: str) -> tf.data.Dataset:
    """The records of a split: `id`, `text` and `label`.

    Raises:
        ValueError: the data set cannot be used.
    """
    return load(flags.dataset, split, flags.data_dir, **_options(flags))


def _options(flags: Train) -> dict[str, Any]:
    cache = functools.partial(cached, flags.cache_dir)
    limits = {"seed": flags.split_seed, "limit": flags.limit}
    return {"cache": cache, **limits, **csv_options(flags)}


def read_labels(flags: Train) -> tuple[str, ...]:
    """The labels' names in the order of their numbers."""
    cache = functools.partial(cached, flags.cache_dir)
    return label_names(flags.dataset, flags.data_dir, cache=cache, **csv_options(flags))


def describe(flags: Train, splits: Sequence[str]) -> dict[str, Any]:
    """What the loader understands of the texts, the first of them as the model reads them.

    Raises:
        ValueError: a split cannot be used.
    """
    found = sentiment.describe(flags.dataset, splits, flags.data_dir, **_options(flags))
    (batch,) = read_split(flags, "train").batch(BATCH).take(1).as_numpy_iterator()
    words = tokenize(batch["text"], flags.lower_case)
    read = cut(words, *ends(flags.cut, flags.max_length))
    names = read_labels(flags)
    examples = [
        {"label": names[label], "words": b" ".join(row).decode()}
        for label, row in zip(batch["label"][:3], read[:3].to_list(), strict=True)
    ]
    return {**found, "examples": examples, "lengths": lengths_of(words.row_lengths(), "words")}


def data_key(flags: Train) -> dict:
    """All that the tokens of a run's splits depend on."""
    names = ("dataset", "split_seed", "limit", "lower_case")
    files = digest_of(raw_files(flags.dataset, flags.data_dir))
    values = {name: getattr(flags, name) for name in names}
    return {"version": VERSION, "files": files, **values, **csv_options(flags)}


def build_vocabulary(flags: Train, train: tf.data.Dataset, key: dict) -> list[str]:
    """The most frequent tokens of train, after the two special ones; `vocabulary_size` with them.

    Of more than `SAMPLE` texts a sample drawn by `--seed` is counted. Equal counts are in
    alphabetical order, so that the same texts give the same numbers.

    Args:
        train: see `read_split`.
        key: see `data_key`.

    Raises:
        ValueError: `min_count` leaves no word.
    """

    def write(folder):
        counts: Counter = Counter()
        texts = sample(train, SAMPLE, flags.seed)
        for batch in with_progress(_tokenized(texts, flags), _rows, "texts counted"):
            counts.update(batch["tokens"].values.numpy().tolist())
        write_json(folder / "vocabulary.json", most_frequent(counts, flags))

    kind = {"kind": "sentiment vocabulary", "size": flags.vocabulary_size, "seed": flags.seed}
    folder = cached(flags.cache_dir, {**key, **kind, "min_count": flags.min_count}, write)
    return read_json(folder / "vocabulary.json")


def sample(records: tf.data.Dataset, most: int, seed: int) -> tf.data.Dataset:
    """At most about `most` records: all of a smaller set, else a share drawn by the seed."""
    total = int(records.cardinality())
    if total <= most:
        return records
    print(f"The vocabulary is counted over {most:,} of {total:,} texts.", flush=True)

    def chosen(index, _):
        draw = tf.random.stateless_uniform([], tf.stack([seed, index]))
        return draw < most / total

    return records.enumerate().filter(chosen).map(lambda _, record: record)


def most_frequent(counts: Counter, flags: Train) -> list[str]:
    """The vocabulary from counts of tokens."""
    ranked = sorted((-n, word.decode()) for word, n in counts.items() if n >= flags.min_count)
    if not ranked:
        raise ValueError(
            f"`min_count` must leave at least one word. Got {flags.min_count} for {len(counts)} "
            "words."
        )
    return [*SPECIAL, *(word for _, word in ranked[: flags.vocabulary_size - len(SPECIAL)])]


def encode_split(
    flags: Train, split: str, records: tf.data.Dataset, vocabulary: Sequence[str], key: dict
) -> Store:
    """A split as numbers: columns `tokens` (cut to `max_length`) and `label`.

    Texts without a label, or without words, are left out.

    Args:
        split, records: its name and its records, see `read_split`.
        vocabulary: token of each number.
        key: see `data_key`.

    Raises:
        ValueError: nothing is left.
    """
    kind = {
        "kind": "sentiment records",
        "split": split,
        "vocabulary": json_digest(list(vocabulary)),
        "ends": ends(flags.cut, flags.max_length),
    }
    return cached_store(flags.cache_dir, {**key, **kind}, _numbered(records, flags, vocabulary))


def _numbered(records: tf.data.Dataset, flags: Train, vocabulary) -> Iterator[dict]:
    table = lookup_table(vocabulary)
    dtype = np.uint16 if len(vocabulary) <= 2**16 else np.int32

    def transform(batch):
        words = cut(batch["tokens"], *ends(flags.cut, flags.max_length))
        useful = (batch["label"] >= 0) & (words.row_lengths() > 0)
        words = tf.ragged.boolean_mask(words, useful)
        return {
            "tokens": words.with_values(table[words.values]),
            "label": batch["label"][useful],
        }

    batches = _tokenized(records, flags).map(transform)
    for batch in with_progress(batches, _rows, "texts read"):
        tokens = batch["tokens"]
        yield {
            "tokens": (tokens.values.numpy().astype(dtype), tokens.row_lengths().numpy()),
            "label": batch["label"].numpy(),
        }


def _tokenized(records: tf.data.Dataset, flags: Train) -> tf.data.Dataset:
    """Batches of `tokens <string>[batch, None]` and `label <int32>[batch]`."""

    def transform(batch):
        return {
            "tokens": tokenize(batch["text"], flags.lower_case),
            "label": batch["label"],
        }

    return records.batch(BATCH).map(transform, num_parallel_calls=tf.data.AUTOTUNE).prefetch(1)


def _rows(batch: dict) -> int:
    return int(batch["label"].shape[0])
