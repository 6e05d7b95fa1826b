"""The exported classifier: text in, label and score out, everything between inside the graph."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipelines.contract import Export
from pipelines.exporting import signatures_of, stored_in_half
from pipelines.sentiment.data import PAD, UNKNOWN, cut, lookup_table, tokenize
from zoo.models.sentiment import SentimentClassifier

POLAR = ("negative", "positive")
CHUNK = 64  # words left out at a time


def positive_of(labels: Sequence[str]) -> int | None:
    """The label that the score is of: "positive", where the other one is "negative"; or None."""
    lowered = [label.lower() for label in labels]
    return lowered.index(POLAR[1]) if sorted(lowered) == list(POLAR) else None


class Signatures:
    """What each signature computes; `sentiment_export` says what they are for."""

    def __init__(self, model, vocabulary, labels, lower_case, ends, temperature):
        self.stored, self.scope = stored_in_half(model.variables)
        self.model, self.temperature = model, temperature
        self.table, self.labels = lookup_table(vocabulary), tf.constant(list(labels))
        self.positive = positive_of(labels)
        self.lower_case, self.ends = lower_case, ends

    def serving_default(self, text):
        with self.scope():
            return self._answer(self._read(text)[1])

    def words(self, text):
        with self.scope():
            spelt, numbers = self._read(text)
            found = self._answer(numbers)
            best = tf.argmax(found["probabilities"], axis=1, output_type=tf.int32)
            of = best if self.positive is None else tf.fill(tf.shape(best), self.positive)
            # A map over nothing does not know its shape, so that batch gets a blank row.
            blank = [[0, tf.maximum(1 - tf.shape(of)[0], 0)]]
            moved = tf.map_fn(
                lambda pair: self._contributions(*pair),
                (tf.pad(numbers, [*blank, [0, 0]]), tf.pad(of, blank)),
                fn_output_signature=tf.TensorSpec([None]),
            )
        moved = tf.where(numbers == PAD, 0.0, moved[: tf.shape(of)[0]])
        kept = {name: found[name] for name in ("label", "score")}
        return {"words": spelt, "contributions": moved, **kept}

    def _read(self, text):
        """Words `<string>[batch, time]` and numbers `<int32>[batch, time]`; time is at least 1."""
        words = cut(tokenize(text, self.lower_case), *self.ends)
        numbers = words.with_values(self.table[words.values])
        blank = [words.nrows(), tf.maximum(1 - words.bounding_shape()[1], 0)]
        spelt = tf.concat([words.to_tensor(""), tf.fill(blank, "")], axis=1)
        return spelt, tf.concat([numbers.to_tensor(PAD), tf.fill(blank, PAD)], axis=1)

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
        return tf.nn.log_softmax(self.model(numbers, training=False) / self.temperature)

    def _log_odds(self, numbers, of):
        found = self._log_probs(numbers)
        log_p = tf.gather(found, of, axis=1)
        others = tf.where(tf.range(tf.size(self.labels)) == of, -1e30, found)
        return log_p - tf.reduce_logsumexp(others, axis=1)

    def _contributions(self, padded, of):
        """Of one text: `<int32>[time]` -> `<float32>[time]`."""
        row = padded[: tf.maximum(tf.math.count_nonzero(padded), 1)]
        time = tf.shape(row)[0]
        places = tf.concat([tf.range(time), tf.fill([-time % CHUNK], time)], 0)

        def without(part):  # a place behind the text is nobody's word, and changes nothing
            gone = part[:, None] == tf.range(time)[None]
            return self._log_odds(tf.where(gone & (row != PAD), UNKNOWN, row), of)

        lost = tf.map_fn(
            without, tf.reshape(places, [-1, CHUNK]), fn_output_signature=tf.TensorSpec([CHUNK])
        )
        moved = self._log_odds(row[None], of) - tf.reshape(lost, [-1])[:time]
        return tf.pad(moved, [[0, tf.shape(padded)[0] - time]])


def sentiment_export(
    model: SentimentClassifier,
    vocabulary: Sequence[str],
    labels: Sequence[str],
    files: Mapping[str, Path],
    *,
    lower_case: bool,
    ends: tuple[int, int],
    temperature: float,
    example: str,
) -> Export:
    """The signatures of an exported classifier.

    serving_default: text `<string>[batch]` -> label `<string>[batch]`, score `<float32>[batch]`,
        probabilities `<float32>[batch, classes]`. The score is P(positive) where the labels are
        negative and positive, else P(label).
    words: text -> words `<string>[batch, time]` as the model read them ("" after the last),
        contributions `<float32>[batch, time]`, label and score. A contribution is what the log-odds
        of the score's label lose, in nats, when the word becomes the unknown word: worked out, not
        estimated, by one more reading of the text for each word.

    A text without words (an empty one) gets the label "", score 0, probabilities 0, and does not
    touch the others.

    Args:
        model: trained.
        vocabulary: word of each number.
        labels: name of each class.
        files: name -> file that is kept in assets/ and can be read as an attribute of the module.
        lower_case, ends: of `tokens.tokenize` and `tokens.cut`.
        temperature: that logits are divided by.
        example: a text for the warm-up requests.
    """
    parts = Signatures(model, vocabulary, labels, lower_case, ends, temperature)
    module = tf.Module()
    module.stored, module.table = parts.stored, parts.table
    for name, file in files.items():
        setattr(module, name, tf.saved_model.Asset(str(file)))
    texts = tf.TensorSpec([None], tf.string, name="text")
    signatures = signatures_of(module, parts, {"serving_default": [texts], "words": [texts]})
    warmup: list[tuple[str, Any]] = [(name, {"text": [example]}) for name in signatures]
    return Export(module, signatures, warmup)
