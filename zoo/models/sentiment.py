"""Many to one: a review is read word by word, and one label comes out (the lecture's sentiment)."""

import keras
from keras import ops

from zoo.checks import check_integer
from zoo.layers.attention import AdditiveAttention
from zoo.layers.constant_feature import ConstantFeature
from zoo.models.reader import PAD, Reader

POOLINGS = ("last", "mean", "max", "attention")
FAR_BELOW = -1e4  # below every h and every score, and finite in 16 bits


@keras.saving.register_keras_serializable(package="unfold")
class SentimentClassifier(keras.Model):
    """Words -> logits of the labels.

        h_t = Reader(w)_t                        of each direction
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
        **options: of `Reader`.

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
        name: str | None = None,
        **options,
    ):
        super().__init__(name=name)
        check_integer("classes", classes, least=2)
        self.classes = classes
        self.poolings = pooling.split("+")
        if not set(self.poolings) <= set(POOLINGS) or len(set(self.poolings)) < len(self.poolings):
            raise ValueError(
                f"`pooling` must be of {POOLINGS}, or several of them, each once, with + between. "
                f"Got {pooling!r}."
            )
        self._config = {
            "vocabulary_size": vocabulary_size,
            "classes": classes,
            "pooling": pooling,
            "attention_units": attention_units,
            "dropout": dropout,
            **options,
        }
        self.reader = Reader(vocabulary_size, name="reader", **options)
        self.attentions = []
        if "attention" in self.poolings:
            self.attentions = [
                AdditiveAttention(attention_units, name=f"attention_{index}")
                for index, _ in enumerate(self.reader.stacks)
            ]
        self.dropout = keras.layers.Dropout(dropout, name="dropout")
        self.readout = keras.layers.Dense(classes, use_bias=False, name="readout")

    def build(self, tokens_shape):
        self.reader.build(tokens_shape)
        for attention in self.attentions:
            attention.build((None, 1, 1), (None, None, self.reader.units))
        width = len(self.poolings) * len(self.reader.stacks) * self.reader.units
        self.readout.build((None, width + (self.reader.constant is not None)))
        self.built = True

    def call(self, tokens, training=False):
        mask = ops.cast(tokens != PAD, "float32")[..., None]
        parts = [
            self._pool(pooling, index, h, mask)
            for index, h in enumerate(self.reader(tokens, training=training))
            for pooling in self.poolings
        ]
        pooled = self.dropout(ops.concatenate(parts, axis=-1), training=training)
        pooled = pooled if self.reader.constant is None else self.reader.constant(pooled)
        return ops.cast(self.readout(pooled), "float32")

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

    def get_config(self):
        return {**self._config, "name": self.name}


@keras.saving.register_keras_serializable(package="unfold")
class LanguageModel(keras.Model):
    """The next word of each direction of a `Reader`, to pre-train it on unlabelled reviews.

        p(w_{t+1} = v) = exp(s_v) / Σ_u exp(s_u)        s_v = E_v · P [h_t, 1]

    E is the embedding that the words are read through (Press and Wolf 2017), P one matrix for each
    direction. The sum over all words may be estimated from a few candidates c, drawn with
    probabilities π_c of being among them:

        Σ_u exp(s_u) ≈ exp(s_{w_{t+1}}) + Σ_{c ≠ w_{t+1}} exp(s_c) / π_c

    which is right on average, and exact where all words are candidates (Bengio and Senecal 2008;
    Blanc and Rendle 2018). Dai and Le (2015) start a classifier from such a model.

    Args:
        reader: the classifier's, shared with it; one that has an embedding.
        dropout: share of P [h_t, 1] dropped in training.

    Call arguments:
        inputs: a dict of
            tokens `<int32>[batch, time]`, and, for the estimate,
            candidates `<int32>[candidates]` and log_chances `<float32>[candidates]`: c and log π_c.
        training: whether dropout is on.

    Returns:
        log p of each word after a row's first `<float32>[batch, directions, time - 1]`, in the
        order in which each direction reads; arbitrary where the word is padding.
    """

    def __init__(self, reader: Reader, dropout: float = 0.0, name: str | None = None):
        super().__init__(name=name, autocast=False)  # log_chances stay float32
        if reader.embedding is None:
            raise ValueError("`reader` must have an embedding, which the softmax is tied to.")
        self.reader = reader
        self.constant = ConstantFeature(name="constant")
        width = reader.get_config()["embedding_units"]
        self.projections = [
            keras.layers.Dense(width, use_bias=False, name=f"projection_{index}")
            for index, _ in enumerate(reader.stacks)
        ]
        self.dropout = keras.layers.SpatialDropout1D(dropout, name="dropout")

    def build(self, input_shape):
        if not self.reader.built:
            self.reader.build((None, None))
        for projection in self.projections:
            projection.build((None, None, self.reader.units + 1))
        self.built = True

    def call(self, inputs, training=False):
        tokens = inputs["tokens"]
        states = self.reader(tokens, training=training)
        log_probs = []
        for words, h, project in zip(
            self.reader.orders(tokens), states, self.projections, strict=True
        ):
            queries = self.dropout(project(self.constant(h[:, :-1])), training=training)
            log_probs.append(self._log_probs(queries, words[:, 1:], inputs))
        return ops.stack(log_probs, axis=1)

    def _log_probs(self, queries, answers, inputs):
        embeddings = ops.cast(self.reader.embedding.embeddings, queries.dtype)
        if "candidates" not in inputs:
            scores = ops.cast(ops.matmul(queries, ops.transpose(embeddings)), "float32")
            chosen = ops.take_along_axis(scores, answers[..., None], axis=-1)[..., 0]
            return chosen - ops.logsumexp(scores, axis=-1)
        candidates = inputs["candidates"]
        chosen = ops.sum(queries * ops.take(embeddings, answers, axis=0), axis=-1)
        chosen = ops.cast(chosen, "float32")
        others = ops.matmul(queries, ops.transpose(ops.take(embeddings, candidates, axis=0)))
        others = ops.cast(others, "float32") - inputs["log_chances"]
        others = ops.where(answers[..., None] == candidates, FAR_BELOW, others)
        return chosen - ops.logaddexp(chosen, ops.logsumexp(others, axis=-1))
