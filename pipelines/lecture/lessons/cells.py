"""The lecture's cells and their well-known variants: what each departure buys.

Two tables. The first is measured here, on one small task that takes a minute: the next character of
English text, by the same network with another cell. The second is read from the applications' runs,
as far as there are any.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import keras
import numpy as np
from matplotlib.axes import Axes

from pipelines import runs
from pipelines.flags import Positive
from pipelines.lecture import drawing, fitting
from pipelines.lecture.lesson import Finding, LessonFlags, Result, at_least
from pipelines.report import metrics_table, table
from zoo.layers import LSTM, SimpleRNN
from zoo.layers.constant_feature import ConstantFeature, GateOffsets

BATCH = 32
HELD_OUT = 20_000  # characters
NOT_LEARNT = ("carried", "seed_generator_state")  # in a checkpoint, but no parameters
DEPARTURES = ("cell", "constant_feature", "gate_offsets", "use_bias")  # flags that runs may have
TANH, BIAS = {"candidate_activation": "tanh"}, {"use_bias": True}
CELLS = {  # layer, options, whether x ends in a constant
    "lecture's RNN": (SimpleRNN, {}, False),
    "lecture's LSTM": (LSTM, {}, False),
    "lecture's LSTM, constant feature": (LSTM, {"kernel_initializer": GateOffsets()}, True),
    "LSTM, tanh candidate": (LSTM, TANH, False),
    "LSTM, bias": (LSTM, BIAS, False),
    "LSTM, tanh candidate and bias": (LSTM, {**TANH, **BIAS}, False),
}


@dataclass(frozen=True)
class Flags(LessonFlags):
    """The lecture's cells beside their variants."""

    units: Positive = 64
    """Size of h."""
    length: Annotated[int, at_least(2)] = 50  # characters
    """Characters of a training sequence."""
    characters: Annotated[int, at_least(1000)] = 200_000
    """Characters of text to train on."""
    steps: Annotated[int, at_least(2)] = 300
    """Training steps of 32 sequences."""
    runs_dir: Path = Path("runs")
    """Folder of the applications' runs."""


def run(flags: Flags) -> Result:
    """Trains each cell on the same text, and reads the applications' runs."""
    past = find_runs(flags.runs_dir)
    text = read_text(flags.characters)
    measured = {name: measure(name, *text, flags) for name in CELLS}
    entropy = frequency_bits(*text)
    bits = {name: row["bits a character"] for name, row in measured.items()}
    panel = partial(_bars, bits=bits, entropy=entropy)
    blocks = [
        metrics_table(measured, "cell"),
        drawing.picture("bits a character of each cell", (7.0, 2.6), panel),
    ]
    if past:
        rows = [{**run, "metrics": _shown(run["metrics"])}.values() for run in past]
        blocks.append(table(list(past[0]), rows))
    numbers = {"measured here": measured, "by frequency": entropy, "runs": past}
    notes = _notes(flags, *bits.values(), found=[run["cell"] for run in past])
    return Result(_findings(flags, measured, entropy), numbers, blocks, notes)


def network(name: str, symbols: int, units: int) -> keras.Model:
    """`<int32>[batch, time]` -> logits of the next character `<float32>[batch, time, symbols]`."""
    layer, options, constant = CELLS[name]
    tokens = keras.Input((None,), dtype="int32")
    x = keras.ops.one_hot(tokens, symbols)
    if constant:
        x = ConstantFeature()(x)
    h = layer(units, return_sequences=True, **options)(x)
    return keras.Model(tokens, keras.layers.Dense(symbols, use_bias=False)(h))


def read_text(characters: int) -> tuple[np.ndarray, np.ndarray, int]:
    """English text that every Python carries: the manual pages of its `help()`.

    Returns:
        Numbers of the characters `<int32>[characters]` to train on and `<int32>[20000]` that follow
        them, held out, and how many different ones there are.

    Raises:
        ValueError: the text is shorter than asked for.
    """
    from pydoc_data.topics import topics

    text = "".join(topics[name] for name in sorted(topics))
    if characters + HELD_OUT > len(text):
        raise ValueError(
            f"`characters` must be at most {len(text) - HELD_OUT}, which Python's manual has. "
            f"Got {characters}."
        )
    symbols, numbers = np.unique(list(text[: characters + HELD_OUT]), return_inverse=True)
    train, held_out = np.split(numbers.astype("int32"), [characters])
    return train, held_out, len(symbols)


def measure(
    name: str, text: np.ndarray, held_out: np.ndarray, symbols: int, flags: Flags
) -> dict[str, float]:
    """Trains one cell: bits a character on held-out text, milliseconds a step, and sizes."""
    keras.utils.set_random_seed(flags.seed)
    model = network(name, symbols, flags.units)
    fitting.compile_model(model, 3e-3, fitting.classes_loss(), fast=True)
    examples = partial(batch, text=text, length=flags.length)
    _, milliseconds = fitting.train(model, examples, flags.steps, flags.seed)
    arrays = 1 if CELLS[name][0] is SimpleRNN else 6  # h; h, C, f, i, c, o
    return {
        "bits a character": bits_of(model, held_out, flags.length),
        "milliseconds a step": milliseconds,
        "parameters": model.count_params(),
        "kept for the backward pass, kB": arrays * flags.units * flags.length * BATCH * 4 / 1000,
    }


