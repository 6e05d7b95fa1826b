"""The lecture's LSTM, as Keras layers.

    f_t  = σ(W_f [h_{t-1}, x_t])             forget gate; 1 keeps C_{t-1} whole, 0 forgets it
    i_t  = σ(W_i [h_{t-1}, x_t])             input gate
    c_t  = σ(W_c [h_{t-1}, x_t])             candidate; a sigmoid, as the lecture prints it
    o_t  = σ(W_o [h_{t-1}, x_t])             output gate
    C_t  = f_t * C_{t-1} + i_t * c_t         cell state
    h_t  = o_t * tanh(C_t)

[h, x] is h followed by x, `*` is element by element, and there is no bias. Source: the lecture's
slides on the LSTM; after Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.layers.activations import slope_from_output
from zoo.layers.recurrent import (
    RecurrentLayer,
    check_built,
    check_cell_arguments,
    check_lecture_weights,
    product_over_time,
    shift,
)
from zoo.layers.time_loop import scan, with_gradient

Tensor = Any
GATES = "fico"  # their order in the fused weights
STORED = 6  # what the backward pass wants of each step: h, C, f, i, c, o
SMALL = 2**17  # weights, up to which a product of its own for each gate is faster


@keras.saving.register_keras_serializable(package="unfold")
class LSTMCell(keras.layers.LSTMCell):
    """One step of the lecture's LSTM: the equations at the top of this file.

    Of Keras' cell it keeps the weights, `kernel` `<float>[input, 4 * units]` and `recurrent_kernel`
    `<float>[units, 4 * units]` with the gates in the order f, i, c, o, and the dropout; the
    equations are its own.

    Args:
        units: size of h and of C.
        activation: what C_t goes through in h_t.
        recurrent_activation: of the three gates f, i, o.
        candidate_activation: of the candidate c; "tanh" gives the LSTM that is common elsewhere.
        use_bias: whether each W[h, x] becomes W[h, x] + b.
        kernel_initializer: of the weights that multiply x.
        recurrent_initializer: of the weights that multiply h.
        bias_initializer: of b.
        dropout: the rate at which inputs are dropped in training, the same ones at all steps.
        recurrent_dropout: the same for h.
        seed: of the dropout.
        **kwargs: `kernel_regularizer`, `recurrent_regularizer`, `bias_regularizer`, the constraints
            of the same names, and what every Keras layer takes.

    Call arguments:
        inputs: `<float>[batch, input]`.
        states: `[h, C]`, each `<float>[batch, units]`.
        training: whether dropout is on.

    Returns:
        h `<float>[batch, units]` and the new `[h, C]`.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        units: int,
        activation: str | Callable | None = "tanh",
        recurrent_activation: str | Callable | None = "sigmoid",
        candidate_activation: str | Callable | None = "sigmoid",
        use_bias: bool = False,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(
            check_cell_arguments(units, dropout, recurrent_dropout),
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=False,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            **kwargs,
        )
        self.dropout_mask_count = None  # one mask for all gates
        self.candidate_activation = keras.activations.get(candidate_activation)

    def call(self, inputs: Tensor, states: list[Tensor], training: bool = False):
        """h_t and [h_t, C_t] from x_t and [h_{t-1}, C_{t-1}]."""
        h, C = states
        if training and self.dropout:
            inputs = inputs * self.get_dropout_mask(inputs)
        if training and self.recurrent_dropout:
            h = h * self.get_recurrent_dropout_mask(h)

        z = ops.matmul(inputs, self.kernel) + ops.matmul(h, self.recurrent_kernel)
        if self.use_bias:
            z = z + self.bias
        z_f, z_i, z_c, z_o = ops.split(z, 4, axis=-1)
        f = self.recurrent_activation(z_f)
        i = self.recurrent_activation(z_i)
        c = self.candidate_activation(z_c)
        o = self.recurrent_activation(z_o)
        C = f * C + i * c
        h = o * self.activation(C)
        return h, [h, C]

    def lecture_weights(self) -> dict[str, np.ndarray]:
        """The weights by the lecture's names.

        Returns:
            `{"W_f", "W_i", "W_c", "W_o"}`, each `<float>[units + input, units]` with its rows in
            the order [h, x], so that the lecture's W[h, x] is `concatenate([h, x]) @ W` here; with
            a bias also `{"b_f", "b_i", "b_c", "b_o"}`, each `<float>[units]`.
        """
        check_built(self)
        both = (ops.convert_to_numpy(w) for w in (self.recurrent_kernel, self.kernel))
        fused = np.concatenate(list(both), axis=0)
        weights = dict(zip(self._names("W"), np.split(fused, 4, axis=1), strict=True))
        if self.use_bias:
            biases = np.split(ops.convert_to_numpy(self.bias), 4)
            weights.update(zip(self._names("b"), biases, strict=True))
        return weights

    def set_lecture_weights(self, weights: dict[str, Any]) -> None:
        """Sets the weights from what `lecture_weights` gives.

        Raises:
            ValueError: a name is missing or unknown, or a shape is wrong.
        """
        check_built(self)
        rows = self.units + self.kernel.shape[0]
        shapes = dict.fromkeys(self._names("W"), (rows, self.units))
        if self.use_bias:
            shapes |= dict.fromkeys(self._names("b"), (self.units,))
        arrays = check_lecture_weights(weights, shapes)

        fused = np.concatenate([arrays[name] for name in self._names("W")], axis=1)
        self.recurrent_kernel.assign(fused[: self.units])
        self.kernel.assign(fused[self.units :])
        if self.use_bias:
            self.bias.assign(np.concatenate([arrays[name] for name in self._names("b")]))

    @staticmethod
    def _names(letter: str) -> list[str]:
        return [f"{letter}_{gate}" for gate in GATES]

    def get_config(self):
        """The options, ready for `from_config`."""
        config = super().get_config()
        del config["unit_forget_bias"]
        candidate = keras.activations.serialize(self.candidate_activation)
        return {**config, "candidate_activation": candidate}

    @property
    def slopes(self) -> list[Callable | None]:
        """The derivatives of activation, recurrent and candidate activation, where known."""
        used = (self.activation, self.recurrent_activation, self.candidate_activation)
        return [slope_from_output(activation) for activation in used]

    @property
    def can_unfold(self) -> bool:
        """Whether the fast way through a sequence holds: see `RecurrentLayer`."""
        return not self.recurrent_dropout and all(self.slopes)

    def unfold(self, inputs, states, keep, training, return_sequences, weights=None):
        """All steps at once: see `RecurrentLayer`."""
        W_x, W_h = weights or (self.kernel, self.recurrent_kernel)
        W_h = ops.convert_to_tensor(W_h)
        W_x = ops.zeros((0, 4 * self.units), W_h.dtype) if W_x is None else W_x
        W_x = ops.convert_to_tensor(W_x)
        if self.use_bias:
            # A bias is the weight of a constant 1 beside x.
            W_x = ops.concatenate([W_x, ops.convert_to_tensor(self.bias)[None]], axis=0)
            inputs = ops.concatenate([inputs, ops.ones_like(inputs[..., :1])], axis=-1)
        recurrence = _recurrence(self, store=training, sequences=return_sequences)
        masks = [] if keep is None else [keep]
        *h, h_last, C_last = recurrence(inputs, *states, W_h, W_x, *masks)
        return h[0] if h else None, [h_last, C_last]


