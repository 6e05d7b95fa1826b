"""The translator against its equations in NumPy, and its ways of running against each other."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from zoo.models.translator import Translator

BATCH, SOURCE, TIME = 3, 6, 5
WORDS, UNITS, ENCODER, WIDTH = 9, 6, 4, 5
PAD, START, END, UNKNOWN = range(4)
LENGTHS = [(6, 5), (3, 4), (2, 5)]
RULES = {"start_token": START, "end_token": END, "forbidden_tokens": (UNKNOWN,), "max_length": 6}
KINDS = {
    "additive": {},
    "multiplicative": {"attention": "multiplicative", "encoder_layers": 2},
    "none": {"attention": "none"},
    "tanh": {"cell": "lstm_tanh"},
    "simple_rnn": {"cell": "simple_rnn"},
}
every_kind = pytest.mark.parametrize("kind", KINDS)
some_kinds = pytest.mark.parametrize("kind", ["additive", "none", "simple_rnn"])


def build(kind="additive", spread=0.6, **options) -> Translator:
    """A translator of 9 words whose weights all differ from each other."""
    sizes = {"units": UNITS, "encoder_units": ENCODER, "embedding_units": WIDTH}
    model = Translator(WORDS, attention_units=3, **sizes, **{**KINDS[kind], **options})
    model.build()
    rng = np.random.default_rng(7)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=spread, size=weight.shape))
    return model


@pytest.fixture
def inputs() -> dict[str, np.ndarray]:
    """Sentences of `LENGTHS`, padded on the right."""
    rng = np.random.default_rng(6)
    source, tokens = np.zeros((BATCH, SOURCE), "int32"), np.zeros((BATCH, TIME), "int32")
    for row, (read, written) in enumerate(LENGTHS):
        source[row, :read] = rng.integers(3, WORDS, read)
        tokens[row, :written] = rng.integers(3, WORDS, written)
    tokens[:, 0] = START
    return {"source": source, "tokens": tokens}


# The equations, one sentence and one step at a time, in float64.


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(e):
    return np.exp(e - e.max()) / np.exp(e - e.max()).sum()


class Reference:
    """The equations of the class' docstring over a model's weights."""

    def __init__(self, model):
        self.options = model.get_config()
        self.named = {w.path: w.numpy().astype("float64") for w in model.weights}
        self.states = 1 if self.options["cell"] == "simple_rnn" else 2

    def value(self, path):
        (found,) = [v for name, v in self.named.items() if f"/{name}".endswith(f"/{path}")]
        return found

    def step(self, name, x, state):
        kernel = self.value(f"{name}/cell/kernel")
        z = np.append(x, 1) @ kernel + state[0] @ self.value(f"{name}/cell/recurrent_kernel")
        if self.options["cell"] == "simple_rnn":
            return [np.maximum(z, 0)]
        f, i, c, o = np.split(z, 4)
        candidate = np.tanh if self.options["cell"] == "lstm_tanh" else sigmoid
        C = sigmoid(f) * state[1] + sigmoid(i) * candidate(c)
        return [sigmoid(o) * np.tanh(C), C]

    def run(self, name, sequence):
        state, outputs = [np.zeros(ENCODER)] * self.states, []
        for x in sequence:
            state = self.step(name, x, state)
            outputs.append(state[0])
        return outputs

    def encode(self, x):
        for layer in range(self.options["encoder_layers"]):
            there = self.run(f"forwards_{layer}", x)
            back = self.run(f"backwards_{layer}", x[::-1])
            x = [np.concatenate(pair) for pair in zip(there, back[::-1], strict=True)]
        parts = [there[-1], back[-1], np.mean(x, axis=0)]
        if self.options["attention"] == "none":
            parts.append(np.max(x, axis=0))
        s = np.tanh(np.concatenate(parts) @ self.value("sentence/kernel"))
        if self.options["attention"] == "none":
            return np.zeros((1, 1)), s
        m = np.array(x)
        m = (m - m.mean(-1, keepdims=True)) / np.sqrt(m.var(-1, keepdims=True) + 1e-3)
        return m * self.value("memory_norm/gamma") + self.value("memory_norm/beta"), s

    def look(self, h, m, s):
        if self.options["attention"] == "none":
            return s, np.zeros(0)
        keys = m @ self.value("key/kernel")
        if self.options["attention"] == "multiplicative":
            energies = np.array([h @ key for key in keys])
        else:
            query = h @ self.value("query/kernel")
            energies = np.array([np.tanh(query + k) @ self.value("score_vector") for k in keys])
        weights = softmax(energies)
        return weights @ m, weights

    def logits(self, source, words):
        E = self.value("embedding/embeddings")
        m, s = self.encode(E[source] * WIDTH**0.5)
        states = np.split(np.tanh(s @ self.value("bridge/kernel")), 2 * self.states)
        first, second = states[: self.states], states[self.states :]
        logits, looks = [], []
        for y in E[words] * WIDTH**0.5:
            first = self.step("first", y, first)
            c, weights = self.look(first[0], m, s)
            second = self.step("second", np.concatenate([first[0], c]), second)
            r = np.concatenate([second[0], c, y]) @ self.value("readout/kernel")
            logits.append(E @ r + self.value("offsets"))
            looks.append(weights)
        return np.array(logits), np.array(looks)


@every_kind
def test_equals_the_equations_for_each_sentence_alone(inputs, kind):
    """So a padded batch, too, is what each of its sentences alone is."""
    model = build(kind)
    logits, weights = model.logits_and_attention(inputs)
    np.testing.assert_array_equal(model(inputs), logits)
    reference = Reference(model)
    for row, (read, written) in enumerate(LENGTHS):
        sentence, words = inputs["source"][row, :read], inputs["tokens"][row, :written]
        expected, looks = reference.logits(sentence, words)
        np.testing.assert_allclose(logits[row, :written], expected, rtol=1e-4, atol=1e-4)
        if weights is not None:
            np.testing.assert_allclose(weights[row, :written, :read], looks, rtol=1e-4, atol=1e-5)
            np.testing.assert_array_equal(weights[row, :, read:], 0)
    assert (weights is None) == (model.attention is None)


@every_kind
def test_steps_equal_teacher_forcing(inputs, kind):
    model = build(kind)
    expected = model(inputs)
    memory = model.read_source(inputs["source"])
    state = model.begin(memory)
    for t in range(TIME):
        logits, state = model.step(inputs["tokens"][:, t : t + 1], state, memory)
        np.testing.assert_allclose(logits[:, 0], expected[:, t], rtol=1e-5, atol=1e-5)
        assert all(value.shape[:2] == (BATCH, 1) for value in state)


@some_kinds
def test_searches_state_the_probability_of_what_they_found(inputs, kind):
    model = build(kind, spread=0.4)
    found = model.translate(inputs["source"], method="beam", beam_size=3, **RULES)
    assert found.tokens.shape == (BATCH, 3, RULES["max_length"])
    for row, (read, _) in enumerate(LENGTHS):
        sentence = inputs["source"][row : row + 1, :read]
        words = np.asarray(found.tokens)[row, 0]
        length = int((words != PAD).sum())
        before = np.concatenate([[START], words[:-1]])[None]
        logits = np.array(model({"source": sentence, "tokens": before}))[0]
        logits[:, [PAD, START, UNKNOWN]] = -1e9
        log_probs = logits - np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1))[:, None]
        log_probs -= logits.max(-1, keepdims=True)
        answers = [*words[:length], END][: RULES["max_length"]]
        total = sum(log_probs[t, word] for t, word in enumerate(answers))
        np.testing.assert_allclose(found.log_probs[row, 0], total, rtol=1e-4, atol=1e-4)
        alone = model.translate(sentence, method="beam", beam_size=3, **RULES)
        np.testing.assert_array_equal(alone.tokens[0], found.tokens[row])


def test_dropout_is_the_same_at_all_steps_and_of_training_alone():
    model = build("none", dropout=0.5, embedding_dropout=0.5)
    source = np.full((1, 4), 5, "int32")
    tokens = np.full((1, 4), 6, "int32")
    words = np.asarray(model._embed(tokens, training=True))[0]
    np.testing.assert_array_equal(words, np.tile(words[:1], (4, 1)))
    assert (words == 0).any()
    inputs = {"source": source, "tokens": tokens}
    np.testing.assert_array_equal(model(inputs), model(inputs))
    once, again = (model(inputs, training=True)["logits"] for _ in range(2))
    assert np.abs(once - again).max() > 1e-3


@pytest.mark.parametrize("kind", ["additive", "none"])
def test_learns_to_turn_sentences_round(kind):
    keras.utils.set_random_seed(1)
    model = build(kind)
    again = Translator.from_config({**model.get_config(), "units": 16, "encoder_units": 12})
    source = np.array([[4, 5, 6, END], [6, 4, END, PAD]], "int32")
    answers = np.array([[6, 5, 4, END], [4, 6, END, PAD]], "int32")
    tokens = np.array([[START, 6, 5, 4], [START, 4, 6, PAD]], "int32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    again.compile(keras.optimizers.Adam(0.02), loss, jit_compile=False)
    weights = (answers != PAD).astype("float32")
    inputs = {"source": source, "tokens": tokens}
    steps = (float(again.train_on_batch(inputs, answers, weights)) for _ in range(200))
    assert any(loss < 0.02 for loss in steps)
    found = again.translate(source, method="greedy", **RULES)
    np.testing.assert_array_equal(found.tokens[:, 0, :4], [[6, 5, 4, 0], [4, 6, 0, 0]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 0}, "`units` must be a positive integer. Got 0."),
        ({"encoder_layers": 1.5}, "`encoder_layers` must be a positive integer. Got 1.5."),
        ({"attention": "adition"}, "`attention` must be one of .* Got 'adition'."),
        ({"cell": "gru"}, "`cell` must be one of .* Got 'gru'."),
        ({"dropout": 1}, r"`dropout` must be a number in \[0, 1\). Got 1."),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        Translator(WORDS, **options)


def test_an_unknown_search_is_named(inputs):
    with pytest.raises(ValueError, match=r"`method` must be one of .* Got 'beams'"):
        build().translate(inputs["source"], method="beams", **RULES)


OTHER = """
import json, sys
import keras, numpy as np
from zoo.models.translator import Translator

