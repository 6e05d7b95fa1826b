"""The first LSTM of a trained run, and its input for a sentence.

Read from the run's files alone: config.json, state.json, the vocabulary that the run keeps, and the
best checkpoint.
The sentiment and the character model feed their first LSTM with x_t = E w_t (or with w_t one-hot),
followed by the constant 1 where they have one; models that feed it otherwise are refused.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from pipelines import runs
from zoo.layers import LSTM, LSTMCell
from zoo.layers.reparametrised_rnn import ReparametrisedRNN
from zoo.models import char_lm

TASKS = ("sentiment", "charlm")


class Reading(NamedTuple):
    """A sentence as an LSTM reads it.

    tokens: the label of each step.
    x: `<float32>[time, input]`.
    layer: built, with `return_sequences=True`.
    note: the cell and its size, for the reader of the picture.
    """

    tokens: list[str]
    x: np.ndarray
    layer: LSTM
    note: str = ""


def read_run(run: Path, text: str) -> Reading:
    """The first LSTM of a run with the input that it gets from `text`.

    Args:
        run: the run's folder, `<runs>/<task>/<name>`, of one of `TASKS`.
        text: a sentence; words that the run does not know become its unknown word.

    Raises:
        ValueError: the folder holds no such run, or one of another version, or the run's cell is
            not an LSTM.
    """
    if run.resolve().parent.name not in TASKS or not (run / "state.json").exists():
        raise ValueError(
            f"`run` must be the folder of a run with a checkpoint of one of {TASKS}, "
            f"runs/<task>/<name>. Got {run}."
        )
    runs.check_version(run)
    config = runs.read_json(run / "config.json")
    if config.get("cell") not in ("lstm", "lstm_tanh"):
        raise ValueError(f"`run` must have an LSTM, which has gates. Got {config.get('cell')!r}.")
    if config.get("pairs"):
        raise ValueError(f"`run` must read single words alone. Got --pairs {config['pairs']}.")
    arrays = best_arrays(run)
    tokens, numbers, size = encode(text, runs.kept(run, "vocabulary"))
    if not tokens:
        raise ValueError(f"`text` must hold at least one word. Got {text!r}.")
    kernel, recurrent = first_cell(run, arrays)
    if config.get("centred") and config["cell"] == "lstm":
        kernel, recurrent = _as_the_lecture_has_them(kernel, recurrent, config["constant_feature"])
    x = _inputs(numbers, size, arrays, kernel.shape[0])
    layer = LSTM(
        recurrent.shape[0],
        candidate_activation="tanh" if config["cell"] == "lstm_tanh" else "sigmoid",
        return_sequences=True,
    )
    layer.build((None, None, kernel.shape[0]))
    layer.cell.kernel.assign(kernel)
    layer.cell.recurrent_kernel.assign(recurrent)
    return Reading(tokens, x, layer, f"Cell: {config['cell']}, {recurrent.shape[0]} units.")


def best_arrays(run: Path) -> dict[str, np.ndarray]:
    """The model's variables by their path, from the run's best checkpoint, in the model's order."""
    name = runs.read_json(run / "state.json")["best"][0]["file"]
    with np.load(run / "checkpoints" / name, allow_pickle=False) as file:
        keys = sorted(key for key in file.files if key.startswith("model/"))
        return {key.split("/", 2)[2]: file[key] for key in keys}


def first_cell(run: Path, arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """`kernel` and `recurrent_kernel` of the first LSTM in the model's order.

    Raises:
        ValueError: the arrays are of no LSTM.
    """
    for path, recurrent in arrays.items():
        kernel = arrays.get(path.replace("recurrent_kernel", "kernel"))
        fused = recurrent.ndim == 2 and recurrent.shape[1] == 4 * recurrent.shape[0]
        if path.endswith("/recurrent_kernel") and kernel is not None and fused:
            return kernel, recurrent
    raise ValueError(f"`run` must hold the weights of an LSTM. Got {run}: {', '.join(arrays)}.")


def _as_the_lecture_has_them(
    kernel: np.ndarray, recurrent: np.ndarray, constant: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The cell's W from what a centred character model learns: see `ReparametrisedRNN`."""
    layer = ReparametrisedRNN(
        LSTMCell(recurrent.shape[0]), gain=char_lm.GAIN, center=char_lm.CENTER if constant else 0.0
    )
    layer.build((None, None, kernel.shape[0]))
    layer.cell.kernel.assign(kernel)
    layer.cell.recurrent_kernel.assign(recurrent)
    W_x, W_h = (keras.ops.convert_to_numpy(weights) for weights in layer.lecture_weights())
    return W_x, W_h


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


def _inputs(numbers: list[int], size: int, arrays: dict[str, np.ndarray], width: int) -> np.ndarray:
    """x of each step, with the constant 1 at its end where the cell's kernel has a row for it.

    Raises:
        ValueError: the kernel has rows for more.
    """
    tables = [array for path, array in arrays.items() if path.endswith("/embeddings")]
    x = (tables[0] if tables else np.eye(size, dtype="float32"))[numbers]
    if width not in (x.shape[1], x.shape[1] + 1):
        raise ValueError(
            f"The first LSTM of `run` must read {x.shape[1]} features, with or without a constant. "
            f"Its kernel has {width} rows."
        )
    ones = np.ones((len(x), width - x.shape[1]), x.dtype)
    return np.concatenate([x, ones], axis=1)
