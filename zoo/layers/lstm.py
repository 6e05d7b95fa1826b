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

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.layers.activations import SLOPES
from zoo.layers.lstm_loop import lstm_over_time
from zoo.layers.recurrent import (
    RecurrentLayer,
    check_built,
    check_cell_arguments,
    check_lecture_weights,
)

Tensor = Any
GATES = "fico"  # their order in the fused weights


@keras.saving.register_keras_serializable(package="unfold")
class LSTMCell(keras.layers.LSTMCell):
    """One step of the lecture's LSTM: the equations at the top of this file.

    Of Keras' cell it keeps the weights, `kernel` `<float>[input, 4 * units]` and `recurrent_kernel`
    `<float>[units, 4 * units]` with the gates in the order f, i, c, o, and the dropout; the
    equations are its own.

    Example, where all weights are 0 and so all gates and the candidate 1/2:

        >>> import numpy as np
        >>> from zoo.layers import LSTMCell
        >>> cell = LSTMCell(1, kernel_initializer="zeros", recurrent_initializer="zeros")
        >>> h, C = np.zeros((1, 1), "float32"), np.full((1, 1), 4.0, "float32")
        >>> h, (h, C) = cell(np.ones((1, 3), "float32"), [h, C])
        >>> float(C[0, 0])  # 1/2 · 4 + 1/2 · 1/2
        2.25

    Args:
        units: size of h and of C.
        activation: of C_t in h_t.
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
            of the same names, and the arguments of every Keras layer.

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
        h, C, *_ = self.step(ops.split(z, 4, axis=-1), C)
        return h, [h, C]

    def step(self, z: Sequence[Tensor], C: Tensor) -> tuple[Tensor, ...]:
        """The equations, from the products on: of the cell, and of the fast loop.

        Args:
            z: W_f [h, x], W_i [h, x], W_c [h, x] and W_o [h, x], each `<float>[batch, units]`.
            C: of the step before, `<float>[batch, units]`.

        Returns:
            h_t, C_t, f_t, i_t, c_t and o_t, each `<float>[batch, units]`.
        """
        squash, gate, candidate = self.activations  # tanh, σ and σ in the lecture
        z_f, z_i, z_c, z_o = z
        f = gate(z_f)
        i = gate(z_i)
        c = candidate(z_c)
        o = gate(z_o)
        C = f * C + i * c
        h = o * squash(C)
        return h, C, f, i, c, o

    def lecture_weights(self) -> dict[str, np.ndarray]:
        """The weights by the lecture's names.

        Returns:
            `{"W_f", "W_i", "W_c", "W_o"}`, each `<float>[units + input, units]` with its rows in
            the order [h, x], so that the lecture's W[h, x] is `concatenate([h, x]) @ W` here; with
            a bias also `{"b_f", "b_i", "b_c", "b_o"}`, each `<float>[units]`.
        """
        check_built(self)
        fused = {"W": ops.concatenate([self.recurrent_kernel, self.kernel], axis=0)}
        if self.use_bias:
            fused["b"] = self.bias
        return {
            f"{letter}_{gate}": weights
            for letter, array in fused.items()
            for gate, weights in zip(
                GATES, np.split(ops.convert_to_numpy(array), 4, axis=-1), strict=True
            )
        }

    def set_lecture_weights(self, weights: dict[str, Any]) -> None:
        """Sets the weights by the names of `lecture_weights`.

        Raises:
            ValueError: a name is missing or unknown, or a shape is wrong.
        """
        arrays = check_lecture_weights(weights, self.lecture_weights())
        fused = np.concatenate([arrays[f"W_{gate}"] for gate in GATES], axis=1)
        self.recurrent_kernel.assign(fused[: self.units])
        self.kernel.assign(fused[self.units :])
        if self.use_bias:
            self.bias.assign(np.concatenate([arrays[f"b_{gate}"] for gate in GATES]))

    def get_config(self):
        """The options, ready for `from_config`."""
        config = super().get_config()
        del config["unit_forget_bias"]
        candidate = keras.activations.serialize(self.candidate_activation)
        return {**config, "candidate_activation": candidate}

    @property
    def activations(self) -> tuple[Callable, Callable, Callable]:
        """Of C in h, of the gates, and of the candidate."""
        return self.activation, self.recurrent_activation, self.candidate_activation

    @property
    def slopes(self) -> list[Callable | None]:
        """The derivatives of `activations`, where known."""
        return [SLOPES.get(activation) for activation in self.activations]

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
        loop = lstm_over_time(self, store=training, sequences=return_sequences)
        masks = [] if keep is None else [keep]
        *h, h_last, C_last = loop(inputs, *states, W_h, W_x, *masks)
        return h[0] if h else None, [h_last, C_last]


@keras.saving.register_keras_serializable(package="unfold")
class LSTM(RecurrentLayer):
    """The lecture's LSTM over a sequence: the equations at the top of this file.

    Example, two sequences of three steps:

        >>> import numpy as np
        >>> from zoo.layers import LSTM
        >>> layer = LSTM(5, return_sequences=True, return_state=True)
        >>> h, h_T, C_T = layer(np.ones((2, 3, 4), "float32"))
        >>> tuple(h.shape), tuple(h_T.shape), tuple(C_T.shape)
        ((2, 3, 5), (2, 5), (2, 5))
        >>> sorted(layer.cell.lecture_weights())
        ['W_c', 'W_f', 'W_i', 'W_o']

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
