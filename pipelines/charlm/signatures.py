"""The exported character model: strings in, strings out, everything between inside the graph."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.charlm.data import Vocabulary
from pipelines.contract import Export
from pipelines.exporting import signatures_of, stored_in_half
from zoo.models.char_lm import CharLM

WINDOW = 256  # characters read at once
LONGEST = 10_000  # characters of a prompt that are read, and that one call writes

Tensor = tf.Tensor


class Texts:
    """Strings <-> numbers of a vocabulary, in TensorFlow's core string operations."""

    def __init__(self, vocabulary: Vocabulary):
        self.vocabulary = vocabulary
        self.strings = tf.constant(vocabulary.strings())

    def encode(self, text: Tensor) -> tf.RaggedTensor:
        """`<string>[batch]` -> numbers `<int32>[batch, (characters)]`, 0 where unknown.

        What is not UTF-8 is read as U+FFFD, one for each broken piece.
        """
        # In ISO-8859-1 a byte is a symbol of its own.
        encoding = "UTF-8" if self.vocabulary.unit == "character" else "ISO-8859-1"
        symbols = tf.strings.unicode_decode(text, encoding, errors="replace")
        return tf.ragged.map_flat_values(self.vocabulary.encode, symbols)

    def decode(self, numbers: Tensor) -> Tensor:
        """`<int32>[batch, time]` -> `<string>[batch]`."""
        return tf.strings.reduce_join(tf.gather(self.strings, numbers), axis=1)


class States:
    """A model's states as one tensor `<float32>[batch, features]`, and back."""

    def __init__(self, model: CharLM):
        self.sizes = [shape[-1] for shape in model.state_shapes(1)]

    @property
    def features(self) -> int:
        return sum(self.sizes)

    def join(self, states: list[Tensor]) -> Tensor:
        return tf.concat(states, axis=1)

    def split(self, state: Tensor) -> list[Tensor]:
        return tf.split(state, self.sizes, axis=1)

    def split_for(self, texts: Tensor, state: Tensor) -> list[Tensor]:
        """The states of texts; the call fails where there is not one row for each."""
        rows, count = tf.shape(state)[0], tf.size(texts)
        rule = "`state` must have a row for each text. Got rows and texts:"
        with tf.control_dependencies([tf.debugging.Assert(rows == count, [rule, rows, count])]):
            return self.split(state)


def read_on(model: CharLM, numbers: tf.RaggedTensor, states: list[Tensor]):
    """Reads texts in windows, the state carried from one to the next.

    Returns:
        nats `<float32>[batch]` of each text, how many symbols were the likeliest `<int32>[batch]`,
        and the states after it.
    """
    lengths = tf.cast(numbers.row_lengths(), tf.int32)
    longest = tf.reduce_max(tf.concat([lengths, [0]], 0))

    def body(start, nats, hits, *states):
        # Padded window by window: a long text among many short ones is not paid for in memory.
        window = numbers[:, start : start + WINDOW].to_tensor(0)
        keep = start + tf.range(tf.shape(window)[1])[None] < lengths[:, None]
        log_p, hit, states = model.score(window, list(states), keep)
        log_p = tf.where(keep, tf.cast(log_p, tf.float64), 0.0)
        nats -= tf.reduce_sum(log_p, axis=1)  # in 64 bits: of millions of characters, too
        hits += tf.reduce_sum(tf.cast(hit & keep, tf.int32), axis=1)
        return start + WINDOW, nats, hits, *states

    none = tf.zeros_like(lengths)
    loop = (0, tf.cast(none, tf.float64), none, *states)
    _, nats, hits, *states = tf.while_loop(lambda start, *_: start < longest, body, loop)
    return tf.cast(nats, tf.float32), hits, states


