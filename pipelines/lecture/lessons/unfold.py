"""The RNN unfolded over T steps: the same weights at all of them.

    h_t = ReLU(W_i x_t + W_r h_{t-1})         o_T = W_o h_T

Unfolded, the network is a deep one with a copy of each weight at each step. As the copies are one
weight, their number does not depend on T, and the chain rule gives

    ∂L/∂W_r = Σ_t ∂L/∂W_r(t)

with W_r(t) the copy of step t.
"""

from dataclasses import dataclass

import keras
import numpy as np
from matplotlib.axes import Axes

from pipelines.lecture import drawing
from pipelines.lecture.gradients import gradients, unfolded
from pipelines.lecture.lesson import Finding, LessonFlags, Numbers, Result
from pipelines.report import table
from zoo.layers import SimpleRNN, SimpleRNNCell

BATCH, FEATURES, UNITS = 2, 3, 4
CLOSE = 1e-12  # relative difference that float64 leaves between two orders of the same sums


@dataclass(frozen=True)
class Flags(LessonFlags):
    """The same weights at all time steps."""

    lengths: Numbers = (1, 5, 20)
    """Numbers of steps T to unfold over."""


def run(flags: Flags) -> Result:
    """Unfolds over each T, and holds the unfolded network beside the loop."""
    keras.utils.set_random_seed(flags.seed)
    cell = SimpleRNNCell(UNITS, dtype="float64")
    cell.build((None, FEATURES))
    inputs = [
        np.random.default_rng([flags.seed, length]).normal(size=(BATCH, length, FEATURES))
        for length in flags.lengths
    ]
    rows, copies = zip(*(compare(cell, x) for x in inputs), strict=True)
    entry = copies[-1][:, 0, 0].tolist()
    header = ["T", "parameters", "unfolded", "outputs differ by", "gradients", "sum of copies"]
    blocks = [
        drawing.picture("the RNN folded, and over four steps", (4.6, 2.6), _folded, _unfolded),
        table(header, [row.values() for row in rows]),
        f"∂L/∂W_r[0, 0] of each copy, T = {flags.lengths[-1]}:",
        table(["step", "gradient"], enumerate(entry, start=1)),
    ]
    numbers = {"lengths": rows, "copies": {"W_r[0, 0]": entry, "sum": sum(entry)}}
    return Result(_findings(flags, rows, entry), numbers, blocks)


def compare(cell: SimpleRNNCell, x: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
    """The loop, the loop unfolded into the graph, and T cells with copies of the weights, over x.

    Returns:
        Sizes and relative differences, and ∂L/∂W_r of each copy `<float64>[T, units, units]`.
    """
    loop, size = through_layer(cell, x, unroll=False)
    unrolled, unrolled_size = through_layer(cell, x, unroll=True)
    h, of_copies = unfolded(cell, x, half_square)
    copies = [h, *(of_copies[name].sum(axis=0) for name in ("kernel", "recurrent_kernel"))]
    output, *gradient = map(_difference, loop, unrolled)
    output_of_copies, *sums = map(_difference, loop, copies)
    row = {
        "T": x.shape[1],
        "parameters": size,
        "parameters_unfolded": unrolled_size,
        "output": max(output, output_of_copies),
        "gradient": max(gradient),
        "sum_of_copies": max(sums),
    }
    return row, of_copies["recurrent_kernel"]


def through_layer(cell: SimpleRNNCell, x: np.ndarray, unroll: bool) -> tuple[list[np.ndarray], int]:
    """The layer with the cell's weights over x: as a loop, or with its steps unfolded.

    Returns:
        h of the last step and the gradients of L = ½ Σ h_T² for W_i and W_r; and the number of
        parameters.
    """
    layer = SimpleRNN(cell.units, unroll=unroll, dtype="float64")
    layer.build(x.shape)
    layer.set_weights(cell.get_weights())
    sources = [weight.value for weight in layer.weights]
    h, of_weights = gradients(lambda: layer(x, training=True), half_square, sources)
    return [h, *(g.numpy() for g in of_weights)], layer.count_params()


def half_square(h):
    """L = ½ Σ h_T², a loss whose gradient is h_T itself."""
    return keras.ops.sum(h * h) / 2


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    """Largest difference, relative to the largest number of `a`."""
    return float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-30))


def _findings(flags: Flags, rows: list[dict], entry: list[float]) -> list[Finding]:
    sizes = {row[name] for row in rows for name in ("parameters", "parameters_unfolded")}
    output, gradient, copies = (
        max(row[name] for row in rows) for name in ("output", "gradient", "sum_of_copies")
    )
    terms = "... + " * (len(entry) > 5) + " + ".join(f"{value:.4f}" for value in entry[-5:])
    return [
        Finding(
            "The same weights serve all steps, so their number does not depend on T.",
            f"{' and '.join(map(str, sorted(sizes)))} parameters for T = "
            f"{', '.join(map(str, flags.lengths))}, loop and unfolded.",
            len(sizes) == 1,
        ),
        Finding(
            "The unfolded network computes what the loop computes.",
            f"Largest relative difference {output:.1g} in outputs, {gradient:.1g} in gradients "
            "(float64).",
            max(output, gradient) < CLOSE,
        ),
        Finding(
            "The gradient of a shared weight is the sum over its unfolded copies' gradients.",
            f"First entry of W_r at T = {flags.lengths[-1]}: {terms} = {sum(entry):.4f}. Largest "
            f"relative difference over all weights and T: {copies:.1g}.",
            copies < CLOSE,
        ),
    ]


def _unfolded(panel: Axes) -> None:
    steps = [(f"x{t}", f"o{t}") for t in "₁₂₃₄"]
    drawing.sequence(panel, steps, title="unfolded: a colour is one weight")


def _folded(panel: Axes) -> None:
    """The network with its arrow back to itself."""
    drawing.sequence(panel, [("x", "o")], title="folded")
    start, end, back = (0.31, 0.88), (0.31, 1.12), "arc3,rad=2.2"
    drawing.arrow(panel, start, end, drawing.W_R, connectionstyle=back)
    panel.text(0.75, 1, "W_r", color=drawing.W_R, fontsize=8, va="center")
