"""The constant feature and the initial kernel for it: a bias's work without a bias."""

import keras
import numpy as np
import pytest

from zoo.layers import LSTM
from zoo.layers.constant_feature import ConstantFeature, GateOffsets

INPUT, UNITS = 4, 50
OFFSETS = {"forget": 1.5, "input": -2.0, "candidate": 0.25, "output": 0.5}


@pytest.mark.parametrize("shape", [(2, 3), (2, 5, 3), (1, 2, 3, 4)])
def test_appends_a_one(shape):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    found = ConstantFeature()(x)
    expected = np.concatenate([x, np.ones((*shape[:-1], 1))], axis=-1)
    np.testing.assert_array_equal(found, expected)


def test_layer_check(layer_checks, tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    layer_checks.check_layer(ConstantFeature, {}, x, 0, tmp_path)


def test_mask_goes_through():
    words = np.array([[1, 2, 0], [3, 0, 0]])
    found = ConstantFeature()(keras.layers.Embedding(4, 2, mask_zero=True)(words))
    np.testing.assert_array_equal(found._keras_mask, words != 0)


def kernel(**options) -> np.ndarray:
    return np.asarray(GateOffsets(**options)((INPUT + 1, 4 * UNITS), "float32"))


def test_last_row_holds_the_offsets_gate_by_gate():
    row = kernel(**OFFSETS, seed=1)[-1].reshape(4, UNITS)
    for gate, offset in zip(row, OFFSETS.values(), strict=True):
        np.testing.assert_array_equal(gate, offset)


def test_other_rows_are_drawn_in_glorots_range_for_one_gate():
    rows = kernel(seed=1)[:-1]
    limit = np.sqrt(6 / (INPUT + UNITS))
    assert np.abs(rows).max() <= limit
    assert np.abs(rows).max() > 0.95 * limit
    assert abs(rows.mean()) < 0.1 * limit
    np.testing.assert_allclose(rows.std(), limit / np.sqrt(3), rtol=0.1)  # uniform
    gates = rows.reshape(INPUT, 4, UNITS).transpose(1, 0, 2)
    for i in range(4):
        for j in range(i):
            assert np.abs(np.corrcoef(gates[i].ravel(), gates[j].ravel())[0, 1]) < 0.3


def test_seed_decides():
    np.testing.assert_array_equal(kernel(seed=3), kernel(seed=3))
    assert (kernel(seed=3) != kernel(seed=4)).any()
    assert (kernel() != kernel()).any()
    keras.utils.set_random_seed(7)
    first = kernel()
    keras.utils.set_random_seed(7)
    np.testing.assert_array_equal(kernel(), first)


@pytest.mark.parametrize("seed", [5, keras.random.SeedGenerator(5)], ids=["int", "generator"])
def test_config(seed):
    initializer = GateOffsets(**OFFSETS, seed=seed)
    assert GateOffsets(**initializer.get_config()).get_config() == initializer.get_config()
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(initializer))
    assert isinstance(copy, GateOffsets)
    shape = (INPUT + 1, 4 * UNITS)
    np.testing.assert_array_equal(copy(shape), initializer(shape))


def test_kernel_must_have_four_gates():
    with pytest.raises(ValueError, match=r"must hold four gates of equal size. Got 6"):
        GateOffsets()((3, 6))


def test_row_that_meets_the_constant_is_a_bias():
    x = np.random.default_rng(2).normal(size=(3, 6, INPUT))
    options = {"return_sequences": True, "return_state": True, "dtype": "float64"}
    plain = LSTM(UNITS, kernel_initializer=GateOffsets(**OFFSETS), **options)
    biased = LSTM(UNITS, use_bias=True, **options)
    one_more = ConstantFeature(dtype="float64")(x)
    plain.build(one_more.shape)
    biased.build(x.shape)
    rows, recurrent = plain.get_weights()
    biased.set_weights([rows[:-1], recurrent, rows[-1]])
    for this, that in zip(plain(one_more), biased(x), strict=True):
        np.testing.assert_allclose(this, that, rtol=0, atol=1e-12)


def test_forget_offset_keeps_the_state():
    """The documented decay: with no input and h = 0, C falls by σ(forget) plus what i lets in."""
    layer = LSTM(1, return_state=True, kernel_initializer=GateOffsets(**OFFSETS))
    layer.build((1, 1, 1))
    layer.cell.recurrent_kernel.assign(np.zeros((1, 4)))
    _, _, C = layer(
        np.ones((1, 1, 1), "float32"), initial_state=[np.zeros((1, 1)), np.ones((1, 1))]
    )

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    expected = sigmoid(1.5) + sigmoid(-2.0) * sigmoid(0.25)
    np.testing.assert_allclose(np.ravel(C), [expected], rtol=1e-5)
