"""One to many: an image begins the sequence, the words follow (the lecture's image captioning)."""

import keras
from keras import ops

from zoo.checks import check, check_choice, check_integers, check_rates
from zoo.decoding import beam_search, greedy, sample
from zoo.layers.attention import Attention, attention_layer
from zoo.layers.attention_decoder import AttentionDecoder
from zoo.layers.lecture_layer import CELLS
from zoo.model import VocabularyModel

ATTENTIONS = ("additive", "none")


@keras.saving.register_keras_serializable(package="unfold")
class Captioner(VocabularyModel):
    """Image features -> words, by two recurrent layers with attention between them.

        v_j  = norm(W_v a_j + p_j)              cells: the encoder's a_j, and where j is
        g    = W_g mean_j(v_j)                  the image as a whole: the sequence's first input
        h¹_t = LSTM¹([x_t, 1])                  x_0 = g, then x_t = √d E w_t (d: size of E's rows)
        c_t  = Σ_j α_tj v_j                     additive attention with the query h¹_t; without it g
        h²_t = LSTM²([h¹_t, c_t, 1])
        p(w_{t+1}) = softmax(E (W_h [h²_t, c_t]))   readout through the embedding E, transposed

    The two layers and the attention between them are an `AttentionDecoder`.

    Inputs of `call` (teacher forcing), a dict:
        features: `<float32>[batch, cells, channels]`, the encoder's grid, or in its place
        images: `<float32>[batch, height, width, 3]`, 0..255, where the model has an encoder.
        tokens: `<int32>[batch, captions, time]`: the words before each answer, start token first;
            several captions of one image share the work on the image. 0 is padding (after the
            words, so that no mask is needed in the loop: the loss leaves padding out).
    Returns logits `<float32>[batch, captions, time, vocabulary_size]`; in training, see
    `VocabularyModel`.

    Args:
        vocabulary_size: words, with padding 0, start, end and unknown among them.
        units, embedding_units, attention_units: sizes of h; of E's rows and v; of the attention.
        attention: "additive" or "none".
        cell: "lstm" (the lecture's), "lstm_tanh" (the usual candidate) or "simple_rnn".
        dropout: share of embeddings, image cells, states and readouts dropped in training, in
            [0, 1).
        encoder: a Keras model from images to `[batch, cells, channels]`, trained with the rest
            where it is trainable; None where features are given.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        vocabulary_size: int,
        units: int = 512,
        embedding_units: int = 512,
        attention_units: int = 256,
        attention: str = "additive",
        cell: str = "lstm",
        dropout: float = 0.3,
        encoder: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_integers(vocabulary_size=vocabulary_size, units=units)
        check_integers(embedding_units=embedding_units, attention_units=attention_units)
        check_choice("attention", attention, ATTENTIONS)
        check_choice("cell", cell, CELLS)
        check_rates(dropout=dropout)
        self.vocabulary_size, self.units = vocabulary_size, units
        self.embedding_units, self.attention_units = embedding_units, attention_units
        self.encoder = encoder
        self.cells = keras.layers.Dense(embedding_units, use_bias=False, name="cells")
        self.cells_norm = keras.layers.LayerNormalization(name="cells_norm")
        self.image = keras.layers.Dense(embedding_units, use_bias=False, name="image")
        self.embedding = keras.layers.Embedding(
            vocabulary_size,
            embedding_units,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=embedding_units**-0.5),
            name="embedding",
        )
        looks = attention_layer(attention, attention_units, "attention")
        self.decoder = AttentionDecoder(units, looks, cell, dropout, name="decoder")
        self.readout = keras.layers.Dense(embedding_units, use_bias=False, name="readout")
        self.dropout = keras.layers.Dropout(dropout, name="dropout")

    def build(self, input_shape):
        if self.encoder is not None and "images" in input_shape:
            features_shape = self.encoder.compute_output_shape(input_shape["images"])
        else:
            features_shape = input_shape["features"]
        width = self.embedding_units
        cells_shape = (None, features_shape[1], width)
        self.cells.build(features_shape)
        self.cells_norm.build(cells_shape)
        self.image.build((None, width))
        self.positions = self.add_weight(
            name="positions", shape=(features_shape[1], width), initializer="zeros"
        )
        self.embedding.build((None, None))
        self.decoder.build((None, None, None, width), {"cells": cells_shape})
        self.readout.build((None, None, self.units + width))
        self.built = True

    # Teacher forcing: all time steps at once.

    def readout_rows(self, inputs, training=False):
        return self._rows_and_attention(inputs, training)[0]

    def readout_weights(self):
        return self.embedding.embeddings, None

    def logits_and_attention(self, inputs):
        """Logits as `call` and weights `<float32>[batch, captions, time, cells]` or None."""
        rows, weights = self._rows_and_attention(inputs, training=False)
        return self.logits(rows), weights

    def _rows_and_attention(self, inputs, training):
        memory = self.read_image(inputs, training)
        words = self.dropout(self._embed(inputs["tokens"]), training=training)
        hidden, context, weights = self.decoder(
            words, memory, self.begin(memory), training=training
        )
        return self._rows(hidden, context, training), weights

    def read_image(self, inputs, training=False):
        """The image as the decoder reads it: a dict of cells, keys and the image as a whole."""
        features = inputs.get("features")
        if features is None:
            rule = "hold `features`, or `images` where the model has an encoder"
            encodes = self.encoder is not None and "images" in inputs
            check("inputs", rule, sorted(inputs), encodes)
            features = self.encoder(inputs["images"], training=training)
        cells = self.cells(self.dropout(features, training=training))
        cells = self.cells_norm(cells + ops.cast(self.positions, cells.dtype))
        image = self.image(ops.mean(cells, axis=1))
        if self.attention is None:
            # At every step: as the first input alone, the image fades before the last words.
            cells = image[:, None]
        return {**self.decoder.remember(cells), "image": image}

    # Free running: one step at a time, over the same weights.

    def begin(self, memory):
        """The decoder's state after the image, the sequence's first input.

        A list of `<float>[batch, 1, units]`; the second layer begins with the first word.
        """
        return self.decoder.begin(memory, lead=memory["image"])

    def step(self, tokens, state, memory):
        """One word on: tokens `<int32>[batch, beams]` -> logits `[batch, beams, vocabulary_size]`.

        state is `begin`'s, `[batch, beams, units]` each; memory is shared by an image's beams.
        """
        hidden, context, _, state = self.decoder.step(self._embed(tokens), state, memory)
        return self.logits(self._rows(hidden, context, training=False)), state

    def caption(self, inputs, *, method: str = "beam", samples: int = 1, **options):
        """Free-running words for images: `zoo.decoding.Decoded`.

        Args:
            inputs: a dict with `features` or `images`, as `call`'s.
            method: "beam", "greedy" or "sample"; options go to the search of that name.
            samples: independent captions of each image, for "sample".
        """
        searches = {"beam": beam_search, "greedy": greedy, "sample": sample}
        check_choice("method", method, tuple(searches))
        memory = self.read_image(inputs)
        state = [ops.repeat(value, samples, axis=1) for value in self.begin(memory)]
        return searches[method](
            lambda tokens, state: self.step(tokens, state, memory), state, **options
        )

    # Parts.

    @property
    def attention(self) -> Attention | None:
        """Between the decoder's layers."""
        return self.decoder.attention

    def _embed(self, tokens):
        # Scaled back to unit variance: the rows are small because they serve as readout, too.
        return self.embedding(tokens) * self.embedding_units**0.5

    def _rows(self, hidden, context, training):
        joined = self.dropout(ops.concatenate([hidden, context], axis=-1), training=training)
        return self.dropout(self.readout(joined), training=training)

    # Config: written out, as an encoder is no plain value, which Keras would record by itself.

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "units": self.units,
            "embedding_units": self.embedding_units,
            "attention_units": self.attention_units,
            "attention": "none" if self.attention is None else "additive",
            "cell": self.decoder.cell,
            "dropout": self.dropout.rate,
            "encoder": keras.saving.serialize_keras_object(self.encoder),
        }

    @classmethod
    def from_config(cls, config):
        encoder = keras.saving.deserialize_keras_object(config["encoder"])
        return cls(**{**config, "encoder": encoder})
