"""One training step of each task at its preset's sizes, ours and over Keras' own LSTM.

A step is a task's model, compiled as its trainer compiles it, on a batch of random words that is at
hand already: forward pass, loss, gradients, clipping, optimizer. The Keras twin is the same model
over `keras.layers.LSTM`, with a loss that reads the logits; `benchmarks.torch_twins` has torch's.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

import zoo.model
from pipelines.captioning import flags as captioning_flags
from pipelines.captioning import trainer as captioning
from pipelines.charlm import flags as charlm_flags
from pipelines.charlm import trainer as charlm
from pipelines.flags import arguments_of
from pipelines.sentiment import flags as sentiment_flags
from pipelines.sentiment import trainer as sentiment
from pipelines.translation import flags as translation_flags
from pipelines.translation import trainer as translation
from zoo.layers import attention_decoder, sentence_encoder, word_encoder
from zoo.models import char_lm
from zoo.models.captioner import Captioner
from zoo.models.sentiment import SentimentClassifier
from zoo.models.translator import Translator

Run = Callable[[], object]
STEPS = 1000  # of an epoch, for the schedule of the rate
CELLS, CHANNELS, CAPTIONS, WORDS = 81, 352, 5, 2600  # of Flickr8k's images and captions
CHARACTERS = 66  # of Tiny Shakespeare


class Product(NamedTuple):
    """Matrix products of the forward pass, `[rows, inner] x [inner, columns]`.

    steps: how many of them wait for one another, as over time; 0: it stands outside of all loops.
    """

    rows: int
    inner: int
    columns: int
    steps: int = 0


class Step(NamedTuple):
    """A task's training step.

    Attributes:
        name: of the task, and its sizes.
        flags: the preset.
        model: the class of the model, and its arguments beside the flags.
        trainer: an unfilled trainer's class, and what its `compile` reads beside flags and model.
        phase: that is compiled.
        batch: inputs, answers and weights, as the trainer's dataset gives them.
        products: of the forward pass.
    """

    name: str
    flags: Any
    model: tuple[type, dict]
    trainer: tuple[type, dict]
    phase: str
    batch: tuple
    products: tuple[Product, ...]


def sentiment_step(time: int = 240) -> Step:
    """The classifier of the user's own reviews."""
    flags = sentiment_flags.PRESETS["csv"]
    batch, units = flags.batch_size, flags.units
    labels = np.eye(2, dtype=np.float32)[np.arange(batch) % 2]
    direction = _layer(batch, time, flags.embedding_units, units)
    return Step(
        f"sentiment csv, {batch} reviews of {time} words",
        flags,
        (SentimentClassifier, {"vocabulary_size": flags.vocabulary_size, "classes": 2}),
        (sentiment.Trainer, {"batches": SimpleNamespace(steps=STEPS)}),
        "train",
        (_words(batch, time, words=flags.vocabulary_size), labels, np.ones(batch, np.float32)),
        (*direction, *direction, Product(batch, 4 * units + 1, 2)),
    )


def translation_step(time: int = 16) -> Step:
    """The translator of Multi30k."""
    flags = translation_flags.PRESETS["multi30k"]
    batch, width, units = flags.batch_size, flags.embedding_units, flags.units
    memory, rows = 2 * flags.encoder_units, batch * time
    source, tokens, answers = (_words(batch, time, words=flags.vocabulary_size) for _ in range(3))
    direction = _layer(batch, time, width, flags.encoder_units)
    return Step(
        f"translation multi30k, {batch} pairs of {time} and {time} subwords",
        flags,
        (Translator, {"vocabulary_size": flags.vocabulary_size}),
        (translation.Trainer, {"batches": SimpleNamespace(steps=STEPS)}),
        "train",
        ({"source": source, "tokens": tokens}, answers, np.ones((batch, time), np.float32)),
        (
            *direction,
            *direction,
            Product(batch, 2 * memory, units),  # the sentence
            Product(batch, units, 4 * units),  # the first states
            Product(rows, memory, flags.attention_units),  # keys
            *_layer(batch, time, width, units),
            Product(rows, units, flags.attention_units),  # queries
            *_layer(batch, time, units + memory, units),
            Product(rows, units + memory + width, width),  # readout
            Product(rows, width, flags.vocabulary_size),
        ),
    )


