"""One-hot words by their rows of W: what the layer itself makes of one-hot vectors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.layers.lecture_layer import CELLS, lecture_layer
from zoo.layers.one_hot_rnn import OneHotRNN
from zoo.models.sentiment import SentimentClassifier

WORDS, UNITS = 7, 3
TOKENS = np.random.default_rng(0).integers(0, WORDS, (4, 5)).astype("int32")
SCALE = np.array([1, 0, 2, 1, 0.5, 1, 3], "float32")


def dense(layer, constant, tokens, scale):
    """The same weights in `lecture_layer`, over one-hot vectors that are formed."""
    x = scale[tokens][..., None] * np.eye(WORDS, dtype="float32")[tokens]
    x = np.concatenate([x, np.ones_like(x[..., :1])], axis=-1) if constant else x
    other = lecture_layer(layer.name, UNITS, "other", constant_feature=constant)
    other.build(x.shape)
    other.set_weights(layer.get_weights())
    return other, x


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_equals_the_layer_over_one_hot_vectors_with_its_gradients(cell, constant):
    layer = OneHotRNN(WORDS, UNITS, cell, constant_feature=constant, name=cell)
    layer.build()
    other, x = dense(layer, constant, TOKENS, SCALE)
    weigh = tf.constant(np.random.default_rng(1).normal(size=(4, 5, UNITS)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        found, expected = layer(TOKENS, scale=SCALE, training=True), other(x, training=True)
        losses = [tf.reduce_sum(h * weigh) for h in (found, expected)]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(layer(TOKENS, scale=SCALE), expected, atol=1e-6)
    pairs = zip(layer.trainable_variables, other.trainable_variables, strict=True)
    for own, theirs in pairs:
        gradient = tf.convert_to_tensor(tape.gradient(losses[0], own.value))
        np.testing.assert_allclose(gradient, tape.gradient(losses[1], theirs.value), atol=1e-5)


def test_the_gates_begin_at_their_offsets():
    layer = OneHotRNN(WORDS, UNITS, "lstm", gate_offsets=True)
    layer.build()
    last = keras.ops.convert_to_numpy(layer.cell.kernel)[-1]
    np.testing.assert_array_equal(last, np.repeat([1.0, -1.0, 0.0, 0.0], UNITS))


def test_a_classifier_of_one_hot_words_is_one_whose_embedding_is_the_identity():
    one_hot, embedded = (
        SentimentClassifier(WORDS, units=UNITS, layers=2, embedding_units=width)
        for width in (0, WORDS)
    )
    for model in (one_hot, embedded):
        model.build((None, None))
    embedded.reader.embedding.set_weights([np.eye(WORDS)])
    rest = [w for w in embedded.trainable_weights if "embedding" not in w.path]
    rng = np.random.default_rng(3)
    for own, theirs in zip(one_hot.trainable_weights, rest, strict=True):
        theirs.assign(rng.normal(size=theirs.shape))
        own.assign(theirs)
    np.testing.assert_allclose(one_hot(TOKENS), embedded(TOKENS), atol=1e-5)
