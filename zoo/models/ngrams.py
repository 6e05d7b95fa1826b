"""What the last few symbols spell, as an input beside the symbol itself."""

from typing import Any

import keras
from keras import ops

Tensor = Any
PRIME = 16_381  # of the hash
ROWS = 2**17  # of the table: with PRIME the most that keep the hash in 32 bits


class NGramEmbedding(keras.layers.Layer):
    """The n-grams that end in each symbol -> the sum of their embeddings.

        g_t = sum_{n=2..longest} E[hash_n(w_{t-n+1}, ..., w_t)]
        hash_n(w_{t-n+1}, ..., w_t) = (PRIME * hash_{n-1}(w_{t-n+2}, ..., w_t) + w_{t-n+1}) mod ROWS

    with hash_1(w) = w. A recurrent layer that reads x_t + g_t need not learn the spelling of its
    language: it finds that in a table, at little cost, and has its cells for what is further back.
    Hashed n-grams beside a recurrent net: Mikolov et al., "Strategies for training large
    scale neural network language models", 2011, there at the readout; at the input, of bytes:
    Pagnoni et al., "Byte Latent Transformer", 2024.

    n-grams that share a row by chance share its embedding. The table begins with zeros, so that a
    row that training never meets adds nothing.

    Args:
        units: size of the embeddings.
        longest: n of the longest n-grams, at least 2.
        dropout: share of the n-grams left out in training, each length at each step for itself,
            so that the model is used to n-grams that it does not know.

    Call arguments:
        tokens: `<int32>[batch, time]`.
        history: `<float32>[batch, longest - 1]`, the symbols before the first.
        keep: `<bool>[batch, time]`, False where a token is padding, which only follows on the
            others; None: all are read.
        training: whether n-grams are left out.

    Returns:
        g `<float>[batch, time, units]`, and the history after the last token.
    """

    def __init__(self, units: int, longest: int, dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.longest = units, longest
        # One draw for an n-gram, not for each of its features.
        self.drop = keras.layers.Dropout(dropout, name="drop")

    def build(self, tokens_shape=None, history_shape=None, keep_shape=None):
        # The rows that are read are cast, under mixed precision, not the table.
        self.table = self.add_weight(
            name="table", shape=(ROWS, self.units), initializer="zeros", autocast=False
        )
        self.built = True

    def call(self, tokens, history, keep=None, training=False):
        time, reach = ops.shape(tokens)[1], self.longest - 1
        symbols = ops.concatenate([ops.cast(history, "int32"), tokens], axis=1)
        code, total = tokens, 0.0
        for back in range(1, self.longest):
            before = symbols[:, reach - back : reach - back + time]
            code = ops.mod(code * PRIME + before, ROWS)
            row = ops.cast(ops.take(self.table, code, axis=0), self.compute_dtype)
            kept = self.drop(ops.ones(ops.shape(code), row.dtype), training=training)
            total = total + row * kept[..., None]
        return total, ops.cast(self._last(symbols, keep), history.dtype)

    def _last(self, symbols: Tensor, keep: Tensor | None) -> Tensor:
        reach = self.longest - 1
        if keep is None:
            return symbols[:, -reach:]
        read = ops.sum(ops.cast(keep, "int32"), axis=1, keepdims=True)
        return ops.take_along_axis(symbols, read + ops.arange(reach)[None], axis=1)
