"""The exported captioner: image bytes in, captions out, everything between inside the graph."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipelines.captioning import data
from pipelines.captioning.confidence import Calibration, near
from pipelines.contract import Export
from pipelines.exporting import signatures_of, stored_in_half
from pipelines.images import decode_batch
from zoo.models.captioner import Captioner

# The tokenizer splits these from their word; a reader wants "the dog's", not "the dog 's".
CLITICS = r" ('s|'re|'ve|'ll|'d|'m|n't)\b"


class Signatures:
    """What each signature computes; `caption_export` says what they are for."""

    def __init__(
        self,
        captioner: Captioner,
        encoder: keras.Model,
        vocabulary: Sequence[str],
        *,
        image_size: int,
        beam_size: int,
        rules: Mapping[str, Any],
    ):
        """The signatures of a trained model, without a confidence.

        Args:
            captioner: trained model.
            encoder: from pixels to the grid that the captioner looks at.
            vocabulary: word of each number.
            image_size: pixels of a side that the encoder reads.
            beam_size: width of the search.
            rules: of captions, see `zoo.decoding.Rules`.
        """
        variables = {id(v): v for v in [*encoder.variables, *captioner.variables]}.values()
        self.stored, self.scope = stored_in_half(variables)
        self.captioner, self.encoder = captioner, encoder
        self.vocabulary = tf.constant(vocabulary)
        self.image_size, self.beam_size, self.rules = image_size, beam_size, rules

    def know(self, bank: np.ndarray, calibration: Calibration) -> None:
        """Takes what the confidence is made of; before, no answer has one."""
        self.bank = tf.Variable(bank, trainable=False)
        self.calibration = calibration

    def serving_default(self, image_bytes):
        with self.scope():
            grid, valid = self._look(image_bytes)
            tokens, _, answer = self._search(grid, valid)
            logits, _ = self._read_back(grid, tokens)
            return {**answer, **self._sureness(grid, valid, answer["score"], tokens, logits)}

    def features(self, image_bytes):
        with self.scope():
            grid, valid = self._look(image_bytes)
        return {"features": tf.where(valid[:, None, None], grid, 0.0)}

    def attention(self, image_bytes):
        with self.scope():
            grid, valid = self._look(image_bytes)
            tokens, words, answer = self._search(grid, valid)
            logits, weights = self._read_back(grid, tokens)
            sureness = self._sureness(grid, valid, answer["score"], tokens, logits)
        side = int(grid.shape[1] ** 0.5)
        weights = tf.reshape(weights[:, 0], [-1, tokens.shape[1], side, side])
        weights = tf.where((tokens != data.PAD)[:, :, None, None], weights, 0.0)
        return {**answer, **sureness, "words": words, "attention": weights}

    # For the fit of a confidence: the same computations, of what training keeps of an image.

    def look(self, image_bytes):
        """Grids `<float32>[batch, cells, channels]` of image files that can be decoded."""
        with self.scope():
            return self._look(image_bytes)[0]

    def encode(self, inputs):
        """Grids of what the captioner reads: a dict of features or images, see `Captioner`."""
        with self.scope():
            if "features" in inputs:
                return inputs["features"]
            return self.captioner.encoder(inputs["images"], training=False)

    def evidence(self, grid, bank):
        """Captions `<string>[batch]` and the inputs of a confidence `<float32>[batch, inputs]`."""
        with self.scope():
            valid = tf.fill([tf.shape(grid)[0]], True)
            tokens, _, answer = self._search(grid, valid)
            logits, _ = self._read_back(grid, tokens)
            return answer["caption"], self._inputs(grid, answer["score"], tokens, logits, bank)

    # Parts.

    def _look(self, image_bytes):
        """The encoder's grid of each image, and which images could be decoded."""
        pixels, valid = decode_batch(image_bytes, self.image_size)
        # oneDNN's convolution gives an empty batch a wrong shape, so that batch gets a black image.
        count = tf.shape(pixels)[0]
        blank = tf.zeros([tf.maximum(1 - count, 0), *pixels.shape[1:]])
        return self.encoder(tf.concat([pixels, blank], axis=0), training=False)[:count], valid

    def _search(self, grid, valid):
        """Tokens and words `[batch, max_length]`, caption and score of each grid."""
        inputs, width = {"features": grid}, self.beam_size
        found = self.captioner.caption(inputs, method="beam", beam_size=width, **self.rules)
        tokens = tf.where(valid[:, None], found.tokens[:, 0], data.PAD)
        words = tf.where(tokens == data.PAD, "", tf.gather(self.vocabulary, tokens))
        caption = tf.strings.strip(tf.strings.reduce_join(words, axis=1, separator=" "))
        caption = tf.strings.regex_replace(caption, CLITICS, r"\1")
        longest = self.rules["max_length"]
        counted = tf.cast(tf.minimum(found.lengths[:, 0] + 1, longest), tf.float32)
        score = tf.where(valid, tf.exp(found.log_probs[:, 0] / counted), 0.0)
        return tokens, words, {"caption": caption, "score": score}

    def _read_back(self, grid, tokens):
        """Logits and attention of the captions found, as `Captioner.logits_and_attention`."""
        start = tf.fill([tf.shape(tokens)[0], 1], data.START)
        before = tf.concat([start, tokens[:, :-1]], axis=1)
        inputs = {"features": grid, "tokens": before[:, None, :]}
        return self.captioner.logits_and_attention(inputs)

    def _inputs(self, grid, score, tokens, logits, bank):
        """`<float32>[batch, inputs]`, in the order of `confidence.INPUTS`."""
        log_probs = tf.nn.log_softmax(logits[:, 0])
        log_probs = tf.gather(log_probs, tokens, axis=2, batch_dims=2)
        least = tf.reduce_min(tf.where(tokens == data.PAD, 0.0, log_probs), axis=1)
        log_score = tf.math.log(tf.maximum(score, 1e-30))
        return tf.stack([log_score, least, near(tf.reduce_mean(grid, axis=1), bank)], axis=1)

    def _sureness(self, grid, valid, score, tokens, logits):
        """Confidence and threshold `<float32>[batch]`."""
        inputs = self._inputs(grid, score, tokens, logits, self.bank)
        weights, bias, threshold = self.calibration
        confidence = tf.sigmoid(tf.linalg.matvec(inputs, tf.constant(weights)) + bias)
        return {
            "confidence": tf.where(valid, confidence, 0.0),
            "threshold": tf.fill(tf.shape(score), threshold),
        }


