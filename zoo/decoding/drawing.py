"""A token drawn at random: the cut to the likeliest ones, and a draw that a key decides."""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.decoding.rules import IMPOSSIBLE

Tensor = Any
NUMBER = int, float, np.number


def keep_likeliest(logits: Tensor, top_k: int | Tensor = 0, top_p: float | Tensor = 1.0) -> Tensor:
    """The logits of the `top_k` likeliest, then of the fewest that hold `top_p`; others are cut.

    Tokens that tie with the last that is kept are kept, too. The second cut is nucleus sampling
    (Holtzman et al. 2020).

    Example, logits log (0.5, 0.3, 0.2): top_k 2 leaves two, whose probabilities are then 5/8 and
    3/8; with top_p 0.6 besides, one.

    Args:
        logits: `<float32>[..., vocabulary]`.
        top_k: 0 keeps all.
        top_p: 1 keeps all.

    Returns:
        The logits, with -1e9 for a token that is cut.
    """
    if isinstance(top_k, NUMBER) and isinstance(top_p, NUMBER) and top_k == 0 and top_p >= 1:
        return logits
    vocabulary = logits.shape[-1]
    top_k = ops.cast(top_k, "int32")
    top_k = ops.where(top_k > 0, top_k, vocabulary)
    descending = ops.flip(ops.sort(logits, axis=-1), axis=-1)
    among = ops.arange(vocabulary, dtype="int32") < top_k
    descending = ops.where(among, descending, IMPOSSIBLE)
    probabilities = ops.softmax(descending, axis=-1)
    before = ops.cumsum(probabilities, axis=-1) - probabilities
    # Rounding lets the sum before the last ones reach 1: with top_p 1 nothing is cut.
    kept = ops.logical_or(before < top_p, ops.cast(top_p, "float32") >= 1)
    kept = ops.logical_and(kept, among)
    smallest = ops.min(ops.where(kept, descending, np.inf), axis=-1, keepdims=True)
    return ops.where(logits < smallest, IMPOSSIBLE, logits)


class Key(keras.random.SeedGenerator):
    """A key that is known only when the graph runs, in the one form that keras.random takes.

    Args:
        numbers: two integers of 32 bits, as a tuple or as `<int>[2]`.
    """

    def __init__(self, numbers: tuple[int | Tensor, int | Tensor] | Tensor):
        # Without SeedGenerator's own __init__, which makes a variable.
        dtype = "uint32" if keras.config.backend() == "jax" else "int32"
        if isinstance(numbers, tuple):
            numbers = ops.stack([ops.cast(number, dtype) for number in numbers])
        self.key = ops.cast(numbers, dtype)

    def next(self, ordered: bool = True) -> Tensor:
        """The key, each time."""
        return self.key


def draw(logits: Tensor, key: Key) -> Tensor:
    """A token from softmax(logits): `<float32>[..., vocabulary]` -> `<int32>[...]`.

    The largest sum of logits and Gumbel noise is a draw from their softmax (Gumbel 1954). The noise
    depends on the key and the place in `logits` alone, so that a row of a batch draws the same,
    whatever its neighbours are and however many.
    """
    uniform = keras.random.uniform(ops.shape(logits), dtype="float32", seed=key)
    noise = -ops.log(-ops.log(ops.clip(uniform, 1e-20, 1.0 - 1e-7)))
    return ops.cast(ops.argmax(logits + noise, axis=-1), "int32")
