"""Pairs of words beside the words: as looked up by hand, in both directions and kinds of reader."""

import keras
import numpy as np
import pytest

from zoo.models import ngrams
from zoo.models.ngrams import PairEmbedding
from zoo.models.one_hot import OneHotLayer
from zoo.models.reader import Reader
from zoo.models.recurrent_layer import CELLS, recurrent_layer

WORDS, UNITS = 7, 3
PAIRS = [[5, 6], [2, 3], [3, 2], [6, 6]]
TOKENS = np.array([[2, 3, 2, 6, 6, 6], [5, 6, 0, 0, 0, 0], [3, 0, 0, 0, 0, 0]], "int32")


def embedding(places=6, **options):
    layer = PairEmbedding(WORDS, places, UNITS, **options)
    layer.build()
    layer.know(PAIRS)
    layer.table.assign(np.random.default_rng(0).normal(size=(places, UNITS)))
    return layer


def by_hand(layer, before, word):
    """g of one pair of words."""
    known = keras.ops.convert_to_numpy(layer.known).tolist()
    if before == 0 or [before, word] not in known:
        return np.zeros(UNITS)
    return ngrams.SCALE * keras.ops.convert_to_numpy(layer.table)[known.index([before, word])]


@pytest.mark.parametrize("places", [4, 6])
def test_known_pairs_have_a_row_each_and_others_are_zeros(places):
    layer = embedding(places)
    found = keras.ops.convert_to_numpy(layer(TOKENS))
    for row, words in zip(found, TOKENS, strict=True):
        for t, word in enumerate(words):
            if word:  # what stands at padding, nothing reads
                before = words[t - 1] if t else 0
                np.testing.assert_allclose(row[t], by_hand(layer, before, word), rtol=1e-6)
    assert np.all(found[0, [1, 5]])
    assert not np.any(found[0, 3])


def test_a_pair_is_dropped_wherever_it_stands():
    layer = embedding(dropout=0.5)
    np.testing.assert_array_equal(layer(TOKENS), layer(TOKENS))
    for _ in range(5):
        ratio = keras.ops.convert_to_numpy(layer(TOKENS, training=True) / layer(TOKENS))
        assert ratio[0, 1, 0] in (0.0, 2.0)
        np.testing.assert_array_equal(ratio[0, 4], ratio[0, 5])  # (6, 6) both times


def test_both_directions_read_the_pair_of_a_word_and_the_one_read_before():
    reader = Reader(WORDS, units=2, embedding_units=0, pairs=4, pair_units=UNITS)
    reader.build(TOKENS.shape)
    reader.pairs.know(PAIRS)
    reader.pairs.table.assign(np.random.default_rng(1).normal(size=(4, UNITS)))
    forwards, backwards = (keras.ops.convert_to_numpy(g) for g in reader._pairs(TOKENS, False))
    for row, words in enumerate(TOKENS):
        words = words[words > 0]
        for t, word in enumerate(words):
            before = words[t - 1] if t else 0
            np.testing.assert_allclose(forwards[row, t], by_hand(reader.pairs, before, word))
            after = words[t + 1] if t + 1 < len(words) else 0
            found = backwards[row, len(words) - 1 - t]
            expected = by_hand(reader.pairs, word, after) if after else np.zeros(UNITS)
            np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("cell", CELLS)
def test_one_hot_words_with_g_are_one_input(cell):
    layer = OneHotLayer(WORDS, cell, UNITS, 2, name=cell)
    layer.build()
    g = np.random.default_rng(2).normal(size=(*TOKENS.shape, 2)).astype("float32")
    x = np.concatenate([np.eye(WORDS)[TOKENS], g, np.ones_like(g[..., :1])], axis=-1)
    other = recurrent_layer(cell, UNITS, "other")
    other.build(x.shape)
    kernel, of_g = (keras.ops.convert_to_numpy(w) for w in (layer.cell.kernel, layer.kernel_of_g))
    other.cell.kernel.assign(np.concatenate([kernel[:WORDS], of_g, kernel[WORDS:]]))
    other.cell.recurrent_kernel.assign(layer.cell.recurrent_kernel)
    np.testing.assert_allclose(layer(TOKENS, g=g), other(x), atol=1e-6)


def test_a_reader_with_an_embedding_has_pairs_beside_it():
    """Pairs that are not known change nothing; those that are, the states from there on."""
    reader = Reader(WORDS, units=2, embedding_units=3, pairs=4, pair_units=UNITS)
    reader.build(TOKENS.shape)
    reader.pairs.know(PAIRS)
    before = [keras.ops.convert_to_numpy(h) for h in reader(TOKENS)]
    reader.pairs.table.assign(np.ones((4, UNITS)))
    after = [keras.ops.convert_to_numpy(h) for h in reader(TOKENS)]
    np.testing.assert_array_equal(before[0][0, 0], after[0][0, 0])
    assert np.all(before[0][0, 1:] != after[0][0, 1:])
    np.testing.assert_array_equal(before[0][2, 0], after[0][2, 0])
    assert np.all(before[1][1, 1] != after[1][1, 1])


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([[2, 3, 4]], r"`pairs` must have shape \[n, 2\], n at most 6. Got \(1, 3\)"),
        ([[2, 3]] * 7, r"n at most 6. Got \(7, 2\)"),
        ([[2, 7]], "`pairs` must be numbers from 1 to 6. Got 7"),
        ([[0, 3]], "`pairs` must be numbers from 1 to 6. Got 0"),
    ],
)
def test_pairs_that_are_none(pairs, message):
    with pytest.raises(ValueError, match=message):
        embedding().know(pairs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((50_000, 4, 3), "`vocabulary_size` must be at most 46340 with `pairs`. Got 50000"),
        ((7, 0, 3), "`pairs` must be a positive integer. Got 0"),
        ((7, 4, -1), "`units` must be a positive integer. Got -1"),
    ],
)
def test_sizes_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        PairEmbedding(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pairs": -1}, "`pairs` must be an integer of 0 or more. Got -1"),
        ({"pairs": 5, "pair_units": 0}, "`pair_units` must be a positive integer. Got 0"),
        ({"pair_dropout": 1.0}, r"`pair_dropout` must be a number in \[0, 1\). Got 1.0"),
    ],
    ids=str,
)
def test_a_reader_names_what_is_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        Reader(WORDS, **options)
