"""What the last symbols spell, or the last two words say, as an input beside the symbol."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.checks import check_integer

Tensor = Any
PRIME = 16_381  # of the hash
SCALE = 0.15  # of pairs' embeddings: all features together, a pair learns no faster than a word
ROWS = 2**17  # of the table: with PRIME the most that keep the hash in 32 bits
WORD = 12  # symbols that are read back for each word; of longer words the last ones count
OTHER = 7_919  # sets a word's row apart from that of the n-gram that spells it


def kept_rows(rows: int, rate: float, seed: keras.random.SeedGenerator) -> Tensor:
    """Dropout of whole rows of a table: `<float32>[rows]`, 0 at a share `rate`, else 1/(1 - rate).

    A word that is left out is so wherever it stands (Gal and Ghahramani 2016).
    """
    draws = keras.random.uniform((rows,), seed=seed)
    return ops.cast(draws >= rate, "float32") / (1 - rate)


class NGramEmbedding(keras.layers.Layer):
    """The n-grams, and the words, that end in each symbol -> the sum of their embeddings.

        g_t = sum_{n=2..longest} E[hash_n(w_{t-n+1}, ..., w_t)]
              + sum_{m=1..words} E[(PRIME * hash_{b_m}(w_{t-b_m+1}, ..., w_t) + OTHER m) mod ROWS]
        hash_n(w_{t-n+1}, ..., w_t) = (PRIME * hash_{n-1}(w_{t-n+2}, ..., w_t) + w_{t-n+1}) mod ROWS

    with hash_1(w) = w, and b_m the most symbols, at most WORD m, of which those before the last
    hold fewer than m breaks: for m = 1 what there is of the word, for m = 2 with the word before.
    At a break, that is the word that it ends.

    A recurrent layer that reads x_t + g_t need not learn the spelling of its language: it finds
    that in a table, at little cost, and has its cells for what is further back.
    Hashed n-grams beside a recurrent net: Mikolov et al., "Strategies for training large
    scale neural network language models", 2011, there at the readout; at the input, of bytes:
    Pagnoni et al., "Byte Latent Transformer", 2024.

    n-grams that share a row by chance share its embedding. The table begins with zeros, so that a
    row that training never meets adds nothing.

    Args:
        units: size of the embeddings.
        longest: n of the longest n-grams, at least 1.
        dropout: share of the n-grams and words left out in training, each length at each step for
            itself, so that the model is used to those that it does not know.
        words: m of the most words.
        breaks: `<bool>[vocabulary_size]`, whether a symbol is no part of a word. Only for `words`.

    Call arguments:
        tokens: `<int32>[batch, time]`.
        history: `<float32>[batch, reach]`, the symbols before the first.
        keep: `<bool>[batch, time]`, False where a token is padding, which only follows on the
            others; None: all are read.
        training: whether n-grams are left out.

    Returns:
        g `<float>[batch, time, units]`, and the history after the last token.
    """

    def __init__(
        self,
        units: int,
        longest: int,
        dropout: float = 0.0,
        words: int = 0,
        breaks: Sequence[bool] = (),
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units, self.longest, self.words = units, longest, words
        self.reach = max(longest, WORD * words) - 1
        self.breaks = np.asarray(breaks, np.int32)
        # One draw for an n-gram, not for each of its features.
        self.drop = keras.layers.Dropout(dropout, name="drop")

    def build(self, tokens_shape=None, history_shape=None, keep_shape=None):
        # The rows that are read are cast, under mixed precision, not the table.
        self.table = self.add_weight(
            name="table", shape=(ROWS, self.units), initializer="zeros", autocast=False
        )
        self.built = True

    def call(self, tokens, history, keep=None, training=False):
        symbols = ops.concatenate([ops.cast(history, "int32"), tokens], axis=1)
        total = 0.0
        for code in self._codes(symbols, tokens):
            row = ops.cast(ops.take(self.table, code, axis=0), self.compute_dtype)
            kept = self.drop(ops.ones(ops.shape(code), row.dtype), training=training)
            total = total + row * kept[..., None]
        return total, ops.cast(self._last(symbols, keep), history.dtype)

    def _codes(self, symbols: Tensor, tokens: Tensor) -> Iterator[Tensor]:
        """Rows of the n-grams, by length, then of the words: `<int32>[batch, time]` each."""
        time, code, passed = ops.shape(tokens)[1], tokens, 0
        words = [tokens] * self.words
        for back in range(1, self.reach + 1):
            before = symbols[:, self.reach - back : self.reach - back + time]
            code = ops.mod(code * PRIME + before, ROWS)
            if back < self.longest:
                yield code
            if self.words:
                passed = passed + ops.take(self.breaks, before)
            for more in range(self.words):
                if back < WORD * (more + 1):
                    words[more] = ops.where(passed <= more, code, words[more])
        for more, word in enumerate(words, 1):
            yield ops.mod(word * PRIME + OTHER * more, ROWS)

    def _last(self, symbols: Tensor, keep: Tensor | None) -> Tensor:
        reach = self.reach
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
            check_integer(argument, size)
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
            kept = kept_rows(self.pairs, self.rate, self.seed_generator)
            factor = factor * ops.take(kept, place)
        rows = ops.take(self.table, place, axis=0) * (SCALE * factor)[..., None]
        return ops.cast(rows, self.compute_dtype)
