"""Backpropagation through time: how far back the gradient of the last step's loss reaches.

    ∂L/∂s_k = ∂L/∂s_T J_T J_{T-1} ... J_{k+1}         J_t = ∂s_t/∂s_{t-1}

s is h for the RNN, (h, C) for the LSTM. The left side is read off TensorFlow's tape, the right
side is multiplied out in NumPy (`jacobians.py`). Truncated at k steps, the product stops after k
factors, so the gradient of a shared weight loses the copies before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from pipelines.lecture import drawing, fitting, memory
from pipelines.lecture.gradients import gradients
from pipelines.lecture.jacobians import state_gradients
from pipelines.lecture.lesson import Finding, Lesson, LessonFlags, Result, check_at_least
from pipelines.report import Html, table
from zoo.layers import LSTM

STARTS = ("SimpleRNN", "LSTM", "LSTM, gate offsets")
WORDS, BATCH = 4, 32
CLOSE = 1e-5  # relative


@dataclass(frozen=True)
class Flags(LessonFlags):
    """Gradients for earlier states: autodiff beside the product of Jacobians; truncation."""

    units: int = 16
    """Size of h."""
    length: int = 22  # steps
    """Steps of a sequence: a word, distractors, and the question which word it was."""
    steps: int = 200
    """Training steps of 32 sequences."""


def run(flags: Flags) -> Result:
    """Measures each cell before and after training on `memory.recall`."""
    check_at_least(flags, units=1, length=3, steps=1)
    measured = {}
    for start in STARTS:
        keras.utils.set_random_seed(flags.seed)
        model = memory.network(start, 2 * WORDS + 1, WORDS, units=flags.units, span=flags.length)
        fitting.compile_model(
            model, memory.learning_rate(start, flags.length), fitting.classes_loss()
        )
        measured[start, "at first"] = measure(model, start, flags)
        fitting.train(model, lambda rng: batch(rng, flags), flags.steps, flags.seed)
        measured[start, "trained"] = measure(model, start, flags)
    return _result(flags, measured)


def batch(rng: np.random.Generator, flags: Flags, size: int = BATCH):
    """Sequences of the task in which the first word is asked for at the last step."""
    return memory.recall(rng, WORDS, flags.length - 2, size)


def measure(model: keras.Model, start: str, flags: Flags) -> dict:
    """Norms by step, their distance from the product of Jacobians, and the loss by truncation."""
    x, y = batch(np.random.default_rng([flags.seed, 2]), flags)
    layer, W_o = double_precision(model, start)
    x = x.astype("float64")
    if memory.has_constant(start):
        x = np.concatenate([x, np.ones_like(x[..., :1])], axis=-1)
    taped = tape_gradients(layer, W_o, x, y)
    by_hand = state_gradients(layer.cell, W_o, x, y)
    distance = max(
        np.linalg.norm(a - b) / max(np.linalg.norm(a), 1e-300)
        for name in taped
        for a, b in zip(taped[name], by_hand[name], strict=True)
    )
    x_test, y_test = batch(np.random.default_rng([flags.seed, 3]), flags, size=256)
    return {
        "norms": {name: np.linalg.norm(g, axis=(1, 2)).tolist() for name, g in taped.items()},
        "distance": float(distance),
        "truncation": truncation_errors(layer, W_o, x, y, lengths(flags)),
        "accuracy": fitting.share_right(fitting.predict(model, x_test), y_test),
    }


def lengths(flags: Flags) -> list[int]:
    """Steps k to cut the gradient after: 1, 2, 5, 10, ... up to all."""
    candidates = [1, 2, 5, 10, 20, 50, 100, 200, 500]
    return [k for k in candidates if k < flags.length] + [flags.length]


def double_precision(model: keras.Model, start: str) -> tuple[keras.layers.RNN, np.ndarray]:
    """The model's layer and W_o with the same weights in float64."""
    trained = model.get_layer("rnn")
    layer = memory.STARTS[start].layer(trained.units, return_state=True, dtype="float64")
    layer.build((None, None, trained.cell.kernel.shape[0]))
    layer.cell.set_lecture_weights(trained.cell.lecture_weights())
    return layer, ops.convert_to_numpy(model.get_layer("readout").kernel).astype("float64")


