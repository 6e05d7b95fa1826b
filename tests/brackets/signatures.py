"""The exported model: a line in, a label and a score out."""

import tensorflow as tf

from pipelines.contract import Export
from pipelines.exporting import signatures_of, stored_in_half
from tests.brackets.data import to_tokens

LABELS = ("open", "balanced")


class Signatures:
    """What each signature computes."""

    def __init__(self, model, max_length):
        self.model, self.max_length = model, max_length
        self.stored, self.scope = stored_in_half(model.variables)

    def serving_default(self, text):
        with self.scope():
            tokens = to_tokens(text, self.max_length).to_tensor(0)
            probabilities = tf.nn.softmax(self.model(tokens, training=False))
        best = tf.argmax(probabilities, axis=1)
        return {"label": tf.gather(LABELS, best), "score": tf.reduce_max(probabilities, axis=1)}


def bracket_export(model, max_length: int) -> Export:
    """The signatures of an exported model."""
    parts, module = Signatures(model, max_length), tf.Module()
    module.stored = parts.stored
    texts = [tf.TensorSpec([None], tf.string, name="text")]
    signatures = signatures_of(module, parts, {"serving_default": texts})
    return Export(module, signatures, [("serving_default", {"text": ["(())"]})])
