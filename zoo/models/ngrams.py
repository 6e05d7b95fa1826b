"""What the last few symbols spell, or the last two words say, as an input beside the symbol."""

from typing import Any

import keras
import numpy as np
from keras import ops

Tensor = Any
PRIME = 16_381  # of the hash
SCALE = 0.15  # of pairs' embeddings: all features together, a pair learns no faster than a word
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


class PairEmbedding(keras.layers.Layer):
    """The pair of words that ends in each word -> its embedding; of an unknown pair, zeros.

        g_t = 0.15 B[place of (w_{t-1}, w_t)]

    Which pairs have a place is said by `know`, once; the embeddings begin with zeros. A linear
    model over single words and pairs is hard to beat where single words decide ("not good"; Wang
    and Manning, "Baselines and bigrams", 2012): with g_t beside w_t a recurrent layer starts there.

    Args:
        vocabulary_size: words; at most 46,340, so that a pair's code fits 32 bits.
        pairs: known pairs, at least 1.
        units: size of an embedding, at least 1.
        dropout: share of the pairs left out in a training step, wherever they stand.

    Call arguments:
        tokens: `<int32>[batch, time]`, in the order of the text.
        training: whether pairs are left out.

    Returns:
        g `<float>[batch, time, units]`.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self, vocabulary_size: int, pairs: int, units: int, dropout: float = 0.0, **kwargs
    ):
        super().__init__(**kwargs)
        if vocabulary_size > 46_340:
            raise ValueError(
                f"`vocabulary_size` must be at most 46340 with `pairs`. Got {vocabulary_size}."
            )
        for argument, size in {"pairs": pairs, "units": units}.items():
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise ValueError(f"`{argument}` must be a positive integer. Got {size!r}.")
        self.vocabulary_size, self.pairs = vocabulary_size, pairs
        self.units, self.rate = units, dropout
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, tokens_shape=None):
        # Two columns, not one of codes: means of epochs' weights add numbers up.
        self.known = self.add_weight(
            name="known", shape=(self.pairs, 2), initializer="zeros", dtype="int32", trainable=False
        )
        self.table = self.add_weight(
            name="table", shape=(self.pairs, self.units), initializer="zeros", autocast=False
        )
        self.built = True

    def know(self, pairs) -> None:
        """Says which pairs there are.

        Args:
            pairs: `<int>[n, 2]`, n at most `pairs`: numbers, from 1, of the words before and of the
                words. Places that are left are of padding behind padding, which nothing reads.

        Raises:
            ValueError: another shape, or numbers that are not in the vocabulary.
        """
        pairs = np.asarray(pairs, np.int32)
        if pairs.shape[1:] != (2,) or len(pairs) > self.pairs:
            raise ValueError(
                f"`pairs` must have shape [n, 2], n at most {self.pairs}. Got {pairs.shape}."
            )
        outside = pairs[(pairs < 1) | (pairs >= self.vocabulary_size)]
        if outside.size:
            raise ValueError(
                f"`pairs` must be numbers from 1 to {self.vocabulary_size - 1}. Got {outside[0]}."
            )
        pairs = np.pad(pairs, ((self.pairs - len(pairs), 0), (0, 0)))
        self.known.assign(pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))])

    def call(self, tokens, training=False):
        before = ops.pad(tokens[:, :-1], ((0, 0), (1, 0)))
        code = before * self.vocabulary_size + tokens
        codes = self.known[:, 0] * self.vocabulary_size + self.known[:, 1]
        place = ops.searchsorted(codes, ops.reshape(code, (-1,)))
        place = ops.reshape(ops.minimum(place, self.pairs - 1), ops.shape(code))
        factor = ops.cast(ops.equal(ops.take(codes, place), code), "float32")
        if training and self.rate:
            draws = keras.random.uniform((self.pairs,), seed=self.seed_generator)
            kept = ops.cast(draws >= self.rate, "float32") / (1 - self.rate)
            factor = factor * ops.take(kept, place)
        rows = ops.take(self.table, place, axis=0) * (SCALE * factor)[..., None]
        return ops.cast(rows, self.compute_dtype)
