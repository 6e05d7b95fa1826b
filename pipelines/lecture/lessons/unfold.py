"""The RNN unfolded over T steps: the same weights at all of them.

    h_t = ReLU(W_i x_t + W_r h_{t-1})         o_T = W_o h_T

Unfolded, the network is a deep one with a copy of each weight at each step. As the copies are one
weight, their number does not depend on T, and the chain rule gives

    ∂L/∂W_r = Σ_t ∂L/∂W_r(t)

with W_r(t) the copy of step t.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from pipelines.lecture import drawing
from pipelines.lecture.drawing import W_I, W_O, W_R, Step, arrow, box
from pipelines.lecture.gradients import gradients
from pipelines.lecture.lesson import Finding, Lesson, LessonFlags, Result, check_at_least
from pipelines.report import Html, table
from zoo.layers import SimpleRNN, SimpleRNNCell

CLOSE = 1e-12  # relative difference that float64 leaves between two orders of the same sums


@dataclass(frozen=True)
class Flags(LessonFlags):
    """The RNN unfolded: one set of weights, whatever the number of steps."""

    units: int = 4
    """Size of h."""
    features: int = 3
    """Size of x."""
    lengths: tuple[int, ...] = (1, 5, 20)
    """Numbers of steps T to unfold over."""
    batch: int = 2
    """Sequences."""


def run(flags: Flags) -> Result:
    """Unfolds over each T, and holds the unfolded network beside the loop."""
    check_at_least(flags, units=1, features=1, lengths=1, batch=1)
    keras.utils.set_random_seed(flags.seed)
    cell = SimpleRNNCell(flags.units, dtype="float64")
    cell.build((None, flags.features))
    weights = cell.lecture_weights()
    rows, copies = [], {}
    for length in flags.lengths:
        x = np.random.default_rng([flags.seed, length]).normal(
            size=(flags.batch, length, flags.features)
        )
        loop, unrolled = (through_layer(x, weights, unroll) for unroll in (False, True))
        copies = through_copies(x, weights)
        rows.append(_compare(length, loop, unrolled, copies))
    return _result(flags, rows, copies["copies"])


def through_layer(x: np.ndarray, weights: dict[str, np.ndarray], unroll: bool) -> dict[str, Any]:
    """The layer over x: as a loop, or with its steps unfolded into the graph.

    Returns:
        h of the last step, the gradients of L = ½ Σ h_T² for W_i and W_r, and the number of
        parameters.
    """
    layer = SimpleRNN(weights["W_r"].shape[0], unroll=unroll, dtype="float64")
    layer.build(x.shape)
    layer.cell.set_lecture_weights(weights)
    variables = [layer.cell.kernel, layer.cell.recurrent_kernel]
    h, (W_i, W_r) = gradients(lambda: layer(x, training=True), half_square, variables)
    return {"h": h, "W_i": W_i, "W_r": W_r, "parameters": layer.count_params()}


def through_copies(x: np.ndarray, weights: dict[str, np.ndarray]) -> dict[str, Any]:
    """T cells in a row, each with weights of its own that start equal: the copies made real.

    Returns:
        h of the last step, the copies' gradients `{"W_i", "W_r"}`, each `<float64>[T, ...]`, and
        their sums.
    """
    cells = []
    for _ in range(x.shape[1]):
        cell = SimpleRNNCell(weights["W_r"].shape[0], dtype="float64")
        cell.build((None, x.shape[2]))
        cell.set_lecture_weights(weights)
        cells.append(cell)

    def forward():
        h = np.zeros((x.shape[0], cells[0].units))
        for t, cell in enumerate(cells):
            h, _ = cell(x[:, t], [h])
        return h

    variables = [w for cell in cells for w in (cell.kernel, cell.recurrent_kernel)]
    h, of_copies = gradients(forward, half_square, variables)
    copies = {"W_i": np.stack(of_copies[::2]), "W_r": np.stack(of_copies[1::2])}
    return {"h": h, "copies": copies, **{name: g.sum(axis=0) for name, g in copies.items()}}


def half_square(h):
    """L = ½ Σ h_T², a loss whose gradient is h_T itself."""
    return keras.ops.sum(h * h) / 2


def _compare(length: int, loop: dict, unrolled: dict, copies: dict) -> dict[str, Any]:
    return {
        "T": length,
        "parameters": loop["parameters"],
        "parameters_unfolded": unrolled["parameters"],
        "output": max(_difference(loop["h"], other["h"]) for other in (unrolled, copies)),
        "gradient": max(_difference(loop[w], unrolled[w]) for w in ("W_i", "W_r")),
        "sum_of_copies": max(_difference(loop[w], copies[w]) for w in ("W_i", "W_r")),
    }


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    """Largest difference, relative to the largest number of `a`."""
    return float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-30))


def _result(flags: Flags, rows: list[dict], copies: dict[str, np.ndarray]) -> Result:
    sizes = {row[name] for row in rows for name in ("parameters", "parameters_unfolded")}
    worst = {name: max(row[name] for row in rows) for name in rows[0]}
    lengths = ", ".join(map(str, flags.lengths))
    entry = copies["W_r"][:, 0, 0]
    terms = " + ".join(f"{value:.4f}" for value in entry[-5:])
    terms = terms if len(entry) <= 5 else f"... + {terms}"
    findings = [
        Finding(
            "The same weights serve all steps, so their number does not depend on T.",
            f"{' and '.join(map(str, sorted(sizes)))} parameters for T = {lengths}, loop and "
            "unfolded.",
            len(sizes) == 1,
        ),
        Finding(
            "The unfolded network computes what the loop computes.",
            f"Largest relative difference {worst['output']:.1g} in outputs, "
            f"{worst['gradient']:.1g} in gradients (float64).",
            max(worst["output"], worst["gradient"]) < CLOSE,
        ),
        Finding(
            "The gradient of a shared weight is the sum over its unfolded copies' gradients.",
            f"First entry of W_r at T = {flags.lengths[-1]}: {terms} = {entry.sum():.4f}. Largest "
            f"relative difference over all weights and T: {worst['sum_of_copies']:.1g}.",
            worst["sum_of_copies"] < CLOSE,
        ),
    ]
    header = ["T", "parameters", "unfolded", "outputs differ by", "gradients", "sum of copies"]
    blocks = [
        graph(),
        table(header, [list(row.values()) for row in rows]),
        f"∂L/∂W_r[0, 0] of each copy, T = {flags.lengths[-1]}:",
        table(["step", "gradient"], [(t + 1, float(g)) for t, g in enumerate(entry)]),
    ]
    numbers = {"lengths": rows, "copies": {"W_r[0, 0]": entry.tolist(), "sum": float(entry.sum())}}
    return Result(findings, numbers, blocks)


def graph(steps: int = 4) -> Html:
    """The folded network, with its arrow back to itself, and the same unfolded."""
    with drawing.panels(1, 2, 4.6, 2.6) as (sketch, axes):
        folded, unfolded = axes[0]
        for place, text, color in (((0, 0), "x", W_I), ((0, 2), "o", W_O)):
            box(folded, place, text, color)
        box(folded, (0, 1), "h")
        arrow(folded, (0, 0.21), (0, 0.79), W_I, "W_i")
        arrow(folded, (0, 1.21), (0, 1.79), W_O, "W_o")
        arrow(folded, (0.31, 0.88), (0.31, 1.12), W_R, curve=2.2)
        folded.text(0.75, 1, "W_r", color=W_R, fontsize=8, va="center")
        drawing.fit_to_drawing(folded, 2)
        marks = [drawing.subscript(t) for t in range(1, steps + 1)]
        drawing.sequence(unfolded, [Step(f"x{t}", f"o{t}") for t in marks])
        folded.set_title("folded", fontsize=10)
        unfolded.set_title("unfolded: a colour is one weight", fontsize=10)
    return drawing.picture(sketch, "the RNN folded, and unfolded over four steps")


LESSON = Lesson("unfold", "the same weights at all time steps", Flags, run)
