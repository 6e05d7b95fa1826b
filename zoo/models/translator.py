"""Many to many: a sentence is read, then written in another language (encoder and decoder)."""

import keras
from keras import ops

from zoo.checks import check_choice, check_integers, check_rates
from zoo.decoding import beam_search, greedy, sample
from zoo.layers.attention import ATTENTIONS, Attention, attention_layer
from zoo.layers.attention_decoder import AttentionDecoder
from zoo.layers.lecture_layer import CELLS, STATES
from zoo.layers.sentence_encoder import SentenceEncoder
from zoo.model import VocabularyModel

PAD = 0
FAR_BELOW = -1e4  # below every h, and finite in 16 bits


@keras.saving.register_keras_serializable(package="unfold")
class Translator(VocabularyModel):
    """Tokens of one language -> tokens of another.

        m_j  = [h→_j, h←_j]                    encoder: LSTMs over [x_j, 1], forwards and backwards
        s    = tanh(W_s [h→_n, h←_1, mean_j m_j])         the sentence as a whole
        h¹_0, C¹_0, h²_0, C²_0 = tanh(W_b s)              the decoder begins with it
        h¹_t = LSTM¹([y_t, 1])                 y_t: the word before
        c_t  = Σ_j α_tj m_j                    attention with the query h¹_t
        h²_t = LSTM²([h¹_t, c_t, 1])
        p(w_{t+1}) = softmax(E (W_r [h²_t, c_t, y_t]) + b)

    Without attention c_t = s, and s reads max_j m_j, too, as all of the sentence passes through it.
    x and y are rows of the embedding E, times the root of their size. With `encoder_layers` above
    1, the next layer reads [h→, h←] of a layer; m is the last layer's, layer-normalised.

    An `AttentionDecoder` gives h¹, c and h².
    Sources: Sutskever, Vinyals and Le 2014 (encoder and decoder), Bahdanau, Cho and Bengio 2015
    (both directions, attention), Luong, Pham and Manning 2015 (multiplicative attention), Press and
    Wolf 2017 (one embedding for source, target and readout), Gal and Ghahramani 2016 (dropout that
    is the same at all steps).

    Inputs of `call` (teacher forcing), a dict:
        source: `<int32>[batch, source_time]`, the sentence and its end token; 0 is padding, on the
            right. A padded batch and each sentence alone give the same.
        tokens: `<int32>[batch, time]`, the words before each answer, start token first. 0 is
            padding, on the right, so that no mask is needed: the loss leaves padding out.
    Returns logits `<float32>[batch, time, vocabulary_size]`; in training, see `VocabularyModel`.

    Args:
        vocabulary_size: tokens of both languages together, padding 0 among them.
        units: size of the decoder's h.
        encoder_units: size of h in each direction.
        embedding_units: size of the embeddings' rows.
        attention_units: size of the additive attention's hidden layer.
        encoder_layers: layers of the encoder.
        attention: "additive", "multiplicative" or "none".
        cell: "lstm" (the lecture's), "lstm_tanh" (the usual candidate) or "simple_rnn".
        embedding_dropout: share of the embeddings dropped in training, the same at all steps.
        dropout: the same for memory, states and readout.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        vocabulary_size: int,
        units: int = 512,
        encoder_units: int = 256,
        embedding_units: int = 256,
        attention_units: int = 256,
        encoder_layers: int = 1,
        attention: str = "additive",
        cell: str = "lstm",
        embedding_dropout: float = 0.0,
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_integers(vocabulary_size=vocabulary_size, units=units, encoder_units=encoder_units)
        check_integers(embedding_units=embedding_units, attention_units=attention_units)
        check_integers(encoder_layers=encoder_layers)
        check_rates(embedding_dropout=embedding_dropout, dropout=dropout)
        check_choice("attention", attention, ATTENTIONS)
        check_choice("cell", cell, CELLS)
        self.vocabulary_size, self.units = vocabulary_size, units
        self.encoder_units, self.embedding_units = encoder_units, embedding_units
        self.embedding = keras.layers.Embedding(
            vocabulary_size,
            embedding_units,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=embedding_units**-0.5),
            name="embedding",
        )
        self.encoder = SentenceEncoder(encoder_units, encoder_layers, cell, dropout, name="encoder")
        self.sentence = keras.layers.Dense(
            units, activation="tanh", use_bias=False, name="sentence"
        )
        states = 2 * STATES[cell]
        self.bridge = keras.layers.Dense(
            states * units, activation="tanh", use_bias=False, name="bridge"
        )
        looks = attention_layer(attention, attention_units, "attention")
        self.decoder = AttentionDecoder(units, looks, cell, dropout, True, name="decoder")
        if looks is not None:
            self.memory_norm = keras.layers.LayerNormalization(name="memory_norm")
        self.readout = keras.layers.Dense(embedding_units, use_bias=False, name="readout")
        same_at_all_steps = (None, 1, None)
        self.drop_embeddings = keras.layers.Dropout(embedding_dropout, same_at_all_steps)
        self.drop = keras.layers.Dropout(dropout, same_at_all_steps)

    def build(self, input_shape=None):
        width, units, memory = self.embedding_units, self.units, 2 * self.encoder_units
        context = memory if self.attention is not None else units
        self.embedding.build((None, None))
        self.encoder.build((None, None, width))
        self.sentence.build((None, memory * (2 if self.attention is not None else 3)))
        self.bridge.build((None, units))
        self.decoder.build((None, None, None, width), {"cells": (None, None, context)})
        if self.attention is not None:
            self.memory_norm.build((None, None, memory))
        self.readout.build((None, None, units + context + width))
        self.offsets = self.add_weight(
            name="offsets", shape=(self.vocabulary_size,), initializer="zeros"
        )
        self.built = True

    # Teacher forcing: all time steps at once.

    def readout_rows(self, inputs, training=False):
        return self._rows_and_attention(inputs, training)[0]

    def readout_weights(self):
        return self.embedding.embeddings, self.offsets

    def logits_and_attention(self, inputs):
        """Logits as `call` and weights `<float32>[batch, time, source_time]` or None."""
        rows, weights = self._rows_and_attention(inputs, training=False)
        return self.logits(rows), weights

    def _rows_and_attention(self, inputs, training):
        memory = self.read_source(inputs["source"], training)
        words = self._embed(inputs["tokens"], training)
        hidden, context, weights = self.decoder(
            words[:, None], memory, self.begin(memory), training=training
        )
        hidden = self.drop(hidden[:, 0], training=training)
        rows = self._rows(hidden, context[:, 0], words, training)
        return rows, None if weights is None else weights[:, 0]

    def read_source(self, source, training=False):
        """The sentence as the decoder reads it.

        `<int32>[batch, source_time]` -> the decoder's memory (cells m, keys, mask), and beside it
        the sentence as a whole.
        """
        mask = ops.not_equal(source, PAD)
        cells = self._embed(source, training)
        cells, ends = self.encoder(cells, mask=mask, training=training)
        real = ops.cast(mask, cells.dtype)[..., None]
        parts = [ends, ops.sum(cells * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1)]
        if self.attention is None:
            parts.append(ops.max(cells + FAR_BELOW * (1 - real), axis=1))
        sentence = self.sentence(ops.concatenate(parts, axis=-1))
        sentence = self.drop(sentence[:, None], training=training)[:, 0]
        if self.attention is None:
            memory = self.decoder.remember(sentence[:, None])
        else:
            cells = self.drop(self.memory_norm(cells), training=training)
            memory = self.decoder.remember(cells, mask)
        return {**memory, "sentence": sentence}

    # Free running: one step at a time, over the same weights.

    def begin(self, memory):
        """The decoder's state before the first word: a list of `<float>[batch, 1, ...]`."""
        states = self.bridge(memory["sentence"])
        return self.decoder.begin(
            memory, ops.split(states, states.shape[-1] // self.units, axis=-1)
        )

    def step(self, tokens, state, memory):
        """One word on: tokens `<int32>[batch, beams]` -> logits `[batch, beams, vocabulary_size]`.

        state is `begin`'s, `[batch, beams, ...]` each; memory is shared by a sentence's beams.
        """
        words = self._embed(tokens, training=False)
        hidden, context, _, state = self.decoder.step(words, state, memory)
        return self.logits(self._rows(hidden, context, words, training=False)), state

    def translate(self, source, *, method: str = "beam", samples: int = 1, **options):
        """Free-running words for sentences: `zoo.decoding.Decoded`.

        Args:
            source: `<int32>[batch, source_time]`, as `call`'s.
            method: "beam", "greedy" or "sample"; options go to the search of that name.
            samples: independent translations of each sentence, for "sample".
        """
        searches = {"beam": beam_search, "greedy": greedy, "sample": sample}
        check_choice("method", method, tuple(searches))
        memory = self.read_source(source)
        state = [ops.repeat(value, samples, axis=1) for value in self.begin(memory)]
        return searches[method](
            lambda tokens, state: self.step(tokens, state, memory), state, **options
        )

    # Parts.

    @property
    def attention(self) -> Attention | None:
        """Between the decoder's layers."""
        return self.decoder.attention

    def _embed(self, tokens, training):
        # Scaled back to unit variance: the rows are small because they serve as readout, too.
        words = self.embedding(tokens) * self.embedding_units**0.5
        return self.drop_embeddings(words, training=training)

    def _rows(self, hidden, context, words, training):
        rows = self.readout(ops.concatenate([hidden, context, words], axis=-1))
        return self.drop(rows, training=training)
