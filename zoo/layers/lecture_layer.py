"""The lecture's recurrent layers as all models have them: which cell, and how it begins."""

import keras

from zoo.checks import check_choice
from zoo.layers import LSTM, SimpleRNN
from zoo.layers.constant_feature import GateOffsets

STATES = {"lstm": 2, "lstm_tanh": 2, "simple_rnn": 1}  # h and C, or h
CELLS = tuple(STATES)


def lecture_layer(
    cell: str,
    units: int,
    name: str,
    *,
    constant_feature: bool = True,
    gate_offsets: bool = True,
    identity: float = 0.9,
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
        **options: of the layer.

    Raises:
        ValueError: an unknown cell, or an option out of its range.
    """
    check_choice("cell", cell, CELLS)
    options.update(return_sequences=True, name=name)
    if cell == "simple_rnn":
        start = keras.initializers.Identity(identity)
        return SimpleRNN(units, recurrent_initializer=start, **options)
    kernel = "glorot_uniform"
    if constant_feature:
        kernel = GateOffsets() if gate_offsets else GateOffsets(forget=0.0, input=0.0)
    candidate = "tanh" if cell == "lstm_tanh" else "sigmoid"
    return LSTM(units, candidate_activation=candidate, kernel_initializer=kernel, **options)
