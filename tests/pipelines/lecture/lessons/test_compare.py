"""The RNN that compares two totals: right by hand at any length, and learnt."""

import pytest

from pipelines.lecture import linear_rnn
from pipelines.lecture.lessons import compare


def test_the_weights_of_the_lecture_are_always_right():
    model = linear_rnn.network(2, "sigmoid")
    linear_rnn.set_weights(model, compare.EXACT)
    assert linear_rnn.weights(model) == compare.EXACT
    assert [compare.share_right(model, length, seed=1) for length in (1, 9, 300)] == [1, 1, 1]


def test_swapped_weights_are_always_wrong():
    model = linear_rnn.network(2, "sigmoid")
    linear_rnn.set_weights(model, {**compare.EXACT, "W_i": [[-1.0], [1.0]]})
    assert compare.share_right(model, 9, seed=1) == 0


def test_examples_lead_to_opposite_weights_and_a_recurrence_of_one():
    result = compare.run(compare.Flags(train_length=5, lengths=(1, 20), steps=400))
    assert [finding.holds for finding in result.findings] == [True, True]
    (first,), (second,) = result.numbers["weights"]["learnt"]["W_i"]
    assert second / first == pytest.approx(-1, abs=0.05)
    assert result.numbers["right"]["learnt"][20] > 0.95
