"""The character model against its equations in NumPy, and what carrying its state promises."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from zoo.models.char_lm import CharLM

ROOT = Path(__file__).parents[3]
SYMBOLS, UNITS, BATCH, TIME = 7, 5, 3, 6

MODELS = {
    "lecture": {"layers": 2, "embedding_units": 4},
    "plain": {"layers": 2, "embedding_units": 0, "constant_feature": False},
    "tanh": {"cell": "lstm_tanh", "embedding_units": 4},
    "normed": {"layers": 2, "embedding_units": 4, "layer_norm": True},
    "uncentred": {"layers": 1, "embedding_units": 4, "centred": False},
    "simple_rnn": {"cell": "simple_rnn", "layers": 2, "embedding_units": UNITS},
}
every_model = pytest.mark.parametrize("name", MODELS)


def build(name="lecture", **options) -> CharLM:
    """A small model whose weights all differ from each other."""
    sizes = {"units": UNITS, "batch_size": BATCH}
    model = CharLM(SYMBOLS, **{**sizes, **MODELS[name], **options})
    model.build()
    rng = np.random.default_rng(5)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=0.7, size=weight.shape))
    return model


def tokens(time=TIME, seed=2, batch=BATCH):
    return np.random.default_rng(seed).integers(0, SYMBOLS, (batch, time)).astype("int32")


def numpy(values):
    return [keras.ops.convert_to_numpy(value) for value in values]


# The equations, one text and one step at a time, in float64.


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def numpy_logits(model, text):
    config = model.get_config()
    named = {weight.path: weight.numpy().astype("float64") for weight in model.weights}

    def value(path):
        (found,) = [v for name, v in named.items() if name.endswith(path)]
        return found

    def one(x):
        return np.append(x, 1) if config["constant_feature"] else x

    def norm(layer, h):
        if not config["layer_norm"]:
            return h
        h = (h - h.mean()) / np.sqrt(h.var() + 1e-3)
        return h * value(f"norm_{layer}/gamma") + value(f"norm_{layer}/beta")

    def cell(W_x, W_h, x, h, C):
        if config["cell"] == "simple_rnn":
            return np.maximum(x @ W_x + h @ W_h, 0), C
        f, i, c, o = np.split(x @ W_x + h @ W_h, 4)
        candidate = sigmoid(c) if config["cell"] == "lstm" else np.tanh(c)
        C = sigmoid(f) * C + sigmoid(i) * candidate
        return sigmoid(o) * np.tanh(C), C

    weights = [[w.numpy().astype("float64") for w in pair] for pair in lecture_weights(model)]
    states = [(np.zeros(UNITS), np.zeros(UNITS)) for _ in weights]
    logits = []
    for symbol in text:
        x = np.eye(SYMBOLS)[symbol]
        if config["embedding_units"]:
            x = x @ value("embedding/embeddings")
        for layer, (W_x, W_h) in enumerate(weights):
            states[layer] = cell(W_x, W_h, one(x), *states[layer])
            x = norm(layer, states[layer][0])
        logits.append(one(x) @ value("readout/kernel"))
    return np.stack(logits)


def lecture_weights(model):
    """W_x and W_h of each layer: as they are, or as tests/zoo/models/test_recurrence.py holds."""
    if model.get_config()["cell"] == "lstm" and model.get_config()["centred"]:
        return model.lecture_weights()
    return [(layer.cell.kernel, layer.cell.recurrent_kernel) for layer in model.recurrences]


@every_model
def test_logits_are_those_of_the_equations(name):
    model, text = build(name), tokens()
    found = keras.ops.convert_to_numpy(model(text))
    for row in range(BATCH):
        np.testing.assert_allclose(found[row], numpy_logits(model, text[row]), atol=2e-5)


# Carried state.


@every_model
def test_training_batches_go_on_where_the_row_ended(name):
    model, text = build(name), tokens(3 * TIME)
    text[:, 0] = 0  # the symbol before a text
    whole = keras.ops.convert_to_numpy(model(text))
    for _ in range(2):
        logits = []
        for t in range(0, 3 * TIME, TIME):
            begins = np.full(BATCH, t == 0)
            part = {"tokens": text[:, t : t + TIME], "begins": begins}
            part = part if t != TIME else part["tokens"]
            logits.append(model(part, training=True)["logits"])
        np.testing.assert_allclose(np.concatenate(numpy(logits), axis=1), whole, atol=1e-5)


@every_model
def test_rows_that_begin_know_nothing_of_before_and_the_others_go_on(name):
    model, text = build(name), tokens(2 * TIME)
    text[:, TIME] = SYMBOLS - 1  # which the rows that begin must not read
    model(text[:, :TIME], training=True)
    begins = np.arange(BATCH) == 1
    later = {"tokens": text[:, TIME:], "begins": begins}
    (logits,) = numpy([model(later, training=True)["logits"]])
    carried = numpy(model.carried)
    anew = text[:, TIME:].copy()
    anew[:, 0] = 0
    whole, alone = numpy([model(text), model(anew)])
    np.testing.assert_allclose(logits[~begins], whole[~begins, TIME:], atol=1e-5)
    np.testing.assert_allclose(logits[begins], alone[begins], atol=1e-5)
    _, states = model.unroll(anew, model.initial_states(BATCH))
    for state, wanted in zip(carried, numpy(states), strict=True):
        np.testing.assert_allclose(state[begins], wanted[begins], atol=1e-5)
    # Outside training, too, a row that begins reads the symbol before a text.
    np.testing.assert_array_equal(numpy([model(later)])[0][begins], alone[begins])


@every_model
def test_splitting_a_text_anywhere_leaves_its_cost_unchanged(name):
    model, text = build(name), tokens(12, batch=1)
    whole, hits, _ = model.score(text, model.start(1))
    for cut in range(1, 12):
        first, first_hits, states = model.score(text[:, :cut], model.start(1))
        rest, rest_hits, _ = model.score(text[:, cut:], states)
        np.testing.assert_allclose(np.concatenate(numpy([first, rest]), 1), whole, atol=1e-5)
        np.testing.assert_array_equal(np.concatenate(numpy([first_hits, rest_hits]), 1), hits)


def test_a_tokens_cost_is_its_log_probability_after_what_was_before():
    model, text = build(), tokens(batch=1)
    log_p, hits, _ = numpy(keras.tree.flatten(model.score(text, model.start(1)))[:3])
    before = np.concatenate([[[0]], text[:, :-1]], axis=1)  # 0 stands before a text
    logits = numpy_logits(model, before[0])
    wanted = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    np.testing.assert_allclose(log_p[0], wanted[np.arange(TIME), text[0]], atol=2e-5)
    np.testing.assert_array_equal(hits[0], wanted.argmax(axis=-1) == text[0])


@pytest.mark.parametrize("name", ["lecture", "simple_rnn"])
def test_padding_changes_no_state_and_no_cost(name):
    model, text = build(name), tokens()
    keep = np.arange(TIME) < np.array([[2], [TIME], [0]])
    log_p, _, states = model.score(text, model.start(BATCH), keep)
    for row, length in ((0, 2), (1, TIME)):
        alone, _, last = model.score(text[row : row + 1, :length], model.start(1))
        np.testing.assert_allclose(log_p[row, :length], alone[0], atol=1e-5)
        for found, wanted in zip(states, last, strict=True):
            np.testing.assert_allclose(found[row], wanted[0], atol=1e-5)
    for found, wanted in zip(states, model.start(BATCH), strict=True):
        np.testing.assert_allclose(found[2], wanted[2], atol=1e-6)


@every_model
def test_steps_give_the_logits_of_the_sequence(name):
    model, text = build(name), tokens()
    states, fixed = model.initial_states(BATCH), model.lecture_weights()
    found = []
    for t in range(TIME):
        states = model.step(text[:, t], states, fixed)
        found.append(model.next_logits(states))
    np.testing.assert_allclose(np.stack(numpy(found), axis=1), model(text), atol=1e-5)


@every_model
def test_as_printed_it_is_the_same_model(name):
    model, text = build(name), tokens()
    printed = model.as_printed()
    np.testing.assert_allclose(printed(text), model(text), atol=1e-5)
    for layer, (W_x, W_h) in zip(printed.recurrences, model.lecture_weights(), strict=True):
        np.testing.assert_array_equal(layer.cell.kernel, W_x)
        np.testing.assert_array_equal(layer.cell.recurrent_kernel, W_h)


def test_written_text_is_what_the_logits_say():
    model = build()
    found = keras.ops.convert_to_numpy(model.write(model.start(1), 8, seed=3, temperature=0.0)[0])
    before = np.concatenate([[0], found[0, :-1]])
    likeliest = 1 + numpy_logits(model, before)[:, 1:].argmax(axis=-1)
    np.testing.assert_array_equal(found[0], likeliest)


# Dropout, training, saving.


def test_dropout_drops_the_same_features_at_all_steps():
    model = build(dropout=0.5)
    rows = model(tokens(), training=True)["readout"]
    dropped = keras.ops.convert_to_numpy(rows)[..., :-1] == 0  # all but the constant 1
    assert np.all(dropped == dropped[:, :1])
    assert 0 < dropped.mean() < 1


def test_training_learns_a_text_that_repeats_itself():
    model = build(units=16, weight_dropout=0.1, dropout=0.1, input_dropout=0.1)
    text = np.tile(np.arange(1, 7, dtype="int32"), 50)
    model.compile(
        keras.optimizers.Adam(0.02), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    rows = np.stack([text[shift : shift + 241] for shift in range(BATCH)])
    losses = [
        float(model.train_on_batch(rows[:, t : t + 8], rows[:, t + 1 : t + 9]))
        for t in range(0, 240, 8)
    ]
    assert losses[0] > 1.5
    assert np.mean(losses[-5:]) < 0.5 * losses[0]


def test_first_weights_come_from_the_seed():
    found = []
    for _ in range(2):
        keras.utils.set_random_seed(4)
        model = CharLM(SYMBOLS, units=UNITS)
        model.build()
        found.append([weight.numpy() for weight in model.weights])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": -3}, "`units` must be a positive integer. Got -3."),
        ({"layers": 0}, "`layers` must be a positive integer. Got 0."),
        ({"embedding_units": -1}, "`embedding_units` must be an integer of 0 or more. Got -1."),
        ({"dropout": 1.0}, r"`dropout` must be a number in \[0, 1\). Got 1.0."),
        ({"weight_dropout": -0.1}, r"`weight_dropout` must be a number in \[0, 1\). Got -0.1."),
        ({"cell": "gru"}, "`cell` must be one of .* Got 'gru'."),
    ],
)
def test_bad_arguments_say_what_is_wrong(options, message):
    with pytest.raises(ValueError, match=message):
        CharLM(SYMBOLS, **{"units": UNITS, **options})


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
@pytest.mark.slow
def test_another_backend_gives_the_same(tmp_path):
    model, text = build(), tokens(TIME + 1, batch=4 * BATCH)  # four batches
    begins = np.random.default_rng(1).random(4 * BATCH) < 0.5
    problem = {"tokens": text[:, :-1], "targets": text[:, 1:], "begins": begins}
    weights = {f"weight_{i}": weight for i, weight in enumerate(model.get_weights())}
    config = json.dumps(model.get_config())
    np.savez(tmp_path / "problem.npz", config=config, **problem, **weights)
    script = Path(__file__).with_name("char_lm_other_backend.py")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    files = [tmp_path / "problem.npz", tmp_path / "answers.npz"]
    subprocess.run([sys.executable, script, *files], env=environment, check=True)
    answers = np.load(tmp_path / "answers.npz")

    np.testing.assert_allclose(answers["logits"], model(text[:, :-1]), atol=1e-4)
    written = model.write(model.start(2), 6, seed=0, temperature=0.0)[0]
    np.testing.assert_array_equal(answers["text"], written)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    inputs = {name: problem[name] for name in ("tokens", "begins")}
    options = {"batch_size": BATCH, "epochs": 2, "shuffle": False, "verbose": 0}
    losses = model.fit(inputs, problem["targets"], **options).history["loss"]
    np.testing.assert_allclose(answers["losses"], losses, rtol=1e-4)
    np.testing.assert_allclose(answers["carried"], model.carried[0], atol=1e-4)
