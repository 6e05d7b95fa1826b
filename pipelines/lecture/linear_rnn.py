"""The RNN of one linear unit: weights by hand, and weights learnt from examples.

    h_t = W_i x_t + W_r h_{t-1}         ŷ = φ(W_o h_T)         no bias

Two lessons are about it: `summing` with φ the identity, `compare` with φ = σ.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from pipelines.flags import Positive
from pipelines.lecture import drawing, fitting
from pipelines.lecture.lesson import LessonFlags, Numbers
from pipelines.report import Html, plot_lines, table
from zoo.layers import SimpleRNN

BATCH = 64
NAMES = ("W_i", "W_r", "W_o")


@dataclass(frozen=True)
class LinearFlags(LessonFlags):
    """Flags of both lessons."""

    train_length: Positive = 10  # steps
    """Longest sequence of the training."""
    lengths: Numbers = (1, 10, 100, 1000)
    """Lengths to measure at."""
    steps: Positive = 600
    """Training steps of 64 sequences."""


def network(inputs: int, activation: str = "linear") -> keras.Model:
    """`<float32>[batch, time, inputs]` -> ŷ `<float32>[batch, 1]`, with φ the `activation`.

    W_r starts between 0 and 1: the default, orthogonal, would be -1 as often as 1.
    """
    x = keras.Input((None, inputs))
    start = keras.initializers.RandomUniform(0.0, 0.9)
    h = SimpleRNN(1, activation="linear", recurrent_initializer=start)(x)
    return keras.Model(x, keras.layers.Dense(1, activation=activation, use_bias=False)(h))


def weights(model: keras.Model) -> dict[str, list]:
    """`{"W_i", "W_r", "W_o"}` as nested lists."""
    return dict(zip(NAMES, (array.tolist() for array in model.get_weights()), strict=True))


def set_weights(model: keras.Model, values: Mapping[str, list]) -> None:
    """Sets the weights from a dict as `weights` returns it."""
    model.set_weights([np.array(values[name]) for name in NAMES])


def learn(
    flags: LinearFlags,
    activation: str,
    loss: str,
    exact: Mapping[str, list],
    batch: Callable[..., tuple[np.ndarray, np.ndarray]],
    measure: Callable[[keras.Model, int, int], float],
) -> tuple[dict[str, dict], dict[str, dict[int, float]], list[float]]:
    """Learns the weights from examples, and measures learnt and exact weights.

    Args:
        flags: steps of the training, and lengths to measure at.
        activation: φ.
        loss: a Keras loss.
        exact: weights by hand.
        batch: (rng, length) -> x, y.
        measure: (model, length, seed) -> a number.

    Returns:
        The weights "exact", "first" and "learnt"; the numbers "by hand" and "learnt" by length; the
        loss of each step.
    """
    keras.utils.set_random_seed(flags.seed)
    model = network(len(exact["W_i"]), activation)
    first = weights(model)
    schedule = keras.optimizers.schedules.CosineDecay(0.05, flags.steps)
    fitting.compile_model(model, schedule, loss)
    examples = partial(batch, length=flags.train_length)
    losses, _ = fitting.train(model, examples, flags.steps, flags.seed)
    learnt, measured = weights(model), {}
    for name, values in (("by hand", exact), ("learnt", learnt)):
        set_weights(model, values)
        measured[name] = {n: measure(model, n, flags.seed) for n in flags.lengths}
    return {"exact": exact, "first": first, "learnt": learnt}, measured, losses


def blocks(
    measured: Mapping[str, Mapping[int, float]],
    losses: list[float],
    header: list[str],
    steps: list[drawing.Step],
    heading: str,
    **axes,
) -> list[Html]:
    """The measured numbers by length; the network, drawn, beside its loss in training.

    Args:
        measured, losses: of `learn`.
        header: of the table: length, by hand, learnt.
        steps, heading: of the drawing.
        **axes: of `plot_lines`.
    """
    rows = [(n, exact, measured["learnt"][n]) for n, exact in measured["by hand"].items()]
    sketch = partial(drawing.sequence, steps=steps, title=heading)
    curve = partial(plot_lines, lines={"loss": losses}, xlabel="step", **axes)
    alt = "the RNN of one linear unit, and its loss in training"
    return [table(header, rows), drawing.picture(alt, (4.2, 2.6), sketch, curve)]
