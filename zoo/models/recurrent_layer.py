"""The recurrent layers that the models are made of, as they begin."""

import keras

from zoo.layers import LSTM, SimpleRNN
from zoo.layers.constant_feature import GateOffsets

CELLS = ("lstm", "lstm_tanh", "simple_rnn")


def recurrent_layer(
    cell: str,
    units: int,
    name: str,
    *,
    constant: bool = True,
    offsets: bool = True,
    identity: float = 0.9,
    **options,
) -> keras.layers.RNN:
    """The lecture's LSTM or SimpleRNN, or the LSTM with the usual tanh candidate; gives all h.

    Args:
        cell: one of `CELLS`.
        units: size of h.
        name: of the layer.
        constant: whether its input ends in the constant 1 (`ConstantFeature`).
        offsets: whether the constant's row starts an LSTM's forget gate at +1 and its input gate
            at -1.
        identity: what the SimpleRNN's recurrence starts as, times the identity: h is kept as it is,
            or nearly, until the input says otherwise (Le, Jaitly and Hinton 2015).
        **options: of the layer.

    Raises:
        ValueError: an unknown cell.
    """
    if cell not in CELLS:
        raise ValueError(f"`cell` must be one of {CELLS}. Got {cell!r}.")
    options.update(return_sequences=True, name=name)
    if cell == "simple_rnn":
        start = keras.initializers.Identity(identity)
        return SimpleRNN(units, recurrent_initializer=start, **options)
    kernel = "glorot_uniform"
    if constant:
        kernel = GateOffsets() if offsets else GateOffsets(forget=0.0, input=0.0)
    candidate = "tanh" if cell == "lstm_tanh" else "sigmoid"
    return LSTM(units, candidate_activation=candidate, kernel_initializer=kernel, **options)
