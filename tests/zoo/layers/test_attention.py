"""Attention against its equations, written again in NumPy with plain loops."""

import keras
import numpy as np
import pytest

from tests.zoo.layers.layer_checks import OneList
from zoo.layers.attention import AdditiveAttention, MultiplicativeAttention

BATCH, TIME, CELLS, QUERY, FEATURES, UNITS = 3, 4, 5, 2, 3, 6
MASK = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 0], [0, 0, 0, 1, 0]], bool)


@keras.saving.register_keras_serializable(package="tests")
class OneArgument(OneList, AdditiveAttention):
    """The layer as the shared check calls it."""


def numpy_attention(queries, memory, W_q, W_k, v, mask):
    """e_tj = v · tanh(W_q q_t + W_k m_j), α = softmax over j, c_t = Σ_j α_tj m_j."""
    contexts = np.zeros((BATCH, TIME, FEATURES))
    weights = np.zeros((BATCH, TIME, CELLS))
    for b in range(BATCH):
        for t in range(TIME):
            seen = [j for j in range(CELLS) if mask[b, j]]
            e = {j: v @ np.tanh(queries[b, t] @ W_q + memory[b, j] @ W_k) for j in seen}
            total = sum(np.exp(e[j]) for j in seen)
            for j in seen:
                weights[b, t, j] = np.exp(e[j]) / total
                contexts[b, t] += weights[b, t, j] * memory[b, j]
    return contexts, weights


@pytest.fixture
def tensors():
    rng = np.random.default_rng(3)
    return rng.normal(size=(BATCH, TIME, QUERY)), rng.normal(size=(BATCH, CELLS, FEATURES))


def make(dtype="float64") -> AdditiveAttention:
    layer = AdditiveAttention(UNITS, dtype=dtype)
    layer.build((None, TIME, QUERY), (None, CELLS, FEATURES))
    rng = np.random.default_rng(4)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape))
    return layer


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_equals_the_equations(tensors, mask):
    layer = make()
    W_q, W_k = layer.query_projection.kernel, layer.key_projection.kernel
    named = [w.numpy() for w in (W_q, W_k, layer.score_vector)]
    seen = np.ones_like(MASK) if mask is None else mask
    expected = numpy_attention(*tensors, *named, seen)
    for this, that in zip(layer(*tensors, memory_mask=mask), expected, strict=True):
        np.testing.assert_allclose(this, that, rtol=0, atol=1e-10)


def test_what_the_padding_holds_changes_nothing(tensors):
    queries, memory = tensors
    layer = make()
    other = np.where(MASK[..., None], memory, 1e3)
    for this, that in zip(
        layer(queries, memory, memory_mask=MASK),
        layer(queries, other, memory_mask=MASK),
        strict=True,
    ):
        np.testing.assert_array_equal(this, that)


@pytest.mark.parametrize("dtype", ["float64", "mixed_float16", "mixed_bfloat16"])
def test_row_without_cells_reads_their_mean_and_changes_no_other(tensors, dtype):
    layer = make(dtype)
    mask = MASK.copy()
    mask[1] = False
    contexts, weights = (np.asarray(x, "float64") for x in layer(*tensors, memory_mask=mask))
    np.testing.assert_allclose(weights[1], 1 / CELLS, rtol=5e-3)
    mean = tensors[1][1].mean(axis=0)
    np.testing.assert_allclose(contexts[1], np.tile(mean, (TIME, 1)), rtol=0, atol=2e-2)
    before = [np.asarray(x, "float64") for x in layer(*tensors, memory_mask=MASK)]
    np.testing.assert_array_equal(weights[[0, 2]], before[1][[0, 2]])
    np.testing.assert_array_equal(contexts[[0, 2]], before[0][[0, 2]])


def test_keys_given_are_keys_computed(tensors):
    layer = make()
    keys = layer.keys(tensors[1])
    assert keys.shape == (BATCH, CELLS, UNITS)
    for this, that in zip(layer(*tensors), layer(*tensors, keys=keys), strict=True):
        np.testing.assert_array_equal(this, that)
    _, other = layer(*tensors, keys=keys * 2)  # they are read, not computed anew
    assert np.abs(other - layer(*tensors)[1]).max() > 1e-3


def test_each_query_and_each_row_is_answered_alone(tensors):
    queries, memory = tensors
    layer = make()
    contexts, weights = layer(queries, memory, memory_mask=MASK)
    for b in range(BATCH):
        for t in range(TIME):
            row = slice(b, b + 1)
            context, weight = layer(queries[row, t : t + 1], memory[row], memory_mask=MASK[row])
            np.testing.assert_allclose(context[0, 0], contexts[b, t], rtol=0, atol=1e-12)
            np.testing.assert_allclose(weight[0, 0], weights[b, t], rtol=0, atol=1e-12)


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_gradient_equals_differences(tensors, layer_checks, mask):
    layer = make()

    def call(queries, memory):
        return layer(queries, memory, memory_mask=mask)

    layer_checks.check_gradients(call, list(tensors), layer.trainable_weights)