def last_loss(W_o: np.ndarray, y: np.ndarray):
    """h_T -> the loss of the last step, the mean over the batch, in the precision of h_T."""

    def loss(h):
        outputs = ops.matmul(h, W_o)
        return ops.mean(ops.sparse_categorical_crossentropy(y, outputs, from_logits=True))

    return loss


def tape_gradients(layer, W_o, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """∂L/∂h_k (and ∂L/∂C_k) for k = 1..T-1, by autodiff through the layer's own cell.

    Returns:
        `{"h"}`, for the LSTM also `{"C"}`, each `<float64>[T - 1, batch, units]`.
    """
    cell, steps = layer.cell, x.shape[1]
    handed_on = []  # h and C as the next step reads them, apart from one another

    def forward():
        states = [np.zeros((len(x), cell.units)) for _ in range(1 + isinstance(layer, LSTM))]
        for t in range(steps):
            h, states = cell(x[:, t], states)
            if t < steps - 1:
                states = [ops.copy(state) for state in states]
                handed_on.extend(states)
        return h

    _, for_states = gradients(forward, last_loss(W_o, y), handed_on)
    names = ("h", "C") if isinstance(layer, LSTM) else ("h",)
    return {name: np.stack(for_states[i :: len(names)]) for i, name in enumerate(names)}


def truncation_errors(layer, W_o, x, y, steps: Sequence[int]) -> dict[int, float]:
    """k -> |g_k - g| / |g|, with g_k the recurrent weights' gradient over the last k steps."""
    by_length = {}
    for k in steps:
        before = x[:, : x.shape[1] - k]
        states = layer(before)[1:] if before.shape[1] else None
        _, (g,) = gradients(
            lambda k=k, states=states: layer(x[:, -k:], initial_state=states, training=True)[0],
            last_loss(W_o, y),
            [layer.cell.recurrent_kernel],
        )
        by_length[k] = g
    whole = by_length[steps[-1]]
    return {
        k: float(np.linalg.norm(g - whole) / np.linalg.norm(whole)) for k, g in by_length.items()
    }


def factor(norms: Sequence[float]) -> float:
    """The factor by which the gradient's norm changes with each step back, on average."""
    return float((norms[0] / norms[-1]) ** (1 / max(1, len(norms) - 1)))


def _result(flags: Flags, measured: dict) -> Result:
    worst = max(numbers["distance"] for numbers in measured.values())
    decay = {
        key: factor(numbers["norms"].get("C", numbers["norms"]["h"]))
        for key, numbers in measured.items()
    }
    rnn, plain, offsets = (decay[start, "at first"] for start in STARTS)
    loss = {start: measured[start, "trained"]["truncation"] for start in STARTS}
    half = max(k for k in lengths(flags) if k <= flags.length // 2)
    findings = [
        Finding(
            "The gradient for an earlier state is the product of the Jacobians between.",
            f"Autodiff and the product in NumPy differ by at most {worst:.1g}, relative.",
            worst < CLOSE,
        ),
        Finding(
            "In the simple RNN the gradient vanishes (or explodes) with the distance.",
            f"At first it changes by the factor {rnn:.3f} a step: {rnn ** (flags.length - 2):.1g} "
            f"over {flags.length - 2} steps; after training {decay['SimpleRNN', 'trained']:.3f}.",
            not 0.9 < rnn < 1.1,
        ),
        Finding(
            "In the LSTM the cell state carries it back, where the forget gate is near 1.",
            f"∂L/∂C changes by {offsets:.3f} a step with gate offsets, and by {plain:.3f} without, "
            f"where the gates start at ½; after training "
            f"{decay['LSTM, gate offsets', 'trained']:.3f} and {decay['LSTM', 'trained']:.3f}.",
            offsets > 0.9 > plain,
        ),
        Finding(
            "Truncation at k steps drops what came before.",
            f"At k = {half} of {flags.length}, the trained cells' gradient of the recurrent "
            "weights is off by "
            + ", ".join(f"{loss[start][half]:.0%} ({start})" for start in STARTS)
            + f"; at k = {flags.length} by 0.",
            all(errors[half] > errors[flags.length] == 0 for errors in loss.values()),
        ),
    ]
    header = ["cell", "weights", "right answers", "factor a step", "autodiff - Jacobians"]
    rows = [
        (*key, numbers["accuracy"], decay[key], numbers["distance"])
        for key, numbers in measured.items()
    ]
    blocks = [table(header, rows), _norm_picture(flags, measured), _cut(), _loss_picture(measured)]
    notes = [
        f"Task: one of {WORDS} words, {flags.length - 2} distractors, then the question which word "
        f"it was. The factor is taken of ∂L/∂h for SimpleRNN, of ∂L/∂C for the LSTM; gradients are "
        f"taken in float64 on {BATCH} sequences."
    ]
    numbers = {f"{start}, {when}": measured[start, when] for start, when in measured}
    numbers["factors"] = {str(key): value for key, value in decay.items()}
    return Result(findings, numbers, blocks, notes)


def _norm_picture(flags: Flags, measured: dict) -> Html:
    with drawing.panels(1, 2, 4.6, 3.0) as (sketch, axes):
        for panel, when in zip(axes[0], ("at first", "trained"), strict=True):
            lines = {
                f"{start}: ∂L/∂{state}": norms
                for start in STARTS
                for state, norms in measured[start, when]["norms"].items()
            }
            drawing.curves(
                panel,
                np.arange(1, flags.length),
                lines,
                title=f"weights {when}",
                xlabel="step k",
                ylabel="norm of the gradient for the state at k",
            )
            panel.set_yscale("log")
    return drawing.picture(sketch, "norm of the gradient by step, before and after training")


def _loss_picture(measured: dict) -> Html:
    with drawing.panels(1, 2, 4.6, 2.8) as (sketch, axes):
        for panel, when in zip(axes[0], ("at first", "trained"), strict=True):
            errors = {start: measured[start, when]["truncation"] for start in STARTS}
            drawing.curves(
                panel,
                list(errors[STARTS[0]]),
                {start: list(shares.values()) for start, shares in errors.items()},
                title=f"weights {when}",
                xlabel="truncated at k steps",
                ylabel="share of the gradient lost",
            )
    return drawing.picture(sketch, "share of the weights' gradient that truncation loses")


def _cut(steps: int = 8, k: int = 3) -> Html:
    """Forward arrows over all steps, backward arrows within the last k of them."""
    with drawing.panels(1, 1, 7.5, 2.4) as (sketch, axes):
        panel = axes[0, 0]
        last = steps - 1
        inputs = [f"x{drawing.subscript(t + 1)}" for t in range(steps)]
        names = [drawing.Step(x, "L" if x == inputs[-1] else None) for x in inputs]
        drawing.sequence(panel, names, labels=False)
        for t in range(last, 0, -1):
            kept = t > last - k + 1
            color = drawing.COLORS[4] if kept else drawing.GREY
            drawing.arrow(panel, (t - 0.3, 0.8), (t - 0.7, 0.8), color, dotted=not kept)
        cut = last - k + 0.5
        panel.plot([cut] * 2, [0.45, 1.5], color=drawing.COLORS[4], linestyle="--")
        panel.set_title(f"truncated at k = {k}: the gradient stops at the cut", fontsize=10)
    return drawing.picture(sketch, f"the gradient goes back {k} steps and is cut there")


LESSON = Lesson("bptt", "backpropagation through time, whole and truncated", Flags, run)