given = np.load("problem.npz")
model = Translator.from_config(json.loads(str(given["config"])))
model.build()
model.set_weights([given[f"weight_{i}"] for i in range(len(model.weights))])
inputs = {name: given[name] for name in ("source", "tokens")}
model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=True)
logits = keras.ops.convert_to_numpy(model(inputs))
loss = model.train_on_batch(inputs, np.zeros_like(logits))
trained = keras.ops.convert_to_numpy(model(inputs))
np.savez("answers.npz", logits=logits, loss=loss, trained=trained)
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
@pytest.mark.slow
def test_jax_gives_and_learns_the_same(inputs, tmp_path):
    model = build("additive")
    weights = {f"weight_{i}": w for i, w in enumerate(model.get_weights())}
    config = json.dumps(model.get_config())
    np.savez(tmp_path / "problem.npz", config=config, **inputs, **weights)
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": root}
    command = [sys.executable, "-c", OTHER]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=600)
    found = np.load(tmp_path / "answers.npz")
    logits = np.asarray(model(inputs))
    np.testing.assert_allclose(found["logits"], logits, rtol=1e-4, atol=1e-4)
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
    loss = float(model.train_on_batch(inputs, np.zeros_like(logits)))
    np.testing.assert_allclose(found["loss"], loss, rtol=1e-4)
    np.testing.assert_allclose(found["trained"], model(inputs), rtol=1e-3, atol=1e-3)
