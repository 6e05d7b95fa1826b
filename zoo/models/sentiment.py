"""Many to one: a review is read word by word, and one label comes out (the lecture's sentiment)."""

import keras
from keras import ops

from zoo.checks import check, check_integers, check_rates
from zoo.layers.attention import AdditiveAttention
from zoo.layers.word_encoder import PAD, WordEncoder
from zoo.model import Model

POOLINGS = ("last", "mean", "max", "attention")
FAR_BELOW = -1e4  # below every h and every score, and finite in 16 bits


@keras.saving.register_keras_serializable(package="unfold")
class SentimentClassifier(Model):
    """Words -> logits of the labels.

        h_t = WordEncoder(w)_t                        of each direction
        p   = pooled over time:  h_length  |  (1/length) Σ_t h_t  |  max_t h_t  |  Σ_t α_t h_t
        ŷ   = softmax(W_o [p, 1])                the call gives W_o [p, 1]

    with α_t = softmax_t(v · tanh(W_k h_t + b)). Poolings can be joined: "max+mean" has both, side
    by side, for both directions. Padding has no part in any; a row that is all padding has p = 0.

    Args:
        vocabulary_size: words, padding 0 among them.
        classes: labels, at least 2.
        pooling: "last", "mean", "max", "attention", or several with + between.
        attention_units: size of the attention's hidden layer.
        dropout: share of p dropped in training.
        units, embedding_units, layers, bidirectional, cell, constant_feature, gate_offsets,
            embedding_dropout, input_dropout, output_dropout: of the `WordEncoder`.

    Call arguments:
        tokens: `<int32>[batch, time]`, right-padded with 0.
        training: whether dropout is on.

    Returns:
        logits `<float32>[batch, classes]`.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        vocabulary_size: int,
        classes: int = 2,
        pooling: str = "max+mean",
        attention_units: int = 64,
        dropout: float = 0.0,
        *,
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
        check_integers(2, classes=classes)
        check_integers(attention_units=attention_units)
        check_rates(dropout=dropout)
        self.poolings = pooling.split("+")
        fits = sorted(self.poolings) == sorted(set(self.poolings) & set(POOLINGS))
        rule = f"be of {POOLINGS}, or several of them, each once, with + between"
        check("pooling", rule, repr(pooling), fits)
        self.classes = classes
        self.reader = WordEncoder(
            vocabulary_size,
            units=units,
            embedding_units=embedding_units,
            layers=layers,
            bidirectional=bidirectional,
            cell=cell,
            constant_feature=constant_feature,
            gate_offsets=gate_offsets,
            embedding_dropout=embedding_dropout,
            input_dropout=input_dropout,
            output_dropout=output_dropout,
            name="reader",
        )
        self.attentions = [
            AdditiveAttention(attention_units, name=f"attention_{index}")
            for index, _ in enumerate(self.reader.stacks)
            if "attention" in self.poolings
        ]
        self.dropout = keras.layers.Dropout(dropout, name="dropout")
        self.readout = keras.layers.Dense(classes, use_bias=False, name="readout")

    def build(self, tokens_shape):
        self.reader.build(tokens_shape)
        for attention in self.attentions:
            attention.build((None, 1, 1), (None, None, self.reader.units))
        width = len(self.poolings) * len(self.reader.stacks) * self.reader.units
        self.readout.build((None, width + self.reader.extra))
        self.built = True

    def call(self, tokens, training=False):
        mask = ops.cast(tokens != PAD, "float32")[..., None]
        parts = [
            self._pool(pooling, index, h, mask)
            for index, h in enumerate(self.reader(tokens, training=training))
            for pooling in self.poolings
        ]
        pooled = self.dropout(ops.concatenate(parts, axis=-1), training=training)
        return ops.cast(self.readout(self.reader.constant(pooled)), "float32")

    def _pool(self, pooling, direction, h, mask):
        """h `<float>[batch, time, units]`, mask `[batch, time, 1]` -> `<float>[batch, units]`."""
        mask = ops.cast(mask, h.dtype)
        lengths = ops.sum(mask, axis=1)
        if pooling == "max":
            highest = ops.max(ops.where(mask > 0, h, FAR_BELOW), axis=1)
            return ops.where(lengths > 0, highest, 0.0)
        if pooling == "last":
            shifted = ops.concatenate([mask[:, 1:], ops.zeros_like(mask[:, :1])], axis=1)
            weights = mask - shifted  # 1 at the last word
        elif pooling == "mean":
            weights = mask / ops.maximum(lengths[:, None], 1)
        else:
            # A constant query: W_q 1 is the b of the equation. A text of one word and no padding
            # gets some: Keras warns of a softmax over one place.
            blank = ((0, 0), (0, 1), (0, 0))
            h, mask = ops.pad(h, blank), ops.pad(mask, blank)
            query = ops.ones_like(h[:, :1, :1])
            _, alpha = self.attentions[direction](query, h, memory_mask=mask[..., 0] > 0)
            weights = ops.transpose(alpha, (0, 2, 1)) * mask
        return ops.sum(h * weights, axis=1)
