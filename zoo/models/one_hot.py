"""A recurrent layer that reads words one-hot, as the lecture writes x_t."""

import keras
from keras import ops

from zoo.models.recurrent_layer import recurrent_layer


class OneHotLayer(keras.layers.Layer):
    """The recurrent layer of `recurrent_layer` over x_t = [one-hot(w_t), g_t, 1].

    x_t W is then the row w_t of W, plus g_t W_g, plus the last row, so that no x is ever formed:
    each word has weights of its own for each gate, with no embedding between (Johnson and Zhang
    2016). W_g, the rows of W that meet g_t, is kept apart, as it begins larger than words' rows do.

    Args:
        vocabulary_size: words; rows of W.
        more: size of g_t; 0: there is none.
        cell, units, constant, **options: of `recurrent_layer`.

    Call arguments:
        tokens: `<int32>[batch, time]`.
        scale: `<float>[vocabulary_size]`, factors of the words' rows; None: all 1.
        g: `<float>[batch, time, more]`, where there is one.
        training: whether the steps are kept for the backward pass.

    Returns:
        h `<float>[batch, time, units]`.
    """

    def __init__(
        self,
        vocabulary_size: int,
        cell: str,
        units: int,
        more: int = 0,
        constant: bool = True,
        **options,
    ):
        super().__init__(name=options.pop("name", None))
        self.vocabulary_size, self.more, self.constant = vocabulary_size, more, constant
        self.cell = recurrent_layer(cell, units, "layer", constant=constant, **options).cell

    def build(self, tokens_shape=None):
        self.cell.build((None, self.vocabulary_size + self.constant))
        if self.more:
            shape = (self.more, self.cell.kernel.shape[-1])
            self.kernel_of_g = self.add_weight(name="kernel_of_g", shape=shape)
        self.built = True

    def call(self, tokens, scale=None, g=None, training=False):
        kernel = ops.convert_to_tensor(self.cell.kernel)
        words = ops.transpose(tokens)  # time first
        z = ops.take(kernel, words, axis=0)
        if scale is not None:
            z = z * ops.cast(ops.take(scale, words, axis=0), z.dtype)[..., None]
        if g is not None:
            z = z + ops.matmul(ops.transpose(g, (1, 0, 2)), self.kernel_of_g)
        if self.constant:
            z = z + ops.take(kernel, [self.vocabulary_size], axis=0)
        states = self.cell.get_initial_state(batch_size=ops.shape(tokens)[0])
        states = states if isinstance(states, (list, tuple)) else [states]
        weights = (None, self.cell.recurrent_kernel)
        h, _ = self.cell.unfold(z, list(states), None, training, True, weights=weights)
        return ops.transpose(h, (1, 0, 2))
