"""The pair of words that ends in each word, as an input beside the word."""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.checks import check, check_integers, check_rates

Tensor = Any
SCALE = 0.15  # of pairs' embeddings: all features together, a pair learns no faster than a word


def kept_rows(rows: int, rate: float, seed: keras.random.SeedGenerator) -> Tensor:
    """Dropout of whole rows of a table: `<float32>[rows]`, 0 at a share `rate`, else 1/(1 - rate).

    A word that is left out is so wherever it stands (Gal and Ghahramani 2016).
    """
    draws = keras.random.uniform((rows,), seed=seed)
    return ops.cast(draws >= rate, "float32") / (1 - rate)


@keras.saving.register_keras_serializable(package="unfold")
class PairEmbedding(keras.layers.Layer):
    """The pair of words that ends in each word -> its embedding; of an unknown pair, zeros.

        g_t = 0.15 B[place of (w_{t-1}, w_t)]

    `know` says, once, which pairs have a place; the embeddings begin with zeros. A linear
    model over single words and pairs is hard to beat where single words decide ("not good"; Wang
    and Manning, "Baselines and bigrams", 2012): with g_t beside w_t a recurrent layer starts there.

    Example of two known pairs, (5, 6) and (2, 3), with embeddings of all ones:

        >>> import numpy as np
        >>> from zoo.layers.pair_embedding import PairEmbedding
        >>> layer = PairEmbedding(vocabulary_size=9, pairs=2, units=1)
        >>> layer.build()
        >>> layer.know([[5, 6], [2, 3]])
        >>> _ = layer.table.assign(np.ones((2, 1)))
        >>> g = layer(np.array([[2, 3, 5, 6, 2]], "int32"))
        >>> [round(float(number), 2) for number in g[0, :, 0]]
        [0.0, 0.15, 0.0, 0.15, 0.0]

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
        fits = vocabulary_size <= 46_340
        check("vocabulary_size", "be at most 46340 with `pairs`", vocabulary_size, fits)
        check_integers(pairs=pairs, units=units)
        check_rates(dropout=dropout)
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
        fits = pairs.shape[1:] == (2,) and len(pairs) <= self.pairs
        check("pairs", f"have shape [n, 2], n at most {self.pairs}", pairs.shape, fits)
        outside = pairs[(pairs < 1) | (pairs >= self.vocabulary_size)]
        rule = f"be numbers from 1 to {self.vocabulary_size - 1}"
        check("pairs", rule, outside, outside.size == 0)
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
            kept = kept_rows(self.pairs, self.rate, self.seed_generator)
            factor = factor * ops.take(kept, place)
        rows = ops.take(self.table, place, axis=0) * (SCALE * factor)[..., None]
        return ops.cast(rows, self.compute_dtype)