@keras.saving.register_keras_serializable(package="unfold")
class LSTM(RecurrentLayer):
    """The lecture's LSTM over a sequence: the equations at the top of this file.

    Args:
        units: size of h and of C.
        **options: the options of `LSTMCell`, and those of `RecurrentLayer`.

    Call arguments:
        sequences: `<float>[batch, time, input]`.
        initial_state: `[h, C]`, each `<float>[batch, units]`; zeros, if None.
        mask: `<bool>[batch, time]`, False where a step is padding.
        training: whether dropout is on, and the steps are kept for the backward pass. (A gradient
            taken through `training=False` is right too, but computes the steps twice.)

    Returns:
        h_T `<float>[batch, units]`, or all h `<float>[batch, time, units]` with
        `return_sequences=True`; followed by h_T and C_T with `return_state=True`.

    Raises:
        ValueError: an argument is out of its range.
    """

    cell_class = LSTMCell


def _recurrence(cell: LSTMCell, store: bool, sequences: bool) -> Callable[..., tuple]:
    """The loop over time with its gradient.

    The function that it gives takes x `<float>[time, batch, input]`, h_0 and C_0, the parts of W
    for h and for x, of all gates, and, if there is a mask, keep `<bool>[time, batch, 1]`. It gives
    all h `<float>[time, batch, units]` if `sequences`, then h_T and C_T. Where W_x has no rows, x
    is what W_x would have made of it, `<float>[time, batch, 4 * units]`.
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
    """The equations, step by step: h_T and C_T, and the first `stored` of h, C, f, i, c, o.

    To multiply all x by W_x before the loop is no faster in training, and slower in inference: the
    result, four times the units for all steps, does not fit in the caches of a CPU.
    """
    products = _products(W_h, W_x, steps=x.shape[0], store=stored == STORED)

    def step(state, x):
        h, C = state
        z_f, z_i, z_c, z_o = products(h, x[0])
        f = cell.recurrent_activation(z_f)
        i = cell.recurrent_activation(z_i)
        c = cell.candidate_activation(z_c)
        o = cell.recurrent_activation(z_o)
        C_t = f * C + i * c
        h_t = o * cell.activation(C_t)
        if keep:
            C_t, h_t = ops.where(x[1], C_t, C), ops.where(x[1], h_t, h)
        return (h_t, C_t), (h_t, C_t, f, i, c, o)[:stored]

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
        found = [ops.matmul(hx, W) for W in columns]
        return [z for product in found for z in ops.split(product, 4 // parts, axis=-1)]

    return products


def _steps_back(cell, saved, *gradients):
    """Backpropagation through time: what `_steps` is given, from the gradients of what it gives.

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
