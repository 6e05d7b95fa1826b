"""The MLP layer against the RNN layer of the same size.

    MLP   h_t = ReLU(W_i x_t)                       ŷ_t = softmax(W_o h_t)
    RNN   h_t = ReLU(W_i x_t + W_r h_{t-1})         ŷ_t = softmax(W_o h_t)

A sequence of random symbols goes in. Where the answer is the symbol of this step, both solve it;
where it is the symbol of some steps before, the MLP has nothing to tell it by.
"""

from dataclasses import dataclass

import keras
import numpy as np

from pipelines.lecture import drawing, fitting
from pipelines.lecture.lesson import Finding, Lesson, LessonFlags, Result, check_at_least
from pipelines.report import table
from zoo.layers import SimpleRNN

BATCH = 32


@dataclass(frozen=True)
class Flags(LessonFlags):
    """The MLP layer against the RNN layer, where the past decides and where it does not."""

    units: int = 32
    """Size of h, of both."""
    symbols: int = 4
    """Different symbols; chance is 1 / symbols."""
    lag: int = 2  # steps
    """How many steps before the answer's symbol came."""
    length: int = 20  # steps
    """Symbols of a sequence."""
    steps: int = 300
    """Training steps of 32 sequences."""


def run(flags: Flags) -> Result:
    """Trains both layers on both tasks and measures them on fresh sequences."""
    check_at_least(flags, units=1, symbols=2, lag=1, steps=1)
    check_at_least(flags, length=flags.lag + 1)
    measured, losses, sizes = {}, {}, {}
    for lag in (0, flags.lag):
        for layer in ("MLP", "RNN"):
            keras.utils.set_random_seed(flags.seed)
            model = build(layer, flags.symbols, flags.units)
            fitting.compile_model(model, 3e-3, fitting.classes_loss())
            name = f"{layer}, {_task(lag)}"
            losses[name] = fitting.train(
                model, lambda rng, lag=lag: batch(rng, flags, lag), flags.steps, flags.seed
            )
            measured[layer, lag] = score(model, flags, lag)
            sizes[layer] = model.count_params()
    return _result(flags, measured, losses, sizes)


def build(layer: str, symbols: int, units: int) -> keras.Model:
    """`<float32>[batch, time, symbols]` -> outputs o of the same shape, by either layer."""
    inputs = keras.Input((None, symbols))
    if layer == "MLP":
        hidden = keras.layers.Dense(units, activation="relu", use_bias=False)
    else:
        hidden = SimpleRNN(units, return_sequences=True)
    outputs = keras.layers.Dense(symbols, use_bias=False)(hidden(inputs))
    return keras.Model(inputs, outputs, name=layer.lower())


def batch(rng: np.random.Generator, flags: Flags, lag: int, size: int = BATCH):
    """Random symbols, one-hot, and for each step the symbol `lag` steps before.

    The first `lag` steps have no such symbol: their answer is one more symbol, drawn at random.
    """
    symbols = rng.integers(flags.symbols, size=(size, flags.length + lag))
    return np.eye(flags.symbols, dtype="float32")[symbols[:, lag:]], symbols[:, : flags.length]


def score(model: keras.Model, flags: Flags, lag: int) -> float:
    """Accuracy on 256 fresh sequences, from the first step on that has an answer."""
    x, y = batch(np.random.default_rng([flags.seed, 2]), flags, lag, size=256)
    return fitting.share_right(fitting.predict(model, x)[:, lag:], y[:, lag:])


def _task(lag: int) -> str:
    return f"symbol {lag} steps before" if lag else "this step's symbol"


def _result(flags, measured, losses, sizes) -> Result:
    chance, lag = 1 / flags.symbols, flags.lag
    mlp, rnn = measured["MLP", lag], measured["RNN", lag]
    findings = [
        Finding(
            "An MLP layer sees one step alone: where the past decides, it stays at chance.",
            f"{mlp:.1%} right, chance {chance:.1%}; where this step decides, the same MLP has "
            f"{measured['MLP', 0]:.1%}.",
            abs(mlp - chance) < 0.05 and measured["MLP", 0] > 0.95,
        ),
        Finding(
            "An RNN layer of the same size carries the past in h, and solves it.",
            f"{rnn:.1%} right; where this step decides, {measured['RNN', 0]:.1%}.",
            rnn > 0.95,
        ),
    ]
    rows = [
        (layer, sizes[layer], measured[layer, 0], measured[layer, lag]) for layer in ("MLP", "RNN")
    ]
    with drawing.panels(1, 1, 6.0, 2.8) as (sketch, axes):
        smooth = {name: _smooth(values) for name, values in losses.items()}
        drawing.curves(
            axes[0, 0],
            np.arange(1, flags.steps + 1),
            smooth,
            title="loss in training",
            xlabel="step",
            ylabel="nats",
            level=(float(np.log(flags.symbols)), "chance"),
        )
    header = ["layer", "parameters", f"right: {_task(0)}", f"right: {_task(lag)}"]
    numbers = {
        "chance": chance,
        "accuracy": {f"{layer}, {_task(at)}": value for (layer, at), value in measured.items()},
        "parameters": sizes,
    }
    blocks = [table(header, rows), drawing.picture(sketch, "loss of both layers on both tasks")]
    return Result(findings, numbers, blocks)


def _smooth(values: list[float], width: int = 10) -> np.ndarray:
    """Means over the last `width` steps (fewer at the start)."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    return (total[ends] - total[starts]) / (ends - starts)


LESSON = Lesson("mlp_vs_rnn", "the MLP layer against the RNN layer", Flags, run)
