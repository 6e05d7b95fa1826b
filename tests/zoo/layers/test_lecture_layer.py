"""The layers that the models are made of begin as they say."""

import keras
import numpy as np
import pytest

from zoo.layers import LSTM, SimpleRNN
from zoo.layers.lecture_layer import CELLS, lecture_layer


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


def test_an_unknown_cell_is_named():
    with pytest.raises(ValueError, match=r"`cell` must be one of .* Got 'gru'"):
        lecture_layer("gru", 4, "layer")
