"""The RNN that tells which of two inputs has the larger total: weights by hand, then learnt.

    h_t = W_i [a_t, b_t] + W_r h_{t-1}         ŷ = σ(W_o h_T)         one linear unit, no bias

With W_i = [+1, -1] and W_r = W_o = 1, h_T = Σ a - Σ b, so ŷ > ½ exactly where Σ a > Σ b.
"""

from dataclasses import dataclass

import keras
import numpy as np

from pipelines.lecture import drawing, fitting, linear_rnn
from pipelines.lecture.lesson import Finding, Lesson, LessonFlags, Result, check_at_least
from pipelines.report import Html, table

BATCH = 64
EXACT = {"W_i": [[1.0], [-1.0]], "W_r": [[1.0]], "W_o": [[1.0]]}


@dataclass(frozen=True)
class Flags(LessonFlags):
    """The RNN that tells which input has the larger total, by hand and learnt."""

    train_length: int = 10  # steps
    """Length of the training's sequences."""
    lengths: tuple[int, ...] = (1, 10, 100, 1000)
    """Lengths to measure at."""
    steps: int = 600
    """Training steps of 64 sequences."""


def run(flags: Flags) -> Result:
    """Measures weights set by hand, and weights learnt from sequences of one length."""
    check_at_least(flags, train_length=1, lengths=1, steps=1)
    keras.utils.set_random_seed(flags.seed)
    model = linear_rnn.network(inputs=2, activation="sigmoid")
    losses = train(model, flags)
    learnt = linear_rnn.weights(model)
    right = {"learnt": {n: share_right(model, n, flags.seed) for n in flags.lengths}}
    linear_rnn.set_weights(model, EXACT)
    right["by hand"] = {n: share_right(model, n, flags.seed) for n in flags.lengths}
    return _result(flags, learnt, losses, right)


def train(model: keras.Model, flags: Flags) -> list[float]:
    """Trains on sequences of random numbers; returns the cross-entropy of each step."""

    def batch(rng):
        x = rng.normal(size=(BATCH, flags.train_length, 2)).astype("float32")
        totals = x.sum(axis=1)
        return x, (totals[:, :1] > totals[:, 1:]).astype("float32")

    schedule = keras.optimizers.schedules.CosineDecay(0.05, flags.steps)
    fitting.compile_model(model, schedule, "binary_crossentropy")
    return fitting.train(model, batch, flags.steps, flags.seed)


def share_right(model: keras.Model, length: int, seed: int) -> float:
    """Share of right answers on 256 sequences of whole numbers in 0..9 whose totals differ."""
    rng = np.random.default_rng([seed, length])
    x = rng.integers(0, 10, size=(256, length, 2))
    totals = x.sum(axis=1)
    x[totals[:, 0] == totals[:, 1], 0, 0] += 1
    totals = x.sum(axis=1)
    answers = fitting.predict(model, x.astype("float32"))[:, 0] > 0.5
    return float(np.mean(answers == (totals[:, 0] > totals[:, 1])))


def _result(flags, learnt, losses, right) -> Result:
    (first,), (second,) = learnt["W_i"]
    ratio, W_r = second / first, learnt["W_r"][0][0]
    gain = first * learnt["W_o"][0][0]
    lengths = ", ".join(map(str, flags.lengths))
    findings = [
        Finding(
            "Input weights +1 and -1 and a logistic output tell which total is larger, at any "
            "length.",
            f"{min(right['by hand'].values()):.1%} right at the worst of lengths {lengths}.",
            min(right["by hand"].values()) == 1.0,
        ),
        Finding(
            "The weights can be learnt from examples.",
            f"From length {flags.train_length}: second input weight = {ratio:.4f} of the first "
            f"(exact: -1), W_r = {W_r:.4f} (exact: 1); right at lengths {lengths}: "
            + ", ".join(f"{share:.1%}" for share in right["learnt"].values())
            + ".",
            abs(ratio + 1) < 0.05 and abs(W_r - 1) < 0.05 and gain > 0,
        ),
    ]
    notes = [
        f"Any gain W_i W_o > 0 gives the same answers; cross-entropy makes it grow, here to "
        f"{gain:.2f}. So learnt weights are compared by their ratio."
    ]
    rows = [
        ("W_i, first input", 1.0, first, 1.0),
        ("W_i, second input", -1.0, second, ratio),
        ("W_r", 1.0, W_r, W_r),
        ("W_o", 1.0, learnt["W_o"][0][0], gain),
    ]
    blocks = [
        table(["weight", "by hand", "learnt", "learnt, in units of the first W_i"], rows),
        table(
            ["length", "right by hand", "right learnt"],
            [(n, right["by hand"][n], right["learnt"][n]) for n in flags.lengths],
        ),
        _picture(losses),
    ]
    numbers = {"weights": {"exact": EXACT, "learnt": learnt}, "right": right, "loss": losses[-1]}
    return Result(findings, numbers, blocks, notes)


def _picture(losses: list[float]) -> Html:
    with drawing.panels(1, 2, 4.2, 2.6) as (sketch, axes):
        steps = [drawing.Step(f"a{t}, b{t}", "σ" if t == "₄" else None) for t in "₁₂₃₄"]
        drawing.sequence(axes[0, 0], steps)
        axes[0, 0].set_title("W_i = [+1, -1], W_r = W_o = 1", fontsize=10)
        drawing.curves(
            axes[0, 1],
            np.arange(1, len(losses) + 1),
            {"cross-entropy": losses},
            title="learning to compare",
            xlabel="step",
            ylabel="nats",
            level=(float(np.log(2)), "chance"),
        )
    return drawing.picture(sketch, "the RNN that compares two totals, and its loss in training")


LESSON = Lesson("compare", "an RNN that tells which of two totals is larger", Flags, run)
