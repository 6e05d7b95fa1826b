"""What the last symbols spell: which contexts share an embedding, and which do not."""

import keras
import numpy as np
import pytest

from zoo.models.ngrams import ROWS, NGramEmbedding

SYMBOLS = " abcdefghijklmnopqrstuvwxyz"  # number 0 is the space, and what stands before a text


def read(text, longest=1, words=0, **options):
    """g of the text's last symbol, one number that tells contexts apart."""
    layer = NGramEmbedding(1, longest, words=words, breaks=[s == " " for s in SYMBOLS], **options)
    layer.build()
    layer.table.assign(np.random.default_rng(0).normal(size=(ROWS, 1)))
    tokens = np.array([[SYMBOLS.index(symbol) for symbol in text]], "int32")
    g, _ = layer(tokens, np.zeros((1, layer.reach), "float32"))
    return float(keras.ops.convert_to_numpy(g)[0, -1, 0])


@pytest.mark.parametrize(
    ("words", "one", "other", "same"),
    [
        (1, "the cat", "a cat", True),  # the word alone
        (1, "the cat", "the bat", False),  # whole
        (1, "the cat ", "a cat ", True),  # at a break, the word that it ends
        (1, "the cat ", "the bat ", False),
        (1, "the ca", "the cat", False),
        (2, "on the cat", "in the cat", True),  # and the word before
        (2, "on the cat", "on a cat", False),
        (2, "on the cat ", "on a cat ", False),
        (1, "abcdefghijklm", "xbcdefghijklm", True),  # of a long word, the last 12
        (1, "abcdefghijklm", "axcdefghijklm", False),
    ],
)
def test_a_row_is_of_a_word_whatever_was_before(words, one, other, same):
    if words == 2:  # the second row alone
        one, other = (read(text, words=2) - read(text, words=1) for text in (one, other))
    else:
        one, other = read(one, words=1), read(other, words=1)
    assert (one == pytest.approx(other, abs=1e-6)) == same


@pytest.mark.parametrize("words", [0, 1, 2])
def test_words_add_to_ngrams(words):
    whole = read("on the cat", longest=3, words=words)
    alone = read("on the cat", words=words) if words else 0.0
    assert whole == pytest.approx(read("on the cat", longest=3) + alone, abs=1e-5)


def test_a_word_is_no_ngram():
    assert read("cat", words=1) != pytest.approx(read("cat", longest=3) - read("cat", longest=2))


@pytest.mark.parametrize(("longest", "words"), [(4, 0), (4, 1), (2, 2), (15, 1)])
def test_reading_in_pieces_gives_the_same(longest, words):
    layer = NGramEmbedding(2, longest, words=words, breaks=[True, False, False])
    layer.build()
    layer.table.assign(np.random.default_rng(0).normal(size=(ROWS, 2)))
    tokens = np.random.default_rng(1).integers(0, 3, (2, 40)).astype("int32")
    history = np.zeros((2, layer.reach), "float32")
    whole, _ = layer(tokens, history)
    for start, end in ((0, 1), (1, 3), (3, 30), (30, 40)):
        piece, history = layer(tokens[:, start:end], history)
        np.testing.assert_allclose(piece, whole[:, start:end], atol=1e-6)
