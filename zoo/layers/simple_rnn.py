"""The lecture's recurrent network, as Keras layers.

    h_t = ReLU(W_i x_t + W_r h_{t-1})

There is no bias. The lecture's readout, o_t = W_o h_t, is a `keras.layers.Dense(...,
use_bias=False)` on top. Source: the lecture's slides on the RNN; Elman 1990, with the ReLU of Le,
Jaitly & Hinton 2015.
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


@keras.saving.register_keras_serializable(package="unfold")
class SimpleRNNCell(keras.layers.SimpleRNNCell):
    """One step of the lecture's RNN: h_t = ReLU(W_i x_t + W_r h_{t-1}).

    It is Keras' cell with the lecture's defaults, checked arguments and the lecture's names. Its
    weights: W_i is `kernel` `<float>[input, units]`, and W_r is
    `recurrent_kernel` `<float>[units, units]`.

    Args:
        units: size of h.
        activation: "relu" in the lecture.
        use_bias: whether b is added inside the activation.
        kernel_initializer: of W_i.
        recurrent_initializer: of W_r.
        bias_initializer: of b.
        dropout: the rate at which inputs are dropped in training, the same ones at all steps.
        recurrent_dropout: the same for h.
        seed: of the dropout.
        **kwargs: `kernel_regularizer`, `recurrent_regularizer`, `bias_regularizer`, the constraints
            of the same names, and what every Keras layer takes.

    Call arguments:
        inputs: `<float>[batch, input]`.
        states: `[h]`, `<float>[batch, units]`.
        training: whether dropout is on.

    Returns:
        h `<float>[batch, units]` and the new `[h]`.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        units: int,
        activation: str | Callable | None = "relu",
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
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            **kwargs,
        )

    def lecture_weights(self) -> dict[str, np.ndarray]:
        """The weights by the lecture's names.

        Returns:
            `{"W_i": <float>[input, units], "W_r": <float>[units, units]}`, so that the lecture's
            W x is `x @ W` here; with a bias also `"b"`, `<float>[units]`.
        """
        check_built(self)
        return {name: ops.convert_to_numpy(w) for name, w in self._named_weights().items()}

    def set_lecture_weights(self, weights: dict[str, Any]) -> None:
        """Sets the weights from what `lecture_weights` gives.

        Raises:
            ValueError: a name is missing or unknown, or a shape is wrong.
        """
        check_built(self)
        variables = self._named_weights()
        shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
        for name, array in check_lecture_weights(weights, shapes).items():
            variables[name].assign(array)

    def _named_weights(self) -> dict[str, keras.Variable]:
        weights = {"W_i": self.kernel, "W_r": self.recurrent_kernel}
        return {**weights, "b": self.bias} if self.use_bias else weights

    @property
    def can_unfold(self) -> bool:
        """Whether the fast way through a sequence holds: see `RecurrentLayer`."""
        return not self.recurrent_dropout and slope_from_output(self.activation) is not None

    def unfold(self, inputs, states, keep, training, return_sequences, weights=None):
        """All steps at once: see `RecurrentLayer`."""
        W_i, W_r = weights or (self.kernel, self.recurrent_kernel)
        z = inputs if W_i is None else ops.matmul(inputs, W_i)
        if self.use_bias:
            z = z + self.bias
        recurrence = _recurrence(self, store=training, sequences=return_sequences)
        masks = [] if keep is None else [keep]
        *h, h_last = recurrence(z, *states, ops.convert_to_tensor(W_r), *masks)
        return h[0] if h else None, [h_last]


@keras.saving.register_keras_serializable(package="unfold")
class SimpleRNN(RecurrentLayer):
    """The lecture's RNN over a sequence: h_t = ReLU(W_i x_t + W_r h_{t-1}).

    Args:
        units: size of h.
        **options: the options of `SimpleRNNCell`, and those of `RecurrentLayer`.

    Call arguments:
        sequences: `<float>[batch, time, input]`.
        initial_state: h_0, `<float>[batch, units]`; zeros, if None.
        mask: `<bool>[batch, time]`, False where a step is padding.
        training: whether dropout is on, and the steps are kept for the backward pass. (A gradient
            taken through `training=False` is right too, but computes the steps twice.)

    Returns:
        h_T `<float>[batch, units]`, or all h `<float>[batch, time, units]` with
        `return_sequences=True`; followed by h_T with `return_state=True`.

    Raises:
        ValueError: an argument is out of its range.
    """

    cell_class = SimpleRNNCell


def _recurrence(cell: SimpleRNNCell, store: bool, sequences: bool) -> Callable[..., tuple]:
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
    """The equation, step by step: h_T, and h of all steps if `stored`."""

    def step(state, x):
        (h,) = state
        h_t = cell.activation(x[0] + ops.matmul(h, W))
        if keep:
            h_t = ops.where(x[1], h_t, h)
        return (h_t,), (h_t,) * stored

    return scan(step, (h_0,), (z, *keep), (cell.units,) * stored)


def _steps_back(cell, saved, *gradients):
    """Backpropagation through time: what `_steps` is given, from the gradients of what it gives.

    With dh the gradient that reaches step t,

        dz = dh ReLU'                  dh_{t-1} = dz W^T

    ReLU' is worked out for all steps at once; the loop holds only the recurrence, and the gradient
    of W is one product after it.
    """
    h_0, W, *keep, h = saved
    *dh_steps, dh_last = gradients
    z_by_h = slope_from_output(cell.activation)(h)
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
