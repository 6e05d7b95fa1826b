"""All steps of the lecture's RNN in one loop, and its gradient.

The equation is in `zoo.layers.simple_rnn`; the loop is handed a cell that computes a step of it.
"""

from collections.abc import Callable

import keras
from keras import ops

from zoo.layers.activations import SLOPES
from zoo.layers.recurrent import product_over_time, shift
from zoo.layers.time_loop import scan, with_gradient


def simple_rnn_over_time(cell: keras.Layer, store: bool, sequences: bool) -> Callable[..., tuple]:
    """The loop over time with its gradient.

    The function that it gives takes z (W_i x) `<float>[time, batch, units]`, h_0, W_r and, if there
    is a mask, keep `<bool>[time, batch, 1]`. It gives all h if `sequences`, then h_T.
    """

    def forward(*inputs):
        state, steps = _steps(cell, store or sequences, *inputs)
        return steps[:sequences] + state, inputs[1:] + steps if store else inputs

    def backward(saved, gradients):
        if not store:
            saved = saved[1:] + _steps(cell, True, *saved)[1]
        return _steps_back(cell, saved, *gradients)

    return with_gradient(forward, backward)


def _steps(cell, stored, z, h_0, W, *keep):
    """`cell.step`, step by step: h_T, and h of all steps if `stored`."""

    def step(state, x):
        (h,) = state
        h_t = cell.step(x[0], h, W)
        if keep:
            h_t = ops.where(x[1], h_t, h)
        return (h_t,), (h_t,) * stored

    return scan(step, (h_0,), (z, *keep), (cell.units,) * stored)


def _steps_back(cell, saved, *gradients):
    """Backpropagation through time: gradients of the inputs of `_steps` from those of its outputs.

    With dh the gradient that reaches step t,

        dz = dh ReLU'                  dh_{t-1} = dz W^T

    ReLU' is worked out for all steps at once; the loop holds only the recurrence, and the gradient
    of W is one product after it.
    """
    h_0, W, *keep, h = saved
    *dh_steps, dh_last = gradients
    z_by_h = SLOPES[cell.activation](h)
    if keep:
        # A masked step hands dh on, whole, and has no part in the gradient of W.
        z_by_h = ops.where(keep[0], z_by_h, ops.zeros_like(z_by_h))
    W_back = ops.transpose(W)

    def step(state, x):
        z_by_h, *rest = x
        (dh,) = state
        if dh_steps:
            dh = dh + rest[0]
        dz = dh * z_by_h
        dh_before = ops.matmul(dz, W_back)
        if keep:
            dh_before = ops.where(rest[-1], dh_before, dh)
        return (dh_before,), (dz,)

    xs = (z_by_h, *dh_steps, *keep)
    (dh_0,), (dz,) = scan(step, (dh_last,), xs, (cell.units,), reverse=True)
    return (dz, dh_0, product_over_time(shift(h_0, h), dz), *(None for _ in keep))