def test_layer_check(tensors, layer_checks, tmp_path):
    inputs = [tensor.astype("float32") for tensor in tensors]
    count = UNITS * (QUERY + FEATURES + 1)
    layer_checks.check_layer(OneArgument, {"units": UNITS}, inputs, count, tmp_path)


def test_config_and_saving(tensors, tmp_path):
    layer = make("float32")
    config = layer.get_config()
    assert config["units"] == UNITS
    assert AdditiveAttention.from_config(config).get_config() == config
    symbols = [
        keras.Input((None, QUERY)),
        keras.Input((CELLS, FEATURES)),
        keras.Input((CELLS,), dtype="bool"),
    ]
    model = keras.Model(symbols, layer(*symbols[:2], memory_mask=symbols[2]))
    assert [output.shape for output in model.outputs] == [
        (None, None, FEATURES),
        (None, None, CELLS),
    ]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for this, that in zip(model([*tensors, MASK]), loaded([*tensors, MASK]), strict=True):
        np.testing.assert_array_equal(this, that)


def test_masks_come_and_go_as_in_keras():
    """Padded words as memory, padded words as queries."""
    embed = keras.layers.Embedding(5, FEATURES, mask_zero=True)
    lengths = np.array([[3, 1, 0, 0, 0], [2, 4, 1, 1, 2]])
    layer = AdditiveAttention(UNITS)
    context, weights = layer(embed(lengths[:, ::-1][:, 2:]), embed(lengths))
    np.testing.assert_array_equal(np.asarray(weights)[0, :, 2:], 0)
    assert (np.asarray(weights)[1] > 0).all()
    np.testing.assert_array_equal(context._keras_mask, lengths[:, ::-1][:, 2:] != 0)


@pytest.mark.parametrize("units", [0, -3, 2.5, "8", True])
def test_units_are_checked(units):
    with pytest.raises(ValueError, match=f"`units` must be a positive integer. Got {units!r}"):
        AdditiveAttention(units)


# Multiplicative.


@keras.saving.register_keras_serializable(package="tests")
class OneProduct(OneList, MultiplicativeAttention):
    """The multiplicative layer as the shared check calls it."""


def make_product(dtype="float64") -> MultiplicativeAttention:
    layer = MultiplicativeAttention(dtype=dtype)
    layer.build((None, TIME, QUERY), (None, CELLS, FEATURES))
    rng = np.random.default_rng(4)
    layer.key_projection.kernel.assign(rng.normal(size=(FEATURES, QUERY)))
    return layer


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_product_equals_the_equations(tensors, mask):
    """e_tj = q_t · W m_j, α = softmax over j, c_t = Σ_j α_tj m_j."""
    queries, memory = tensors
    layer = make_product()
    W = layer.key_projection.kernel.numpy()
    contexts, weights = (np.asarray(x) for x in layer(*tensors, memory_mask=mask))
    for b in range(BATCH):
        seen = [j for j in range(CELLS) if mask is None or mask[b, j]]
        for t in range(TIME):
            e = {j: sum(queries[b, t] * (memory[b, j] @ W)) for j in seen}
            total = sum(np.exp(e[j]) for j in seen)
            alpha = np.array([np.exp(e[j]) / total if j in e else 0 for j in range(CELLS)])
            np.testing.assert_allclose(weights[b, t], alpha, rtol=0, atol=1e-10)
            context = sum(alpha[j] * memory[b, j] for j in seen)
            np.testing.assert_allclose(contexts[b, t], context, rtol=0, atol=1e-10)


def test_product_takes_keys_and_keeps_a_row_without_cells_finite(tensors):
    layer = make_product()
    keys = layer.keys(tensors[1])
    assert keys.shape == (BATCH, CELLS, QUERY)
    for this, that in zip(layer(*tensors), layer(*tensors, keys=keys), strict=True):
        np.testing.assert_array_equal(this, that)
    _, weights = layer(*tensors, memory_mask=np.zeros_like(MASK))
    np.testing.assert_allclose(weights, 1 / CELLS)


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_gradient_of_the_product_equals_differences(tensors, layer_checks, mask):
    layer = make_product()

    def call(queries, memory):
        return layer(queries, memory, memory_mask=mask)

    layer_checks.check_gradients(call, list(tensors), layer.trainable_weights)


def test_layer_check_of_the_product(tensors, layer_checks, tmp_path):
    inputs = [tensor.astype("float32") for tensor in tensors]
    layer_checks.check_layer(OneProduct, {}, inputs, QUERY * FEATURES, tmp_path)
