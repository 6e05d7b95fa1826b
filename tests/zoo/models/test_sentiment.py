"""The classifier against its equations in NumPy, and what padding does."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.layers.lecture_layer import CELLS
from zoo.layers.word_encoder import PAD
from zoo.models.sentiment import POOLINGS, SentimentClassifier

WORDS, UNITS, WIDTH = 11, 4, 3
TOKENS = np.array([[4, 5, 6, 7, 8], [9, 10, 4, 0, 0], [3, 0, 0, 0, 0]], np.int32)


def build(pooling="max+mean", classes=3, spread=0.7, **options):
    """A classifier whose weights all differ from each other."""
    sizes = {"units": UNITS, "embedding_units": WIDTH, "attention_units": 5}
    model = SentimentClassifier(WORDS, classes, pooling=pooling, **{**sizes, **options})
    model.build((None, None))
    rng = np.random.default_rng(5)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=spread, size=weight.shape))
    return model


# The equations, one text and one step at a time, in float64.


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def numpy_states(model, words, direction, layers):
    """States of all steps `[time, units]` of one direction, the words in its own order."""
    options = model.reader.get_config()
    named = {weight.path: weight.numpy().astype("float64") for weight in model.reader.weights}

    def value(path):
        (found,) = [v for name, v in named.items() if name.endswith(path)]
        return found

    steps = value("embedding/embeddings")[words]
    for layer in range(1, layers + 1):
        kernel = value(f"{direction}_{layer}/cell/kernel")
        recurrent = value(f"{direction}_{layer}/cell/recurrent_kernel")
        h, C, outputs = np.zeros(UNITS), np.zeros(UNITS), []
        for x in steps:
            x = np.append(x, 1) if options["constant_feature"] else x
            z = x @ kernel + h @ recurrent
            if options["cell"] == "simple_rnn":
                h = np.maximum(z, 0)
            else:
                f, i, c, o = np.split(z, 4)
                candidate = np.tanh(c) if options["cell"] == "lstm_tanh" else sigmoid(c)
                C = sigmoid(f) * C + sigmoid(i) * candidate
                h = sigmoid(o) * np.tanh(C)
            outputs.append(h)
        steps = np.array(outputs)
    return steps


def numpy_pooled(model, h, pooling, direction):
    if pooling == "attention":
        named = {w.path: w.numpy().astype("float64") for w in model.attentions[direction].weights}
        (query,) = [v for n, v in named.items() if n.endswith("query/kernel")]
        (key,) = [v for n, v in named.items() if n.endswith("key/kernel")]
        (v,) = [v for n, v in named.items() if n.endswith("score_vector")]
        e = np.tanh(h @ key + query[0]) @ v
        return (np.exp(e) / np.exp(e).sum()) @ h
    return {"last": h[-1], "mean": h.mean(axis=0), "max": h.max(axis=0)}[pooling]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", ["max+mean", "last+attention"])
def test_equals_the_equations(cell, pooling):
    options = {"cell": cell, "layers": 2, "bidirectional": True, "constant_feature": True}
    model = build(pooling, **options)
    logits = model(TOKENS)
    readout = model.readout.kernel.numpy().astype("float64")
    for row, tokens in enumerate(TOKENS):
        words = tokens[tokens != PAD]
        parts = []
        for index, (name, read) in enumerate((("forwards", words), ("backwards", words[::-1]))):
            h = numpy_states(model, read, name, layers=2)
            parts += [numpy_pooled(model, h, kind, index) for kind in pooling.split("+")]
        expected = np.append(np.concatenate(parts), 1) @ readout
        np.testing.assert_allclose(logits[row], expected, rtol=1e-4, atol=1e-5)


def test_equals_the_equations_without_a_constant_and_in_one_direction():
    model = build("last", constant_feature=False, bidirectional=False, cell="lstm")
    h = numpy_states(model, TOKENS[0], "forwards", layers=1)
    expected = h[-1] @ model.readout.kernel.numpy()
    np.testing.assert_allclose(model(TOKENS)[0], expected, rtol=1e-4, atol=1e-5)
    assert model.reader.stacks[0][0].cell.kernel.shape == (WIDTH, 4 * UNITS)


# Padding and order.


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_padded_batch_equals_each_text_alone(cell, pooling):
    model = build(pooling, cell=cell)
    whole = model(np.pad(TOKENS, ((0, 0), (0, 3))))
    for row, tokens in enumerate(TOKENS):
        alone = model(tokens[tokens != PAD][None])
        np.testing.assert_allclose(alone[0], whole[row], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_row_of_padding_alone_stays_finite_and_the_same_at_any_length(pooling):
    model = build(pooling)
    short, long = (model(np.zeros((1, time), np.int32)) for time in (1, 7))
    assert np.isfinite(short).all()
    np.testing.assert_allclose(short, long, atol=1e-6)
    # Nothing is pooled: the constant alone speaks.
    np.testing.assert_allclose(short[0], model.readout.kernel.numpy()[-1], rtol=1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_order_of_the_words_matters(bidirectional):
    model = build("last", bidirectional=bidirectional)
    swapped = TOKENS[:1, ::-1]
    assert np.abs(model(TOKENS[:1]) - model(swapped)).max() > 1e-3


def test_gradient_is_finite_with_padding_and_empty_rows():
    model = build("+".join(POOLINGS))
    tokens = np.vstack([TOKENS, np.zeros((1, 5), np.int32)])
    with tf.GradientTape() as tape:
        total = keras.ops.sum(model(tokens, training=True))
    for gradient in tape.gradient(total, model.trainable_weights):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()


def test_dropout_acts_in_training_alone():
    rates = ("embedding_dropout", "input_dropout", "output_dropout", "dropout")
    plain = build()(TOKENS)
    for rate in rates:
        model = build(**{rate: 0.5})
        np.testing.assert_allclose(model(TOKENS), plain, rtol=1e-6)
        assert np.abs(model(TOKENS, training=True) - plain).max() > 1e-3, rate


# Learning, saving, other backends.


@pytest.mark.parametrize("cell", CELLS)
def test_learns_which_word_came_first(cell):
    keras.utils.set_random_seed(3)
    model = SentimentClassifier(WORDS, 2, "last", units=12, embedding_units=8, cell=cell)
    model.build((None, None))
    rng = np.random.default_rng(0)
    tokens = rng.integers(4, WORDS, (64, 12)).astype(np.int32)
    labels = np.arange(64) % 2
    tokens[:, 0] = 2 + labels
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02, clipnorm=1.0), loss, jit_compile=False)
    losses = (float(model.train_on_batch(tokens, labels)) for _ in range(120))
    assert any(loss < 0.1 for loss in losses)


def test_runs_in_a_graph_of_any_size():
    model = build("max+mean+last+attention")
    compiled = tf.function(
        lambda tokens: model(tokens), input_signature=[tf.TensorSpec([None, None], tf.int32)]
    )
    for part in (TOKENS, TOKENS[1:2, :3]):
        np.testing.assert_allclose(compiled(part), model(part), rtol=1e-5, atol=1e-6)


JAX = """
import sys, numpy as np, keras
from zoo.models.sentiment import SentimentClassifier
problem = np.load(sys.argv[1])
options = {"units": 4, "embedding_units": 3}
model = SentimentClassifier(11, 3, "max+mean+last+attention", 5, **options)
model.build((None, None))
for i, weight in enumerate(model.trainable_weights):
    weight.assign(problem[f"weight_{i}"])
