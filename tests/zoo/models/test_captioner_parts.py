"""The captioner with its encoder, saved, in other precisions and on another backend."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.encoders.small_cnn import build_small_cnn
from zoo.models.captioner import ATTENTIONS, CELLS, Captioner

BATCH, GRID, CHANNELS, WORDS = 3, 4, 7, 9  # as in conftest.py

every_kind = pytest.mark.parametrize("attention", ATTENTIONS)


def every_model(test):
    return every_kind(pytest.mark.parametrize("cell", CELLS)(test))


# The encoder, saving, other precisions and backends.


@pytest.fixture(scope="module")
def encoder():
    return build_small_cnn(16)


@every_kind
def test_images_through_the_encoder_equal_its_features_given(
    build, rules, inputs, encoder, attention
):
    model = build("lstm", attention, encoder)
    images = np.random.default_rng(8).uniform(0, 255, (BATCH, 16, 16, 3)).astype("float32")
    features = encoder(images, training=False)
    tokens = inputs["tokens"]
    through = model({"images": images, "tokens": tokens})
    np.testing.assert_array_equal(through, model({"features": features, "tokens": tokens}))
    found = [
        model.caption(i, beam_size=2, **rules) for i in ({"images": images}, {"features": features})
    ]
    np.testing.assert_array_equal(found[0].tokens, found[1].tokens)


def test_encoder_trains_with_the_rest_where_it_is_trainable(inputs):
    encoder = build_small_cnn(16)
    model = Captioner(WORDS, units=4, embedding_units=4, attention_units=4, encoder=encoder)
    images = np.random.default_rng(8).uniform(0, 255, (BATCH, 16, 16, 3)).astype("float32")
    with tf.GradientTape() as tape:
        read = {"images": images, "tokens": inputs["tokens"]}
        loss = tf.reduce_sum(model(read, training=True)["logits"] ** 2)
    kernel = encoder.get_layer("stage1a_conv").kernel
    assert np.abs(tape.gradient(loss, kernel.value)).max() > 0
    ids = {id(weight) for weight in model.trainable_weights}
    assert all(id(weight) in ids for weight in encoder.trainable_weights)
    encoder.trainable = False
    assert not {id(w) for w in model.trainable_weights} & {id(w) for w in encoder.weights}


def test_dropout_acts_in_training_only(build, inputs):
    model = build(dropout=0.5)
    still = model(inputs, training=False)
    np.testing.assert_array_equal(still, model(inputs))

    assert np.abs(model(inputs, training=True)["logits"] - still).max() > 1e-2
    none = build(dropout=0.0)
    logits = none(inputs, training=True)["logits"]
    np.testing.assert_allclose(logits, none(inputs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("attention", ["additive", "none", "with encoder"])
def test_saving(build, inputs, encoder, tmp_path, cell, attention):
    if attention == "with encoder":
        model = build(cell, "additive", encoder)
        images = np.random.default_rng(8).uniform(0, 255, (BATCH, 16, 16, 3)).astype("float32")
        inputs = {"images": images, "tokens": inputs["tokens"]}
    else:
        model = build(cell, attention)
    expected = model(inputs)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is Captioner
    for this, that in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(this, that)
    np.testing.assert_array_equal(loaded(inputs), expected)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(build, rules, inputs, policy):
    expected = build(spread=0.3)(inputs)
    keras.config.set_dtype_policy(policy)
    try:
        model = build(spread=0.3)
        logits = model(inputs)
        found = model.caption({"features": inputs["features"]}, beam_size=2, **rules)
    finally:
        keras.config.set_dtype_policy("float32")
    assert logits.dtype == found.scores.dtype == "float32"
    np.testing.assert_allclose(logits, expected, rtol=0, atol=0.1)


def test_runs_in_a_graph_of_any_size(build, inputs):
    model = build()
    signature = {
        "features": tf.TensorSpec([None, GRID, CHANNELS]),
        "tokens": tf.TensorSpec([None, None, None], tf.int32),
    }
    compiled = tf.function(lambda x: model(x), input_signature=[signature])
    np.testing.assert_allclose(compiled(inputs), model(inputs), rtol=1e-5, atol=1e-5)
    part = {"features": inputs["features"][:1], "tokens": inputs["tokens"][:1, :1, :3]}
    np.testing.assert_allclose(compiled(part), model(part), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_jax_gives_the_same_answers(build, rules, inputs, tmp_path):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed: the captioner was not run on it")
    model = build()
    weights = {f"weight_{i}": value for i, value in enumerate(model.get_weights())}
    config = json.dumps(model.get_config())
    asked = {"config": config, "rules": json.dumps(rules), **inputs, **weights}
    np.savez(tmp_path / "problem.npz", **asked)
    root = Path(__file__).parents[3]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    script = Path(__file__).with_name("other_backend.py")
    run = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "problem.npz"), str(tmp_path / "answers.npz")],
        env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr
    answers = np.load(tmp_path / "answers.npz")
    np.testing.assert_allclose(answers["logits"], model(inputs), rtol=1e-5, atol=1e-5)
    found = model.caption({"features": inputs["features"]}, method="greedy", **rules)
    np.testing.assert_array_equal(answers["tokens"], found.tokens)


# Bad arguments.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": "dot"}, r"`attention` must be one of \('additive', 'none'\). Got 'dot'"),
        ({"cell": "gru"}, r"`cell` must be one of .* Got 'gru'"),
        ({"vocabulary_size": 0}, "`vocabulary_size` must be a positive integer. Got 0"),
        ({"units": -3}, "`units` must be a positive integer. Got -3"),
        ({"embedding_units": 2.5}, "`embedding_units` must be a positive integer. Got 2.5"),
        ({"attention_units": True}, "`attention_units` must be a positive integer. Got True"),
        ({"dropout": 1.5}, r"`dropout` must be a number in \[0, 1\). Got 1.5"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        Captioner(**{"vocabulary_size": WORDS, **options})


def test_bad_calls_are_named(build, rules, inputs):
    model = build()
    image = {"features": inputs["features"]}
    with pytest.raises(ValueError, match=r"`method` must be one of .* Got 'best'"):
        model.caption(image, method="best", **rules)
    with pytest.raises(ValueError, match="`state` must be of shape"):
        model.caption(image, samples=2, beam_size=2, **rules)
    with pytest.raises(ValueError, match=r"`inputs` must hold `features`.* Got \['images'\]"):
        model.caption({"images": np.zeros((1, 8, 8, 3))}, method="greedy", **rules)
