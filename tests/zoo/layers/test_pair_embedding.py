"""Pairs of words beside the words: as looked up by hand."""

import keras
import numpy as np
import pytest

from zoo.layers.pair_embedding import SCALE, PairEmbedding

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
    return SCALE * keras.ops.convert_to_numpy(layer.table)[known.index([before, word])]


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


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([[2, 3, 4]], r"`pairs` must have shape \[n, 2\], n at most 6. Got \(1, 3\)"),
        ([[2, 3]] * 7, r"n at most 6. Got \(7, 2\)"),
        ([[2, 7]], r"`pairs` must be numbers from 1 to 6. Got \[7\]"),
        ([[0, 3]], r"`pairs` must be numbers from 1 to 6. Got \[0\]"),
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
