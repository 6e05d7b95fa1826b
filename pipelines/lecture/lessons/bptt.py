"""Backpropagation through time: how far back the gradient of the last step's loss reaches.

    ∂L/∂s_k = ∂L/∂s_T J_T J_{T-1} ... J_{k+1}         J_t = ∂s_t/∂s_{t-1}

s is h for the RNN, (h, C) for the LSTM. The left side is read off TensorFlow's tape, the right
side is multiplied out in NumPy (both in `gradients.py`). Truncated at k steps, the product stops
after k factors, so the gradient of a shared weight loses the copies before.
"""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import keras
import numpy as np
from keras import ops
from matplotlib.axes import Axes

from pipelines.flags import Positive
from pipelines.lecture import drawing, fitting, memory
from pipelines.lecture.gradients import state_gradients, unfolded
from pipelines.lecture.lesson import Finding, LessonFlags, Result, at_least
from pipelines.report import Html, plot_lines, table

STARTS = (memory.RNN, memory.PLAIN, memory.OFFSETS)
WORDS, BATCH = 4, 32
CLOSE = 1e-5  # relative
CUTS = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # steps to cut the gradient after


@dataclass(frozen=True)
class Flags(LessonFlags):
    """Backpropagation through time, whole and truncated."""

    units: Positive = 16
    """Size of h."""
    length: Annotated[int, at_least(3)] = 22  # steps
    """Steps of a sequence: a word, distractors, and the question which word it was."""
    steps: Positive = 200
    """Training steps of 32 sequences."""


def run(flags: Flags) -> Result:
    """Measures each cell before and after training on `memory.recall`."""
    measured = {"at first": {}, "trained": {}}
    for start in STARTS:
        keras.utils.set_random_seed(flags.seed)
        model = memory.network(start, 2 * WORDS + 1, WORDS, units=flags.units, span=flags.length)
        rate = memory.learning_rate(start, flags.length)
        fitting.compile_model(model, rate, fitting.classes_loss())
        measured["at first"][start] = measure(model, flags)
        fitting.train(model, partial(batch, flags=flags), flags.steps, flags.seed)
        measured["trained"][start] = measure(model, flags)
    rows = [
        (start, when, row["accuracy"], row["factor"], row["distance"])
        for when, by_start in measured.items()
        for start, row in by_start.items()
    ]
    blocks = [
        table(["cell", "weights", "right answers", "factor a step", "autodiff - Jacobians"], rows),
        _norm_picture(measured),
        drawing.picture("the gradient goes back 3 steps and is cut there", (7.5, 2.4), _cut),
        _loss_picture(measured),
    ]
    notes = [
        f"Task: one of {WORDS} words, {flags.length - 2} distractors, then the question which word "
        f"it was. The factor is taken of ∂L/∂h for SimpleRNN, of ∂L/∂C for the LSTM; gradients are "
        f"taken in float64 on {BATCH} sequences."
    ]
    return Result(_findings(flags, measured), measured, blocks, notes)


def batch(rng: np.random.Generator, flags: Flags, size: int = BATCH):
    """Sequences of the task in which the first word is asked for at the last step."""
    return memory.recall(rng, flags.length - 2, size, WORDS)


def measure(model: keras.Model, flags: Flags) -> dict[str, Any]:
    """Norms by step, their distance from the product of Jacobians, and the loss by truncation."""
    layer, W_o = model.get_layer("rnn"), model.get_weights()[-1].astype("float64")
    x, y = batch(np.random.default_rng([flags.seed, 2]), flags)
    x = fitting.predict(keras.Model(model.input, layer.input), x).astype("float64")
    _, taped = unfolded(layer.cell, x, partial(last_loss, W_o=W_o, y=y))
    by_hand = state_gradients(layer.cell, W_o, x, y)
    distances = [
        np.linalg.norm(a - b) / max(np.linalg.norm(a), 1e-300)
        for name in by_hand
        for a, b in zip(taped[name], by_hand[name], strict=True)
    ]
    norms = {name: np.linalg.norm(taped[name], axis=(1, 2)).tolist() for name in by_hand}
    decay = norms.get("C", norms["h"])  # by the factor a step, on average
    x_test, y_test = batch(np.random.default_rng([flags.seed, 3]), flags, size=256)
    return {
        "norms": norms,
        "factor": (decay[0] / decay[-1]) ** (1 / max(1, len(decay) - 1)),
        "distance": float(max(distances)),
        "truncation": truncation_errors(taped["recurrent_kernel"]),
        "accuracy": fitting.share_right(y_test, fitting.predict(model, x_test)),
    }


