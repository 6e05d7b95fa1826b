"""The product of Jacobians in NumPy: the chain rule through time, written out.

Row vectors, as in the layers: h_t = φ(... + h_{t-1} W_h), so that a gradient goes back by

    ∂L/∂s_{t-1} = ∂L/∂s_t J_t         J_t[a, b] = ∂s_t[a] / ∂s_{t-1}[b]

SimpleRNN   J_t = diag(h_t > 0) W_r^T

LSTM, s = (h, C):
    ∂C_t/∂C_{t-1} = diag(f)
    ∂C_t/∂h_{t-1} = diag(C_{t-1} f') W_f^T + diag(c i') W_i^T + diag(i c') W_c^T
    ∂h_t/∂s_{t-1} = diag(o tanh'(C_t)) ∂C_t/∂s_{t-1}, plus diag(tanh(C_t) o') W_o^T for h_{t-1}

with f' = f (1 - f) and so on, tanh' = 1 - tanh².
"""

import keras
import numpy as np

from zoo.layers import LSTMCell


def state_gradients(
    cell: keras.Layer, readout: np.ndarray, x: np.ndarray, y: np.ndarray
) -> dict[str, np.ndarray]:
    """∂L/∂h_k (and ∂L/∂C_k) for k = 1..T-1, with L the last step's mean cross-entropy.

    Args:
        cell: SimpleRNNCell or LSTMCell as the lecture prints them.
        readout: W_o `<float64>[units, classes]`.
        x: `<float64>[batch, T, input]`.
        y: `<int>[batch]`.

    Returns:
        `{"h"}`, for the LSTM also `{"C"}`, each `<float64>[T - 1, batch, units]`.
    """
    weights = cell.lecture_weights()
    lstm = isinstance(cell, LSTMCell)
    states, jacobians = (_lstm if lstm else _simple_rnn)(weights, cell.units, x)
    outputs = states[-1][:, : cell.units] @ readout
    g = np.zeros_like(states[-1])
    g[:, : cell.units] = _softmax_slope(outputs, y) @ readout.T
    backwards = []
    for J in reversed(jacobians[1:]):
        g = np.einsum("na,nab->nb", g, J)
        backwards.append(g)
    steps = np.stack(backwards[::-1])
    parts = {"h": steps[..., : cell.units]}
    return {**parts, "C": steps[..., cell.units :]} if lstm else parts


def _simple_rnn(weights, units, x):
    h, states, jacobians = np.zeros((len(x), units)), [], []
    for x_t in np.moveaxis(x, 1, 0):
        h = np.maximum(x_t @ weights["W_i"] + h @ weights["W_r"], 0)
        states.append(h)
        jacobians.append(_scaled(h > 0, weights["W_r"]))
    return states, jacobians


def _lstm(weights, units, x):
    h = C = np.zeros((len(x), units))
    states, jacobians = [], []
    for x_t in np.moveaxis(x, 1, 0):
        h_and_x = np.concatenate([h, x_t], axis=1)
        f, i, c, o = (1 / (1 + np.exp(-(h_and_x @ weights[f"W_{gate}"]))) for gate in "fico")
        slopes = {"f": C * f * (1 - f), "i": c * i * (1 - i), "c": i * c * (1 - c)}
        C = f * C + i * c
        a = np.tanh(C)
        h = o * a

        def by_h(gate, slope):
            return _scaled(slope, weights[f"W_{gate}"][:units])

        C_by_h = sum(by_h(gate, slope) for gate, slope in slopes.items())
        C_by_C = f[:, :, None] * np.eye(units)
        through = (o * (1 - a * a))[:, :, None]
        h_by_h = through * C_by_h + by_h("o", a * o * (1 - o))
        states.append(np.concatenate([h, C], axis=1))
        jacobians.append(np.block([[h_by_h, through * C_by_C], [C_by_h, C_by_C]]))
    return states, jacobians


def _scaled(slope: np.ndarray, W: np.ndarray) -> np.ndarray:
    """diag(slope) W^T of each sample: `<float>[batch, units, units]`."""
    return slope[:, :, None] * W.T


def _softmax_slope(outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
    """∂L/∂o = (softmax(o) - one-hot(y)) / batch."""
    p = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    return p / len(y)
