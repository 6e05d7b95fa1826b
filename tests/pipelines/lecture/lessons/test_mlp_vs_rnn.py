"""Where the past decides, the MLP layer stays at chance and the RNN layer solves it."""

import numpy as np
import pytest

from pipelines.lecture.lessons import mlp_vs_rnn

FLAGS = mlp_vs_rnn.Flags(units=16, symbols=3, lag=1, length=8, steps=150)


def test_an_answer_is_the_symbol_of_some_steps_before():
    x, y = mlp_vs_rnn.batch(np.random.default_rng(0), mlp_vs_rnn.Flags(length=9), lag=2, size=5)
    assert x.shape == (5, 9, 4)
    np.testing.assert_array_equal(x.argmax(axis=-1)[:, :-2], y[:, 2:])
    x, y = mlp_vs_rnn.batch(np.random.default_rng(0), mlp_vs_rnn.Flags(length=9), lag=0, size=5)
    np.testing.assert_array_equal(x.argmax(axis=-1), y)


def test_the_layers_differ_by_the_recurrent_weights_alone():
    mlp, rnn = (mlp_vs_rnn.build(layer, 3, 16) for layer in ("MLP", "RNN"))
    assert rnn.count_params() - mlp.count_params() == 16 * 16


def test_the_rnn_solves_what_leaves_the_mlp_at_chance():
    result = mlp_vs_rnn.run(FLAGS)
    right = result.numbers["accuracy"]
    assert right["RNN, symbol 1 steps before"] > 0.95
    assert abs(right["MLP, symbol 1 steps before"] - 1 / 3) < 0.05
    assert right["MLP, this step's symbol"] > 0.95
    assert all(finding.holds for finding in result.findings)


def test_a_sequence_no_longer_than_the_lag_leaves_no_task():
    with pytest.raises(ValueError, match=r"`length` must be at least 3. Got 2."):
        mlp_vs_rnn.run(mlp_vs_rnn.Flags(length=2))
