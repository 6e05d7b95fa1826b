"""A recurrent layer that reads words one-hot, as the lecture writes x_t."""

import keras
from keras import ops

from zoo.models.recurrent_layer import recurrent_layer


class OneHotLayer(keras.layers.Layer):
    """The recurrent layer of `recurrent_layer` over x_t = one-hot(w_t), or [one-hot(w_t), 1].

    W x_t is then the row w_t of W (plus its last one), so that no x is ever formed: each word has
    weights of its own for each gate, with no embedding between (Johnson and Zhang 2016).

    Args:
        vocabulary_size: words; rows of W, but for the constant's.
        cell, units, constant, **options: of `recurrent_layer`.

    Call arguments:
        tokens: `<int32>[batch, time]`.
        scale: `<float>[vocabulary_size]`, factors of the words' rows; None: all 1.
        training: whether the steps are kept for the backward pass.

    Returns:
        h `<float>[batch, time, units]`.
    """

    def __init__(
        self, vocabulary_size: int, cell: str, units: int, constant: bool = True, **options
    ):
        super().__init__(name=options.pop("name", None))
        self.vocabulary_size, self.constant = vocabulary_size, constant
        self.cell = recurrent_layer(cell, units, "layer", constant=constant, **options).cell

    def build(self, tokens_shape=None):
        self.cell.build((None, self.vocabulary_size + self.constant))
        self.built = True

    def call(self, tokens, scale=None, training=False):
        kernel = ops.convert_to_tensor(self.cell.kernel)
        words = ops.transpose(tokens)  # time first
        z = ops.take(kernel, words, axis=0)
        if scale is not None:
            z = z * ops.cast(ops.take(scale, words, axis=0), z.dtype)[..., None]
        if self.constant:
            z = z + ops.take(kernel, [self.vocabulary_size], axis=0)
        states = self.cell.get_initial_state(batch_size=ops.shape(tokens)[0])
        states = states if isinstance(states, (list, tuple)) else [states]
        weights = (None, self.cell.recurrent_kernel)
        h, _ = self.cell.unfold(z, list(states), None, training, True, weights=weights)
        return ops.transpose(h, (1, 0, 2))
