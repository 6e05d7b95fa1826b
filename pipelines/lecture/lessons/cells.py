"""The lecture's cells and their well-known variants: what each departure buys.

Two tables. The first is measured here, on one small task that takes a minute: the next character of
English text, by the same network with another cell. The second is read from the applications' runs,
as far as there are any.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipelines import runs
from pipelines.lecture import drawing, fitting
from pipelines.lecture.lesson import Finding, Lesson, LessonFlags, Result, check_at_least
from pipelines.lecture.trained import best_arrays
from pipelines.report import Html, table
from zoo.layers import LSTM, SimpleRNN
from zoo.layers.constant_feature import ConstantFeature, GateOffsets

BATCH = 32
HELD_OUT = 20_000  # characters
NOT_LEARNT = ("carried", "seed_generator_state")  # in a checkpoint, but no parameters
DEPARTURES = ("cell", "constant_feature", "gate_offsets", "use_bias")  # flags that runs may have


@dataclass(frozen=True)
class Flags(LessonFlags):
    """One table over the cells: lecture RNN, lecture LSTM, tanh candidate, with bias."""

    units: int = 64
    """Size of h."""
    length: int = 50  # characters
    """Characters of a training sequence."""
    characters: int = 200_000
    """Characters of text to train on."""
    steps: int = 300
    """Training steps of 32 sequences."""
    runs_dir: Path = Path("runs")
    """Folder of the applications' runs."""


def run(flags: Flags) -> Result:
    """Trains each cell on the same text, and reads the applications' runs."""
    check_at_least(flags, units=1, length=2, characters=1000, steps=2)
    text, held_out, symbols = read_text(flags.characters)
    measured = {}
    for name in CELLS:
        keras.utils.set_random_seed(flags.seed)
        measured[name] = measure(name, text, held_out, symbols, flags)
    entropy = frequency_bits(text, held_out, symbols)
    return _result(flags, measured, entropy, find_runs(flags.runs_dir))


CELLS = {
    "lecture's RNN": (SimpleRNN, {}, False),
    "lecture's LSTM": (LSTM, {}, False),
    "lecture's LSTM, constant feature": (LSTM, {}, True),
    "LSTM, tanh candidate": (LSTM, {"candidate_activation": "tanh"}, False),
    "LSTM, bias": (LSTM, {"use_bias": True}, False),
    "LSTM, tanh candidate and bias": (
        LSTM,
        {"candidate_activation": "tanh", "use_bias": True},
        False,
    ),
}


def network(name: str, symbols: int, units: int) -> keras.Model:
    """`<int32>[batch, time]` -> logits of the next character `<float32>[batch, time, symbols]`."""
    layer, options, constant = CELLS[name]
    tokens = keras.Input((None,), dtype="int32")
    x = keras.ops.one_hot(tokens, symbols)
    if constant:
        x = ConstantFeature()(x)
        options = {**options, "kernel_initializer": GateOffsets()}
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
    points = np.array([ord(letter) for letter in text[: characters + HELD_OUT]])
    symbols, numbers = np.unique(points, return_inverse=True)
    numbers = numbers.astype("int32")
    return numbers[:characters], numbers[characters:], len(symbols)


def measure(
    name: str, text: np.ndarray, held_out: np.ndarray, symbols: int, flags: Flags
) -> dict[str, float]:
    """Trains one cell: bits a character on held-out text, seconds a step, and sizes."""
    model = network(name, symbols, flags.units)
    fitting.compile_model(model, 3e-3, fitting.classes_loss(), fast=True)
    rng = np.random.default_rng([flags.seed, 1])
    seconds = []
    for _ in range(flags.steps):
        starts = rng.integers(len(text) - flags.length, size=(BATCH, 1))
        rows = text[starts + np.arange(flags.length + 1)]
        began = time.perf_counter()
        float(model.train_on_batch(rows[:, :-1], rows[:, 1:]))
        seconds.append(time.perf_counter() - began)
    arrays = 1 if CELLS[name][0] is SimpleRNN else 6  # h; h, C, f, i, c, o
    return {
        "bits a character": bits(model, held_out, flags.length),
        "milliseconds a step": 1000 * float(np.median(seconds)),
        "parameters": model.count_params(),
        "kept for the backward pass, kB": arrays * flags.units * flags.length * BATCH * 4 / 1000,
    }


def bits(model: keras.Model, text: np.ndarray, length: int) -> float:
    """-log2 p of the next character, mean over `text` in sequences of `length`."""
    count = (len(text) - 1) // length
    x = text[: count * length].reshape(count, length)
    y = text[1 : count * length + 1].reshape(count, length)
    loss = fitting.classes_loss()(y, fitting.predict(model, x))
    return float(keras.ops.convert_to_numpy(loss) / np.log(2))


def frequency_bits(text: np.ndarray, held_out: np.ndarray, symbols: int) -> float:
    """Bits a character of an answer by frequency alone, which needs no memory."""
    counts = np.bincount(text, minlength=symbols) + 1.0
    return float(-np.log2(counts / counts.sum())[held_out].mean())


