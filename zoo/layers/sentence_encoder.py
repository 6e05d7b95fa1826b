"""A sentence read in both directions."""

import keras
from keras import ops

from zoo.checks import check_integers, check_rates
from zoo.layers.constant_feature import ConstantFeature
from zoo.layers.lecture_layer import lecture_layer


@keras.saving.register_keras_serializable(package="unfold")
class SentenceEncoder(keras.layers.Layer):
    """Layers of the lecture's LSTM, each forwards and backwards over the sentence.

        h→_j = LSTM→([x_j, 1]) from the left,  h←_j = LSTM←([x_j, 1]) from the right
        m_j  = [h→_j, h←_j]                        the next layer's input, or the memory
        ends = [h→_n, h←_1]                        of the last layer, n: the sentence's length

    A padded batch and each sentence alone give the same: a masked step leaves the states as they
    are, so that the way back begins at the sentence's own end.

    Example of three words and one place of padding, with cells that sum their inputs: x = 1, 2, 4
    has h→ = 1, 3, 7 and h← = 7, 6, 4, and ends 7 and 7.

        >>> import numpy as np
        >>> from zoo.layers.sentence_encoder import SentenceEncoder
        >>> encoder = SentenceEncoder(1, cell="simple_rnn")
        >>> encoder.build((None, None, 1))
        >>> for layer in encoder.directions[0]:
        ...     layer.cell.set_lecture_weights({"W_i": [[1.0], [0.0]], "W_r": [[1.0]]})
        >>> x, mask = np.array([[[1.0], [2.0], [4.0], [9.0]]]), np.array([[1, 1, 1, 0]], bool)
        >>> m, ends = encoder(x, mask=mask)
        >>> [[float(h) for h in cell] for cell in m[0, :3]], [float(end) for end in ends[0]]
        ([[1.0, 7.0], [3.0, 6.0], [7.0, 4.0]], [7.0, 7.0])

    Args:
        units: size of h in each direction.
        layers: how many.
        cell: one of `CELLS` of `zoo.layers.lecture_layer`.
        dropout: share of a layer's outputs dropped on the way to the next, the same at all steps.

    Call arguments:
        inputs: `<float>[batch, time, features]`.
        mask: `<bool>[batch, time]`, False on the right where a step is padding.

    Returns:
        m `<float>[batch, time, 2 * units]` (of no use where the mask is False) and ends
        `<float>[batch, 2 * units]`.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self, units: int, layers: int = 1, cell: str = "lstm", dropout: float = 0.0, **kwargs
    ):
        super().__init__(**kwargs)
        check_integers(units=units, layers=layers)
        check_rates(dropout=dropout)
        self.supports_masking = True
        self.units = units
        self.constant = ConstantFeature(name="constant")
        self.directions = [
            [
                lecture_layer(cell, units, f"{name}_{i}", return_state=True, go_backwards=back)
                for name, back in (("forwards", False), ("backwards", True))
            ]
            for i in range(layers)
        ]
        self.drop = keras.layers.Dropout(dropout, (None, 1, None))

    def build(self, inputs_shape):
        width = inputs_shape[-1]
        for pair in self.directions:
            for layer in pair:
                layer.build((None, None, width + 1))
            width = 2 * self.units

    def call(self, inputs, mask=None, training=False):
        cells = inputs
        for index, (forwards, backwards) in enumerate(self.directions):
            if index:
                cells = self.drop(cells, training=training)
            cells = self.constant(cells)
            there, last, *_ = forwards(cells, mask=mask, training=training)
            back, first, *_ = backwards(cells, mask=mask, training=training)
            cells = ops.concatenate([there, ops.flip(back, axis=1)], axis=-1)
        return cells, ops.concatenate([last, first], axis=-1)

    def compute_mask(self, inputs, mask=None):
        return None  # whoever gave the mask has it
