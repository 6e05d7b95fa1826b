"""One to many, many to one, many to many: the same cell, read and written at other steps.

Each application's type is drawn as the lecture draws it, and the application's own model is
measured at a small size: an output depends on an input exactly where the drawing has a path from
the one to the other, forward in time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np

from pipelines.lecture import drawing
from pipelines.lecture.drawing import Step
from pipelines.lecture.lesson import Finding, Lesson, LessonFlags, Result, check_at_least
from pipelines.report import Html, table
from zoo.models.captioner import Captioner
from zoo.models.char_lm import CharLM
from zoo.models.sentiment import SentimentClassifier
from zoo.models.translator import Translator

SYMBOLS = 12
FIRST = 4  # of the symbols that stand for nothing in particular; translators pad with 0


@dataclass(frozen=True)
class Flags(LessonFlags):
    """One to many, many to one, many to many, drawn and measured."""

    units: int = 8
    """Size of h in the measured networks."""


class Network(NamedTuple):
    """An application's model, asked with the inputs of the drawing.

    model: built.
    answers: a symbol for each drawn input -> logits `<float32>[outputs, ...]`, a row for each drawn
        output.
    """

    model: keras.Model
    answers: Callable[[Sequence[int]], np.ndarray]


class Type(NamedTuple):
    """A type of network.

    name: as the lecture names it.
    application: its use in this project.
    steps: of the drawing.
    fed_back: whether a drawn output is the next step's input.
    build: units -> the application's model.
    """

    name: str
    application: str
    steps: tuple[Step, ...]
    fed_back: bool
    build: Callable[[int], Network]


def run(flags: Flags) -> Result:
    """Draws all types, and measures which outputs depend on which inputs."""
    check_at_least(flags, units=1)
    rows, measured, blocks = [], {}, []
    for kind in TYPES:
        keras.utils.set_random_seed(flags.seed)
        network = kind.build(flags.units)
        depends = measured[kind.name] = dependence(network, len(paths(kind.steps)[0]))
        sizes = (*depends.shape[::-1], network.model.count_params())
        rows.append((kind.name, kind.application, *sizes))
        blocks.append(_picture(kind, depends))
    right = [kind for kind in TYPES if np.array_equal(measured[kind.name], paths(kind.steps))]
    findings = [
        Finding(
            "One to many, many to one and many to many are one network, read and written at "
            "other steps: an output sees the inputs up to its own step.",
            f"Of the {len(TYPES)} applications' models, {len(right)} depend on exactly the inputs "
            "that the drawing has a path from.",
            len(right) == len(TYPES),
        )
    ]
    notes = [
        "The models are the applications' own, one layer a direction, of the size that the table "
        "names; the classifier reads forwards alone and the translator has no attention, so that "
        "each is as drawn."
    ]
    header = ["type", "application", "inputs", "outputs", "parameters of the network measured"]
    numbers = {name: matrix.astype(int).tolist() for name, matrix in measured.items()}
    blocks = [table(header, rows), *blocks]
    return Result(findings, {"outputs by inputs": numbers}, blocks, notes)


def paths(steps: Sequence[Step]) -> np.ndarray:
    """`<bool>[outputs, inputs]`: whether the drawing leads from the input to the output."""
    inputs = np.flatnonzero([step.input is not None for step in steps])
    outputs = np.flatnonzero([step.output is not None for step in steps])
    return inputs <= outputs[:, None]


def dependence(network: Network, inputs: int) -> np.ndarray:
    """`<bool>[outputs, inputs]`: whether an output changes where that input alone changes."""
    symbols = [FIRST + t for t in range(inputs)]
    before = network.answers(symbols)
    columns = []
    for t in range(inputs):
        changed = [*symbols[:t], SYMBOLS - 1, *symbols[t + 1 :]]
        columns.append((network.answers(changed) != before).any(axis=-1))
    return np.stack(columns, axis=1)


def captioning(units: int) -> Network:
    """The image begins the sequence, and the words before each answer follow."""
    images = np.random.default_rng(0).normal(size=(SYMBOLS, 1, 2, units)).astype("float32")
    model = Captioner(SYMBOLS, units, units, units, attention="none")
    model.build({"features": images[0].shape, "tokens": (1, 1, None)})

    def answers(symbols):
        image, *words = symbols
        return _numbers(model({"features": images[image], "tokens": np.array([[words]])}))[0, 0]

    return Network(model, answers)


def sentiment(units: int) -> Network:
    """The state after the last word is read out."""
    model = SentimentClassifier(
        SYMBOLS, pooling="last", units=units, embedding_units=units, bidirectional=False
    )
    model.build((None, None))
    return Network(model, lambda symbols: _numbers(model(np.array([symbols]))))


def translation(units: int) -> Network:
    """The source is read first; its state begins the sequence to write."""
    model = Translator(
        SYMBOLS,
        units=units,
        encoder_units=units,
        embedding_units=units,
        attention="none",
    )
    model.build()
    read = [step.output for step in STEPS_OF_TRANSLATION].count(None)

    def answers(symbols):
        source, words = np.array([symbols[:read]]), np.array([symbols[read:]])
        return _numbers(model({"source": source, "tokens": words}))[0]

    return Network(model, answers)


def language_model(units: int) -> Network:
    """An answer at each step."""
    model = CharLM(SYMBOLS, units=units, embedding_units=units, batch_size=1)
    model.build()
    return Network(model, lambda symbols: _numbers(model(np.array([symbols])))[0])


def _numbers(logits) -> np.ndarray:
    return keras.ops.convert_to_numpy(logits)


STEPS_OF_TRANSLATION = (
    Step("I", None),
    Step("am", None),
    Step("here", None),
    Step("<start>", "ich"),
    Step("ich", "bin"),
    Step("bin", "hier"),
)
TYPES = (
    Type(
        "one to many",
        "image captioning",
        (
            Step("image", None),
            Step("<start>", "a"),
            Step("a", "red"),
            Step("red", "ball"),
            Step("ball", "<end>"),
        ),
        True,
        captioning,
    ),
    Type(
        "many to one",
        "sentiment classification",
        (Step("what", None), Step("a", None), Step("film", None), Step("!", "positive")),
        False,
        sentiment,
    ),
    Type(
        "many to many, read then written",
        "machine translation",
        STEPS_OF_TRANSLATION,
        True,
        translation,
    ),
    Type(
        "many to many, step by step",
        "language model",
        (Step("h", "e"), Step("e", "l"), Step("l", "l"), Step("l", "o")),
        False,
        language_model,
    ),
)


def _picture(kind: Type, depends: np.ndarray) -> Html:
    with drawing.panels(1, 2, 5.2, 2.7) as (sketch, axes):
        drawing.sequence(axes[0, 0], kind.steps, fed_back=kind.fed_back, labels=False)
        axes[0, 0].set_title(f"{kind.name}: {kind.application}", fontsize=10)
        panel = axes[0, 1]
        panel.imshow(depends, cmap="Blues", vmin=0, vmax=1.4, origin="lower")
        inputs = [step.input for step in kind.steps if step.input is not None]
        outputs = [step.output for step in kind.steps if step.output is not None]
        panel.set_xticks(range(len(inputs)), inputs)
        panel.set_yticks(range(len(outputs)), outputs)
        panel.set_xlabel("input")
        panel.set_ylabel("output")
        panel.set_title("measured: which output depends on which input", fontsize=10)
    return drawing.picture(sketch, f"{kind.name}: {kind.application}")


LESSON = Lesson("types", "one to many, many to one, many to many", Flags, run)
