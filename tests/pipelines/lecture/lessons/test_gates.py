"""Gates set by hand keep and forget to the last bit; a trained network's gates are its own."""

import keras
import numpy as np
import pytest

from pipelines.lecture.lessons import gates
from pipelines.lecture.trained import Reading
from zoo.layers import LSTM


def test_the_forget_gate_at_one_keeps_and_at_zero_forgets_exactly():
    keep, forget = (gates.after(200, gate, seed=0) for gate in ("keep", "forget"))
    assert keep["same"] == keep["size"] == 128
    assert keep["zero"] == 0
    assert forget["zero"] == 128


def test_a_half_open_forget_gate_halves_the_state_each_step():
    layer = LSTM(2, return_state=True)
    layer.build((None, None, 1))
    rows = {f"W_{gate}": np.zeros((3, 2), "float32") for gate in "fico"}
    rows["W_i"][2] = -gates.FULL
    layer.cell.set_lecture_weights(rows)
    C = np.array([[1.0, -3.0]], "float32")
    last = layer(np.ones((1, 10, 1), "float32"), initial_state=[np.zeros_like(C), C])[2]
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(last), C / 2**10)


def test_the_gates_shown_are_those_that_the_cell_computes():
    layer = LSTM(3, return_sequences=True)
    x = np.random.default_rng(0).normal(size=(4, 2)).astype("float32")
    layer.build((None, None, 2))
    values = gates.gate_values(Reading(list("abcd"), x, layer, note=""))
    h, C = np.zeros((1, 3), "float32"), np.zeros((1, 3), "float32")
    for t in range(4):
        before = C
        h, (_, C) = layer.cell(x[None, t], [h, C])
        C, h = (keras.ops.convert_to_numpy(value) for value in (C, h))
        np.testing.assert_allclose(h[0], values["o"][t] * np.tanh(C[0]), rtol=1e-5)
        candidate = (C - values["f"][t] * before) / values["i"][t]
        assert ((candidate > 0) & (candidate < 1)).all()  # a sigmoid's range, for these f and i


def test_the_small_network_learns_what_but_means():
    result = gates.run(gates.Flags(length=10, steps=150))
    assert [finding.holds for finding in result.findings[:2]] == [True, True]
    measured = result.numbers["sentences"]
    assert measured["accuracy"] > 0.85
    assert "trained here" in " ".join(result.notes)
    assert "".join(result.blocks).count("<svg") == 4
    assert len(result.numbers["mean forget gate by token"]) == len(gates.SENTENCE.split())


def test_a_sentence_of_unknown_words_is_an_error_before_training():
    with pytest.raises(ValueError, match=r"`text` must be made of these words: the, and, but"):
        gates.run(gates.Flags(text="the film was great"))
