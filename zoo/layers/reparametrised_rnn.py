"""A recurrent layer over reparametrised weights, with dropout on them."""

from typing import Any

import keras
import numpy as np
from keras import ops

Tensor = Any


@keras.saving.register_keras_serializable(package="unfold")
class ReparametrisedRNN(keras.layers.Layer):
    """One recurrent layer whose state is given and given back, over reparametrised weights.

    The cell's equations are the lecture's, with a weight W_h for h, W_x for x, and w for the
    constant feature that ends x. The layer learns V_h, V_x and v, from which

        W_h = V_h * g * m / (1 - rate)        W_x = V_x * g        w = v * g - center Σ_j W_h[j]

    g is `gain` for the candidate's columns and 1 for the others. m ~ Bernoulli(1 - rate) in
    training, drawn once for a batch and the same at all its steps: DropConnect on the recurrent
    weights (Wan et al. 2013; Merity, Keskar and Socher 2018, section 2).

    Every W can be had in this form: it changes the optimizer's way, not the functions that the cell
    can compute. The gain gives the sigmoid candidate, whose slope is a quarter of tanh's, its swing
    back. With `center` the gates read W_h (h - center): h of the lecture's cell is never negative,
    and the part that all its units share would drown their differences (LeCun et al. 1998,
    "Efficient BackProp", section 4.3, on inputs that are all positive).

    Example:

        >>> import numpy as np
        >>> from zoo.layers import LSTMCell
        >>> from zoo.layers.reparametrised_rnn import ReparametrisedRNN
        >>> layer = ReparametrisedRNN(LSTMCell(5), gain=4.0, center=0.2)
        >>> x = np.ones((2, 3, 4), "float32")  # ends in the constant 1
        >>> h, states = layer(x, [np.zeros((2, 5), "float32")] * 2)
        >>> tuple(h.shape), [tuple(state.shape) for state in states]
        ((2, 3, 5), [(2, 5), (2, 5)])

    Args:
        cell: `LSTMCell` or `SimpleRNNCell` of zoo.layers.
        rate: share of the recurrent weights dropped, 0 <= rate < 1.
        gain: of the candidate's columns; of an LSTM only.
        center: about the mean of h. Other than 0 it wants inputs that end in the constant 1.

    Call arguments:
        sequences: `<float>[batch, time, features]`.
        states: the cell's, each `<float>[batch, units]`.
        keep: `<bool>[batch, time]`, False where a step leaves the state as it is; None: all.
        fixed: the result of `lecture_weights`, so that a loop works it out once; None: worked out.
        training: whether weights are dropped.

    Returns:
        h `<float>[batch, time, units]`, and the states after the last step.
    """

    def __init__(
        self,
        cell: keras.Layer,
        rate: float = 0.0,
        gain: float = 1.0,
        center: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.cell = cell
        self.gain = gain
        self.center = center
        self.drop = keras.layers.Dropout(rate, dtype=self.dtype_policy, name="drop")

    def build(self, sequences_shape, states_shape=None, keep_shape=None, fixed_shape=None):
        if not self.cell.built:
            self.cell.build((None, sequences_shape[-1]))
        self.built = True

    def lecture_weights(self, training: bool = False) -> tuple[Tensor, Tensor]:
        """W for [x, 1] `<float>[features, gates]` and for h `<float>[units, gates]`."""
        W_x, W_h = (
            ops.cast(weights, self.compute_dtype)
            for weights in (self.cell.kernel, self.cell.recurrent_kernel)
        )
        if self.gain != 1:
            g = np.repeat([1.0, 1.0, self.gain, 1.0], self.cell.units)
            W_x, W_h = W_x * ops.cast(g, W_x.dtype), W_h * ops.cast(g, W_h.dtype)
        W_h = self.drop(W_h, training=training)
        if self.center:
            row = W_x[-1:] - self.center * ops.sum(W_h, axis=0, keepdims=True)
            W_x = ops.concatenate([W_x[:-1], row], axis=0)
        return W_x, W_h

    def call(self, sequences, states, keep=None, fixed=None, training=False):
        W_x, W_h = self.lecture_weights(training) if fixed is None else fixed
        if keep is not None:
            keep = ops.expand_dims(ops.transpose(keep), -1)
        steps = ops.transpose(sequences, (1, 0, 2))
        h, states = self.cell.unfold(
            steps, list(states), keep, training, return_sequences=True, weights=(W_x, W_h)
        )
        return ops.transpose(h, (1, 0, 2)), states

    def get_config(self):
        return {
            **super().get_config(),
            "cell": keras.saving.serialize_keras_object(self.cell),
            "rate": self.drop.rate,
            "gain": self.gain,
            "center": self.center,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "cell": keras.saving.deserialize_keras_object(config["cell"])})
