"""Checks that hold for every layer, and gradients two ways: by the backend, and by differences."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

POLICIES = ("float32", "float64", "mixed_float16", "mixed_bfloat16")
TOLERANCE = {"float32": 1e-6, "float64": 1e-12, "float16": 5e-3, "bfloat16": 5e-2}


class OneList:
    """A layer of several tensors, called with one list of them: stands before the layer's class."""

    def build(self, shapes):
        super().build(*shapes)

    def call(self, inputs):
        return super().call(*inputs)

    def compute_output_shape(self, shapes):
        return super().compute_output_shape(*shapes)


def check_layer(
    layer_class: type[keras.Layer],
    options: dict[str, Any],
    inputs: Any,
    weight_count: int,
    folder: Path,
) -> None:
    """What every layer owes its user.

    Args:
        layer_class: the class.
        options: its constructor's arguments.
        inputs: one array or a list of arrays `<float32>[batch, ...]`, as the layer is called.
        weight_count: how many numbers its trainable weights have in all.
        folder: where a model may be saved.
    """
    layer = layer_class(**options)
    outputs = _arrays(layer(inputs))
    assert sum(int(np.prod(w.shape)) for w in layer.trainable_weights) == weight_count
    assert all(np.isfinite(output).all() for output in outputs)
    _check_config(layer, inputs)
    _check_saving(layer, inputs, folder)
    for jit_compile in (False, True):
        compiled = tf.function(lambda x: layer(x), jit_compile=jit_compile)
        _close(outputs, _arrays(compiled(_tensors(inputs))), 1e-6)
    for policy in POLICIES:
        _check_policy(layer_class, options, inputs, policy, layer)


def _check_config(layer: keras.Layer, inputs: Any) -> None:
    config = layer.get_config()
    copy = type(layer).from_config(config)
    assert copy.get_config() == config
    copy(inputs)
    copy.set_weights(layer.get_weights())
    _close(_arrays(layer(inputs)), _arrays(copy(inputs)), 0)


def _check_saving(layer: keras.Layer, inputs: Any, folder: Path) -> None:
    symbols = keras.tree.map_structure(lambda x: keras.Input(x.shape[1:]), inputs)
    model = keras.Model(symbols, layer(symbols))
    model.save(folder / "model.keras")
    loaded = keras.models.load_model(folder / "model.keras")
    assert type(loaded.get_layer(layer.name)) is type(layer)
    _close(_arrays(model(inputs)), _arrays(loaded(inputs)), 0)


def _check_policy(layer_class, options, inputs, policy: str, reference: keras.Layer) -> None:
    layer = layer_class(**options, dtype=policy)
    policy = keras.dtype_policies.get(policy)
    outputs = keras.tree.flatten(layer(inputs))
    layer.set_weights(reference.get_weights())
    outputs = keras.tree.flatten(layer(inputs))
    for weight in layer.weights:
        assert keras.backend.standardize_dtype(weight.dtype) in (policy.variable_dtype, "int64")
    for output in outputs:
        assert keras.backend.standardize_dtype(output.dtype) == policy.compute_dtype
    tolerance = max(TOLERANCE[policy.compute_dtype], 1e-6)
    _close(_arrays(reference(inputs)), [np.asarray(o, "float64") for o in outputs], tolerance)


def gradients(
    function: Callable[..., Any], tensors: list[np.ndarray], weights: list[keras.Variable] = ()
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The outputs of `function(*tensors)` and the gradients of `weigh(outputs)`, by the backend."""
    tensors = [tf.constant(tensor) for tensor in tensors]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        outputs = keras.tree.flatten(function(*tensors))
        loss = sum(tf.reduce_sum(o * _waves(o.shape, o.dtype)) for o in outputs)
    found = tape.gradient(loss, [*tensors, *(weight.value for weight in weights)])
    return [o.numpy() for o in outputs], [g.numpy() for g in found]


def check_gradients(
    function: Callable[..., Any], tensors: list[np.ndarray], weights: list[keras.Variable] = ()
) -> None:
    """Holds the gradients, in float64, to central differences of step 1e-6."""
    _, found = gradients(function, tensors, weights)
    tensors = [np.array(tensor) for tensor in tensors]
    compiled = tf.function(function)

    def loss():
        outputs = _arrays(compiled(*(tf.constant(tensor) for tensor in tensors)))
        return sum(np.sum(output * _waves(output.shape, output.dtype)) for output in outputs)

    for tensor, gradient in zip(tensors, found[: len(tensors)], strict=True):
        _close([gradient], [_differences(loss, tensor, lambda: None)], 1e-7)
    for weight, gradient in zip(weights, found[len(tensors) :], strict=True):
        array = weight.numpy()
        differences = _differences(loss, array, lambda w=weight, a=array: w.assign(a))
        _close([gradient], [differences], 1e-7)


def _differences(loss: Callable, array: np.ndarray, changed: Callable) -> np.ndarray:
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        value, losses = array[index], []
        for step in (1e-6, -1e-6):
            array[index] = value + step
            changed()
            losses.append(loss())
        array[index] = value
        gradient[index] = (losses[0] - losses[1]) / 2e-6
    changed()
    return gradient


def _waves(shape, dtype):
    """Fixed weights for a sum, different for every element."""
    return (
        np.sin(1.0 + np.arange(np.prod(shape, dtype=int))).reshape(shape).astype(dtype_name(dtype))
    )


def dtype_name(dtype) -> str:
    return keras.backend.standardize_dtype(dtype)


def _tensors(inputs):
    return keras.tree.map_structure(tf.constant, inputs)


def _arrays(outputs) -> list[np.ndarray]:
    return [np.asarray(output, "float64") for output in keras.tree.flatten(outputs)]


def _close(these: list[np.ndarray], those: list[np.ndarray], tolerance: float) -> None:
    assert len(these) == len(those)
    for this, that in zip(these, those, strict=True):
        np.testing.assert_allclose(this, that, rtol=tolerance, atol=tolerance)
