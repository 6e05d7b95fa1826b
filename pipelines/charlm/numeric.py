"""The character model without its text functions, for `export --format onnx`."""

import tensorflow as tf

from pipelines.charlm.data import Vocabulary
from pipelines.charlm.signatures import States
from pipelines.contract import Numeric
from zoo.models.char_lm import CharLM

EXAMPLE = "The first of all, and then the next: 1, 2, 3.\n"


def char_numeric(model: CharLM, vocabulary: Vocabulary, expected: float) -> Numeric:
    """The one function of a character model.

    step: tokens `<int32>[batch]` and state `<float32>[batch, features]` -> logits
        `<float32>[batch, vocabulary_size]` of the next symbol, and next_state. Before a text stands
        the symbol 0, with a state of zeros.

    Args:
        model: trained, as printed.
        vocabulary: of the model.
        expected: bits per character of `EXAMPLE`.
    """
    layout = States(model)
    state = tf.TensorSpec([None, layout.features], tf.float32, name="state")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="tokens"), state])
    def step(tokens, state):
        states = model.step(tokens, layout.split(state))
        return {"logits": model.next_logits(states), "next_state": layout.join(states)}

    symbols = ["", *map(chr, vocabulary.symbols)]
    about = {"unit": vocabulary.unit, "features": layout.features}
    functions = {"step": step}
    return Numeric(functions, symbols, about, lambda model: model.bits_per_char(EXAMPLE), expected)