def captioning_step(time: int = 12) -> Step:
    """The captioner of Flickr8k, with the encoder frozen and its features at hand."""
    flags = replace(captioning_flags.PRESETS["flickr8k"], fine_tune_from=None)
    images, width, units = flags.batch_size, flags.embedding_units, flags.units
    captions, cells = images * CAPTIONS, images * CELLS
    features = np.random.default_rng(0).random((images, CELLS, CHANNELS), np.float32)
    tokens, answers = (_words(images, CAPTIONS, time, words=WORDS) for _ in range(2))
    phase = captioning.LIKELIHOOD
    trainer = {"phases": {phase: flags.epochs}, "batches": {phase: SimpleNamespace(steps=STEPS)}}
    return Step(
        f"captioning flickr8k, {images} images with {CAPTIONS} captions of {time} words",
        flags,
        (Captioner, {"vocabulary_size": WORDS, "encoder": None}),
        (captioning.Trainer, trainer),
        phase,
        ({"features": features, "tokens": tokens}, answers, np.ones(answers.shape, np.float32)),
        (
            Product(cells, CHANNELS, width),
            Product(images, width, width),  # the image as a whole
            Product(cells, width, flags.attention_units),  # keys
            *_layer(captions, time, width, units),
            Product(captions * time, units, flags.attention_units),  # queries
            *_layer(captions, time, units + width, units),
            Product(captions * time, units + width, width),  # readout
            Product(captions * time, width, WORDS),
        ),
    )


def charlm_step() -> Step:
    """The character model of Tiny Shakespeare."""
    flags = charlm_flags.PRESETS["tiny_shakespeare"]
    batch, time, units = flags.batch_size, flags.time, flags.units
    tokens, answers = (_words(batch, time, words=CHARACTERS) for _ in range(2))
    return Step(
        f"charlm tiny_shakespeare, {batch} rows of {time} characters",
        flags,
        (char_lm.CharLM, {"vocabulary_size": CHARACTERS}),
        (charlm.Trainer, {"streams": SimpleNamespace(steps=STEPS)}),
        "train",
        ({"tokens": tokens, "begins": np.zeros(batch, bool)}, answers),
        (
            *_layer(batch, time, flags.embedding_units, units),
            *_layer(batch, time, units, units),
            Product(batch * time, units + 1, CHARACTERS),
        ),
    )


STEPS_OF = {
    "sentiment": sentiment_step,
    "translation": translation_step,
    "captioning": captioning_step,
    "charlm": charlm_step,
}


def _layer(batch: int, time: int, width: int, units: int) -> tuple[Product, Product]:
    """An LSTM over `[batch, time, width]` and the constant feature."""
    gates = 4 * units
    return Product(batch * time, width + 1, gates), Product(batch, units, gates, time)


def _words(*shape: int, words: int) -> np.ndarray:
    """Words but padding, `<int32>`."""
    return np.random.default_rng(sum(shape)).integers(4, words, shape, dtype=np.int32)


# Our steps.


def ours(step: Step) -> Run:
    """The step of the project's model: a function that waits for the loss."""
    (model_class, sizes), (trainer_class, values) = step.model, step.trainer
    model = model_class(**arguments_of(model_class, step.flags, **sizes))
    inputs = step.batch[0]
    shapes = {k: v.shape for k, v in inputs.items()} if isinstance(inputs, dict) else inputs.shape
    model.build(shapes)
    trainer = object.__new__(trainer_class)  # without data: `compile` alone is wanted
    trainer.__dict__.update(values, flags=step.flags, model=model, epochs=step.flags.epochs)
    trainer.compile(step.phase)
    batch = tf.nest.map_structure(tf.constant, step.batch)
    return lambda: model.train_on_batch(*batch)


def keras_twin(step: Step) -> Run:
    """The step of the same model over `keras.layers.LSTM`."""
    with on_keras_layers():
        run = ours(step)
        run()  # is traced here
    return run


@contextmanager
def on_keras_layers() -> Iterator[None]:
    """Models built here are over `keras.layers.LSTM`, and form all logits for their loss."""
    modules = (attention_decoder, sentence_encoder, word_encoder, char_lm)
    patches = [mock.patch.object(module, "lecture_layer", _keras_layer) for module in modules]
    patches.append(mock.patch.object(char_lm, "ReparametrisedRNN", KerasRecurrence))
    patches.append(mock.patch.object(zoo.model, "LARGE", float("inf")))
    with ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        yield


def _keras_layer(cell, units, name, **options) -> keras.Layer:
    own = {key: options[key] for key in ("return_state", "go_backwards") if key in options}
    return keras.layers.LSTM(units, return_sequences=True, name=name, **own)


class KerasRecurrence(keras.Layer):
    """In the place of `ReparametrisedRNN`: Keras' layer, without dropout of weights."""

    def __init__(self, cell, name, **options):
        super().__init__(name=name)
        units = cell.units
        self.layer = keras.layers.LSTM(units, return_sequences=True, return_state=True)

    def build(self, shape):
        self.layer.build(shape)
        self.built = True

    def call(self, x, states, keep=None, fixed=None, training=False):
        h, *states = self.layer(x, initial_state=list(states), training=training)
        return h, states
