"""A run's first LSTM is read from its files, and a run that has none is refused."""

import keras
import numpy as np
import pytest

from pipelines import runs
from pipelines.lecture.lessons import gates
from pipelines.lecture.trained import encode, read_run
from zoo.layers import LSTM
from zoo.layers.constant_feature import ConstantFeature
from zoo.models.char_lm import CharLM

WORDS = ["<padding>", "<unknown>", "a", "film", "!"]


def write_files(folder, model, vocabulary, config):
    """A run folder as `pipelines.training` leaves it."""
    saved = runs.save_variables(folder / "checkpoints" / "w.npz", {"model": model.variables})
    state = {"version": runs.VERSION, "best": [{"file": "w.npz", "sha256": saved}]}
    for name, value in (("state", state), ("kept/vocabulary", vocabulary), ("config", config)):
        runs.write_json(folder / f"{name}.json", value)


def write_run(folder, vocabulary, config, width=4):
    """A run folder; returns the LSTM that is in it."""
    size = len(vocabulary) if isinstance(vocabulary, list) else len(vocabulary["symbols"]) + 1
    tokens = keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(size, width, name="embedding")
    lstm = LSTM(3, return_sequences=True, name="forwards_1")
    model = keras.Model(tokens, lstm(ConstantFeature()(embedding(tokens))))
    write_files(folder, model, vocabulary, config)
    return model


@pytest.mark.parametrize(
    ("task", "vocabulary", "text", "numbers", "tokens"),
    [
        ("sentiment", WORDS, "A good film!", [2, 1, 3, 4], ["a", "good", "film", "!"]),
        (
            "charlm",
            {"unit": "character", "symbols": [32, 97, 98]},
            "b a?",
            [3, 1, 2, 0],
            ["b", "␣", "a", "?"],
        ),
    ],
)
def test_a_run_reads_a_text_as_its_own_model_does(
    tmp_path, task, vocabulary, text, numbers, tokens
):
    folder = tmp_path / task / "some"
    model = write_run(folder, vocabulary, {"cell": "lstm"})
    assert encode(text, vocabulary)[:2] == (tokens, numbers)
    reading = read_run(folder, text)
    assert reading.tokens == tokens
    expected = keras.ops.convert_to_numpy(model(np.array([numbers])))
    states = keras.ops.convert_to_numpy(reading.layer(reading.x[None]))
    np.testing.assert_allclose(states, expected, rtol=1e-6)


def test_one_hot_symbols_need_no_embedding(tmp_path):
    folder = tmp_path / "charlm" / "some"
    lstm = LSTM(3)
    lstm.build((None, None, 4))  # three symbols, the unknown one among them, and the constant
    write_files(folder, lstm, {"unit": "character", "symbols": [97, 98]}, {"cell": "lstm"})
    np.testing.assert_array_equal(read_run(folder, "ba").x, [[0, 0, 1, 1], [0, 1, 0, 1]])


@pytest.mark.parametrize("constant", [True, False])
def test_a_centred_character_model_is_read_with_the_weights_that_it_computes_with(
    tmp_path, constant
):
    folder = tmp_path / "charlm" / "some"
    model = CharLM(3, units=3, embedding_units=4, constant_feature=constant, batch_size=2)
    model.build()
    config = {"cell": "lstm", "centred": True, "constant_feature": constant}
    write_files(folder, model, {"unit": "character", "symbols": [97, 98]}, config)
    reading = read_run(folder, "abba")
    x = model.embedding(np.array([[1, 2, 2, 1]]))
    x = model.constant(x) if constant else x
    expected = model.recurrences[0](x, model.initial_states(1))[0]
    np.testing.assert_allclose(reading.layer(reading.x[None]), expected, rtol=1e-5)


def test_the_gates_of_a_run_are_shown(tmp_path):
    folder = tmp_path / "sentiment" / "some"
    write_run(folder, WORDS, {"cell": "lstm_tanh"})
    result = gates.run(gates.Flags(length=5, run=folder, text="a film"))
    assert [token for token, _ in result.numbers["mean forget gate by token"]] == ["a", "film"]
    assert "lstm_tanh" in " ".join(result.notes)


def test_what_is_no_such_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`run` must be the folder of a run .* Got .*absent"):
        read_run(tmp_path / "sentiment" / "absent", "a")
    folder = tmp_path / "captioning" / "some"
    write_run(folder, WORDS, {"cell": "lstm"})
    with pytest.raises(ValueError, match=r"one of \('sentiment', 'charlm'\)"):
        read_run(folder, "a")
    folder = tmp_path / "sentiment" / "plain"
    write_run(folder, WORDS, {"cell": "simple_rnn"})
    with pytest.raises(ValueError, match=r"must have an LSTM, which has gates. Got 'simple_rnn'"):
        read_run(folder, "a")
    write_run(folder, WORDS, {"cell": "lstm", "pairs": 9})
    with pytest.raises(ValueError, match=r"must read single words alone. Got --pairs 9"):
        read_run(folder, "a")
    folder = tmp_path / "sentiment" / "old"
    write_run(folder, WORDS, {"cell": "lstm"})
    runs.write_json(folder / "state.json", {"epochs_done": 1, "best": []})
    with pytest.raises(ValueError, match=r"Got one of version 0.1"):
        read_run(folder, "a")
    folder = tmp_path / "sentiment" / "empty"
    write_run(folder, WORDS, {"cell": "lstm"})
    with pytest.raises(ValueError, match=r"`text` must hold at least one word"):
        read_run(folder, " ")