class Signatures:
    """What each signature computes; `char_export` says what they are for."""

    def __init__(self, model: CharLM, vocabulary: Vocabulary):
        self.model = model
        self.stored, self.scope = stored_in_half(model.trainable_variables)
        self.texts, self.layout = Texts(vocabulary), States(model)

    def serving_default(self, prompt, length, temperature, seed):
        length = _checked_length(length, temperature)
        recent = self.texts.encode(prompt)[:, -LONGEST:]
        with self.scope():
            _, _, states = read_on(self.model, recent, self.model.start(tf.size(prompt)))
            written, _ = self.model.write(states, length, seed=seed, temperature=temperature)
        return {"text": self.texts.decode(written)}

    def score(self, text):
        numbers = self.texts.encode(text)
        with self.scope():
            nats, _, _ = read_on(self.model, numbers, self.model.start(tf.size(text)))
        count = tf.cast(numbers.row_lengths(), tf.int32)
        bits = nats / tf.math.log(2.0) / tf.cast(tf.maximum(count, 1), tf.float32)
        return {"bits_per_char": bits, "characters": count}

    def step(self, character, state):
        first = self.texts.encode(character).to_tensor(0, shape=[None, 1])
        with self.scope():
            states = self.model.step(first[:, 0], self.layout.split_for(character, state))
            probabilities = tf.nn.softmax(self.model.next_logits(states))
        return {"probabilities": probabilities, "state": self.layout.join(states)}

    def read(self, text, state):
        numbers = self.texts.encode(text)
        with self.scope():
            states = self.layout.split_for(text, state)
            nats, hits, states = read_on(self.model, numbers, states)
        count = tf.cast(numbers.row_lengths(), tf.int32)
        state = self.layout.join(states)
        return {"nats": nats, "hits": hits, "characters": count, "state": state}

    def write(self, state, length, temperature, top_k, top_p, seed, place):
        length = _checked_length(length, temperature, top_k, top_p)
        drawing = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        with self.scope():
            written, states = self.model.write(
                self.layout.split(state), length, seed=seed, place=place, **drawing
            )
        return {"text": self.texts.decode(written), "state": self.layout.join(states)}


def char_export(model: CharLM, vocabulary: Vocabulary, vocabulary_file: Path) -> Export:
    """The signatures of an exported model; the task's README describes them for users.

    serving_default: prompt, length, temperature, seed -> text, without the prompt. Of a prompt
        above 10,000 characters the last 10,000 are read.
    score: text -> bits_per_char, characters.
    step: character (the first of each string; "" before a text), state -> probabilities, state.
    read: text, state -> nats, hits, characters, state.
    write: state, length, temperature, top_k, top_p, seed, place -> text, state.

    Args:
        model: trained.
        vocabulary: of the model; `vocabulary_file`, its JSON, is kept with the SavedModel.
    """
    parts = Signatures(model, vocabulary)
    module = tf.Module()
    module.stored = parts.stored
    module.vocabulary = tf.saved_model.Asset(str(vocabulary_file))

    def strings(name):
        return tf.TensorSpec([None], tf.string, name=name)

    def number(name):
        floating = name in ("temperature", "top_p")
        return tf.TensorSpec([], tf.float32 if floating else tf.int32, name=name)

    state = tf.TensorSpec([None, parts.layout.features], tf.float32, name="state")
    first = ("length", "temperature", "seed")
    every = ("length", "temperature", "top_k", "top_p", "seed", "place")
    inputs = {
        "serving_default": [strings("prompt"), *map(number, first)],
        "score": [strings("text")],
        "step": [strings("character"), state],
        "read": [strings("text"), state],
        "write": [state, *map(number, every)],
    }
    signatures = signatures_of(module, parts, inputs)
    return Export(module, signatures, _warmup(parts.layout.features))


def _checked_length(length, temperature, top_k=0, top_p=1.0) -> tf.Tensor:
    """The call fails with a message where a number is out of its range; NaN is, too.

    The length that is given back waits for the checks, as other operations would not: one that a
    length below 0 makes fail could else be the first to end the call, with a message of its own.
    """
    rules = [
        (length, (length >= 0) & (length <= LONGEST), f"`length` must be from 0 to {LONGEST}."),
        (temperature, temperature >= 0, "`temperature` must be 0 or more."),
        (top_k, tf.greater_equal(top_k, 0), "`top_k` must be 0 or more."),
        (top_p, (top_p > 0) & tf.less_equal(top_p, 1), "`top_p` must be above 0 and at most 1."),
    ]
    checks = [tf.debugging.Assert(holds, [rule, "Got", value]) for value, holds, rule in rules]
    with tf.control_dependencies(checks):
        return tf.identity(length)


def _warmup(features: int) -> list:
    state = np.zeros((1, features), np.float32)
    drawing = {"length": np.int32(8), "temperature": np.float32(1), "seed": np.int32(0)}
    cuts = {"top_k": np.int32(0), "top_p": np.float32(1), "place": np.int32(0)}
    return [
        ("serving_default", {"prompt": ["a"], **drawing}),
        ("score", {"text": ["a"]}),
        ("step", {"character": [""], "state": state}),
        ("read", {"text": ["a"], "state": state}),
        ("write", {"state": state, **drawing, **cuts}),
    ]