logits = np.asarray(model(problem["tokens"]))
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.SGD(0.1), loss)
losses = [float(model.train_on_batch(problem["tokens"], problem["labels"])) for _ in range(3)]
np.savez(sys.argv[2], logits=logits, losses=losses)
"""


@pytest.mark.slow
def test_jax_gives_the_same_answers_and_learns_the_same(tmp_path):
    pytest.importorskip("jax")
    model = build("max+mean+last+attention")
    weights = {f"weight_{i}": w.numpy() for i, w in enumerate(model.trainable_weights)}
    labels = np.array([0, 1, 2])
    np.savez(tmp_path / "problem.npz", tokens=TOKENS, labels=labels, **weights)
    root = str(Path(__file__).parents[3])
    run = subprocess.run(
        [sys.executable, "-c", JAX, str(tmp_path / "problem.npz"), str(tmp_path / "answers.npz")],
        env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": root},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr
    answers = np.load(tmp_path / "answers.npz")
    np.testing.assert_allclose(answers["logits"], model(TOKENS), rtol=1e-4, atol=1e-5)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, jit_compile=False)
    losses = [float(model.train_on_batch(TOKENS, labels)) for _ in range(3)]
    np.testing.assert_allclose(answers["losses"], losses, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "sum"}, r"`pooling` must be of .* Got 'sum'"),
        ({"pooling": "max+max"}, r"`pooling` must be of .* Got 'max\+max'"),
        ({"classes": 1}, "`classes` must be an integer of 2 or more. Got 1"),
        ({"cell": "gru"}, r"`cell` must be one of .* Got 'gru'"),
        ({"units": -3}, "`units` must be a positive integer. Got -3"),
        ({"layers": 0}, "`layers` must be a positive integer. Got 0"),
        ({"embedding_dropout": 1.0}, r"`embedding_dropout` must be a number in \[0, 1\). Got 1.0"),
        ({"input_dropout": -0.1}, r"`input_dropout` must be a number in \[0, 1\). Got -0.1"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        SentimentClassifier(WORDS, **options)
