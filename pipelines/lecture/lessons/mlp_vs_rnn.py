"""The MLP layer against the RNN layer of the same size.

    MLP   h_t = ReLU(W_i x_t)                       ŷ_t = softmax(W_o h_t)
    RNN   h_t = ReLU(W_i x_t + W_r h_{t-1})         ŷ_t = softmax(W_o h_t)

A sequence of random symbols goes in. Where the answer is the symbol of this step, both solve it;
where it is the symbol of some steps before, the MLP has nothing to tell it by.
"""

import itertools
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import keras
import numpy as np

from pipelines.flags import Positive
from pipelines.lecture import drawing, fitting
from pipelines.lecture.lesson import Finding, LessonFlags, Result, at_least
from pipelines.report import Html, plot_lines, table
from zoo.layers import SimpleRNN

BATCH = 32
LAYERS = ("MLP", "RNN")


@dataclass(frozen=True)
class Flags(LessonFlags):
    """The MLP layer against the RNN layer."""

    units: Positive = 32
    """Size of h, of both."""
    symbols: Annotated[int, at_least(2)] = 4
    """Different symbols; chance is 1 / symbols."""
    lag: Positive = 2  # steps
    """How many steps before the answer's symbol came."""
    length: Positive = 20  # steps
    """Symbols of a sequence; more than the lag."""
    steps: Positive = 300
    """Training steps of 32 sequences."""


def run(flags: Flags) -> Result:
    """Trains both layers on both tasks and measures them on fresh sequences.

    Raises:
        ValueError: no step has an answer.
    """
    if flags.length <= flags.lag:
        raise ValueError(f"`length` must be at least {flags.lag + 1}. Got {flags.length}.")
    tasks = {"this step's symbol": 0, f"symbol {flags.lag} steps before": flags.lag}
    right, losses, sizes = {}, {}, {}
    for layer, (task, lag) in itertools.product(LAYERS, tasks.items()):
        name, examples = f"{layer}, {task}", partial(batch, flags=flags, lag=lag)
        keras.utils.set_random_seed(flags.seed)
        model = build(layer, flags.symbols, flags.units)
        fitting.compile_model(model, 3e-3, fitting.classes_loss())
        losses[name], _ = fitting.train(model, examples, flags.steps, flags.seed)
        x, y = examples(np.random.default_rng([flags.seed, 2]), size=256)
        right[name] = fitting.share_right(y[:, lag:], fitting.predict(model, x)[:, lag:])
        sizes[layer] = model.count_params()
    header = ["layer", "parameters", *(f"right: {task}" for task in tasks)]
    rows = [(layer, sizes[layer], *(right[f"{layer}, {t}"] for t in tasks)) for layer in LAYERS]
    numbers = {"chance": 1 / flags.symbols, "accuracy": right, "parameters": sizes}
    blocks = [table(header, rows), _picture(losses, flags)]
    return Result(_findings(numbers["chance"], *right.values()), numbers, blocks)


def build(layer: str, symbols: int, units: int) -> keras.Model:
    """`<float32>[batch, time, symbols]` -> outputs o of the same shape, by either layer."""
    hidden = {
        "MLP": keras.layers.Dense(units, activation="relu", use_bias=False),
        "RNN": SimpleRNN(units, return_sequences=True),
    }
    outputs = keras.layers.Dense(symbols, use_bias=False)
    return keras.Sequential([keras.Input((None, symbols)), hidden[layer], outputs])


def batch(rng: np.random.Generator, flags: Flags, lag: int, size: int = BATCH):
    """Random symbols, one-hot, and for each step the symbol `lag` steps before.

    The first `lag` steps have no such symbol: their answer is one more symbol, drawn at random.
    """
    symbols = rng.integers(flags.symbols, size=(size, flags.length + lag))
    return np.eye(flags.symbols, dtype="float32")[symbols[:, lag:]], symbols[:, : flags.length]


def _findings(
    chance: float, mlp_now: float, mlp: float, rnn_now: float, rnn: float
) -> list[Finding]:
    """From the shares of right answers: where this step decides, and where the past does."""
    return [
        Finding(
            "An MLP layer sees one step alone: where the past decides, it stays at chance.",
            f"{mlp:.1%} right, chance {chance:.1%}; where this step decides, the same MLP has "
            f"{mlp_now:.1%}.",
            abs(mlp - chance) < 0.05 and mlp_now > 0.95,
        ),
        Finding(
            "An RNN layer of the same size carries the past in h, and solves it.",
            f"{rnn:.1%} right; where this step decides, {rnn_now:.1%}.",
            rnn > 0.95,
        ),
    ]


def _picture(losses: dict[str, list[float]], flags: Flags) -> Html:
    """Loss of each training: means over the last ten steps (fewer at the start)."""
    smooth = {
        name: [np.mean(values[max(0, end - 10) : end]) for end in range(1, len(values) + 1)]
        for name, values in losses.items()
    }
    panel = partial(
        plot_lines,
        lines=smooth,
        level=(float(np.log(flags.symbols)), "chance"),
        title="loss in training",
        xlabel="step",
        ylabel="nats",
    )
    return drawing.picture("loss of both layers on both tasks", (6.0, 2.8), panel)