def find_runs(folder: Path) -> list[dict[str, Any]]:
    """Complete runs under `folder` whose config names a cell, with their metrics and sizes."""
    rows = []
    for path in sorted(folder.glob("*/*/metrics.json")):
        run = path.parent
        if not (run / "config.json").exists() or not (run / "state.json").exists():
            continue
        config, measured = runs.read_json(run / "config.json"), runs.read_json(path)
        if "cell" not in config:
            continue
        rows.append(
            {
                "task": run.parent.name,
                "run": run.name,
                "dataset": config.get("dataset"),
                **{name: config.get(name) for name in DEPARTURES},
                "metrics": measured.get("metrics", {}),
                "train_seconds": measured.get("train_seconds"),
                "peak_memory": measured.get("peak_memory"),
                "parameters": sum(
                    array.size
                    for name, array in best_arrays(run).items()
                    if not name.endswith(NOT_LEARNT)
                ),
            }
        )
    return rows


def _result(flags: Flags, measured: dict, entropy: float, past: list[dict]) -> Result:
    quality = {name: row["bits a character"] for name, row in measured.items()}
    times = {name: row["milliseconds a step"] for name, row in measured.items()}
    rnn, lstm, constant, tanh, bias, tanh_and_bias = quality
    findings = [
        Finding(
            "The lecture's cells learn to predict text.",
            f"{quality[rnn]:.2f} (RNN) and {quality[lstm]:.2f} (LSTM) bits a character after "
            f"{flags.steps} steps; by frequency alone {entropy:.2f}.",
            max(quality[rnn], quality[lstm]) < entropy,
        ),
        Finding(
            "The LSTM is the better memory, for four times the weights.",
            f"{quality[lstm]:.2f} bits against {quality[rnn]:.2f}, "
            f"{times[lstm]:.1f} against {times[rnn]:.1f} ms a step, "
            f"{measured[lstm]['parameters']} against {measured[rnn]['parameters']} parameters.",
            quality[lstm] < quality[rnn],
        ),
    ]
    notes = [
        "Departures from the lecture's LSTM change, in bits a character (less is better): "
        f"tanh candidate {quality[tanh] - quality[lstm]:+.2f}, bias "
        f"{quality[bias] - quality[lstm]:+.2f}, both "
        f"{quality[tanh_and_bias] - quality[lstm]:+.2f}; within its equations, constant feature "
        f"with gate offsets {quality[constant] - quality[lstm]:+.2f}.",
        f"Text: {flags.characters} characters of Python's own manual, one training of "
        f"{flags.steps} steps each, {flags.units} units, the same learning rate for all: a small "
        "comparison. Memory for the backward pass is counted, not measured.",
        _runs_note(flags.runs_dir, past),
    ]
    header = ["cell", *next(iter(measured.values()))]
    blocks = [table(header, [(name, *row.values()) for name, row in measured.items()])]
    blocks.append(_picture(quality, entropy))
    if past:
        blocks.append(_runs_table(past))
    numbers = {"measured here": measured, "by frequency": entropy, "runs": past}
    return Result(findings, numbers, blocks, notes)


def _runs_note(folder: Path, past: list[dict]) -> str:
    cells = sorted({str(run["cell"]) for run in past})
    if not past:
        return f"No complete run of an application was found under {folder}."
    return f"{len(past)} complete runs were found under {folder}, with cells {', '.join(cells)}."


def _runs_table(past: list[dict]) -> Html:
    """A row for each run; runs of one task and data set stand together."""
    rows = [
        [
            run["task"],
            run["dataset"],
            run["run"],
            *(run[name] if run[name] is None else str(run[name]) for name in DEPARTURES),
            _shown(run["metrics"]),
            run["train_seconds"],
            run["peak_memory"] and run["peak_memory"] / 1e6,
            run["parameters"],
        ]
        for run in sorted(past, key=lambda run: (run["task"], str(run["dataset"])))
    ]
    header = ["task", "data", "run", *DEPARTURES, "metrics"]
    header += ["seconds of training", "peak memory, MB", "parameters"]
    return table(header, rows)


def _shown(metrics: Mapping[str, Any]) -> str:
    numbers = {k: v for k, v in metrics.items() if isinstance(v, (int, float))}
    return ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())


def _picture(quality: Mapping[str, float], entropy: float) -> Html:
    with drawing.panels(1, 1, 7.0, 2.6) as (sketch, axes):
        panel = axes[0, 0]
        names = list(quality)
        panel.barh(names[::-1], [quality[name] for name in names[::-1]], color=drawing.W_I)
        panel.axvline(entropy, color=drawing.GREY, linestyle="--", linewidth=1)
        panel.set_title("bits a character; dashed: by frequency alone", fontsize=10, loc="left")
    return drawing.picture(sketch, "bits a character of each cell")


LESSON = Lesson("cells", "the lecture's cells beside their variants", Flags, run)
