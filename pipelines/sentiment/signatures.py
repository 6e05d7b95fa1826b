"""The exported classifier: text in, label and score out, everything between inside the graph."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipelines.contract import Export
from pipelines.exporting import signatures_of, stored_in_half
from pipelines.sentiment.data import PAD, UNKNOWN, cut, lookup_table, tokenize
from pipelines.sentiment.metrics import Calibration
from zoo.models.sentiment import SentimentClassifier

POLAR = ("negative", "positive")
CHUNK = 64  # words left out at a time


def positive_of(labels: Sequence[str]) -> int | None:
    """The label that the score is of: "positive", where the other one is "negative"; or None."""
    lowered = [label.lower() for label in labels]
    return lowered.index(POLAR[1]) if sorted(lowered) == list(POLAR) else None


def calibrated(
    model: SentimentClassifier, numbers: tf.Tensor, calibration: Calibration
) -> tf.Tensor:
    """log P of each label, from words `<int32>[batch, time]`: `<float32>[batch, classes]`."""
    scale, exponent = calibration
    words = tf.math.count_nonzero(numbers, axis=1, keepdims=True)
    temperatures = scale * tf.cast(tf.maximum(words, 1), tf.float32) ** exponent
    return tf.nn.log_softmax(model(numbers, training=False) / temperatures)


class Signatures:
    """The computation of each signature; `sentiment_export` says what they are for."""

    def __init__(self, model, vocabulary, labels, lower_case, ends, calibration):
        self.stored, self.scope = stored_in_half(model.variables)
        self.model, self.calibration = model, calibration
        self.table, self.labels = lookup_table(vocabulary), tf.constant(list(labels))
        self.positive = positive_of(labels)
        self.lower_case, self.ends = lower_case, ends

    def serving_default(self, text):
        with self.scope():
            return self._answer(self._read(text)[1])

    def words(self, text):
        with self.scope():
            words, numbers = self._read(text)
            answer = self._answer(numbers)
            best = tf.argmax(answer.pop("probabilities"), axis=1, output_type=tf.int32)
            label = best if self.positive is None else tf.fill(tf.shape(best), self.positive)
            # A map over nothing does not know its shape, so that batch gets a blank row.
            blank = [[0, tf.maximum(1 - tf.shape(label)[0], 0)]]
            contributions = tf.map_fn(
                lambda pair: self._contributions(*pair),
                (tf.pad(numbers, [*blank, [0, 0]]), tf.pad(label, blank)),
                fn_output_signature=tf.TensorSpec([None]),
            )
        contributions = tf.where(numbers == PAD, 0.0, contributions[: tf.shape(label)[0]])
        return {"words": words, "contributions": contributions, **answer}

    def _read(self, text):
        """Words `<string>[batch, time]` and numbers `<int32>[batch, time]`; time is at least 1."""
        words = cut(tokenize(text, self.lower_case), *self.ends)
        numbers = words.with_values(self.table[words.values])
        shape = tf.maximum(words.bounding_shape(), [0, 1])
        return words.to_tensor("", shape=shape), numbers.to_tensor(PAD, shape=shape)

    def _answer(self, numbers):
        probabilities = tf.exp(self._log_probs(numbers))
        empty = tf.reduce_all(numbers == PAD, axis=1)
        probabilities = tf.where(empty[:, None], 0.0, probabilities)
        best = tf.argmax(probabilities, axis=1)
        label = tf.where(empty, "", tf.gather(self.labels, best))
        surest = self.positive is None
        score = tf.reduce_max(probabilities, 1) if surest else probabilities[:, self.positive]
        return {"label": label, "score": score, "probabilities": probabilities}

    def _log_probs(self, numbers):
        return calibrated(self.model, numbers, self.calibration)

    def _log_odds(self, numbers, label):
        log_probs = self._log_probs(numbers)
        others = tf.where(tf.range(tf.size(self.labels)) == label, -1e30, log_probs)
        return tf.gather(log_probs, label, axis=1) - tf.reduce_logsumexp(others, axis=1)

    def _contributions(self, padded, label):
        """Of one text: `<int32>[time]` -> `<float32>[time]`."""
        row = padded[: tf.maximum(tf.math.count_nonzero(padded), 1)]
        time = tf.shape(row)[0]
        places = tf.concat([tf.range(time), tf.fill([-time % CHUNK], time)], 0)

        def without(part):  # a place behind the text is nobody's word, and changes nothing
            gone = part[:, None] == tf.range(time)[None]
            return self._log_odds(tf.where(gone & (row != PAD), UNKNOWN, row), label)

        rest = tf.map_fn(
            without, tf.reshape(places, [-1, CHUNK]), fn_output_signature=tf.TensorSpec([CHUNK])
        )
        losses = self._log_odds(row[None], label) - tf.reshape(rest, [-1])[:time]
        return tf.pad(losses, [[0, tf.shape(padded)[0] - time]])


def sentiment_export(
    model: SentimentClassifier,
    vocabulary: Sequence[str],
    labels: Sequence[str],
    files: Mapping[str, Path],
    *,
    lower_case: bool,
    ends: tuple[int, int],
    calibration: Calibration,
    example: str,
) -> Export:
    """The signatures of an exported classifier.

    serving_default: text `<string>[batch]` -> label `<string>[batch]`, score `<float32>[batch]`,
        probabilities `<float32>[batch, classes]`. The score is P(positive) where the labels are
        negative and positive, else P(label).
    words: text -> words `<string>[batch, time]` as the model read them ("" after the last),
        contributions `<float32>[batch, time]`, label and score. A contribution is the loss of
        the log-odds of the score's label, in nats, when the word becomes the unknown word: worked
        out, not estimated, by one more reading of the text for each word.

    A text without words (an empty one) gets the label "", score 0, probabilities 0, and does not
    touch the others.

    Args:
        model: trained.
        vocabulary: word of each number.
        labels: name of each class.
        files: name -> file that is kept in assets/ and can be read as an attribute of the module.
        lower_case, ends: of `data.tokenize` and `data.cut`.
        calibration: the temperatures that logits are divided by.
        example: a text for the warm-up requests.
    """
    parts = Signatures(model, vocabulary, labels, lower_case, ends, calibration)
    module = tf.Module()
    module.stored, module.table = parts.stored, parts.table
    for name, file in files.items():
        setattr(module, name, tf.saved_model.Asset(str(file)))
    texts = tf.TensorSpec([None], tf.string, name="text")
    signatures = signatures_of(module, parts, {"serving_default": [texts], "words": [texts]})
    warmup: list[tuple[str, Any]] = [(name, {"text": [example]}) for name in signatures]
    return Export(module, signatures, warmup)
