"""The decoder against its equations in NumPy, and its two ways of running against each other."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from zoo.layers.attention import Attention, attention_layer
from zoo.layers.attention_decoder import AttentionDecoder
from zoo.layers.lecture_layer import CELLS

BATCH, SEQUENCES, TIME, CELL_COUNT = 2, 3, 4, 5
FEATURES, UNITS, WIDTH = 3, 4, 6
MASK = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 0]], bool)
KINDS = ["additive", "multiplicative", "none"]
every_kind = pytest.mark.parametrize("kind", KINDS)


@keras.saving.register_keras_serializable(package="tests")
class OneCellAfterTheOther(Attention):
    """Looks at cell t at step t: a position that grows is its state."""

    def keys(self, memory):
        return memory

    def call(self, queries, memory, keys=None, memory_mask=None):
        time = ops.shape(queries)[1]
        weights = ops.eye(time, ops.shape(memory)[1])[None] + 0 * queries[:, :, :1]
        return ops.matmul(weights, memory), weights

    def begin(self, memory):
        return [0 * memory[:, :1, 0]]

    def step(self, queries, state, memory, keys=None, memory_mask=None):
        (position,) = state
        weights = ops.one_hot(ops.cast(position, "int32"), memory.shape[1])
        return ops.matmul(weights, memory), weights, [position + 1]


def build(kind="additive", cell="lstm", dtype="float32", **options):
    """A decoder whose weights all differ from each other."""
    keras.config.set_dtype_policy(dtype)
    try:
        attention = attention_layer(kind, 3, "attention")
        decoder = AttentionDecoder(UNITS, attention, cell, **options)
        decoder.build((None, None, None, FEATURES), {"cells": (None, None, WIDTH)})
    finally:
        keras.config.set_dtype_policy("float32")
    rng = np.random.default_rng(7)
    for weight in decoder.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    return decoder


def problem(kind, dtype="float32", sequences=SEQUENCES):
    """x, m and the first states."""
    rng = np.random.default_rng(6)
    cells = 1 if kind == "none" else CELL_COUNT
    shapes = [(BATCH, sequences, TIME, FEATURES), (BATCH, cells, WIDTH)]
    shapes += [(BATCH, UNITS)] * 4
    x, m, *states = (rng.normal(size=shape).astype(dtype) for shape in shapes)
    return x, m, states


# The equations, one sequence and one step at a time, in float64.


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def numpy_decoder(decoder, x, m, states):
    """h², c and α of one sequence x `[time, features]` over m `[cells, width]`, no padding."""
    named = {weight.path: weight.numpy().astype("float64") for weight in decoder.weights}

    def value(path):
        (found,) = [v for name, v in named.items() if f"/{name}".endswith(f"/{path}")]
        return found

    def step(name, x, state):
        z = np.append(x, 1) @ value(f"{name}/cell/kernel")
        z = z + state[0] @ value(f"{name}/cell/recurrent_kernel")
        if decoder.cell == "simple_rnn":
            return [np.maximum(z, 0)]
        f, i, c, o = np.split(z, 4)
        candidate = np.tanh if decoder.cell == "lstm_tanh" else sigmoid
        C = sigmoid(f) * state[1] + sigmoid(i) * candidate(c)
        return [sigmoid(o) * np.tanh(C), C]

    def look(h):
        if decoder.attention is None:
            return m[0], np.zeros(0)
        keys = m @ value("key/kernel")
        if type(decoder.attention).__name__ == "MultiplicativeAttention":
            e = keys @ h
        else:
            e = np.tanh(h @ value("query/kernel") + keys) @ value("score_vector")
        weights = np.exp(e) / np.exp(e).sum()
        return weights @ m, weights

    half = len(states) // 2
    first, second, found = states[:half], states[half:], []
    for x_t in x:
        first = step("first", x_t, first)
        c, weights = look(first[0])
        second = step("second", np.concatenate([first[0], c]), second)
        found.append((second[0], c, weights))
    return [np.array(values) for values in zip(*found, strict=True)]


@every_kind
@pytest.mark.parametrize("cell", CELLS)
def test_equals_the_equations_for_each_sequence_alone(kind, cell):
    decoder = build(kind, cell, "float64")
    x, m, states = problem(kind, "float64")
    states = states[: 2 if cell == "simple_rnn" else 4]
    memory = decoder.remember(m, None if kind == "none" else MASK)
    h, c, weights = decoder(x, memory, decoder.begin(memory, states))
    assert (weights is None) == (kind == "none")
    for b in range(BATCH):
        real = MASK[b] if kind != "none" else [True]
        for n in range(SEQUENCES):
            expected = numpy_decoder(decoder, x[b, n], m[b][real], [s[b] for s in states])
            np.testing.assert_allclose(h[b, n], expected[0], rtol=0, atol=1e-10)
            np.testing.assert_allclose(c[b, n], expected[1], rtol=0, atol=1e-10)
            if weights is not None:
                np.testing.assert_allclose(
                    np.asarray(weights)[b, n][:, real], expected[2], rtol=0, atol=1e-10
                )


@every_kind
@pytest.mark.parametrize("cell", CELLS)
def test_steps_equal_all_at_once(kind, cell):
    decoder = build(kind, cell)
    x, m, states = problem(kind)
    memory = decoder.remember(m, None if kind == "none" else MASK)
    state = decoder.begin(memory, states[: 2 if cell == "simple_rnn" else 4])
    expected = decoder(x, memory, state)
    state = [ops.repeat(value, SEQUENCES, axis=1) for value in state]
    for t in range(TIME):
        *found, state = decoder.step(x[:, :, t], state, memory)
        for this, that in zip(found, expected, strict=True):
            if that is not None:
                np.testing.assert_allclose(this, that[:, :, t], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_a_lead_is_read_by_the_first_layer_alone(cell):
    """As if it stood before the sequence, and the second layer began after it."""
    decoder = build(cell=cell)
    x, m, _ = problem("additive", sequences=1)
    memory = decoder.remember(m)
    found = decoder.begin(memory, lead=x[:, 0, 0])
    _, _, _, expected = decoder.step(x[:, :, 0], decoder.begin(memory), memory)
    half = len(expected) // 2
    for this, that in zip(found[:half], expected[:half], strict=True):
        np.testing.assert_allclose(this, that, rtol=1e-6)
    for value in found[half:]:
        np.testing.assert_array_equal(value, np.zeros((BATCH, 1, UNITS)))


def test_keys_are_worked_out_where_the_memory_has_none():
    decoder = build()
    x, m, _ = problem("additive")
    np.testing.assert_array_equal(decoder(x, {"cells": m})[0], decoder(x, decoder.remember(m))[0])


def test_an_attention_may_have_a_state_of_its_own():
    decoder = AttentionDecoder(UNITS, OneCellAfterTheOther())
    x, m, _ = problem("additive", sequences=1)
    h = decoder(x, {"cells": m})[0]
    memory = decoder.remember(m)
    state = decoder.begin(memory)
    assert len(state) == 5
    for t in range(TIME):
        last, context, _, state = decoder.step(x[:, :, t], state, memory)
        np.testing.assert_allclose(context[:, 0], m[:, t], rtol=1e-6)
        np.testing.assert_allclose(last, h[:, :, t], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(state[-1], np.full((BATCH, 1), TIME))
    several = problem("additive")[0]
    with pytest.raises(ValueError, match=r"`inputs` must hold one sequence .* Got 3 sequences"):
        decoder(several, memory)


@every_kind
def test_gradient_equals_differences(kind, layer_checks):
    decoder = build(kind, dtype="float64")
    x, m, states = problem(kind, "float64")

    def call(x, m, *states):
        memory = decoder.remember(m, None if kind == "none" else MASK)
        outputs = decoder(x, memory, decoder.begin(memory, states), training=True)
        return [output for output in outputs if output is not None]

    tensors = [x[:, :2, :3], m, *states]
    layer_checks.check_gradients(call, tensors, decoder.trainable_weights)


@pytest.mark.parametrize("same", [False, True])
def test_dropout_is_the_same_at_all_steps_or_drawn_anew(same):
    decoder = build(dropout=0.5, same_at_all_steps=same)
    x, m, _ = problem("additive")
    np.testing.assert_array_equal(decoder(x, {"cells": m})[0], decoder(x, {"cells": m})[0])
    dropped = np.asarray(decoder.dropout(np.ones((6, TIME, 20), "float32"), training=True)) == 0
    assert 0.3 < dropped.mean() < 0.7
    assert np.all(dropped == dropped[:, :1]) == same
    still, first, again = (decoder(x, {"cells": m}, training=t)[0] for t in (False, True, True))
    assert min(np.abs(first - again).max(), np.abs(first - still).max()) > 1e-3


@every_kind
def test_runs_in_a_graph_of_any_size_and_under_xla(kind):
    decoder = build(kind)
    x, m, _ = problem(kind)
    expected = decoder(x, {"cells": m})[0]
    shapes = tf.TensorSpec([None, None, None, FEATURES]), tf.TensorSpec([None, None, WIDTH])
    run = tf.function(lambda x, m: decoder(x, {"cells": m})[0], input_signature=shapes)
    np.testing.assert_allclose(run(x, m), expected, rtol=1e-5, atol=1e-6)
    part = decoder(x[:1, :2, :3], {"cells": m[:1]})[0]
    np.testing.assert_allclose(run(x[:1, :2, :3], m[:1]), part, rtol=1e-5, atol=1e-6)
    compiled = tf.function(lambda x, m: decoder(x, {"cells": m})[0], jit_compile=True)
    np.testing.assert_allclose(compiled(x, m), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 0}, "`units` must be a positive integer. Got 0."),
        ({"cell": "gru"}, "`cell` must be one of .* Got 'gru'."),
        ({"dropout": 1}, r"`dropout` must be a number in \[0, 1\). Got 1."),
    ],
    ids=str,
)
def test_arguments_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        AttentionDecoder(**{"units": UNITS, **options})


def test_an_unknown_attention_is_named():
    with pytest.raises(ValueError, match=r"`attention` must be one of .* Got 'dot'"):
        attention_layer("dot", 3, "attention")
