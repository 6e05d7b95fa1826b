"""A run's first LSTM is read from its files, and a run that has none is refused."""

import keras
import numpy as np
import pytest

from pipelines import runs, training
from pipelines.lecture.lessons import gates
from pipelines.lecture.trained import encode, read_run
from zoo.models.char_lm import CharLM
from zoo.models.sentiment import SentimentClassifier

WORDS = ["<padding>", "<unknown>", "a", "film", "!"]
SYMBOLS = {"unit": "character", "symbols": [32, 97, 98]}
SIZES = {"units": 3, "embedding_units": 4}


def write_run(folder, vocabulary, **config):
    """A run folder as `pipelines.training` leaves it; returns the model that is in it."""
    config = {"cell": "lstm", **SIZES, **config}
    if isinstance(vocabulary, list):
        model = SentimentClassifier(len(vocabulary), **config)
    else:
        model = CharLM(len(vocabulary["symbols"]) + 1, batch_size=2, **config)
        config["batch_size"] = 2
    model.build((None, None))
    runs.write_json(folder / "config.json", config)
    runs.keep(folder, "vocabulary", vocabulary)
    runs.keep(folder, "labels", ["bad", "good"])
    saved = runs.save_variables(folder / "checkpoints" / "w.npz", {"model": model.variables})
    best = {"file": "w.npz", "sha256": saved}
    training._commit(folder, training.Progress(last=best, best=[best]))
    return model


def states_of(reading):
    return keras.ops.convert_to_numpy(reading.layer(reading.x[None]))


def test_words_are_read_as_the_sentiment_model_reads_them(tmp_path):
    folder = tmp_path / "sentiment" / "some"
    model = write_run(folder, WORDS)
    numbers = [2, 1, 3, 4]
    assert encode("A good film!", WORDS) == (["a", "good", "film", "!"], numbers, 5)
    reading = read_run(folder, "A good film!")
    assert reading.tokens == ["a", "good", "film", "!"]
    forwards = model.reader(np.array([numbers]))[0]
    np.testing.assert_allclose(states_of(reading), forwards, rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"centred": False}, {"constant_feature": False}])
def test_symbols_are_read_as_the_character_model_reads_them(tmp_path, options):
    folder = tmp_path / "charlm" / "some"
    model = write_run(folder, SYMBOLS, **options)
    numbers = [3, 1, 2, 0]
    assert encode("b a?", SYMBOLS) == (["b", "␣", "a", "?"], numbers, 4)
    reading = read_run(folder, "b a?")
    x = model.embedding(np.array([numbers]))
    x = model.constant(x) if model.constant else x
    expected = model.recurrences[0](x, model.initial_states(1))[0]
    np.testing.assert_allclose(states_of(reading), expected, rtol=1e-5)


@pytest.mark.parametrize(("task", "vocabulary"), [("sentiment", WORDS), ("charlm", SYMBOLS)])
def test_one_hot_input_needs_no_embedding(tmp_path, task, vocabulary):
    folder = tmp_path / task / "some"
    model = write_run(folder, vocabulary, embedding_units=0)
    reading = read_run(folder, "a b a")
    _, numbers, size = encode("a b a", vocabulary)
    np.testing.assert_array_equal(reading.x[:, :-1], np.eye(size)[numbers])
    np.testing.assert_array_equal(reading.x[:, -1], 1)
    if task == "sentiment":
        forwards = model.reader(np.array([numbers]))[0]
        np.testing.assert_allclose(states_of(reading), forwards, rtol=1e-5)


def test_weights_that_are_altered_are_refused(tmp_path):
    folder = tmp_path / "charlm" / "some"
    write_run(folder, SYMBOLS)
    (folder / "checkpoints" / "w.npz").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"must be the file that .* describes"):
        read_run(folder, "a")


def test_the_gates_of_a_run_are_shown(tmp_path):
    folder = tmp_path / "sentiment" / "some"
    write_run(folder, WORDS, cell="lstm_tanh")
    result = gates.run(gates.Flags(length=5, run=folder, text="a film"))
    assert [token for token, _ in result.numbers["mean forget gate by token"]] == ["a", "film"]
    assert "lstm_tanh" in " ".join(result.notes)


def test_what_is_no_such_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`run` must be the folder of a run .* Got .*absent"):
        read_run(tmp_path / "sentiment" / "absent", "a")
    folder = tmp_path / "captioning" / "some"
    write_run(folder, WORDS)
    with pytest.raises(ValueError, match=r"one of \('sentiment', 'charlm'\)"):
        read_run(folder, "a")
    folder = tmp_path / "sentiment" / "plain"
    write_run(folder, WORDS, cell="simple_rnn")
    with pytest.raises(ValueError, match=r"must have an LSTM, which has gates. Got 'simple_rnn'"):
        read_run(folder, "a")
    folder = tmp_path / "sentiment" / "pairs"
    write_run(folder, WORDS)  # as versions wrote them that read pairs of words, too
    runs.write_json(folder / "config.json", {**runs.read_json(folder / "config.json"), "pairs": 9})
    with pytest.raises(ValueError, match=r"must read single words alone. Got --pairs 9"):
        read_run(folder, "a")
    folder = tmp_path / "sentiment" / "old"
    write_run(folder, WORDS)
    runs.write_json(folder / "state.json", {"epochs_done": 1, "best": []})
    with pytest.raises(ValueError, match=r"Got one of version 0.1"):
        read_run(folder, "a")
    folder = tmp_path / "sentiment" / "empty"
    write_run(folder, WORDS)
    with pytest.raises(ValueError, match=r"`text` must hold at least one word"):
        read_run(folder, " ")
