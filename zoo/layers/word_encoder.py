"""Words to states: recurrent layers that read a text forwards, others that read it backwards."""

import keras
from keras import ops

from zoo.checks import check_choice, check_integers, check_rates
from zoo.layers.constant_feature import ConstantFeature
from zoo.layers.lecture_layer import CELLS, lecture_layer
from zoo.layers.one_hot_rnn import OneHotRNN

PAD = 0


def reverse_words(tokens):
    """Each row backwards within its own length: [[4, 5, 6, 0]] -> [[6, 5, 4, 0]]."""
    places = ops.arange(ops.shape(tokens)[1], dtype="int32")[None]
    lengths = ops.sum(ops.cast(tokens != PAD, "int32"), axis=1, keepdims=True)
    mirrored = ops.where(places < lengths, lengths - 1 - places, places)
    return ops.take_along_axis(tokens, mirrored, axis=1)


@keras.saving.register_keras_serializable(package="unfold")
class WordEncoder(keras.layers.Layer):
    """Words -> the states of recurrent layers that read them forwards, and others backwards.

        x_t   = E w_t                            a row of the embedding; or one-hot, E = I
        h¹_t  = LSTM¹([x_t, 1])                  h²_t = LSTM²([h¹_t, 1]), ...

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
        embedding_dropout, input_dropout, output_dropout: the three rates, in [0, 1).

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
        embedding_dropout: float = 0.0,
        input_dropout: float = 0.0,
        output_dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_integers(vocabulary_size=vocabulary_size, units=units, layers=layers)
        check_integers(0, embedding_units=embedding_units)
        check_rates(embedding_dropout=embedding_dropout, input_dropout=input_dropout)
        check_rates(output_dropout=output_dropout)
        check_choice("cell", cell, CELLS)
        self.vocabulary_size, self.units = vocabulary_size, units
        self.width, self.embedding_dropout = embedding_units, embedding_dropout
        self.embedding = None
        if embedding_units:
            self.embedding = keras.layers.Embedding(
                vocabulary_size,
                embedding_units,
                # Small, so that a word seen once or twice says little (Merity et al. 2018).
                embeddings_initializer=keras.initializers.RandomUniform(-0.1, 0.1),
                name="embedding",
            )
        self.extra = int(constant_feature)  # features beside x
        self.constant = ConstantFeature() if constant_feature else keras.layers.Identity()
        start = {
            "constant_feature": constant_feature,
            "gate_offsets": gate_offsets,
            "identity": 1.0,  # hundreds of words, where 0.9 would forget within tens
        }

        def layer(name, index):
            if index == 0 and self.embedding is None:
                return OneHotRNN(vocabulary_size, units, cell, name=name, **start)
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
        if self.embedding is not None:
            self.embedding.build((None, None))
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
        for words, stack in zip(orders, self.stacks, strict=True):
            first, *rest = stack
            if self.embedding is None:
                h = first(words, scale=kept, training=training)
            else:
                h = first(self._embed(words, kept, training), training=training)
            h = self.output_dropout(h, training=training)
            for layer in rest:
                h = layer(self.constant(h), training=training)
                h = self.output_dropout(h, training=training)
            states.append(h)
        return states

    def _embed(self, words, kept, training):
        x = self.embedding(words)
        if kept is not None:
            x = x * ops.cast(ops.take(kept, words, axis=0), x.dtype)[..., None]
        return self.constant(self.input_dropout(x, training=training))

    def _kept_words(self, training):
        """A factor for each word of the vocabulary, 0 where it is dropped; None without dropout."""
        rate = self.embedding_dropout
        if not training or not rate:
            return None
        draws = keras.random.uniform((self.vocabulary_size,), seed=self.seed_generator)
        return ops.cast(draws >= rate, "float32") / (1 - rate)
