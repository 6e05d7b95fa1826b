"""The layers that the models are made of begin as they say."""

import keras
import numpy as np
import pytest

from zoo.layers import LSTM, SimpleRNN
from zoo.layers.lecture_layer import CELLS, NonExpansive, lecture_layer


def built(cell, **options):
    layer = lecture_layer(cell, 4, "layer", **options)
    layer.build((None, None, 3))
    return layer


@pytest.mark.parametrize("cell", CELLS)
def test_all_states_come_out_and_options_reach_the_layer(cell):
    layer = lecture_layer(cell, 4, "some", return_state=True, go_backwards=True)
    assert isinstance(layer, SimpleRNN if cell == "simple_rnn" else LSTM)
    assert (layer.name, layer.return_sequences, layer.return_state) == ("some", True, True)
    assert layer.go_backwards


@pytest.mark.parametrize(("cell", "candidate"), [("lstm", "sigmoid"), ("lstm_tanh", "tanh")])
def test_the_candidate_is_all_that_tells_the_lstms_apart(cell, candidate):
    layer = built(cell)
    assert keras.activations.serialize(layer.cell.candidate_activation) == candidate


@pytest.mark.parametrize(("offsets", "expected"), [(True, [1.0, -1.0]), (False, [0.0, 0.0])])
def test_the_constants_row_starts_the_gates(offsets, expected):
    row = keras.ops.convert_to_numpy(built("lstm", gate_offsets=offsets).cell.kernel)[-1]
    np.testing.assert_array_equal(row[:8], np.repeat(expected, 4))


def test_without_the_constant_no_row_is_set_apart():
    row = keras.ops.convert_to_numpy(built("lstm", constant_feature=False).cell.kernel)[-1]
    assert len(set(row.tolist())) == 16


@pytest.mark.parametrize("identity", [0.9, 1.0])
def test_the_simple_rnn_starts_near_the_identity(identity):
    weights = built("simple_rnn", identity=identity).cell.recurrent_kernel
    np.testing.assert_allclose(keras.ops.convert_to_numpy(weights), identity * np.eye(4))


def test_weights_within_the_bound_are_left_alone():
    weights = np.array([[0.5, 2.0], [-0.25, -2.0]], "float32")
    np.testing.assert_allclose(NonExpansive()(weights), [[0.5, 0.5], [-0.25, -0.5]])


def test_a_contractive_simple_rnn_is_held_to_its_bound_in_training():
    rng = np.random.default_rng(0)
    layer = lecture_layer("simple_rnn", 4, "layer", identity=1.0, contractive=True)
    model = keras.Sequential([layer])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    x, y = rng.normal(size=(8, 50, 3)), rng.normal(size=(8, 50, 4))
    for _ in range(3):
        model.train_on_batch(x, y)
    weights = layer.cell.recurrent_kernel.numpy()
    sizes = np.abs(weights).sum(axis=0)
    assert np.abs(weights - np.eye(4)).max() > 0.1
    assert sizes.max() == pytest.approx(1, abs=1e-6)  # reached, and not passed
    h = np.abs(keras.ops.convert_to_numpy(layer(x))).max(axis=2)
    steps = np.abs(x @ layer.cell.kernel.numpy()).max(axis=2)
    assert np.all(h <= steps.cumsum(axis=1) + 1e-5)


def test_an_unknown_cell_is_named():
    with pytest.raises(ValueError, match=r"`cell` must be one of .* Got 'gru'"):
        lecture_layer("gru", 4, "layer")
