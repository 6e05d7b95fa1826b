"""The few lines that all lessons train with."""

import math
import time
from collections.abc import Callable

import keras
import numpy as np


def classes_loss() -> keras.losses.Loss:
    """-log softmax(o)_y, of the lecture's outputs o before the softmax."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def compile_model(model: keras.Model, learning_rate, loss, fast: bool = False) -> None:
    """Adam (Kingma and Ba 2015) with gradients of norm at most 1 (Pascanu et al. 2013).

    Args:
        model: built.
        learning_rate: of Adam, or its schedule.
        loss: a Keras loss.
        fast: compile with XLA, which takes some seconds and pays over many steps of time.
    """
    model.compile(keras.optimizers.Adam(learning_rate, clipnorm=1.0), loss, jit_compile=fast)


def train(
    model: keras.Model,
    batch: Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]],
    steps: int,
    seed: int,
    solved: float = 0.0,
) -> tuple[list[float], float]:
    """Trains on fresh batches, the same for the same seed.

    Training ends sooner where the last ten losses are all below `solved`, and where a loss is not a
    number.

    Returns:
        The loss of each step, and the median time of a step in milliseconds.
    """
    rng = np.random.default_rng([seed, 1])
    losses, times = [], []
    for _ in range(steps):
        x, y = batch(rng)
        began = time.perf_counter()
        losses.append(float(model.train_on_batch(x, y)))
        times.append(1000 * (time.perf_counter() - began))
        if (max(losses[-10:]) < solved and len(losses) >= 10) or math.isnan(losses[-1]):
            break
    return losses, float(np.median(times))


def predict(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """The model's outputs in one batch."""
    return keras.ops.convert_to_numpy(model(x, training=False))


def share_right(y: np.ndarray, outputs: np.ndarray) -> float:
    """Share of right answers, an answer being the largest of `<float>[..., classes]`."""
    return float(np.mean(outputs.argmax(axis=-1) == y))
