"""The translator without its text functions, for `export --format onnx`."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from pipelines.contract import Numeric
from pipelines.onnx_export import named_specs
from pipelines.python_patterns import kinds_of, python_pattern
from pipelines.translation.sentences import CUT
from pipelines.translation.sentences import RULES as SENTENCE_RULES
from pipelines.translation.subwords import MARK, SPACES, SPECIAL, WORD
from zoo.models.translator import Translator

EXAMPLE = "A man rides a bike. WHERE IS IT? 12 May 2015"


def translation_numeric(
    translator: Translator, vocabulary: Sequence[str], rules: Mapping[str, Any], expected: float
) -> Numeric:
    """The two functions of a translator.

    read: source `<int32>[batch, source_time]`, a sentence and its end token, 0 behind -> what the
        decoder reads (cells, keys, mask), and the decoder's states before the first word, state_0,
        state_1, ...: `<float32>[batch, 1, ...]`.
    step: tokens `<int32>[batch, 1]`, the word before, and all that `read` gives -> logits
        `<float32>[batch, 1, vocabulary_size]` of the next word, and the states after the word:
        next_state_0, ...

    Args:
        translator: trained.
        vocabulary: piece of each token.
        rules: of translations, see `zoo.decoding.Rules`.
        expected: the score of the greedy translation of `EXAMPLE`.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32, name="source")])
    def read(source):
        memory = translator.read_source(source)
        states = _named(translator.begin(memory))
        return {**{k: v for k, v in memory.items() if k != "sentence"}, **states}

    given = named_specs(read.get_concrete_function().structured_outputs)
    names = sorted(name for name in given if name.startswith("state_"))
    tokens = tf.TensorSpec([None, 1], tf.int32, name="tokens")

    @tf.function(input_signature=[tokens, given])
    def step(tokens, memory):
        logits, states = translator.step(tokens, [memory[name] for name in names], memory)
        return {"logits": logits, **{f"next_{k}": v for k, v in _named(states).items()}}

    sentence_rules = [(python_pattern(rule), new) for rule, new in SENTENCE_RULES]
    patterns = {"spaces": python_pattern(SPACES), "word": python_pattern(WORD)}
    about = {
        "sentence_rules": sentence_rules,
        "cut": CUT,
        **patterns,
        "kinds": kinds_of([*(rule for rule, _ in sentence_rules), *patterns.values()]),
        "mark": MARK,
        "first_byte": len(SPECIAL),
        "start": rules["start_token"],
        "end": rules["end_token"],
        "forbidden": [rules["start_token"], rules["pad_token"], *rules["forbidden_tokens"]],
        **{name: rules[name] for name in ("max_length", "max_repeats")},
    }
    functions = {"read": read, "step": step}
    return Numeric(functions, vocabulary, about, lambda model: model(EXAMPLE)["score"], expected)


def _named(states) -> dict[str, Any]:
    return {f"state_{index}": state for index, state in enumerate(states)}
