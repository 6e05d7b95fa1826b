"""All steps of the lecture's LSTM in one loop, and its gradient: the fast way of `zoo.layers.LSTM`.

The equations are in `zoo.layers.lstm`; the loop is handed a cell that computes a step of them.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from zoo.layers.recurrent import product_over_time, shift
from zoo.layers.time_loop import scan, with_gradient

Tensor = Any
STORED = 6  # of each step, for the backward pass: h, C, f, i, c, o
SMALL = 2**17  # weights, up to which a product of its own for each gate is faster


def lstm_over_time(cell: keras.Layer, store: bool, sequences: bool) -> Callable[..., tuple]:
    """The loop over time with its gradient.

    The function that it gives takes x `<float>[time, batch, input]`, h_0 and C_0, the parts of W
    for h and for x, of all gates, and, if there is a mask, keep `<bool>[time, batch, 1]`. It gives
    all h `<float>[time, batch, units]` if `sequences`, then h_T and C_T. Where W_x has no rows, x
    stands for W_x x, `<float>[time, batch, 4 * units]`.
    """

    def forward(*inputs):
        state, steps = _steps(cell, STORED if store else int(sequences), *inputs)
        return steps[:sequences] + state, inputs + steps if store else inputs

    def backward(saved, gradients):
        if not store:
            saved = saved + _steps(cell, STORED, *saved)[1]
        return _steps_back(cell, saved, *gradients)

    return with_gradient(forward, backward)


def _steps(cell, stored, x, h_0, C_0, W_h, W_x, *keep):
    """`cell.step`, step by step: h_T and C_T, and the first `stored` of h, C, f, i, c, o.

    To multiply all x by W_x before the loop is no faster in training, and slower in inference: the
    result, four times the units for all steps, does not fit in the caches of a CPU.
    """
    products = _products(W_h, W_x, steps=x.shape[0], store=stored == STORED)

    def step(state, x):
        h, C = state
        h_t, C_t, *gates = cell.step(products(h, x[0]), C)
        if keep:
            C_t, h_t = ops.where(x[1], C_t, C), ops.where(x[1], h_t, h)
        return (h_t, C_t), (h_t, C_t, *gates)[:stored]

    return scan(step, (h_0, C_0), (x, *keep), (cell.units,) * stored)


def _products(W_h, W_x, steps: int | None, store: bool) -> Callable[..., list[Tensor]]:
    """(h, x) -> W[h, x] of each gate, in one product or several.

    Several run side by side, where cores are free, and keep them busier than one that is cut in
    pieces. Measured on two cores (`benchmarks/`): small weights want a product for each gate,
    larger ones two, in training one. To join W_h and W_x for a single step would not pay.
    """
    parts = 1 if store else 2
    if sum(W.shape[0] * W.shape[1] for W in (W_h, W_x)) <= SMALL:
        parts = 4
    if parts == 1 or steps == 1 or 0 in W_x.shape:
        project = _projection(W_x)
        return lambda h, x: ops.split(ops.matmul(h, W_h) + project(x), 4, axis=-1)

    columns = ops.split(ops.concatenate([W_h, W_x], axis=0), parts, axis=1)

    def products(h, x):
        hx = ops.concatenate([h, x], axis=-1)
        several = [ops.matmul(hx, W) for W in columns]
        return [z for product in several for z in ops.split(product, 4 // parts, axis=-1)]

    return products


def _steps_back(cell, saved, *gradients):
    """Backpropagation through time: gradients of the inputs of `_steps` from those of its outputs.

    With dh and dC the gradients that reach step t,

        dC <- dC + dh o φ'(C)          dz_o = dh φ(C) o'
        dz_f = dC C_{t-1} f'           dz_i = dC c i'            dz_c = dC i c'
        dh_{t-1} = dz W_h^T            dC_{t-1} = dC f
        dx = dz W_x^T

    All factors of dh and dC that are local to a step are worked out for all steps at once, before
    the loop; the gradients of W_h and W_x are one product each, after it. dx is formed inside,
    while dz is at hand in the caches.
    """
    x, h_0, C_0, W_h, W_x, *keep = saved[:-STORED]
    h, C, f, i, c, o = saved[-STORED:]
    *dh_steps, dh_last, dC_last = gradients
    slope, slope_gate, slope_c = cell.slopes

    a = cell.activation(C)
    C_by_h, o_by_h = o * slope(a), a * slope_gate(o)
    f_by_C, i_by_C, c_by_C = shift(C_0, C) * slope_gate(f), c * slope_gate(i), i * slope_c(c)
    if keep:
        # A masked step hands dC on, whole, and has no part in the gradient of W.
        C_by_h, o_by_h, f_by_C, i_by_C, c_by_C = (
            ops.where(keep[0], factor, ops.zeros_like(factor))
            for factor in (C_by_h, o_by_h, f_by_C, i_by_C, c_by_C)
        )
        f = ops.where(keep[0], f, ops.ones_like(f))
    W_h_back, back_to_x = ops.transpose(W_h), _projection(ops.transpose(W_x))

    def step(state, factors):
        f, C_by_h, o_by_h, f_by_C, i_by_C, c_by_C, *rest = factors
        dh, dC = state
        if dh_steps:
            dh = dh + rest[0]
        dC = dC + dh * C_by_h
        dz = ops.concatenate([dC * f_by_C, dC * i_by_C, dC * c_by_C, dh * o_by_h], axis=-1)
        dh_before = ops.matmul(dz, W_h_back)
        if keep:
            dh_before = ops.where(rest[-1], dh_before, dh)
        return (dh_before, dC * f), (dz, back_to_x(dz))

    xs = (f, C_by_h, o_by_h, f_by_C, i_by_C, c_by_C, *dh_steps, *keep)
    widths = (4 * cell.units, x.shape[-1])
    (dh_0, dC_0), (dz, dx) = scan(step, (dh_last, dC_last), xs, widths, reverse=True)
    dW_h = product_over_time(shift(h_0, h), dz)
    dW_x = product_over_time(x, dz) if W_x.shape[0] else ops.zeros_like(W_x)
    return (dx, dh_0, dC_0, dW_h, dW_x, *(None for _ in keep))


def _projection(W: Tensor) -> Callable[[Tensor], Tensor]:
    """x -> W x, or x as it is where W has no weights."""
    return (lambda x: ops.matmul(x, W)) if 0 not in W.shape else (lambda x: x)