def last_loss(h: Any, W_o: np.ndarray, y: np.ndarray) -> Any:
    """The loss of the last step from h_T, the mean over the batch, in the precision of h_T."""
    outputs = ops.matmul(h, W_o)
    return ops.mean(ops.sparse_categorical_crossentropy(y, outputs, from_logits=True))


def truncation_errors(of_copies: np.ndarray) -> dict[int, float]:
    """k -> |g_k - g| / |g|, with g_k the recurrent weights' gradient over the last k steps.

    Args:
        of_copies: the gradient of each step's copy of the weights, `<float64>[T, ...]`.
    """
    sums = np.cumsum(of_copies[::-1], axis=0)
    errors = np.linalg.norm((sums - sums[-1]).reshape(len(sums), -1), axis=1)
    lengths = [k for k in CUTS if k < len(sums)] + [len(sums)]
    return {k: float(errors[k - 1] / np.linalg.norm(sums[-1])) for k in lengths}


def _findings(flags: Flags, measured: dict[str, dict[str, dict]]) -> list[Finding]:
    first, trained = measured.values()
    worst = max(row["distance"] for rows in measured.values() for row in rows.values())
    rnn, plain, offsets = (first[start]["factor"] for start in STARTS)
    rnn_trained, plain_trained, offsets_trained = (trained[start]["factor"] for start in STARTS)
    lost = {start: trained[start]["truncation"] for start in STARTS}
    half = max(k for k in lost[memory.RNN] if k <= flags.length // 2)
    shares = ", ".join(f"{errors[half]:.0%} ({start})" for start, errors in lost.items())
    return [
        Finding(
            "The gradient for an earlier state is the product of the Jacobians between.",
            f"Autodiff and the product in NumPy differ by at most {worst:.1g}, relative.",
            worst < CLOSE,
        ),
        Finding(
            "In the simple RNN the gradient vanishes (or explodes) with the distance.",
            f"At first it changes by the factor {rnn:.3f} a step: {rnn ** (flags.length - 2):.1g} "
            f"over {flags.length - 2} steps; after training {rnn_trained:.3f}.",
            not 0.9 < rnn < 1.1,
        ),
        Finding(
            "In the LSTM the cell state carries it back, where the forget gate is near 1.",
            f"∂L/∂C changes by {offsets:.3f} a step with gate offsets, and by {plain:.3f} without, "
            f"where the gates start at ½; after training {offsets_trained:.3f} and "
            f"{plain_trained:.3f}.",
            offsets > 0.9 > plain,
        ),
        Finding(
            "Truncation at k steps drops what came before.",
            f"At k = {half} of {flags.length}, the trained cells' gradient of the recurrent "
            f"weights is off by {shares}; at k = {flags.length} by 0.",
            all(errors[half] > errors[flags.length] == 0 for errors in lost.values()),
        ),
    ]


def _norm_picture(measured: dict[str, dict[str, dict]]) -> Html:
    panels = [
        partial(
            plot_lines,
            lines={
                f"{start}: ∂L/∂{state}": norms
                for start, row in by_start.items()
                for state, norms in row["norms"].items()
            },
            title=f"weights {when}",
            xlabel="step k",
            ylabel="norm of the gradient for the state at k",
            yscale="log",
        )
        for when, by_start in measured.items()
    ]
    return drawing.picture("norm of the gradient by step", (4.6, 3.0), *panels)


def _loss_picture(measured: dict[str, dict[str, dict]]) -> Html:
    panels = [
        partial(
            plot_lines,
            lines={start: list(row["truncation"].values()) for start, row in by_start.items()},
            x=list(by_start[STARTS[0]]["truncation"]),
            title=f"weights {when}",
            xlabel="truncated at k steps",
            ylabel="share of the gradient lost",
        )
        for when, by_start in measured.items()
    ]
    return drawing.picture("share of the gradient that truncation loses", (4.6, 2.8), *panels)


def _cut(panel: Axes, steps: int = 8, k: int = 3) -> None:
    """Forward arrows over all steps, backward arrows within the last k of them."""
    inputs = [f"x{t}" for t in drawing.SUBSCRIPTS[:steps]]
    title = f"truncated at k = {k}: the gradient stops at the cut"
    pairs = [(x, "L" if x == inputs[-1] else None) for x in inputs]
    drawing.sequence(panel, pairs, title, labels=("", "", ""))
    for t in range(1, steps):
        color, line = (drawing.RED, "-") if t > steps - k else (drawing.GREY, ":")
        drawing.arrow(panel, (t - 0.3, 0.8), (t - 0.7, 0.8), color, linestyle=line)
    panel.plot([steps - k - 0.5] * 2, [0.45, 1.5], color=drawing.RED, linestyle="--")
