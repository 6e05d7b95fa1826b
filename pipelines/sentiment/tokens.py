"""Texts as numbers, by one TensorFlow function that training and the exported graph share.

Core `tf.strings` and `tf.lookup` alone, so that the exported model needs nothing but TensorFlow.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import tensorflow as tf

from datasets.sentiment import CLEANING

PAD, UNKNOWN = range(2)
SPECIAL = ("<padding>", "<unknown>")  # no token is ever spelt so: < is a token of its own
BATCH = 1000  # texts a call

# (pattern, replacement), one after the other, in RE2's syntax; after `datasets.sentiment.CLEANING`.
RULES = (
    (r"</?[A-Za-z][^<>]{0,200}>", " "),  # tags other than breaks, which are gone by now
    (r"[“”„«»]|''", '"'),
    (r"[’‘ʼ´`]", "'"),
    # What only changes how the sign before it looks: an emoji of any colour is the same word.
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
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
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
    """(head, tail) of `cut` for a flag's word.

    "both" keeps a quarter from the beginning and the rest from the end, where the verdict stands
    (Sun et al. 2019, "How to fine-tune BERT for text classification").
    """
    head = {"head": max_length, "tail": 0, "both": max_length // 4}
    if part not in head:
        raise ValueError(f"`cut` must be one of {tuple(head)}. Got {part!r}.")
    return head[part], max_length - head[part]


def build_vocabulary(
    texts: Iterable[str], size: int, min_count: int = 1, lower_case: bool = True
) -> list[str]:
    """The most frequent tokens, after the two special ones; `size` with them.

    Equal counts are in alphabetical order, so that the same texts give the same numbers.
    """
    counts = Counter()
    for tokens in _tokenized(texts, lower_case):
        counts.update(tokens.values.numpy().tolist())
    found = [(-count, token.decode()) for token, count in counts.items() if count >= min_count]
    if not found:
        raise ValueError(
            f"`min_count` must leave at least one word. Got {min_count} for {len(counts)} words."
        )
    return [*SPECIAL, *(token for _, token in sorted(found)[: size - len(SPECIAL)])]


def lookup_table(vocabulary: Sequence[str]) -> tf.lookup.StaticHashTable:
    """Token -> number; a token that is not there is `UNKNOWN`."""
    numbers = tf.range(len(vocabulary), dtype=tf.int32)
    words = tf.lookup.KeyValueTensorInitializer(tf.constant(vocabulary), numbers)
    return tf.lookup.StaticHashTable(words, UNKNOWN)


def encode(
    texts: Iterable[str], vocabulary: Sequence[str], lower_case: bool = True
) -> list[np.ndarray]:
    """Each text's numbers `<int32>[length]`, uncut."""
    table = lookup_table(vocabulary)
    rows = []
    for tokens in _tokenized(texts, lower_case):
        rows += np.split(table[tokens.values].numpy(), tokens.row_splits.numpy()[1:-1])
    return rows


def telling_pairs(rows: Sequence[np.ndarray], labels: np.ndarray, count: int) -> np.ndarray:
    """The `count` pairs of neighbouring known words that tell most about the label.

    By the chi-squared statistic of a pair's texts over the labels, Σ_c (n_c - e_c)² / e_c, where
    n_c is how many texts of label c have the pair and e_c how many would if labels did not matter.

    Args:
        rows: word numbers of each text.
        labels: `<int>[texts]`; a text whose label is below 0 is left out.
        count: pairs at most. Of equals the smaller numbers come first.

    Returns:
        `<int>[pairs, 2]` in rising order: word before, word; fewer than `count`, where there are
        fewer.
    """
    shares = np.bincount(labels[labels >= 0]) / np.sum(labels >= 0)
    codes, owners = [], []
    for row, label in zip(rows, labels, strict=True):
        pairs = np.stack([row[:-1], row[1:]], axis=1).astype(np.int64)
        pairs = pairs[(pairs > UNKNOWN).all(axis=1)] if label >= 0 else pairs[:0]
        codes.append(np.unique((pairs[:, 0] << 32) + pairs[:, 1]))  # sorted as the pairs are
        owners.append(np.full(len(codes[-1]), label))
    codes, places = np.unique(np.concatenate(codes), return_inverse=True)
    found = np.zeros((len(codes), len(shares)))
    np.add.at(found, (places, np.concatenate(owners)), 1)
    expected = found.sum(axis=1, keepdims=True) * shares
    tells = np.sum((found - expected) ** 2 / np.maximum(expected, 1e-9), axis=1)
    chosen = np.sort(codes[np.argsort(-tells, kind="stable")[:count]])
    return np.stack([chosen >> 32, chosen & 0xFFFFFFFF], axis=1)


def cut_row(row: np.ndarray, head: int, tail: int) -> np.ndarray:
    """`cut` of one row of numbers."""
    if len(row) <= head + tail:
        return row
    return np.concatenate([row[:head], row[len(row) - tail :]])


def _tokenized(texts: Iterable[str], lower_case: bool) -> Iterator[tf.RaggedTensor]:
    split = tf.function(lambda part: tokenize(part, lower_case))
    texts = iter(texts)
    while part := list(islice(texts, BATCH)):
        # Bytes of a user's file may have reached a string as lone surrogates.
        encoded = [text.encode("utf-8", errors="surrogatepass") for text in part]
        yield split(tf.constant(encoded))
