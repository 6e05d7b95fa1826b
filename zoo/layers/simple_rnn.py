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

from zoo.layers.activations import SLOPES
from zoo.layers.recurrent import (
    RecurrentLayer,
    check_built,
    check_cell_arguments,
    check_lecture_weights,
)
from zoo.layers.simple_rnn_loop import simple_rnn_over_time

Tensor = Any


@keras.saving.register_keras_serializable(package="unfold")
class SimpleRNNCell(keras.layers.SimpleRNNCell):
    """One step of the lecture's RNN: h_t = ReLU(W_i x_t + W_r h_{t-1}).

    Of Keras' cell it keeps the weights, W_i as `kernel` `<float>[input, units]` and W_r as
    `recurrent_kernel` `<float>[units, units]`, and the dropout.

    Example:

        >>> import numpy as np
        >>> from zoo.layers import SimpleRNNCell
        >>> cell = SimpleRNNCell(1, kernel_initializer="ones", recurrent_initializer="ones")
        >>> x, h = np.array([[2.0, 3.0]], "float32"), np.array([[-1.0]], "float32")
        >>> h, _ = cell(x, [h])
        >>> float(h[0, 0])  # ReLU(2 + 3 - 1)
        4.0

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
            of the same names, and the arguments of every Keras layer.

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

    def call(self, inputs: Tensor, states: list[Tensor], training: bool = False):
        """h_t and [h_t] from x_t and [h_{t-1}]."""
        (h,) = states
        if training and self.dropout:
            inputs = inputs * self.get_dropout_mask(inputs)
        if training and self.recurrent_dropout:
            h = h * self.get_recurrent_dropout_mask(h)
        h = self.step(self._from_inputs(inputs, self.kernel), h, self.recurrent_kernel)
        return h, [h]

    def step(self, z: Tensor, h: Tensor, W_r: Tensor) -> Tensor:
        """The equation, of the cell and of the fast loop.

        Args:
            z: W_i x_t, `<float>[batch, units]`.
            h: of the step before, `<float>[batch, units]`.
            W_r: `<float>[units, units]`.

        Returns:
            h_t `<float>[batch, units]`.
        """
        return self.activation(z + ops.matmul(h, W_r))

    def _from_inputs(self, inputs: Tensor, W_i: Tensor | None) -> Tensor:
        """W_i x, with b where there is one; without W_i the inputs are W_i x."""
        z = inputs if W_i is None else ops.matmul(inputs, W_i)
        return z + self.bias if self.use_bias else z

    def lecture_weights(self) -> dict[str, np.ndarray]:
        """The weights by the lecture's names.

        Returns:
            `{"W_i": <float>[input, units], "W_r": <float>[units, units]}`, so that the lecture's
            W x is `x @ W` here; with a bias also `"b"`, `<float>[units]`.
        """
        check_built(self)
        return {name: ops.convert_to_numpy(w) for name, w in self._named_weights().items()}

    def set_lecture_weights(self, weights: dict[str, Any]) -> None:
        """Sets the weights by the names of `lecture_weights`.

        Raises:
            ValueError: a name is missing or unknown, or a shape is wrong.
        """
        arrays = check_lecture_weights(weights, self.lecture_weights())
        for name, variable in self._named_weights().items():
            variable.assign(arrays[name])

    def _named_weights(self) -> dict[str, keras.Variable]:
        weights = {"W_i": self.kernel, "W_r": self.recurrent_kernel}
        return {**weights, "b": self.bias} if self.use_bias else weights

    @property
    def can_unfold(self) -> bool:
        """Whether the fast way through a sequence holds: see `RecurrentLayer`."""
        return not self.recurrent_dropout and self.activation in SLOPES

    def unfold(self, inputs, states, keep, training, return_sequences, weights=None):
        """All steps at once: see `RecurrentLayer`."""
        W_i, W_r = weights or (self.kernel, self.recurrent_kernel)
        loop = simple_rnn_over_time(self, store=training, sequences=return_sequences)
        masks = [] if keep is None else [keep]
        z = self._from_inputs(inputs, W_i)
        *h, h_last = loop(z, *states, ops.convert_to_tensor(W_r), *masks)
        return h[0] if h else None, [h_last]


@keras.saving.register_keras_serializable(package="unfold")
class SimpleRNN(RecurrentLayer):
    """The lecture's RNN over a sequence: h_t = ReLU(W_i x_t + W_r h_{t-1}).

    Example, the lecture's network that sums its inputs:

        >>> import numpy as np
        >>> from zoo.layers import SimpleRNN
        >>> layer = SimpleRNN(1, return_sequences=True)
        >>> layer.build((None, None, 1))
        >>> layer.cell.set_lecture_weights({"W_i": [[1.0]], "W_r": [[1.0]]})
        >>> sums = layer(np.array([[[2.0], [3.0], [0.5]]], "float32"))
        >>> [float(total) for total in sums[0, :, 0]]
        [2.0, 5.0, 5.5]

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
