"""Layers of the lecture's cells over time, in one direction or both, each normalised."""

import keras
from keras import ops

from zoo.checks import check_choice, check_integers, check_rates
from zoo.layers.constant_feature import ConstantFeature
from zoo.layers.lecture_layer import CELLS, STATES, lecture_layer


@keras.saving.register_keras_serializable(package="unfold")
class RecurrentStack(keras.layers.Layer):
    """Frames of sound or video, read by layers of the lecture's LSTM.

        h_t = LSTM→([x_t, 1]),  h'_t = LSTM←([x_t, 1]),  x_t ← LN([h_t, h'_t])      each layer

    with LN layer normalisation (Ba et al. 2016). Of `bidirectional=False` the way back is left out;
    then `stream` reads a sequence piece by piece and gives what the call gives for the whole.

    Example of one way and of both, side by side:

        >>> import numpy as np
        >>> from zoo.layers.recurrent_stack import RecurrentStack
        >>> x, mask = np.ones((2, 7, 3), "float32"), np.ones((2, 7), bool)
        >>> [RecurrentStack(5, bidirectional=both)(x, mask=mask).shape for both in (False, True)]
        [TensorShape([2, 7, 5]), TensorShape([2, 7, 10])]

    Args:
        units: size of h in each direction.
        layers: how many.
        bidirectional: whether each layer reads backwards, too.
        cell: "lstm" (the lecture's), "lstm_tanh" (the usual candidate) or "simple_rnn".
        constant_feature: whether the constant 1 ends the input of each layer.
        gate_offsets: whether it starts the gates of an LSTM at an offset: see `lecture_layer`.
        dropout: share of the features dropped on the way to each layer, the same at all steps.

    Call arguments:
        inputs: `<float>[batch, time, features]`.
        mask: `<bool>[batch, time]`, False on the right where a step is padding; `bidirectional`
            alone needs it.
        training: whether dropout is on.

    Returns:
        x `<float>[batch, time, width]`, of no use where the mask is False.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        units: int,
        layers: int = 1,
        bidirectional: bool = True,
        cell: str = "lstm",
        constant_feature: bool = True,
        gate_offsets: bool = True,
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_integers(units=units, layers=layers)
        check_rates(dropout=dropout)
        check_choice("cell", cell, CELLS)
        self.supports_masking = True
        self.width = units * (2 if bidirectional else 1)  # features of the outputs
        self.state_sizes = [(units,)] * (STATES[cell] * layers)  # of `stream`, without the batch
        self.cell = cell
        self.constant = ConstantFeature() if constant_feature else keras.layers.Identity()
        self.extra = int(constant_feature)
        start = {"constant_feature": constant_feature, "gate_offsets": gate_offsets}
        start |= {"return_state": True}
        self.forwards = [
            lecture_layer(cell, units, f"forwards_{i}", **start) for i in range(layers)
        ]
        self.backwards = [
            lecture_layer(cell, units, f"backwards_{i}", go_backwards=True, **start)
            for i in range(layers if bidirectional else 0)
        ]
        self.norms = [keras.layers.LayerNormalization(name=f"norm_{i}") for i in range(layers)]
        self.drop = keras.layers.Dropout(dropout, (None, 1, None), name="dropout")

    def build(self, inputs_shape):
        width = inputs_shape[-1]
        for index, norm in enumerate(self.norms):
            for stack in (self.forwards, self.backwards):
                if stack:
                    stack[index].build((None, None, width + self.extra))
            width = self.width
            norm.build((None, None, width))

    def call(self, inputs, mask=None, training=False):
        x = inputs
        backwards = self.backwards or [None] * len(self.forwards)
        for forwards, back, norm in zip(self.forwards, backwards, self.norms, strict=True):
            x = self.constant(self.drop(x, training=training))
            h, *_ = forwards(x, training=training)
            if back is not None:
                other, *_ = back(x, mask=mask, training=training)
                h = ops.concatenate([h, ops.flip(other, axis=1)], axis=-1)
            x = norm(h)
        return x

    def stream(self, inputs, states, training=False):
        """Goes on from where the piece before ended; `bidirectional=False` only.

        Args:
            inputs: `<float>[batch, time, features]`.
            states: of the sizes `state_sizes`: zeros before the first piece.

        Returns:
            x `<float>[batch, time, width]`, and the states after the piece.
        """
        x, states, after = inputs, [*states], []
        for layer, norm in zip(self.forwards, self.norms, strict=True):
            own = [states.pop(0) for _ in range(STATES[self.cell])]
            x = self.constant(self.drop(x, training=training))
            x, *own = layer(x, initial_state=own, training=training)
            after += own
            x = norm(x)
        return x, after

    def compute_mask(self, inputs, mask=None):
        return None  # whoever gave the mask has it
