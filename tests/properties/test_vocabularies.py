"""What holds of words, subwords and characters, whatever the text."""

import tempfile
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.charlm.data import UNKNOWN, Vocabulary, frequent
from pipelines.charlm.signatures import Texts
from pipelines.sentiment import data as sentiment
from pipelines.sentiment.flags import Train
from pipelines.translation.data import longest_pieces
from pipelines.translation.subwords import (
    BYTES,
    MARK,
    SPECIAL,
    Subwords,
    numbered_pieces,
    split_words,
)
from tests.pipelines.sentiment.small import records_of
from tests.properties.strategies import any_texts, texts

PIECES = [*SPECIAL, *BYTES, MARK, "▁e", "▁th", "er", "é", "中", "e", "t", "🙂", "\u0301", "▁."]
SUBWORDS = Subwords(PIECES)
NUMBERS = numbered_pieces(PIECES)
LONGEST = 10_000

encode = tf.function(
    lambda text: SUBWORDS.encode(text, LONGEST),
    input_signature=[tf.TensorSpec([None], tf.string)],
)
decode = tf.function(SUBWORDS.decode, input_signature=[tf.TensorSpec([None, None], tf.int32)])
tokenize = tf.function(sentiment.tokenize, input_signature=[tf.TensorSpec([None], tf.string)])


def as_bytes(batch):
    """Lone surrogates back to the bytes that they were made of."""
    return tf.constant([text.encode("utf-8", "surrogateescape") for text in batch], tf.string)


def spaced(text):
    """The text with every run of spaces and control characters as one space, and stripped."""
    letters = (
        " "
        if c == MARK or unicodedata.category(c)[0] == "Z" or unicodedata.category(c) == "Cc"
        else c
        for c in text
    )
    return " ".join(part for part in "".join(letters).split(" ") if part)


batches = st.lists(texts, min_size=1, max_size=6)


@given(batches)
def test_subwords_give_every_text_back(batch):
    found = decode(encode(as_bytes(batch)).to_tensor(0))
    assert [text.decode() for text in found.numpy()] == [spaced(text) for text in batch]


@given(batches)
def test_graph_cuts_words_as_python_does(batch):
    words = split_words(as_bytes(batch)).to_list()
    longest = max(map(len, NUMBERS))
    wanted = [[t for word in row for t in longest_pieces(word, NUMBERS, longest)] for row in words]
    assert encode(as_bytes(batch)).to_list() == wanted


@given(st.lists(any_texts, min_size=2, max_size=6))
def test_subwords_of_a_text_are_its_own(batch):
    together = encode(as_bytes(batch)).to_list()
    assert together == [encode(as_bytes([text])).to_list()[0] for text in batch]
    assert all(len(SPECIAL) <= token < len(PIECES) for row in together for token in row)


@given(st.lists(st.lists(st.integers(0, len(PIECES) - 1), min_size=3, max_size=3), min_size=1))
def test_any_pieces_are_text(rows):
    for text in decode(tf.constant(rows, tf.int32)).numpy():
        assert text.decode() == text.decode().strip(" ")


@given(st.lists(any_texts, min_size=2, max_size=6))
def test_words_of_a_review_are_its_own(batch):
    together = tokenize(as_bytes(batch)).to_list()
    assert together == [tokenize(as_bytes([text])).to_list()[0] for text in batch]
    for word in (word.decode() for row in together for word in row):
        assert word
        assert not any(letter.isspace() for letter in word)
        assert word not in sentiment.SPECIAL


@settings(max_examples=5)  # each example traces the tokenizer anew
@given(st.lists(texts, min_size=1, max_size=6))
def test_numbers_of_words_are_in_the_vocabulary(batch):
    batch = [*batch, "a"]
    words = tokenize(as_bytes(batch))
    counts = Counter(words.values.numpy().tolist())
    vocabulary = sentiment.most_frequent(counts, Train(vocabulary_size=9))
    assert len(vocabulary) == len(set(vocabulary)) <= 9
    with tempfile.TemporaryDirectory() as folder:
        flags = Train(cache_dir=Path(folder), max_length=1000)
        store = sentiment.encode_split(flags, "train", records_of(batch), vocabulary, {})
        rows = [store.row("tokens", record).tolist() for record in range(len(store))]
    spelt = [row for row in words.to_list() if row]
    assert [len(row) for row in rows] == [len(row) for row in spelt]
    for numbers, row in zip(rows, spelt, strict=True):
        for number, word in zip(numbers, row, strict=True):
            assert number != sentiment.PAD
            assert number == sentiment.UNKNOWN or vocabulary[number].encode() == word


@given(st.lists(st.integers(0, 12), min_size=1, max_size=6), st.integers(0, 5), st.integers(0, 5))
def test_cut_leaves_the_head_and_the_tail(lengths, head, tail):
    rows = [list(range(length)) for length in lengths]
    ragged = tf.ragged.constant(rows, dtype=tf.int32, ragged_rank=1)
    wanted = [
        row if len(row) <= head + tail else [*row[:head], *row[len(row) - tail :]] for row in rows
    ]
    assert sentiment.cut(ragged, head, tail).to_list() == wanted


def vocabulary_of(text):
    counts = np.bincount([ord(letter) for letter in text])
    return Vocabulary("character", tuple(frequent(counts, min_count=1)))


@settings(max_examples=30)
@given(texts.filter(len), texts)
def test_characters_come_back_and_unknown_ones_are_nothing(known, text):
    vocabulary = vocabulary_of(known)
    for letters in (known, text):
        numbers = vocabulary.encode(tf.constant(list(map(ord, letters)), tf.int32)).numpy()
        assert vocabulary.decode(numbers) == "".join(c for c in letters if c in known)
        assert [n == UNKNOWN for n in numbers] == [c not in known for c in letters]
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


@given(texts.filter(len), st.lists(texts, min_size=1, max_size=5))
def test_graph_numbers_strings_as_training_numbers_their_symbols(known, batch):
    vocabulary = vocabulary_of(known)
    numbers = Texts(vocabulary).encode(as_bytes(batch))
    symbols = [tf.constant(list(map(ord, text)), tf.int32) for text in batch]
    assert numbers.to_list() == [vocabulary.encode(row).numpy().tolist() for row in symbols]


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=5))
def test_all_bytes_come_back(batch):
    strings = Texts(Vocabulary("byte", tuple(range(256))))
    numbers = strings.encode(tf.constant(batch, tf.string))
    assert strings.decode(numbers.to_tensor(0)).numpy().tolist() == batch
