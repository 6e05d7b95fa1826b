"""The memory tasks ask for what they say, and their baselines are what they say."""

import math

import keras
import numpy as np
import pytest

from pipelines.lecture import memory


def test_recall_asks_for_the_first_word_after_distractors():
    x, y = memory.recall(np.random.default_rng(0), span=5, size=50, words=3)
    tokens = x.argmax(axis=-1)
    assert x.shape == (50, 7, 7)
    np.testing.assert_array_equal(tokens[:, 0], y)
    np.testing.assert_array_equal(np.unique(tokens[:, 1:-1]), [3, 4, 5])
    np.testing.assert_array_equal(tokens[:, -1], 6)
    assert set(y) == {0, 1, 2}


def test_adding_marks_one_number_of_each_half():
    x, y = memory.adding(np.random.default_rng(0), span=10, size=4000)
    np.testing.assert_array_equal(x[:, :5, 1].sum(axis=1), 1)
    np.testing.assert_array_equal(x[:, 5:, 1].sum(axis=1), 1)
    np.testing.assert_allclose((x[..., 0] * x[..., 1]).sum(axis=1, keepdims=True), y, rtol=1e-5)
    assert np.mean((y - 1) ** 2) == pytest.approx(1 / 6, rel=0.1)  # the do-nothing answer


def test_copying_says_the_symbols_again_after_the_gap():
    x, y = memory.copying(np.random.default_rng(0), span=6, size=5, symbols=4, count=3)
    tokens = x.argmax(axis=-1)
    assert x.shape == (5, 12, 6)
    np.testing.assert_array_equal(tokens[:, :3], y)
    np.testing.assert_array_equal(tokens[:, 3:9], 4)
    np.testing.assert_array_equal(tokens[:, 9:], 5)


def test_the_networks_start_as_they_say():
    networks = {start: memory.network(start, 4, 2, units=3, span=100) for start in memory.STARTS}
    cells = {start: model.get_layer("rnn").cell for start, model in networks.items()}
    assert not any(cell.use_bias for cell in cells.values())
    identity = keras.ops.convert_to_numpy(cells["SimpleRNN, identity"].recurrent_kernel)
    np.testing.assert_array_equal(identity, np.eye(3))
    row = keras.ops.convert_to_numpy(cells["LSTM, gate offsets"].kernel)[-1]
    np.testing.assert_allclose(row[:6], [math.log(100)] * 3 + [-math.log(100)] * 3, rtol=1e-6)
    assert cells["LSTM"].kernel.shape == (4, 12)
    assert cells["LSTM, gate offsets"].kernel.shape == (5, 12)


def test_several_answers_are_the_last_steps():
    model = memory.network("LSTM", 4, 2, units=3, span=5, answers=2)
    assert model(np.zeros((1, 7, 4), "float32")).shape == (1, 2, 2)
