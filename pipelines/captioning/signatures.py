"""The exported captioner: image bytes in, captions out, everything between inside the graph."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from pipelines.captioning import data
from pipelines.contract import Export
from pipelines.exporting import signatures_of, stored_in_half
from pipelines.images import decode_batch
from zoo.models.captioner import Captioner

# The tokenizer splits these from their word; a reader wants "the dog's", not "the dog 's".
CLITICS = r" ('s|'re|'ve|'ll|'d|'m|n't)\b"


class Signatures:
    """What each signature computes; `caption_export` says what they are for."""

    def __init__(self, captioner, encoder, vocabulary, image_size, beam_size, rules):
        variables = {id(v): v for v in [*encoder.variables, *captioner.variables]}.values()
        self.stored, self.scope = stored_in_half(variables)
        self.captioner, self.encoder = captioner, encoder
        self.vocabulary = tf.constant(vocabulary)
        self.image_size, self.beam_size, self.rules = image_size, beam_size, rules

    def serving_default(self, image_bytes):
        with self.scope():
            features, valid = self._look(image_bytes)
            _, _, caption, score = self._search(features, valid)
        return {"caption": caption, "score": score}

    def features(self, image_bytes):
        with self.scope():
            found, valid = self._look(image_bytes)
        return {"features": tf.where(valid[:, None, None], found, 0.0)}

    def attention(self, image_bytes):
        with self.scope():
            grid, valid = self._look(image_bytes)
            tokens, words, caption, score = self._search(grid, valid)
            start = tf.fill([tf.shape(tokens)[0], 1], data.START)
            before = tf.concat([start, tokens[:, :-1]], axis=1)
            inputs = {"features": grid, "tokens": before[:, None, :]}
            _, weights = self.captioner.logits_and_attention(inputs)
        side = int(grid.shape[1] ** 0.5)
        weights = tf.reshape(weights[:, 0], [-1, before.shape[1], side, side])
        weights = tf.where((tokens != data.PAD)[:, :, None, None], weights, 0.0)
        return {"caption": caption, "score": score, "words": words, "attention": weights}

    def _look(self, image_bytes):
        """The encoder's grid of each image, and which images could be decoded."""
        pixels, valid = decode_batch(image_bytes, self.image_size)
        # oneDNN's convolution gives an empty batch a wrong shape, so that batch gets a black image.
        count = tf.shape(pixels)[0]
        blank = tf.zeros([tf.maximum(1 - count, 0), *pixels.shape[1:]])
        return self.encoder(tf.concat([pixels, blank], axis=0), training=False)[:count], valid

    def _search(self, features, valid):
        """Tokens and words `[batch, max_length]`, caption and score of each grid."""
        inputs, width = {"features": features}, self.beam_size
        found = self.captioner.caption(inputs, method="beam", beam_size=width, **self.rules)
        tokens = tf.where(valid[:, None], found.tokens[:, 0], data.PAD)
        words = tf.where(tokens == data.PAD, "", tf.gather(self.vocabulary, tokens))
        caption = tf.strings.strip(tf.strings.reduce_join(words, axis=1, separator=" "))
        caption = tf.strings.regex_replace(caption, CLITICS, r"\1")
        longest = self.rules["max_length"]
        counted = tf.cast(tf.minimum(found.lengths[:, 0] + 1, longest), tf.float32)
        score = tf.where(valid, tf.exp(found.log_probs[:, 0] / counted), 0.0)
        return tokens, words, caption, score


def caption_export(
    captioner: Captioner,
    encoder: keras.Model,
    vocabulary: Sequence[str],
    vocabulary_file: Path,
    *,
    image_size: int,
    beam_size: int,
    rules: Mapping[str, Any],
    example: bytes,
) -> Export:
    """The signatures of an exported captioner.

    serving_default: image_bytes `<string>[batch]` (JPEG or PNG of any size) -> caption
        `<string>[batch]`, score `<float32>[batch]`: the geometric mean of the probabilities of the
        caption's words and its end, 0..1.
    features: image_bytes -> features `<float32>[batch, cells, channels]`, the encoder's grid.
    attention (of a captioner with attention): image_bytes -> caption, score, words
        `<string>[batch, max_length]` ("" after the last) and attention `<float32>[batch,
        max_length, rows, columns]`: where on the grid each word looked.

    An image that cannot be decoded gets the caption "" and score 0, and does not touch the others.

    Args:
        captioner: trained model.
        encoder: from pixels to the grid that the captioner looks at.
        vocabulary: word of each number; `vocabulary_file` has one a line and is kept beside it.
        image_size: pixels of a side that the encoder reads.
        beam_size: width of the search.
        rules: of captions, see `zoo.decoding.Rules`.
        example: an image file for the warm-up requests.
    """
    parts = Signatures(captioner, encoder, vocabulary, image_size, beam_size, rules)
    module = tf.Module()
    module.stored = parts.stored
    module.vocabulary = tf.saved_model.Asset(str(vocabulary_file))  # for people: a word a line
    images = tf.TensorSpec([None], tf.string, name="image_bytes")
    names = ["serving_default", "features"]
    if captioner.attention is not None:
        names.append("attention")
    signatures = signatures_of(module, parts, {name: [images] for name in names})
    warmup = [(name, {"image_bytes": [example]}) for name in signatures]
    return Export(module, signatures, warmup)
