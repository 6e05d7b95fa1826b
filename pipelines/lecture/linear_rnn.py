"""The RNN of one linear unit, and its weights by the lecture's names.

    h_t = W_i x_t + W_r h_{t-1}         ŷ = φ(W_o h_T)         no bias

Two lessons set its weights by hand: `summing` with φ the identity, `compare` with φ = σ.
"""

from collections.abc import Mapping

import keras
import numpy as np

from zoo.layers import SimpleRNN


def network(inputs: int, activation: str = "linear") -> keras.Model:
    """`<float32>[batch, time, inputs]` -> ŷ `<float32>[batch, 1]`, with φ the `activation`.

    W_r starts between 0 and 1: the default, orthogonal, would be -1 as often as 1.
    """
    x = keras.Input((None, inputs))
    start = keras.initializers.RandomUniform(0.0, 0.9)
    h = SimpleRNN(1, activation="linear", recurrent_initializer=start, name="rnn")(x)
    readout = keras.layers.Dense(1, activation=activation, use_bias=False, name="readout")
    return keras.Model(x, readout(h))


def weights(model: keras.Model) -> dict[str, list]:
    """`{"W_i", "W_r", "W_o"}` as nested lists."""
    W_o = keras.ops.convert_to_numpy(model.get_layer("readout").kernel)
    arrays = {**model.get_layer("rnn").cell.lecture_weights(), "W_o": W_o}
    return {name: np.asarray(array, float).tolist() for name, array in arrays.items()}


def set_weights(model: keras.Model, values: Mapping[str, list]) -> None:
    """Sets the weights from a dict as `weights` returns it."""
    model.get_layer("readout").kernel.assign(values["W_o"])
    inner = {name: np.asarray(values[name], "float32") for name in ("W_i", "W_r")}
    model.get_layer("rnn").cell.set_lecture_weights(inner)
