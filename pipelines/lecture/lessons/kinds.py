"""One to many, many to one, many to many: the same cell, read and written at other steps.

Each application's type is drawn as the lecture draws it, and the application's own model is
measured at a small size: an output depends on an input exactly where the drawing has a path from
the one to the other, forward in time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np

from pipelines.lecture import drawing
from pipelines.lecture.lesson import Finding, LessonFlags, Result
from pipelines.report import Html, table
from zoo.models.captioner import Captioner
from zoo.models.char_lm import CharLM
from zoo.models.sentiment import SentimentClassifier
from zoo.models.translator import Translator

SYMBOLS = 12
FIRST = 4  # of the symbols that stand for nothing in particular; translators pad with 0
SIZES = {"vocabulary_size": SYMBOLS, "units": 8, "embedding_units": 8}
IMAGES = np.random.default_rng(0).normal(size=(SYMBOLS, 1, 2, 8)).astype("float32")
SOURCE = 3  # words of the drawn sentence to translate


@dataclass(frozen=True)
class Flags(LessonFlags):
    """One to many, many to one, many to many."""


def run(flags: Flags) -> Result:
    """Draws all types, and measures which outputs depend on which inputs."""
    rows, numbers, pictures, right = [], {}, [], 0
    for name, kind in TYPES.items():
        keras.utils.set_random_seed(flags.seed)
        model = kind["model"]()
        expected = paths(kind["steps"])
        depends = dependence(model, kind["inputs"], expected.shape[1])
        right += np.array_equal(depends, expected)
        rows.append((name, kind["application"], *depends.shape[::-1], model.count_params()))
        numbers[name] = depends.astype(int).tolist()
        pictures.append(_picture(name, kind, depends))
    finding = Finding(
        "One to many, many to one and many to many are one network, read and written at other "
        "steps: an output sees the inputs up to its own step.",
        f"Of the {len(TYPES)} applications' models, {right} depend on exactly the inputs that the "
        "drawing has a path from.",
        right == len(TYPES),
    )
    notes = [
        "The models are the applications' own, one layer a direction, of the size that the table "
        "names; the classifier reads forwards alone and the translator has no attention, so that "
        "each is as drawn."
    ]
    header = ["type", "application", "inputs", "outputs", "parameters of the network measured"]
    blocks = [table(header, rows), *pictures]
    return Result([finding], {"outputs by inputs": numbers}, blocks, notes)


def paths(steps: Sequence[drawing.Step]) -> np.ndarray:
    """`<bool>[outputs, inputs]`: whether the drawing leads from the input to the output."""
    inputs, outputs = (
        np.flatnonzero([name is not None for name in names]) for names in zip(*steps, strict=True)
    )
    return inputs <= outputs[:, None]


def dependence(
    model: Callable[[Any], Any], inputs: Callable[[np.ndarray], Any], count: int
) -> np.ndarray:
    """`<bool>[outputs, inputs]`: whether an output changes where that input alone changes."""

    def answers(symbols):
        logits = keras.ops.convert_to_numpy(model(inputs(symbols)))
        return logits.reshape(-1, logits.shape[-1])

    places = np.arange(count)
    before = answers(FIRST + places)
    changed = [answers(np.where(places == t, SYMBOLS - 1, FIRST + places)) for t in places]
    return np.stack([(logits != before).any(axis=-1) for logits in changed], axis=1)


def image_and_words(symbols: np.ndarray) -> dict[str, np.ndarray]:
    """The image begins the sequence, and the words before each answer follow."""
    return {"features": IMAGES[symbols[0]], "tokens": symbols[None, None, 1:]}


def source_and_words(symbols: np.ndarray) -> dict[str, np.ndarray]:
    """The source is read first; its state begins the sequence to write."""
    return {"source": symbols[None, :SOURCE], "tokens": symbols[None, SOURCE:]}


# By the lecture's names: the use in this project; the steps of the drawing; whether a drawn output
# is the next step's input; the application's model; its inputs, from a symbol for each drawn input
# (the logits have a row for each drawn output).
TYPES = {
    "one to many": {
        "application": "image captioning",
        "steps": [
            ("image", None),
            ("<start>", "a"),
            ("a", "red"),
            ("red", "ball"),
            ("ball", "<end>"),
        ],
        "fed_back": True,
        "model": partial(Captioner, attention="none", **SIZES),
        "inputs": image_and_words,
    },
    "many to one": {
        "application": "sentiment classification",
        "steps": [("what", None), ("a", None), ("film", None), ("!", "positive")],
        "fed_back": False,
        "model": partial(SentimentClassifier, pooling="last", bidirectional=False, **SIZES),
        "inputs": np.atleast_2d,
    },
    "many to many, read then written": {
        "application": "machine translation",
        "steps": [
            *(("I", None), ("am", None), ("here", None)),
            *(("<start>", "ich"), ("ich", "bin"), ("bin", "hier")),
        ],
        "fed_back": True,
        "model": partial(Translator, encoder_units=8, attention="none", **SIZES),
        "inputs": source_and_words,
    },
    "many to many, step by step": {
        "application": "language model",
        "steps": [("h", "e"), ("e", "l"), ("l", "l"), ("l", "o")],
        "fed_back": False,
        "model": partial(CharLM, batch_size=1, **SIZES),
        "inputs": np.atleast_2d,
    },
}


def _picture(name: str, kind: dict[str, Any], depends: np.ndarray) -> Html:
    title = f"{name}: {kind['application']}"
    steps = partial(
        drawing.sequence,
        steps=kind["steps"],
        title=title,
        fed_back=kind["fed_back"],
        labels=("", "", ""),
    )
    matrix = partial(
        drawing.heat_map,
        values=depends,
        columns=[given for given, _ in kind["steps"] if given is not None],
        rows=[output for _, output in kind["steps"] if output is not None],
        title="measured: which output depends on which input",
        xlabel="input",
        ylabel="output",
    )
    return drawing.picture(title, (5.2, 2.7), steps, matrix)
