"""The RNN that tells which of two inputs has the larger total: weights by hand, then learnt.

    h_t = W_i [a_t, b_t] + W_r h_{t-1}         ŷ = σ(W_o h_T)         one linear unit, no bias

With W_i = [+1, -1] and W_r = W_o = 1, h_T = Σ a - Σ b, so ŷ > ½ exactly where Σ a > Σ b.
"""

from dataclasses import dataclass

import keras
import numpy as np

from pipelines.lecture import fitting, linear_rnn
from pipelines.lecture.lesson import Finding, Result
from pipelines.report import Html, table

EXACT = {"W_i": [[1.0], [-1.0]], "W_r": [[1.0]], "W_o": [[1.0]]}


@dataclass(frozen=True)
class Flags(linear_rnn.LinearFlags):
    """An RNN that tells which of two totals is larger."""


def run(flags: Flags) -> Result:
    """Measures weights set by hand, and weights learnt from sequences of one length."""
    weights, right, losses = linear_rnn.learn(
        flags, "sigmoid", "binary_crossentropy", EXACT, batch, share_right
    )
    (first,), (second,) = weights["learnt"]["W_i"]
    ((W_r,),), ((W_o,),) = weights["learnt"]["W_r"], weights["learnt"]["W_o"]
    rows = [
        ("W_i, first input", 1.0, first, 1.0),
        ("W_i, second input", -1.0, second, second / first),
        ("W_r", 1.0, W_r, W_r),
        ("W_o", 1.0, W_o, first * W_o),
    ]
    notes = [
        f"Any gain W_i W_o > 0 gives the same answers; cross-entropy makes it grow, here to "
        f"{first * W_o:.2f}. So learnt weights are compared by their ratio."
    ]
    findings = _findings(flags, right, second / first, W_r, first * W_o)
    numbers = {"weights": weights, "right": right, "loss": losses[-1]}
    return Result(findings, numbers, _blocks(rows, right, losses), notes)


def batch(rng: np.random.Generator, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Random numbers `<float32>[64, length, 2]`; 1 where the first total is larger, else 0."""
    x = rng.normal(size=(linear_rnn.BATCH, length, 2)).astype("float32")
    first, second = np.split(x.sum(axis=1), 2, axis=1)
    return x, (first > second).astype("float32")


def share_right(model: keras.Model, length: int, seed: int) -> float:
    """Share of right answers on 256 sequences of whole numbers in 0..9 whose totals differ."""
    x = np.random.default_rng([seed, length]).integers(0, 10, size=(256, length, 2))
    x[:, 0, 0] += x[..., 0].sum(axis=1) == x[..., 1].sum(axis=1)
    answers = fitting.predict(model, x.astype("float32"))[:, 0] > 0.5
    return float(np.mean(answers == (x[..., 0].sum(axis=1) > x[..., 1].sum(axis=1))))


def _findings(flags: Flags, right: dict, ratio: float, W_r: float, gain: float) -> list[Finding]:
    lengths = ", ".join(map(str, flags.lengths))
    shares = ", ".join(f"{share:.1%}" for share in right["learnt"].values())
    worst = min(right["by hand"].values())
    return [
        Finding(
            "Input weights +1 and -1 and a logistic output tell which total is larger, at any "
            "length.",
            f"{worst:.1%} right at the worst of lengths {lengths}.",
            worst == 1.0,
        ),
        Finding(
            "The weights can be learnt from examples.",
            f"From length {flags.train_length}: second input weight = {ratio:.4f} of the first "
            f"(exact: -1), W_r = {W_r:.4f} (exact: 1); right at lengths {lengths}: {shares}.",
            abs(ratio + 1) < 0.05 and abs(W_r - 1) < 0.05 and gain > 0,
        ),
    ]


def _blocks(rows: list[tuple], right: dict, losses: list[float]) -> list[Html]:
    return [
        table(["weight", "by hand", "learnt", "learnt, in units of the first W_i"], rows),
        *linear_rnn.blocks(
            right,
            losses,
            ["length", "right by hand", "right learnt"],
            [("a₁, b₁", None), ("a₂, b₂", None), ("a₃, b₃", None), ("a₄, b₄", "σ")],
            "W_i = [+1, -1], W_r = W_o = 1",
            title="learning to compare: cross-entropy",
            ylabel="nats",
            level=(float(np.log(2)), "chance"),
        ),
    ]
