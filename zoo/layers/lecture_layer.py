"""The lecture's recurrent layers as all models have them: which cell, and how it begins."""

import keras
from keras import ops

from zoo.checks import check_choice
from zoo.layers import LSTM, SimpleRNN
from zoo.layers.constant_feature import GateOffsets

STATES = {"lstm": 2, "lstm_tanh": 2, "simple_rnn": 1}  # h and C, or h
CELLS = tuple(STATES)


@keras.saving.register_keras_serializable(package="unfold")
class NonExpansive(keras.constraints.Constraint):
    """Keeps the sizes of the weights into each unit at a sum of at most 1.

        Σ_j |W_r[j, k]| <= 1        so that  |h_{t-1} W_r| <= |h_{t-1}|,  |·| the largest entry

    The ReLU of the lecture's RNN has no upper bound: where W_r makes h larger, however little, 400
    words make it larger 400 times over. Under this bound a step adds |x_t W_i| at most, and the
    gradient, whose sum of sizes W_r^T cannot make larger either, does not explode.

    Example:

        >>> import numpy as np
        >>> from zoo.layers.lecture_layer import NonExpansive
        >>> W = NonExpansive()(np.array([[0.5, 2.0], [-0.25, -2.0]], "float32"))
        >>> [[float(weight) for weight in row] for row in W]
        [[0.5, 0.5], [-0.25, -0.5]]
    """

    def __call__(self, w):
        sizes = ops.sum(ops.abs(w), axis=0, keepdims=True)
        return w / ops.maximum(sizes, 1)


def lecture_layer(
    cell: str,
    units: int,
    name: str,
    *,
    constant_feature: bool = True,
    gate_offsets: bool = True,
    identity: float = 0.9,
    contractive: bool = False,
    **options,
) -> keras.layers.RNN:
    """The lecture's LSTM or SimpleRNN, or the LSTM with the usual tanh candidate; gives all h.

    Args:
        cell: one of `CELLS`.
        units: size of h.
        name: of the layer.
        constant_feature: whether its input ends in the constant 1 (`ConstantFeature`).
        gate_offsets: whether the constant's row starts an LSTM's forget gate at +1 and its input
            gate at -1.
        identity: the factor of the identity matrix that the SimpleRNN's recurrence starts as: h is
            kept as it is, or nearly, until the input says otherwise (Le, Jaitly and Hinton 2015).
        contractive: whether the SimpleRNN's recurrence is held to `NonExpansive`.
        **options: of the layer.

    Raises:
        ValueError: an unknown cell, or an option out of its range.
    """
    check_choice("cell", cell, CELLS)
    options.update(return_sequences=True, name=name)
    if cell == "simple_rnn":
        start = keras.initializers.Identity(identity)
        bound = NonExpansive() if contractive else None
        return SimpleRNN(units, recurrent_initializer=start, recurrent_constraint=bound, **options)
    kernel = "glorot_uniform"
    if constant_feature:
        kernel = GateOffsets() if gate_offsets else GateOffsets(forget=0.0, input=0.0)
    candidate = "tanh" if cell == "lstm_tanh" else "sigmoid"
    return LSTM(units, candidate_activation=candidate, kernel_initializer=kernel, **options)
