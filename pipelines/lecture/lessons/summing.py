"""The RNN that sums its inputs: weights by hand, then learnt.

    h_t = W_i x_t + W_r h_{t-1}         o_T = W_o h_T         one linear unit, no bias

With W_i = W_r = W_o = 1, o_T = x_1 + ... + x_T for any T.
"""

from dataclasses import dataclass

import keras
import numpy as np

from pipelines.lecture import drawing, fitting, linear_rnn
from pipelines.lecture.lesson import Finding, Lesson, LessonFlags, Result, check_at_least
from pipelines.report import Html, table

BATCH = 64
EXACT = {"W_i": [[1.0]], "W_r": [[1.0]], "W_o": [[1.0]]}


@dataclass(frozen=True)
class Flags(LessonFlags):
    """The RNN that sums its inputs, by hand and learnt."""

    train_length: int = 10  # steps
    """Longest sequence of the training."""
    lengths: tuple[int, ...] = (1, 10, 100, 1000)
    """Lengths to measure at."""
    steps: int = 600
    """Training steps of 64 sequences."""


def run(flags: Flags) -> Result:
    """Measures weights set by hand, and weights learnt from short sequences."""
    check_at_least(flags, train_length=1, lengths=1, steps=1)
    keras.utils.set_random_seed(flags.seed)
    model = linear_rnn.network(inputs=1)
    first = linear_rnn.weights(model)
    losses = train(model, flags)
    learnt = linear_rnn.weights(model)
    errors = {"learnt": {n: error(model, n, flags.seed) for n in flags.lengths}}
    linear_rnn.set_weights(model, EXACT)
    errors["by hand"] = {n: error(model, n, flags.seed) for n in flags.lengths}
    return _result(flags, first, learnt, losses, errors)


def train(model: keras.Model, flags: Flags) -> list[float]:
    """Trains on sums of random numbers, of lengths 1 to `train_length`; returns the losses.

    A sequence of n numbers stands at the end of `train_length` steps, after zeros, which leave a
    bias-free state at zero: all batches have one shape.
    """

    def batch(rng):
        x = rng.normal(size=(BATCH, flags.train_length, 1))
        starts = rng.integers(flags.train_length, size=(BATCH, 1))
        x[np.arange(flags.train_length) < starts] = 0.0
        return x.astype("float32"), x.sum(axis=1).astype("float32")

    schedule = keras.optimizers.schedules.CosineDecay(0.05, flags.steps)
    fitting.compile_model(model, schedule, "mse")
    return fitting.train(model, batch, flags.steps, flags.seed)


def error(model: keras.Model, length: int, seed: int) -> float:
    """Largest |o_T - Σ x| over 64 sequences of whole numbers, which float32 adds exactly."""
    x = np.random.default_rng([seed, length]).integers(-9, 10, size=(BATCH, length, 1))
    sums = fitting.predict(model, x.astype("float32"))
    return float(np.abs(sums - x.sum(axis=1)).max())


def _result(flags, first, learnt, losses, errors) -> Result:
    exact = max(errors["by hand"].values())
    product = learnt["W_i"][0][0] * learnt["W_o"][0][0]
    W_r = learnt["W_r"][0][0]
    longest = max(flags.lengths)
    findings = [
        Finding(
            "With linear units and all weights 1, the RNN sums its inputs, whatever their number.",
            f"Largest error {exact:g} over lengths {', '.join(map(str, flags.lengths))}.",
            exact == 0,
        ),
        Finding(
            "The weights can be learnt from examples.",
            f"From lengths up to {flags.train_length}: W_r = {W_r:.5f} and W_i W_o = "
            f"{product:.5f} (exact: 1 and 1), loss {losses[-1]:.1g}. Largest error at length "
            f"{longest}: {errors['learnt'][longest]:.2g}.",
            abs(W_r - 1) < 0.01 and abs(product - 1) < 0.01,
        ),
    ]
    notes = [
        "The examples fix only the product W_i W_o, so the learnt W_i and W_o may differ from 1. "
        "A W_r that is not 1 to the last digit shows in long sums."
    ]
    rows = [
        (name, EXACT[name][0][0], learnt[name][0][0], first[name][0][0])
        for name in ("W_i", "W_r", "W_o")
    ]
    rows.append(("W_i W_o", 1.0, product, first["W_i"][0][0] * first["W_o"][0][0]))
    blocks = [
        table(["weight", "by hand", "learnt", "before training"], rows),
        table(
            ["length", "largest error by hand", "learnt"],
            [(n, errors["by hand"][n], errors["learnt"][n]) for n in flags.lengths],
        ),
        _picture(losses),
    ]
    numbers = {"weights": {"exact": EXACT, "learnt": learnt, "first": first}, "errors": errors}
    return Result(findings, {**numbers, "loss": losses[-1]}, blocks, notes)


def _picture(losses: list[float]) -> Html:
    with drawing.panels(1, 2, 4.2, 2.6) as (sketch, axes):
        steps = [drawing.Step(f"x{t}", "Σ x" if t == "₄" else None) for t in "₁₂₃₄"]
        drawing.sequence(axes[0, 0], steps)
        axes[0, 0].set_title("W_i = W_r = W_o = 1", fontsize=10)
        drawing.curves(
            axes[0, 1],
            np.arange(1, len(losses) + 1),
            {"mean squared error": losses},
            title="learning the sum",
            xlabel="step",
            ylabel="",
        )
        axes[0, 1].set_yscale("log")
    return drawing.picture(sketch, "the RNN that sums its inputs, and its loss in training")


LESSON = Lesson("sum", "an RNN that sums its inputs", Flags, run)