def caption_export(parts: Signatures, vocabulary_file: Path, *, example: bytes) -> Export:
    """The signatures of an exported captioner.

    serving_default: image_bytes `<string>[batch]` (JPEG or PNG of any size) -> caption
        `<string>[batch]`, score `<float32>[batch]`: the geometric mean of the probabilities of the
        caption's words and its end, 0..1; confidence `<float32>[batch]`, 0..1: how likely it is
        that people's references bear the caption out, see `confidence`; threshold
        `<float32>[batch]`, the same for all: below it, a caption is to be called unsure.
    features: image_bytes -> features `<float32>[batch, cells, channels]`, the encoder's grid.
    attention (of a captioner with attention): image_bytes -> as serving_default, and words
        `<string>[batch, max_length]` ("" after the last) and attention `<float32>[batch,
        max_length, rows, columns]`: where on the grid each word looked.

    An image that cannot be decoded gets the caption "", score 0 and confidence 0, and does not
    touch the others.

    Args:
        parts: the computations; they know their confidence.
        vocabulary_file: has a word a line, and is kept beside the model.
        example: an image file for the warm-up requests.
    """
    module = tf.Module()
    module.stored, module.bank = parts.stored, parts.bank
    module.vocabulary = tf.saved_model.Asset(str(vocabulary_file))  # for people: a word a line
    images = tf.TensorSpec([None], tf.string, name="image_bytes")
    names = ["serving_default", "features"]
    if parts.captioner.attention is not None:
        names.append("attention")
    signatures = signatures_of(module, parts, {name: [images] for name in names})
    warmup = [(name, {"image_bytes": [example]}) for name in signatures]
    return Export(module, signatures, warmup)
