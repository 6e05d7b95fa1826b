"""The contenders: each is a function of no arguments that does one step and waits for its end.

A training step is the forward pass and the gradients with respect to weights and inputs, all h
given out; an inference step is the forward pass. No contender has biases.
"""

import importlib.util
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo.layers import LSTM, SimpleRNN

Run = Callable[[], object]


class Shape(NamedTuple):
    """What one step works on."""

    batch: int
    time: int
    input: int
    units: int


def contenders(kind: str, shape: Shape, training: bool) -> dict[str, Run]:
    """All contenders of one kind, "LSTM" or "SimpleRNN"; the bare products come first."""
    gates = {"LSTM": 4, "SimpleRNN": 1}[kind]
    ours = {"LSTM": LSTM, "SimpleRNN": SimpleRNN}[kind]
    theirs = {"LSTM": keras.layers.LSTM, "SimpleRNN": keras.layers.SimpleRNN}[kind]
    options = {"use_bias": False, "return_sequences": True}

    def naive():
        cell = NaiveLSTMCell(shape.units) if kind == "LSTM" else NaiveRNNCell(shape.units)
        return keras.layers.RNN(cell, return_sequences=True)

    makers = {
        f"zoo.layers.{kind}": lambda: ours(shape.units, **options),
        f"keras.layers.{kind}": lambda: theirs(shape.units, **options),
        "naive cell in keras.layers.RNN": naive,
    }
    runs = {"bare matrix products": bare_products(shape, gates, training)}
    for name, make in makers.items():
        runs[f"{name}, XLA"] = keras_step(make(), shape, training, jit_compile=True)
        runs[f"{name}, no XLA"] = keras_step(make(), shape, training, jit_compile=False)
    if importlib.util.find_spec("torch"):
        name = {"LSTM": "LSTM", "SimpleRNN": "RNN"}[kind]
        runs[f"torch.nn.{name}"] = torch_step(name, shape, training)
    return runs


def bare_products(shape: Shape, gates: int, training: bool) -> Run:
    """Nothing but the matrix products of the step, as TensorFlow runs them without XLA."""
    batch, time, inputs, units = shape
    wide = gates * units
    x, h = _random(time * batch, inputs), _random(time * batch, units)
    kernel, recurrent_kernel = _random(inputs, wide), _random(units, wide)
    recurrent_back = tf.transpose(recurrent_kernel)
    dz = _random(time * batch, wide)
    h_0, dz_0 = _random(batch, units), _random(batch, wide)

    def loop(first, product):
        return tf.while_loop(
            lambda t, _: t < time,
            lambda t, state: (t + 1, product(state)),
            (0, first),
            maximum_iterations=time,
        )[1]

    @tf.function
    def step(x, h, kernel, recurrent_kernel, recurrent_back, dz, h_0, dz_0):
        forward = loop(h_0, lambda h: tf.matmul(h, recurrent_kernel)[:, :units])
        results = [tf.matmul(x, kernel), forward]
        if training:
            back = loop(dz_0, lambda dz: tf.tile(tf.matmul(dz, recurrent_back), (1, gates)))
            results += [
                back,
                tf.matmul(h, dz, transpose_a=True),
                tf.matmul(x, dz, transpose_a=True),
                tf.matmul(dz, kernel, transpose_b=True),
            ]
        return results

    arguments = (x, h, kernel, recurrent_kernel, recurrent_back, dz, h_0, dz_0)
    return lambda: [result.numpy() for result in step(*arguments)]


def keras_step(layer: keras.Layer, shape: Shape, training: bool, jit_compile: bool) -> Run:
    """A step of a Keras layer, with or without XLA."""
    batch, time, inputs, units = shape
    x, dy = _random(batch, time, inputs), _random(batch, time, units)
    layer.build(x.shape)
    weights = [weight.value for weight in layer.trainable_weights]

    def train(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
        return y, *tape.gradient(y, [x, *weights], output_gradients=dy)

    def infer(x):
        return (layer(x, training=False),)

    step = tf.function(train if training else infer, jit_compile=jit_compile)
    return lambda: [result.numpy() for result in step(x)]


def torch_step(name: str, shape: Shape, training: bool) -> Run:
    """A step of `torch.nn.LSTM`, or of `torch.nn.RNN` with ReLU."""
    import torch

    batch, time, inputs, units = shape
    nonlinearity = {} if name == "LSTM" else {"nonlinearity": "relu"}
    layer = getattr(torch.nn, name)(inputs, units, bias=False, batch_first=True, **nonlinearity)
    x = torch.randn(batch, time, inputs, requires_grad=training)
    dy = torch.randn(batch, time, units)

    def step():
        if not training:
            with torch.inference_mode():
                return layer(x)
        layer.zero_grad()
        x.grad = None
        layer(x)[0].backward(dy)
        return x.grad

    return step


class NaiveLSTMCell(keras.Layer):
    """The lecture's LSTM as its equations read: a product of [h, x] for each gate."""

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units, self.state_size = units, [units, units]

    def build(self, input_shape):
        shape = (self.units + input_shape[-1], self.units)
        self.W_f, self.W_i, self.W_c, self.W_o = (
            self.add_weight(shape=shape, name=f"W_{gate}") for gate in "fico"
        )

    def call(self, x, states):
        h, C = states
        hx = ops.concatenate([h, x], axis=-1)
        f = ops.sigmoid(ops.matmul(hx, self.W_f))
        i = ops.sigmoid(ops.matmul(hx, self.W_i))
        c = ops.sigmoid(ops.matmul(hx, self.W_c))
        o = ops.sigmoid(ops.matmul(hx, self.W_o))
        C = f * C + i * c
        h = o * ops.tanh(C)
        return h, [h, C]


class NaiveRNNCell(keras.Layer):
    """The lecture's RNN as its equation reads."""

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.W_i = self.add_weight(shape=(input_shape[-1], self.units), name="W_i")
        self.W_r = self.add_weight(
            shape=(self.units, self.units), name="W_r", initializer="orthogonal"
        )

    def call(self, x, states):
        h = ops.relu(ops.matmul(x, self.W_i) + ops.matmul(states[0], self.W_r))
        return h, [h]


def product_speeds() -> dict[str, Run]:
    """One 1024 x 1024 x 1024 product in TensorFlow, and in torch where it is installed."""
    a, b = _random(1024, 1024), _random(1024, 1024)
    runs = {"TensorFlow": lambda: tf.matmul(a, b).numpy()}
    if importlib.util.find_spec("torch"):
        import torch

        c, d = torch.randn(1024, 1024), torch.randn(1024, 1024)
        runs["torch"] = lambda: torch.matmul(c, d)
    return runs


def _random(*shape: int) -> tf.Tensor:
    values = np.random.default_rng(0).normal(size=shape) * 0.05
    return tf.constant(values.astype("float32"))
