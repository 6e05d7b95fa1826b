"""Gradients through time, twice: by TensorFlow's tape, and by the chain rule written out in NumPy.

Row vectors, as in the layers: h_t = φ(... + h_{t-1} W_h), so that a gradient goes back by

    ∂L/∂s_{t-1} = ∂L/∂s_t J_t         J_t[a, b] = ∂s_t[a] / ∂s_{t-1}[b]

SimpleRNN   J_t = diag(h_t > 0) W_r^T

LSTM, s = (h, C):
    ∂C_t/∂C_{t-1} = diag(f)
    ∂C_t/∂h_{t-1} = diag(C_{t-1} f') W_f^T + diag(c i') W_i^T + diag(i c') W_c^T
    ∂h_t/∂s_{t-1} = diag(o tanh'(C_t)) ∂C_t/∂s_{t-1}, plus diag(tanh(C_t) o') W_o^T for h_{t-1}

with f' = f (1 - f) and so on, tanh' = 1 - tanh².
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from zoo.layers import LSTMCell

Tensor = Any


# By the tape.


def gradients(
    forward: Callable[[], Tensor], loss: Callable[[Tensor], Tensor], sources: Any
) -> tuple[np.ndarray, Any]:
    """The output of `forward`, and the gradients of its loss for `sources`.

    Args:
        forward: () -> output. It may fill `sources` itself, with tensors made on the way.
        loss: output -> a number.
        sources: lists and dicts of tensors that the output depends on; the gradients come alike.

    Raises:
        ValueError: the backend is not TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "This lesson reads gradients of states off TensorFlow's tape: KERAS_BACKEND must be "
            f"'tensorflow'. Got {keras.backend.backend()!r}."
        )
    import tensorflow as tf

    with tf.GradientTape() as tape:
        output = forward()
        value = loss(output)
    return output.numpy(), tape.gradient(value, sources)


def unfolded(
    cell: keras.Layer, x: np.ndarray, loss: Callable[[Tensor], Tensor]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """T copies of a cell in a row, each with weights of its own that start equal, in float64.

    Args:
        cell: SimpleRNNCell or LSTMCell, built, without a bias.
        x: `<float64>[batch, T, input]`.
        loss: h_T -> a number L.

    Returns:
        h_T `<float64>[batch, units]`, and the gradients of L: for the copies' weights "kernel" and
        "recurrent_kernel", `<float64>[T, ...]`, and for the states that steps 1..T-1 hand on "h",
        of the LSTM also "C", `<float64>[T - 1, batch, units]`.
    """
    names = "hC"[: len(keras.tree.flatten(cell.state_size))]
    sources = {name: [] for name in ("kernel", "recurrent_kernel", *names)}

    def forward():
        states = [np.zeros((len(x), cell.units)) for _ in names]
        for t in range(x.shape[1]):
            copy = type(cell).from_config({**cell.get_config(), "dtype": "float64"})
            copy.build((None, x.shape[2]))
            copy.set_weights(cell.get_weights())
            sources["kernel"].append(copy.kernel.value)
            sources["recurrent_kernel"].append(copy.recurrent_kernel.value)
            if t:
                states = [keras.ops.copy(state) for state in states]  # apart from one another
                for name, state in zip(names, states, strict=True):
                    sources[name].append(state)
            h, states = copy(x[:, t], states)
        return h

    h, by_source = gradients(forward, loss, sources)
    return h, {name: np.array([g.numpy() for g in steps]) for name, steps in by_source.items()}


# The product of Jacobians, by hand.


def state_gradients(
    cell: keras.Layer, W_o: np.ndarray, x: np.ndarray, y: np.ndarray
) -> dict[str, np.ndarray]:
    """∂L/∂h_k (and ∂L/∂C_k) for k = 1..T-1, with L the last step's mean cross-entropy.

    Args:
        cell: SimpleRNNCell or LSTMCell as the lecture prints them.
        W_o: `<float64>[units, classes]`.
        x: `<float64>[batch, T, input]`.
        y: `<int>[batch]`.

    Returns:
        `{"h"}`, for the LSTM also `{"C"}`, each `<float64>[T - 1, batch, units]`.
    """
    through = _lstm if isinstance(cell, LSTMCell) else _simple_rnn
    h, jacobians = through(cell.lecture_weights(), cell.units, np.moveaxis(x, 1, 0))
    o = h @ W_o
    p = np.exp(o - o.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    g = (p - np.eye(W_o.shape[1])[y]) @ W_o.T / len(y)  # ∂L/∂o = (softmax(o) - one-hot(y)) / batch
    g = np.concatenate([g, np.zeros((len(x), jacobians[0].shape[1] - cell.units))], axis=1)
    backwards = []
    for J in reversed(jacobians[1:]):
        g = np.einsum("na,nab->nb", g, J)
        backwards.append(g)
    steps = np.stack(backwards[::-1])
    parts = np.split(steps, steps.shape[-1] // cell.units, axis=-1)
    return dict(zip("hC", parts, strict=False))


def _simple_rnn(weights, units, x):
    """h_T and J_1..J_T, from x `<float>[T, batch, input]`."""
    h, jacobians = np.zeros((x.shape[1], units)), []
    for x_t in x:
        h = np.maximum(x_t @ weights["W_i"] + h @ weights["W_r"], 0)
        jacobians.append(_scaled(h > 0, weights["W_r"]))
    return h, jacobians


def _lstm(weights, units, x):
    """h_T and J_1..J_T, from x `<float>[T, batch, input]`."""
    h = C = np.zeros((x.shape[1], units))
    jacobians = []
    for x_t in x:
        h_and_x = np.concatenate([h, x_t], axis=1)
        f, i, c, o = (1 / (1 + np.exp(-(h_and_x @ weights[f"W_{gate}"]))) for gate in "fico")
        slopes = {"f": C * f * (1 - f), "i": c * i * (1 - i), "c": i * c * (1 - c)}
        C = f * C + i * c
        a = np.tanh(C)
        h = o * a
        C_by_h = sum(_scaled(slopes[gate], weights[f"W_{gate}"][:units]) for gate in "fic")
        C_by_C = f[:, :, None] * np.eye(units)
        through = (o * (1 - a * a))[:, :, None]
        h_by_h = through * C_by_h + _scaled(a * o * (1 - o), weights["W_o"][:units])
        jacobians.append(np.block([[h_by_h, through * C_by_C], [C_by_h, C_by_C]]))
    return h, jacobians


def _scaled(slope: np.ndarray, W: np.ndarray) -> np.ndarray:
    """diag(slope) W^T of each sample: `<float>[batch, units, units]`."""
    return slope[:, :, None] * W.T