def batch(rng: np.random.Generator, text: np.ndarray, length: int):
    """Characters `<int32>[32, length]` from places drawn at random, and those after each."""
    starts = rng.integers(len(text) - length, size=(BATCH, 1))
    rows = text[starts + np.arange(length + 1)]
    return rows[:, :-1], rows[:, 1:]


def bits_of(model: keras.Model, text: np.ndarray, length: int) -> float:
    """-log2 p of the next character, mean over `text` in sequences of `length`."""
    end = (len(text) - 1) // length * length
    x, y = text[:end].reshape(-1, length), text[1 : end + 1].reshape(-1, length)
    return float(fitting.classes_loss()(y, fitting.predict(model, x))) / float(np.log(2))


def frequency_bits(text: np.ndarray, held_out: np.ndarray, symbols: int) -> float:
    """Bits a character of an answer by frequency alone, which needs no memory."""
    counts = np.bincount(text, minlength=symbols) + 1.0
    return float(-np.log2(counts / counts.sum())[held_out].mean())


def find_runs(folder: Path) -> list[dict[str, Any]]:
    """Complete runs under `folder` whose config names a cell; those of one data set together."""
    rows = [_run_row(path.parent) for path in folder.glob("*/*/metrics.json")]
    rows = [row for row in rows if row["cell"] is not None]
    return sorted(rows, key=lambda row: (row["task"], str(row["dataset"]), row["run"]))


def _run_row(run: Path) -> dict[str, Any]:
    """A run with its metrics and the number of its parameters."""
    config, measured = (runs.read_json(run / name) for name in ("config.json", "metrics.json"))
    memory = measured.get("peak_memory")  # bytes
    return {
        "task": run.parent.name,
        "dataset": config.get("dataset"),
        "run": run.name,
        **{name: config.get(name) for name in DEPARTURES},
        "metrics": measured.get("metrics", {}),
        "seconds of training": measured.get("train_seconds"),
        "peak memory, MB": memory and memory / 1e6,
        "parameters": count_parameters(run),
    }


def count_parameters(run: Path) -> int:
    """Numbers in the weights of a run's best checkpoint."""
    best = runs.read_json(run / "state.json")["best"][0]["file"]
    with np.load(run / "checkpoints" / best, allow_pickle=False) as arrays:
        return sum(arrays[name].size for name in arrays.files if not name.endswith(NOT_LEARNT))


def _shown(metrics: dict[str, Any]) -> str:
    numbers = {k: v for k, v in metrics.items() if isinstance(v, (int, float))}
    return ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())


def _findings(flags: Flags, measured: dict[str, dict], entropy: float) -> list[Finding]:
    (rnn, rnn_time, rnn_size, _), (lstm, lstm_time, lstm_size, _), *_ = (
        row.values() for row in measured.values()
    )
    return [
        Finding(
            "The lecture's cells learn to predict text.",
            f"{rnn:.2f} (RNN) and {lstm:.2f} (LSTM) bits a character after {flags.steps} steps; by "
            f"frequency alone {entropy:.2f}.",
            max(rnn, lstm) < entropy,
        ),
        Finding(
            "The LSTM is the better memory, for four times the weights.",
            f"{lstm:.2f} bits against {rnn:.2f}, {lstm_time:.1f} against {rnn_time:.1f} ms a step, "
            f"{lstm_size} against {rnn_size} parameters.",
            lstm < rnn,
        ),
    ]


def _notes(
    flags: Flags,
    rnn: float,
    lstm: float,
    constant: float,
    tanh: float,
    bias: float,
    both: float,
    found: list[str],
) -> list[str]:
    """From the bits a character of each cell, and the cell of each run that was found."""
    return [
        "Departures from the lecture's LSTM change, in bits a character (less is better): "
        f"tanh candidate {tanh - lstm:+.2f}, bias {bias - lstm:+.2f}, both {both - lstm:+.2f}; "
        f"within its equations, constant feature with gate offsets {constant - lstm:+.2f}.",
        f"Text: {flags.characters} characters of Python's own manual, one training of "
        f"{flags.steps} steps each, {flags.units} units, the same learning rate for all: a small "
        "comparison. Memory for the backward pass is counted, not measured.",
        f"Complete runs of applications found under {flags.runs_dir}: {len(found)}; their cells: "
        f"{', '.join(sorted(set(found))) or 'none'}.",
    ]


def _bars(panel: Axes, bits: dict[str, float], entropy: float) -> None:
    names = list(bits)[::-1]
    panel.barh(names, [bits[name] for name in names], color=drawing.W_I)
    panel.axvline(entropy, color=drawing.GREY, linestyle="--", linewidth=1)
    panel.set(title="bits a character; dashed: by frequency alone")
