"""A sentence read in both directions."""

import keras
from keras import ops

from zoo.layers.constant_feature import ConstantFeature
from zoo.models.recurrent_layer import recurrent_layer


@keras.saving.register_keras_serializable(package="unfold")
class SentenceEncoder(keras.layers.Layer):
    """Layers of the lecture's LSTM, each forwards and backwards over the sentence.

        h→_j = LSTM→([x_j, 1]) from the left,  h←_j = LSTM←([x_j, 1]) from the right
        m_j  = [h→_j, h←_j]                        what the next layer reads, or the memory
        ends = [h→_n, h←_1]                        of the last layer, n: the sentence's length

    A padded batch gives what each sentence alone does: a masked step leaves the states as they
    are, so that the way back begins at the sentence's own end.

    Example of three words and one place of padding, with cells that sum their inputs: x = 1, 2, 4
    has h→ = 1, 3, 7 and h← = 7, 6, 4, and ends 7 and 7.

    Call arguments:
        inputs: `<float>[batch, time, features]`.
        mask: `<bool>[batch, time]`, False on the right where a step is padding.

    Returns:
        m `<float>[batch, time, 2 * units]` (of no use where the mask is False) and ends
        `<float>[batch, 2 * units]`.

    Args:
        units: size of h in each direction.
        layers: how many.
        cell: see `recurrent_layer`.
        dropout: share of a layer's outputs dropped on the way to the next, the same at all steps.
    """

    def __init__(
        self,
        units: int,
        layers: int = 1,
        cell: str = "lstm",
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self._config = {"units": units, "layers": layers, "cell": cell, "dropout": dropout}
        self.constant = ConstantFeature(name="constant")
        self.pairs = [
            [
                recurrent_layer(
                    cell, units, f"{name}_{layer}", return_state=True, go_backwards=back
                )
                for name, back in (("forwards", False), ("backwards", True))
            ]
            for layer in range(layers)
        ]
        self.drop = keras.layers.Dropout(dropout, (None, 1, None))

    def build(self, input_shape):
        width = input_shape[-1]
        for pair in self.pairs:
            for direction in pair:
                direction.build((None, None, width + 1))
            width = 2 * self._config["units"]

    def call(self, inputs, mask=None, training=False):
        cells = inputs
        for layer, (forwards, backwards) in enumerate(self.pairs):
            if layer:
                cells = self.drop(cells, training=training)
            cells = self.constant(cells)
            there, last, *_ = forwards(cells, mask=mask, training=training)
            back, first, *_ = backwards(cells, mask=mask, training=training)
            cells = ops.concatenate([there, ops.flip(back, axis=1)], axis=-1)
        return cells, ops.concatenate([last, first], axis=-1)

    def compute_mask(self, inputs, mask=None):
        return None  # whoever gave the mask has it

    def get_config(self):
        return {**super().get_config(), **self._config}
