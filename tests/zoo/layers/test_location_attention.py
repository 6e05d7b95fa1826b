"""Location-sensitive attention against its equations in NumPy, one query after the other."""

import keras
import numpy as np
import pytest

from tests.zoo.layers.layer_checks import OneList
from zoo.layers.attention_decoder import AttentionDecoder
from zoo.layers.location_attention import LEAST, LocationSensitiveAttention

BATCH, TIME, CELLS, QUERY, FEATURES, UNITS, FILTERS, KERNEL = 2, 4, 5, 2, 3, 4, 2, 3
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], bool)


@keras.saving.register_keras_serializable(package="tests")
class OneLocation(OneList, LocationSensitiveAttention):
    """The layer as the shared check calls it."""


def make(advance=0, dtype="float64", kernel=KERNEL) -> LocationSensitiveAttention:
    layer = LocationSensitiveAttention(UNITS, FILTERS, kernel, advance, dtype=dtype)
    layer.build((None, TIME, QUERY), (None, CELLS, FEATURES))
    rng = np.random.default_rng(4)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape))
    return layer


@pytest.fixture
def tensors():
    rng = np.random.default_rng(3)
    return rng.normal(size=(BATCH, TIME, QUERY)), rng.normal(size=(BATCH, CELLS, FEATURES))


def numpy_attention(layer, queries, memory, mask):
    """Contexts and weights of one sequence, as the docstring has them."""
    W_q, W_k = layer.query_projection.kernel.numpy(), layer.key_projection.kernel.numpy()
    F, W_f = layer.location.kernel.numpy(), layer.location_projection.kernel.numpy()
    v = layer.score_vector.numpy()
    seen = np.flatnonzero(mask)
    last, total = np.eye(CELLS)[0], np.zeros(CELLS)
    contexts, rows = [], []
    for query in queries:
        padded = np.pad(np.stack([last, total], axis=1), ((KERNEL // 2, KERNEL // 2), (0, 0)))
        a = np.zeros(CELLS)
        for j in seen:
            f = sum(padded[j + k] @ F[k] for k in range(KERNEL))
            e = v @ np.tanh(query @ W_q + memory[j] @ W_k + f @ W_f)
            reach = sum(last[j - i] for i in range(layer.advance + 1) if j >= i) + LEAST
            a[j] = np.exp(e) * (reach if layer.advance else 1)
        last = a / a.sum()
        total = total + last
        rows.append(last)
        contexts.append(last @ memory)
    return np.array(contexts), np.array(rows)


@pytest.mark.parametrize("advance", [0, 1, 2])
def test_equals_the_equations_and_step_after_step(tensors, advance):
    queries, memory = tensors
    layer = make(advance)
    contexts, weights = (np.asarray(x) for x in layer(queries, memory, memory_mask=MASK))
    for b in range(BATCH):
        expected = numpy_attention(layer, queries[b], memory[b], MASK[b])
        np.testing.assert_allclose(contexts[b], expected[0], rtol=0, atol=1e-10)
        np.testing.assert_allclose(weights[b], expected[1], rtol=0, atol=1e-10)
    state = layer.begin(keras.ops.convert_to_tensor(memory))
    for t in range(TIME):
        context, weight, state = layer.step(queries[:, t : t + 1], state, memory, memory_mask=MASK)
        np.testing.assert_allclose(context[:, 0], contexts[:, t], rtol=0, atol=1e-12)
        np.testing.assert_allclose(weight[:, 0], weights[:, t], rtol=0, atol=1e-12)


def test_padding_and_neighbours_have_no_part(tensors):
    queries, memory = tensors
    layer = make(2)
    contexts, weights = layer(queries, memory, memory_mask=MASK)
    context, weight = layer(queries[1:], memory[1:, :3])
    np.testing.assert_allclose(context[0], contexts[1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(weight[0], weights[1, :, :3], rtol=0, atol=1e-12)
    nothing = layer(queries, memory, memory_mask=np.zeros_like(MASK))
    assert all(np.isfinite(value).all() for value in nothing)


def test_several_sequences_share_a_memory(tensors):
    queries, memory = tensors
    layer = make(1)
    state = [np.repeat(value, TIME, axis=1) for value in layer.begin(keras.ops.array(memory))]
    together = layer.step(queries, state, memory)
    for t in range(TIME):
        one = layer.step(queries[:, t : t + 1], [value[:, :1] for value in state], memory)
        np.testing.assert_allclose(together[0][:, t], one[0][:, 0], rtol=0, atol=1e-12)


def test_the_attention_goes_on_by_so_many_cells_at_most(tensors):
    queries, memory = tensors
    _, free = make(0)(queries, memory)
    _, bound = make(1)(queries, memory)
    assert np.asarray(free)[:, 0, 2:].max() > 1e-2
    assert np.asarray(bound)[:, 0, 2:].max() < 1e-3


@pytest.mark.parametrize("advance", [0, 2])
def test_gradient_equals_differences(tensors, layer_checks, advance):
    layer = make(advance)

    def call(queries, memory):
        return layer(queries, memory, memory_mask=MASK)

    layer_checks.check_gradients(call, list(tensors), layer.trainable_weights)


def test_layer_check(tensors, layer_checks, tmp_path):
    inputs = [tensor.astype("float32") for tensor in tensors]
    count = UNITS * (QUERY + FEATURES + 1 + FILTERS) + KERNEL * 2 * FILTERS
    options = {"units": UNITS, "filters": FILTERS, "kernel": KERNEL, "advance": 1}
    layer_checks.check_layer(OneLocation, options, inputs, count, tmp_path)


def test_a_decoder_takes_it(tensors):
    """All steps at once equal step by step, in a decoder whose attention has a state."""
    _, memory = (tensor.astype("float32") for tensor in tensors)
    x = np.random.default_rng(1).normal(size=(BATCH, 1, TIME, 3)).astype("float32")
    decoder = AttentionDecoder(6, LocationSensitiveAttention(UNITS, FILTERS, KERNEL, 1))
    decoder.build(x.shape, {"cells": memory.shape})
    remembered = decoder.remember(memory, MASK)
    h, c, weights = decoder(x, remembered)
    state = decoder.begin(remembered)
    for t in range(TIME):
        last, context, weight, state = decoder.step(x[:, :, t], state, remembered)
        np.testing.assert_allclose(last, h[:, :, t], atol=1e-6)
        np.testing.assert_allclose(context, c[:, :, t], atol=1e-6)
        np.testing.assert_allclose(weight, weights[:, :, t], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 0}, "`units` must be a positive integer. Got 0"),
        ({"units": 3, "filters": 0}, "`filters` must be a positive integer. Got 0"),
        ({"units": 3, "kernel": 2.5}, "`kernel` must be a positive integer. Got 2.5"),
        ({"units": 3, "advance": -1}, "`advance` must be an integer of 0 or more. Got -1"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        LocationSensitiveAttention(**options)
