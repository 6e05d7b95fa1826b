"""The RNN that sums: exact by hand for any length, close when learnt."""

from pipelines.lecture import linear_rnn
from pipelines.lecture.lessons import summing


def test_the_weights_of_the_lecture_sum_exactly():
    model = linear_rnn.network(1)
    linear_rnn.set_weights(model, summing.EXACT)
    assert linear_rnn.weights(model) == summing.EXACT
    assert [summing.error(model, length, seed=3) for length in (1, 7, 300)] == [0, 0, 0]


def test_other_weights_do_not():
    model = linear_rnn.network(1)
    linear_rnn.set_weights(model, {**summing.EXACT, "W_r": [[0.99]]})
    assert summing.error(model, 1, seed=3) == 0
    assert summing.error(model, 300, seed=3) > 1


def test_examples_lead_to_the_weights_of_the_lecture():
    result = summing.run(summing.Flags(train_length=5, lengths=(1, 20), steps=400))
    assert [finding.holds for finding in result.findings] == [True, True]
    assert result.numbers["errors"]["by hand"] == {1: 0, 20: 0}
    first = result.numbers["weights"]["first"]["W_r"][0][0]
    assert abs(first - 1) > 0.05  # it was learnt, not given
