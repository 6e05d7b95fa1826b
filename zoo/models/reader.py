"""Words to states: recurrent layers that read a text forwards, others that read it backwards."""

import keras
from keras import ops

from zoo.checks import check_choice, check_integer, check_rate
from zoo.layers.constant_feature import ConstantFeature
from zoo.models.ngrams import PairEmbedding, kept_rows
from zoo.models.one_hot import OneHotLayer
from zoo.models.recurrent_layer import CELLS, recurrent_layer

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
class Reader(keras.layers.Layer):
    """Words -> the states of recurrent layers that read them forwards, and others backwards.

        x_t   = E w_t                            a row of the embedding; or one-hot, E = I
        h¹_t  = LSTM¹([x_t, 1])                  h²_t = LSTM²([h¹_t, 1]), ...

    and, with `pairs`, x_t = [E w_t, g_t], where g_t is the embedding of w_t and the word read
    before it: see `PairEmbedding`.

    Each direction is a stack of its own, so that each can be pre-trained as a language model, which
    must not see the words that it predicts; both read the same E. Padding (0) stands on the right
    of the words, in both directions, so the loop needs no mask.

    In training, three kinds of dropout: on words (a word of the vocabulary is dropped wherever it
    stands; Gal and Ghahramani 2016), on the inputs of the first layer, and on the outputs of all
    (the same features at all steps of a sequence, "variational", ibid.).

    Args:
        vocabulary_size: words, padding among them.
        units, embedding_units: sizes of h and of E's rows; `embedding_units` 0 for one-hot.
        layers: recurrent layers of a direction.
        bidirectional: whether there is a stack that reads backwards.
        cell: "lstm" (the lecture's), "lstm_tanh" (the usual candidate) or "simple_rnn".
        constant_feature: whether the constant 1 ends each layer's input.
        gate_offsets: whether it starts the gates of an LSTM at an offset: see `recurrent_layer`.
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
        self._config = {
            "vocabulary_size": vocabulary_size,
            "units": units,
            "embedding_units": embedding_units,
            "layers": layers,
            "bidirectional": bidirectional,
            "cell": cell,
            "constant_feature": constant_feature,
            "gate_offsets": gate_offsets,
            "contractive": contractive,
            "pairs": pairs,
            "pair_units": pair_units,
            "embedding_dropout": embedding_dropout,
            "input_dropout": input_dropout,
            "output_dropout": output_dropout,
            "pair_dropout": pair_dropout,
        }
        _check(self._config)
        self.units, self.vocabulary_size = units, vocabulary_size
        self.embedding = None
        if embedding_units:
            self.embedding = keras.layers.Embedding(
                vocabulary_size,
                embedding_units,
                # Small, so that a word seen once or twice says little (Merity et al. 2018).
                embeddings_initializer=keras.initializers.RandomUniform(-0.1, 0.1),
                name="embedding",
            )
        self.pairs = None
        if pairs:
            self.pairs = PairEmbedding(
                vocabulary_size, pairs, pair_units, dropout=pair_dropout, name="pairs"
            )
        self.constant = ConstantFeature(name="constant") if constant_feature else None
        directions = ("forwards", "backwards") if bidirectional else ("forwards",)
        self.stacks = [
            [self._layer(f"{direction}_{index + 1}", index) for index in range(layers)]
            for direction in directions
        ]
        self.input_dropout = keras.layers.SpatialDropout1D(input_dropout, name="input_dropout")
        self.output_dropout = keras.layers.SpatialDropout1D(output_dropout, name="output_dropout")
        self.seed_generator = keras.random.SeedGenerator()

    def _layer(self, name: str, index: int) -> keras.layers.Layer:
        config = self._config
        options = {
            "constant": config["constant_feature"],
            "offsets": config["gate_offsets"],
            "contractive": config["contractive"],
            "identity": 1.0,  # hundreds of words, where 0.9 would forget within tens
        }
        if index == 0 and self.embedding is None:
            more = config["pair_units"] if self.pairs is not None else 0
            size = self.vocabulary_size
            return OneHotLayer(size, config["cell"], self.units, more, name=name, **options)
        return recurrent_layer(config["cell"], self.units, name, **options)

    def build(self, tokens_shape):
        if self.embedding is not None:
            self.embedding.build(tokens_shape)
        if self.pairs is not None:
            self.pairs.build(tokens_shape)
        extra = 1 if self.constant is not None else 0
        for stack in self.stacks:
            width = self._config["embedding_units"]
            width += self._config["pair_units"] if self.pairs is not None else 0
            for layer in stack:
                layer.build((None, None, width + extra))
                width = self.units
        self.built = True

    def orders(self, tokens):
        """The words in the order in which each direction reads them: a list of tokens."""
        return [tokens, reverse_words(tokens)][: len(self.stacks)]

    def call(self, tokens, training=False):
        kept = self._kept_words(training)
        states = []
        pairs = self._pairs(tokens, training)
        for words, g, stack in zip(self.orders(tokens), pairs, self.stacks, strict=True):
            first, *rest = stack
            if self.embedding is None:
                h = first(words, scale=kept, g=g, training=training)
            else:
                h = first(self._embed(words, kept, g, training), training=training)
            h = self.output_dropout(h, training=training)
            for layer in rest:
                h = layer(self._with_constant(h), training=training)
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
        return self._with_constant(self.input_dropout(x, training=training))

    def _with_constant(self, x):
        return x if self.constant is None else self.constant(x)

    def _kept_words(self, training):
        """A factor for each word of the vocabulary, 0 where it is dropped; None without dropout."""
        rate = self._config["embedding_dropout"]
        if not training or not rate:
            return None
        return kept_rows(self.vocabulary_size, rate, self.seed_generator)

    def get_config(self):
        return {**super().get_config(), **self._config}


def _check(config: dict) -> None:
    """Raises ValueError for an argument out of its range."""
    for name in ("vocabulary_size", "units", "layers", "pair_units"):
        check_integer(name, config[name])
    for name in ("embedding_units", "pairs"):
        check_integer(name, config[name], least=0)
    for name in ("embedding_dropout", "input_dropout", "output_dropout", "pair_dropout"):
        check_rate(name, config[name])
    check_choice("cell", config["cell"], CELLS)
