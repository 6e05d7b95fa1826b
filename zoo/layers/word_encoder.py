"""Words to states: recurrent layers that read a text forwards, others that read it backwards."""

import keras
from keras import ops

from zoo.checks import check_choice, check_integers, check_rates
from zoo.layers.constant_feature import ConstantFeature
from zoo.layers.lecture_layer import CELLS, lecture_layer
from zoo.layers.one_hot_rnn import OneHotRNN
from zoo.layers.pair_embedding import PairEmbedding, kept_rows

PAD = 0


def _mirrored(tokens):
    """Where each place of a row is, when the row stands backwards within its own length."""
    places = ops.arange(ops.shape(tokens)[1], dtype="int32")[None]
    lengths = ops.sum(ops.cast(tokens != PAD, "int32"), axis=1, keepdims=True)
    return ops.where(places < lengths, lengths - 1 - places, places)


def reverse_words(tokens):
    """Each row backwards within its own length: [[4, 5, 6, 0]] -> [[6, 5, 4, 0]]."""
    return ops.take_along_axis(tokens, _mirrored(tokens), axis=1)


@keras.saving.register_keras_serializable(package="unfold")
class WordEncoder(keras.layers.Layer):
    """Words -> the states of recurrent layers that read them forwards, and others backwards.

        x_t   = E w_t                            a row of the embedding; or one-hot, E = I
        h¹_t  = LSTM¹([x_t, 1])                  h²_t = LSTM²([h¹_t, 1]), ...

    and, with `pairs`, x_t = [E w_t, g_t], where g_t is the embedding of w_t and the word read
    before it: see `PairEmbedding`.

    Each direction is a stack of its own; both read the same E. Padding (0) stands on the right of
    the words, in both directions, so the loop needs no mask.

    In training, three kinds of dropout: on words (a word of the vocabulary is dropped wherever it
    stands; Gal and Ghahramani 2016), on the inputs of the first layer, and on the outputs of all
    (the same features at all steps of a sequence, "variational", ibid.).

    Example:

        >>> import numpy as np
        >>> from zoo.layers.word_encoder import WordEncoder
        >>> encoder = WordEncoder(vocabulary_size=9, units=5, embedding_units=4)
        >>> forwards, backwards = encoder(np.array([[3, 8, 1, 0]]))
        >>> tuple(forwards.shape), tuple(backwards.shape)
        ((1, 4, 5), (1, 4, 5))

    Args:
        vocabulary_size: words, padding among them.
        units, embedding_units: sizes of h and of E's rows; `embedding_units` 0 for one-hot.
        layers: recurrent layers of a direction.
        bidirectional: whether there is a stack that reads backwards.
        cell: "lstm" (the lecture's), "lstm_tanh" (the usual candidate) or "simple_rnn".
        constant_feature: whether the constant 1 ends each layer's input.
        gate_offsets: whether it starts the gates of an LSTM at an offset: see `lecture_layer`.
        contractive: whether a SimpleRNN is kept from growing along a text: see `NonExpansive`.
        pairs: pairs of words that are read, too; `self.pairs.know` says which they are.
        pair_units: size of their embeddings.
        embedding_dropout, input_dropout, output_dropout: the three rates, in [0, 1).
        pair_dropout: share of the pairs left out, wherever they stand.

    Call arguments:
        tokens: `<int32>[batch, time]`.
        training: whether dropout is on.

    Returns:
        A list, one `<float>[batch, time, units]` for each direction; that of the backwards one
        begins with the last word, so that the state after all words is at length - 1 in both.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        vocabulary_size: int,
        units: int = 128,
        embedding_units: int = 128,
        layers: int = 1,
        bidirectional: bool = True,
        cell: str = "lstm",
        constant_feature: bool = True,
        gate_offsets: bool = True,
        contractive: bool = False,
        pairs: int = 0,
        pair_units: int = 16,
        embedding_dropout: float = 0.0,
        input_dropout: float = 0.0,
        output_dropout: float = 0.0,
        pair_dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_integers(vocabulary_size=vocabulary_size, units=units, layers=layers)
        check_integers(pair_units=pair_units)
        check_integers(0, embedding_units=embedding_units, pairs=pairs)
        check_rates(embedding_dropout=embedding_dropout, input_dropout=input_dropout)
        check_rates(output_dropout=output_dropout, pair_dropout=pair_dropout)
        check_choice("cell", cell, CELLS)
        self.vocabulary_size, self.units = vocabulary_size, units
        self.width = embedding_units + (pair_units if pairs else 0)  # of x
        self.embedding_dropout = embedding_dropout
        self.embedding = None
        if embedding_units:
            self.embedding = keras.layers.Embedding(
                vocabulary_size,
                embedding_units,
                # Small, so that a word seen once or twice says little (Merity et al. 2018).
                embeddings_initializer=keras.initializers.RandomUniform(-0.1, 0.1),
                name="embedding",
            )
        known = {"dropout": pair_dropout, "name": "pairs"}
        self.pairs = PairEmbedding(vocabulary_size, pairs, pair_units, **known) if pairs else None
        self.extra = int(constant_feature)  # features beside x
        self.constant = ConstantFeature() if constant_feature else keras.layers.Identity()
        start = {
            "constant_feature": constant_feature,
            "gate_offsets": gate_offsets,
            "contractive": contractive,
            "identity": 1.0,  # hundreds of words, where 0.9 would forget within tens
        }

        def layer(name, index):
            if index == 0 and self.embedding is None:
                return OneHotRNN(vocabulary_size, units, cell, self.width, name=name, **start)
            return lecture_layer(cell, units, name, **start)

        directions = ("forwards", "backwards") if bidirectional else ("forwards",)
        self.stacks = [
            [layer(f"{direction}_{index + 1}", index) for index in range(layers)]
            for direction in directions
        ]
        self.input_dropout = keras.layers.SpatialDropout1D(input_dropout, name="input_dropout")
        self.output_dropout = keras.layers.SpatialDropout1D(output_dropout, name="output_dropout")
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, tokens_shape=None):
        for layer in (self.embedding, self.pairs):
            if layer is not None:
                layer.build((None, None))
        for stack in self.stacks:
            width = self.width
            for layer in stack:
                layer.build((None, None, width + self.extra))
                width = self.units
        self.built = True

    def call(self, tokens, training=False):
        kept = self._kept_words(training)
        orders = [tokens, reverse_words(tokens)][: len(self.stacks)]
        states = []
        for words, g, stack in zip(orders, self._pairs(tokens, training), self.stacks, strict=True):
            first, *rest = stack
            if self.embedding is None:
                h = first(words, scale=kept, g=g, training=training)
            else:
                h = first(self._embed(words, kept, g, training), training=training)
            h = self.output_dropout(h, training=training)
            for layer in rest:
                h = layer(self.constant(h), training=training)
                h = self.output_dropout(h, training=training)
            states.append(h)
        return states

    def _pairs(self, tokens, training):
        """g of each direction: of each word and the one read before it, which pair it is."""
        if self.pairs is None:
            return [None] * len(self.stacks)
        g = self.pairs(tokens, training=training)
        with_next = ops.pad(g[:, 1:], ((0, 0), (0, 1), (0, 0)))
        mirrored = ops.take_along_axis(with_next, _mirrored(tokens)[..., None], axis=1)
        return [g, mirrored][: len(self.stacks)]

    def _embed(self, words, kept, g, training):
        x = self.embedding(words)
        if kept is not None:
            x = x * ops.cast(ops.take(kept, words, axis=0), x.dtype)[..., None]
        if g is not None:
            x = ops.concatenate([x, g], axis=-1)
        return self.constant(self.input_dropout(x, training=training))

    def _kept_words(self, training):
        """A factor for each word of the vocabulary, 0 where it is dropped; None without dropout."""
        if not training or not self.embedding_dropout:
            return None
        return kept_rows(self.vocabulary_size, self.embedding_dropout, self.seed_generator)
