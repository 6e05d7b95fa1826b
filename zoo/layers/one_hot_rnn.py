"""A recurrent layer that reads words one-hot, as the lecture writes x_t."""

import keras
from keras import ops

from zoo.checks import check_integers
from zoo.layers.lecture_layer import lecture_layer


@keras.saving.register_keras_serializable(package="unfold")
class OneHotRNN(keras.layers.Layer):
    """The recurrent layer of `lecture_layer` over x_t = [one-hot(w_t), 1].

    x_t W is then the row w_t of W plus the last row, so that no x is ever formed: each word has
    weights of its own for each gate, with no embedding between (Johnson and Zhang 2016).

    Example:

        >>> import numpy as np
        >>> from zoo.layers.one_hot_rnn import OneHotRNN
        >>> h = OneHotRNN(vocabulary_size=9, units=5)(np.array([[3, 8, 1]]))
        >>> tuple(h.shape)
        (1, 3, 5)

    Args:
        vocabulary_size: words; rows of W.
        units: size of h.
        cell: one of `CELLS` of `zoo.layers.lecture_layer`.
        constant_feature, gate_offsets, identity: of `lecture_layer`.

    Call arguments:
        tokens: `<int32>[batch, time]`.
        scale: `<float>[vocabulary_size]`, factors of the words' rows; None: all 1.
        training: whether the steps are kept for the backward pass.

    Returns:
        h `<float>[batch, time, units]`.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        vocabulary_size: int,
        units: int,
        cell: str = "lstm",
        constant_feature: bool = True,
        gate_offsets: bool = True,
        identity: float = 0.9,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_integers(vocabulary_size=vocabulary_size, units=units)
        self.vocabulary_size, self.constant_feature = vocabulary_size, constant_feature
        self.cell = lecture_layer(
            cell,
            units,
            "layer",
            constant_feature=constant_feature,
            gate_offsets=gate_offsets,
            identity=identity,
        ).cell

    def build(self, tokens_shape=None, scale_shape=None):
        self.cell.build((None, self.vocabulary_size + self.constant_feature))
        self.built = True

    def call(self, tokens, scale=None, training=False):
        kernel = ops.convert_to_tensor(self.cell.kernel)
        words = ops.transpose(tokens)  # time first
        z = ops.take(kernel, words, axis=0)
        if scale is not None:
            z = z * ops.cast(ops.take(scale, words, axis=0), z.dtype)[..., None]
        if self.constant_feature:
            z = z + ops.take(kernel, [self.vocabulary_size], axis=0)
        states = self.cell.get_initial_state(batch_size=ops.shape(tokens)[0])
        weights = (None, self.cell.recurrent_kernel)
        h, _ = self.cell.unfold(z, list(states), None, training, True, weights=weights)
        return ops.transpose(h, (1, 0, 2))
