"""The first LSTM of a trained model, and its input for a sentence.

The sentiment and the character model feed it x_t = E w_t (or w_t one-hot), followed by the constant
1 where they have one. A run is read from its files: config.json, the vocabulary that it keeps, and
the best checkpoint.
"""

import re
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import keras
import numpy as np

from pipelines import runs, training
from pipelines.flags import arguments_of
from zoo.models.char_lm import CharLM
from zoo.models.sentiment import SentimentClassifier

MODELS = {"sentiment": SentimentClassifier, "charlm": CharLM}


class Reading(NamedTuple):
    """A sentence as an LSTM reads it.

    tokens: the label of each step.
    x: `<float32>[time, input]`.
    layer: gives h of each step.
    note: which network it is, for the reader of the picture.
    """

    tokens: list[str]
    x: np.ndarray
    layer: keras.layers.RNN
    note: str


def read(model: keras.Model, tokens: list[str], numbers: list[int], note: str) -> Reading:
    """The first LSTM that reads forwards in a model of `MODELS`, with its input for the tokens."""
    if isinstance(model, CharLM):
        parts = model.as_printed()  # the weights of the lecture's equations
        cell = parts.recurrences[0].cell
    else:
        parts = model.reader
        cell = parts.stacks[0][0].cell
    embed = parts.embedding or partial(keras.ops.one_hot, num_classes=parts.vocabulary_size)
    x = embed(np.array(numbers))
    x = x if parts.constant is None else parts.constant(x)
    layer = keras.layers.RNN(cell, return_sequences=True)
    return Reading(tokens, keras.ops.convert_to_numpy(x), layer, note)


def read_run(run: Path, text: str) -> Reading:
    """The first LSTM of a run with the input that it gets from `text`.

    Args:
        run: the run's folder, `<runs>/<task>/<name>`, of one of `MODELS`.
        text: a sentence; words that the run does not know become its unknown word.

    Raises:
        ValueError: the folder holds no such run, or one of another version, or one that is altered,
            or the run's cell is not an LSTM.
    """
    task = run.resolve().parent.name
    if task not in MODELS or not (run / "state.json").exists():
        raise ValueError(
            f"`run` must be the folder of a run with a checkpoint of one of {tuple(MODELS)}, "
            f"runs/<task>/<name>. Got {run}."
        )
    runs.check_version(run)
    config = runs.read_json(run / "config.json")
    if config.get("cell") not in ("lstm", "lstm_tanh"):
        raise ValueError(f"`run` must have an LSTM, which has gates. Got {config.get('cell')!r}.")
    if config.get("pairs"):
        raise ValueError(f"`run` must read single words alone. Got --pairs {config['pairs']}.")
    tokens, numbers, size = encode(text, runs.kept(run, "vocabulary"))
    if not tokens:
        raise ValueError(f"`text` must hold at least one word. Got {text!r}.")
    sizes = {"vocabulary_size": size}
    if task == "sentiment":
        sizes["classes"] = len(runs.kept(run, "labels"))
    model = MODELS[task](**arguments_of(MODELS[task], SimpleNamespace(**config), **sizes))
    model.build((None, None))
    training.load_best(model, run)
    note = (
        f"The heat maps show the first LSTM of {run}. Cell: {config['cell']}, {config['units']} "
        "units."
    )
    return read(model, tokens, numbers, note)


def encode(text: str, vocabulary: Any) -> tuple[list[str], list[int], int]:
    """Tokens, their numbers, and how many numbers there are.

    Tokens are characters or bytes for `{"unit", "symbols"}` (number n + 1 is symbol n, 0 is any
    other), and words for a list of words (1 is any other).
    """
    if isinstance(vocabulary, dict):
        symbols = vocabulary["symbols"]
        units = text.encode() if vocabulary["unit"] == "byte" else map(ord, text)
        numbers = [symbols.index(unit) + 1 if unit in symbols else 0 for unit in units]
        letters = [chr(symbols[number - 1]) if number else "?" for number in numbers]
        return ["␣" if letter == " " else letter for letter in letters], numbers, len(symbols) + 1
    words = re.findall(r"\w+|[^\w\s]", text if text in vocabulary else text.lower())
    places = {word: number for number, word in enumerate(vocabulary)}
    return words, [places.get(word, 1) for word in words], len(vocabulary)
