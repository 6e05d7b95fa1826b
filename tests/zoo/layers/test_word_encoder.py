"""Words in both directions, with pairs beside them and words left out; states in test_sentiment."""

import keras
import numpy as np
import pytest

from zoo.layers.pair_embedding import SCALE
from zoo.layers.word_encoder import WordEncoder, reverse_words

WORDS, UNITS, WIDTH = 7, 3, 5
PAIRS = [[5, 6], [2, 3], [3, 2], [6, 6]]
TOKENS = np.array([[2, 3, 2, 6, 6, 6], [5, 6, 0, 0, 0, 0], [3, 0, 0, 0, 0, 0]], "int32")


def build(**options):
    encoder = WordEncoder(WORDS, **{"units": UNITS, "embedding_units": WIDTH, **options})
    encoder.build((None, None))
    return encoder


def test_reverse_words_turns_each_row_within_its_own_length():
    tokens = np.array([[4, 5, 6, 0], [7, 0, 0, 0], [0, 0, 0, 0], [1, 2, 3, 4]], np.int32)
    found = reverse_words(tokens)
    np.testing.assert_array_equal(found, [[6, 5, 4, 0], [7, 0, 0, 0], [0] * 4, [4, 3, 2, 1]])


def test_gate_offsets_stand_in_the_constants_row():
    rows = {
        offsets: build(gate_offsets=offsets).stacks[0][0].cell.kernel.numpy()[-1]
        for offsets in (True, False)
    }
    wanted = np.repeat([1.0, -1.0, 0.0, 0.0], UNITS)
    np.testing.assert_array_equal(rows[True], wanted)
    np.testing.assert_array_equal(rows[False], 0 * wanted)


def test_simple_rnn_starts_as_identity():
    cell = build(cell="simple_rnn").stacks[1][0].cell
    np.testing.assert_array_equal(cell.recurrent_kernel, np.eye(UNITS))


def test_embedding_dropout_drops_a_word_wherever_it_stands():
    encoder = build(embedding_dropout=0.5)
    dropped = []
    for _ in range(40):
        kept = np.asarray(encoder._kept_words(True))
        assert set(np.unique(kept)) <= {0.0, 2.0}
        dropped.append(kept == 0)
    assert 0.4 < np.mean(dropped) < 0.6
    assert encoder._kept_words(False) is None


def by_hand(layer, before, word):
    """g of one pair of words."""
    known = keras.ops.convert_to_numpy(layer.known).tolist()
    if before == 0 or [before, word] not in known:
        return np.zeros(UNITS)
    return SCALE * keras.ops.convert_to_numpy(layer.table)[known.index([before, word])]


def test_both_directions_read_the_pair_of_a_word_and_the_one_read_before():
    encoder = build(units=2, embedding_units=0, pairs=4, pair_units=UNITS)
    encoder.pairs.know(PAIRS)
    encoder.pairs.table.assign(np.random.default_rng(1).normal(size=(4, UNITS)))
    forwards, backwards = (keras.ops.convert_to_numpy(g) for g in encoder._pairs(TOKENS, False))
    for row, words in enumerate(TOKENS):
        words = words[words > 0]
        for t, word in enumerate(words):
            before = words[t - 1] if t else 0
            np.testing.assert_allclose(forwards[row, t], by_hand(encoder.pairs, before, word))
            after = words[t + 1] if t + 1 < len(words) else 0
            found = backwards[row, len(words) - 1 - t]
            expected = by_hand(encoder.pairs, word, after) if after else np.zeros(UNITS)
            np.testing.assert_allclose(found, expected)


def test_an_embedding_has_pairs_beside_it():
    """Pairs that are not known change nothing; those that are, the states from there on."""
    encoder = build(units=2, pairs=4, pair_units=UNITS)
    encoder.pairs.know(PAIRS)
    before = [keras.ops.convert_to_numpy(h) for h in encoder(TOKENS)]
    encoder.pairs.table.assign(np.ones((4, UNITS)))
    after = [keras.ops.convert_to_numpy(h) for h in encoder(TOKENS)]
    np.testing.assert_array_equal(before[0][0, 0], after[0][0, 0])
    assert np.all(before[0][0, 1:] != after[0][0, 1:])
    np.testing.assert_array_equal(before[0][2, 0], after[0][2, 0])
    assert np.all(before[1][1, 1] != after[1][1, 1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pairs": -1}, "`pairs` must be an integer of 0 or more. Got -1"),
        ({"pairs": 5, "pair_units": 0}, "`pair_units` must be a positive integer. Got 0"),
        ({"pair_dropout": 1.0}, r"`pair_dropout` must be a number in \[0, 1\). Got 1.0"),
    ],
    ids=str,
)
def test_an_argument_out_of_its_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        WordEncoder(WORDS, **options)
