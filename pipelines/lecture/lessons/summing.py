"""The RNN that sums its inputs: weights by hand, then learnt.

    h_t = W_i x_t + W_r h_{t-1}         o_T = W_o h_T         one linear unit, no bias

With W_i = W_r = W_o = 1, o_T = x_1 + ... + x_T for any T.
"""

from dataclasses import dataclass

import keras
import numpy as np

from pipelines.lecture import fitting, linear_rnn
from pipelines.lecture.lesson import Finding, Result
from pipelines.report import Html, table

NOTE = (
    "The examples fix only the product W_i W_o, so the learnt W_i and W_o may differ from 1. A W_r "
    "that is not 1 to the last digit shows in long sums."
)
EXACT = {"W_i": [[1.0]], "W_r": [[1.0]], "W_o": [[1.0]]}


@dataclass(frozen=True)
class Flags(linear_rnn.LinearFlags):
    """An RNN that sums its inputs."""


def run(flags: Flags) -> Result:
    """Measures weights set by hand, and weights learnt from short sequences."""
    weights, errors, losses = linear_rnn.learn(flags, "linear", "mse", EXACT, batch, error)
    learnt, worst, longest = weights["learnt"], max(errors["by hand"].values()), max(flags.lengths)
    W_r, product = learnt["W_r"][0][0], _product(learnt)
    findings = [
        Finding(
            "With linear units and all weights 1, the RNN sums its inputs, whatever their number.",
            f"Largest error {worst:g} over lengths {', '.join(map(str, flags.lengths))}.",
            worst == 0,
        ),
        Finding(
            "The weights can be learnt from examples.",
            f"From lengths up to {flags.train_length}: W_r = {W_r:.5f} and W_i W_o = "
            f"{product:.5f} (exact: 1 and 1), loss {losses[-1]:.1g}. Largest error at length "
            f"{longest}: {errors['learnt'][longest]:.2g}.",
            abs(W_r - 1) < 0.01 and abs(product - 1) < 0.01,
        ),
    ]
    numbers = {"weights": weights, "errors": errors, "loss": losses[-1]}
    return Result(findings, numbers, _blocks(weights, errors, losses), [NOTE])


def batch(rng: np.random.Generator, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Random numbers `<float32>[64, length, 1]` and their sums `<float32>[64, 1]`.

    A sequence of 1 to `length` numbers stands at the end, after zeros, which leave a bias-free
    state at zero: all batches have one shape.
    """
    x = rng.normal(size=(linear_rnn.BATCH, length, 1))
    starts = rng.integers(length, size=(linear_rnn.BATCH, 1))
    x[np.arange(length) < starts] = 0.0
    return x.astype("float32"), x.sum(axis=1).astype("float32")


def error(model: keras.Model, length: int, seed: int) -> float:
    """Largest |o_T - Σ x| over 64 sequences of whole numbers, which float32 adds exactly."""
    shape = (linear_rnn.BATCH, length, 1)
    x = np.random.default_rng([seed, length]).integers(-9, 10, size=shape)
    sums = fitting.predict(model, x.astype("float32"))
    return float(np.abs(sums - x.sum(axis=1)).max())


def _product(weights: dict) -> float:
    return weights["W_i"][0][0] * weights["W_o"][0][0]


def _blocks(weights: dict, errors: dict, losses: list[float]) -> list[Html]:
    ways = [weights[way] for way in ("exact", "learnt", "first")]
    rows = [(name, *(way[name][0][0] for way in ways)) for name in EXACT]
    rows.append(("W_i W_o", *map(_product, ways)))
    return [
        table(["weight", "by hand", "learnt", "before training"], rows),
        *linear_rnn.blocks(
            errors,
            losses,
            ["length", "largest error by hand", "learnt"],
            [("x₁", None), ("x₂", None), ("x₃", None), ("x₄", "Σ x")],
            "W_i = W_r = W_o = 1",
            title="learning the sum: mean squared error",
            yscale="log",
        ),
    ]
