"""The contenders compute what they claim to, and the report has a row for each."""

import keras
import numpy as np
import pytest

from benchmarks.contenders import NaiveLSTMCell, NaiveRNNCell, Shape, contenders
from benchmarks.layers import table
from benchmarks.timing import interleaved_medians, machine
from zoo.layers import LSTM, SimpleRNN

SHAPE = Shape(batch=2, time=3, input=4, units=5)


@pytest.mark.parametrize(
    ("naive_cell", "layer_class"), [(NaiveLSTMCell, LSTM), (NaiveRNNCell, SimpleRNN)]
)
def test_naive_cells_are_the_lecture_s(naive_cell, layer_class):
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    layer, naive = layer_class(5), keras.layers.RNN(naive_cell(5))
    layer(x)
    naive(x)
    weights = {w.name: w.numpy() for w in naive.cell.weights}
    layer.cell.set_lecture_weights(weights)
    np.testing.assert_allclose(layer(x), naive(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["LSTM", "SimpleRNN"])
def test_all_contenders_run(kind):
    medians = interleaved_medians(contenders(kind, SHAPE, training=True), rounds=3, seconds=0)
    assert next(iter(medians)) == "bare matrix products"
    assert {f"zoo.layers.{kind}, XLA", f"keras.layers.{kind}, no XLA"} < set(medians)
    assert all(seconds > 0 for seconds in medians.values())


def test_interleaved_medians_go_round():
    calls = []
    runs = {name: lambda name=name: calls.append(name) for name in "ab"}
    interleaved_medians(runs, rounds=5, seconds=0)
    assert calls == ["a", "a", "b", "b", *"ab" * 3]  # two to warm up; at least three rounds


def test_table_gives_multiples_of_the_first():
    lines = table((SHAPE,), [{"bare": 0.002, "other": 0.005}]).splitlines()
    assert lines[0] == "| | (2, 3, 4, 5) |"
    assert lines[2:] == ["| bare | 2.0 (1.00x) |", "| other | 5.0 (2.50x) |"]


def test_machine_names_what_matters():
    assert "cores; Python 3." in machine()
    assert f"keras {keras.__version__}" in machine()
