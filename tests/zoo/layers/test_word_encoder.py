"""Words in both directions, and words left out; states in test_sentiment."""

import numpy as np
import pytest

from zoo.layers.word_encoder import WordEncoder, reverse_words

WORDS, UNITS, WIDTH = 7, 3, 5


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embedding_units": -1}, "`embedding_units` must be an integer of 0 or more. Got -1"),
        ({"output_dropout": 1.0}, r"`output_dropout` must be a number in \[0, 1\). Got 1.0"),
    ],
    ids=str,
)
def test_an_argument_out_of_its_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        WordEncoder(WORDS, **options)
