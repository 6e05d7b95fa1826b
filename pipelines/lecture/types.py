"""One to many, many to one, many to many: the same cell, read and written at other steps.

Each application's type is drawn as the lecture draws it, and a small network of that type, made of
the lecture's LSTM, is measured: an output depends on an input exactly where a path leads from the
one to the other, forward in time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from pipelines.lecture import drawing, learning
from pipelines.lecture.drawing import Step
from pipelines.lecture.lesson import Finding, Lesson, LessonFlags, Result, check_at_least
from pipelines.report import Html, table
from zoo.layers import LSTM
from zoo.layers.constant_feature import ConstantFeature

FEATURES = 3


@dataclass(frozen=True)
class Flags(LessonFlags):
    """One to many, many to one, many to many, drawn and measured."""

    units: int = 8
    """Size of h in the measured networks."""


class Type(NamedTuple):
    """A type of network.

    name: as the lecture names it.
    application: what this project does with it.
    steps: of the drawing.
    fed_back: whether a drawn output is the next step's input.
    build: units -> a small network of the type, `<float32>[batch, inputs, 3]` -> outputs
        `<float32>[batch, outputs, 1]`.
    inputs: of the network measured.
    expected: `<bool>[outputs, inputs]`, which output may see which input.
    """

    name: str
    application: str
    steps: tuple[Step, ...]
    fed_back: bool
    build: Callable[[int], keras.Model]
    inputs: int
    expected: np.ndarray


def run(flags: Flags) -> Result:
    """Draws all types, and measures which outputs depend on which inputs."""
    check_at_least(flags, units=1)
    rows, seen, blocks = [], {}, []
    for kind in TYPES:
        keras.utils.set_random_seed(flags.seed)
        model = kind.build(flags.units)
        seen[kind.name] = dependence(model, kind.inputs, flags.seed)
        outputs = len(kind.expected)
        rows.append((kind.name, kind.application, kind.inputs, outputs, model.count_params()))
        blocks.append(_picture(kind, seen[kind.name]))
    right = [kind.name for kind in TYPES if np.array_equal(seen[kind.name], kind.expected)]
    findings = [
        Finding(
            "One to many, many to one and many to many are one network, read and written at "
            "other steps: an output sees the inputs up to its own step.",
            f"Of {len(TYPES)} types, {len(right)} depend on exactly the inputs that the drawing "
            "has a path from, in networks of the lecture's LSTM.",
            len(right) == len(TYPES),
        )
    ]
    header = ["type", "application", "inputs", "outputs", "parameters of the network measured"]
    numbers = {name: matrix.astype(int).tolist() for name, matrix in seen.items()}
    return Result(findings, {"outputs by inputs": numbers}, [table(header, rows), *blocks])


def dependence(model: keras.Model, inputs: int, seed: int) -> np.ndarray:
    """`<bool>[outputs, inputs]`: whether an output changes where that input alone changes.

    One sequence a call: in a batch, equal rows may differ in their last bits.
    """
    x = np.random.default_rng(seed).normal(size=(1, inputs, FEATURES)).astype("float32")
    changed = np.repeat(x, inputs, axis=0)
    changed[np.arange(inputs), np.arange(inputs)] += 1.0
    before = learning.predict(model, x)[0, :, 0]
    after = np.stack([learning.predict(model, row[None])[0, :, 0] for row in changed], axis=1)
    return after != before[:, None]


def one_to_many(units: int, outputs: int = 4) -> keras.Model:
    """The input begins the sequence; later steps read the constant alone."""
    inputs = keras.Input((1, FEATURES))
    padded = ops.pad(inputs, ((0, 0), (0, outputs - 1), (0, 0)))
    h = LSTM(units, return_sequences=True)(ConstantFeature()(padded))
    return keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(h))


def many_to_one(units: int) -> keras.Model:
    """The last state is read out."""
    inputs = keras.Input((None, FEATURES))
    h = LSTM(units)(ConstantFeature()(inputs))
    return keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(h)[:, None])


def encoder_decoder(units: int, outputs: int = 3) -> keras.Model:
    """All is read first; the last state begins the sequence that is written."""
    inputs = keras.Input((None, FEATURES))
    _, h, C = LSTM(units, return_state=True)(ConstantFeature()(inputs))
    blank = ops.repeat(ops.zeros_like(inputs[:, :1, :1]), outputs, axis=1)
    written = LSTM(units, return_sequences=True)(ConstantFeature()(blank), initial_state=[h, C])
    return keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(written))


def step_by_step(units: int) -> keras.Model:
    """An answer at each step."""
    inputs = keras.Input((None, FEATURES))
    h = LSTM(units, return_sequences=True)(ConstantFeature()(inputs))
    return keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(h))


TYPES = (
    Type(
        "one to many",
        "image captioning",
        (Step("image", "a"), Step("a", "red"), Step("red", "ball"), Step("ball", "<end>")),
        True,
        one_to_many,
        1,
        np.ones((4, 1), bool),
    ),
    Type(
        "many to one",
        "sentiment classification",
        (Step("what", None), Step("a", None), Step("film", None), Step("!", "positive")),
        False,
        many_to_one,
        4,
        np.ones((1, 4), bool),
    ),
    Type(
        "many to many, read then written",
        "machine translation",
        (
            Step("I", None),
            Step("am", None),
            Step("here", None),
            Step("<start>", "ich"),
            Step("ich", "bin"),
            Step("bin", "hier"),
        ),
        True,
        encoder_decoder,
        3,
        np.ones((3, 3), bool),
    ),
    Type(
        "many to many, step by step",
        "language model",
        (Step("h", "e"), Step("e", "l"), Step("l", "l"), Step("l", "o")),
        False,
        step_by_step,
        4,
        np.tril(np.ones((4, 4), bool)),
    ),
)


def _picture(kind: Type, seen: np.ndarray) -> Html:
    with drawing.panels(1, 2, 5.2, 2.7) as (sketch, axes):
        drawing.sequence(axes[0, 0], kind.steps, fed_back=kind.fed_back, labels=False)
        axes[0, 0].set_title(f"{kind.name}: {kind.application}", fontsize=10)
        panel = axes[0, 1]
        panel.imshow(seen, cmap="Blues", vmin=0, vmax=1.4, origin="lower")
        panel.set_xticks(range(seen.shape[1]), range(1, seen.shape[1] + 1))
        panel.set_yticks(range(seen.shape[0]), range(1, seen.shape[0] + 1))
        panel.set_xlabel("input")
        panel.set_ylabel("output")
        panel.set_title("measured: which output depends on which input", fontsize=10)
    return drawing.picture(sketch, f"{kind.name}: {kind.application}")


LESSON = Lesson("types", "one to many, many to one, many to many", Flags, run)
