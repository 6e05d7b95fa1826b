"""Text from a model of characters: `length` symbols, drawn one after the other, in one graph."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

Tensor = Any
FORBIDDEN = -1e9


def write(
    next_logits: Callable,
    step: Callable,
    states: list[Tensor],
    length: int | Tensor,
    *,
    seed: int | Tensor,
    place: int | Tensor = 0,
    temperature: float | Tensor = 1.0,
    top_k: int | Tensor = 0,
    top_p: float | Tensor = 1.0,
) -> tuple[Tensor, list[Tensor]]:
    """Draws symbols from softmax(logits / temperature), cut to the likeliest ones.

    The drawing adds Gumbel noise to the logits and takes the largest sum, which is a draw from
    their softmax (Gumbel 1954). The noise depends on the seed, the place in the text and the row
    of the batch alone. So the same seed gives the same text, in one piece or in several (`place`
    says where a piece begins), and a row is the same whatever its neighbours are.

    Args:
        next_logits: states -> logits `<float32>[batch, vocabulary]` of the next symbol.
        step: (symbols `<int32>[batch]`, states) -> states.
        states: what the text goes on from, each `<float>[batch, units]`.
        length: symbols to write, 0 or more. A tensor only in a TensorFlow graph without XLA.
        seed: integer of 32 bits.
        place: of the first symbol: how many were written before with this seed.
        temperature: 0 takes the likeliest symbol; below 1 sharpens, above 1 flattens.
        top_k: keep the `top_k` likeliest symbols, and those that tie with the last. 0 keeps all.
        top_p: then keep the fewest likeliest that hold `top_p` of the probability, and those that
            tie with the last (nucleus sampling, Holtzman et al. 2020). 1 keeps all.

    Returns:
        `<int32>[batch, length]`, never the symbol 0, and the states after them.
    """
    batch = ops.shape(states[0])[0]
    places = ops.arange(length, dtype="int32")
    symbols = ops.zeros((batch, length), "int32")

    def going_on(index, symbols, *states):
        return index < length

    def body(index, symbols, *states):
        logits = next_logits(list(states))
        noise = _gumbel(ops.shape(logits), seed, index + place)
        drawn = _choose(logits, noise, temperature, top_k, top_p)
        after = step(drawn, list(states))
        after = [ops.reshape(new, ops.shape(old)) for new, old in zip(after, states, strict=True)]
        symbols = ops.where(places == index, ops.expand_dims(drawn, 1), symbols)
        return index + 1, symbols, *after

    _, symbols, *states = ops.while_loop(going_on, body, (ops.zeros((), "int32"), symbols, *states))
    return symbols, states


def keep_likeliest(logits: Tensor, top_k: int | Tensor, top_p: float | Tensor) -> Tensor:
    """The logits of the `top_k` likeliest, then of the fewest that hold `top_p`; others are cut.

    Example, logits log (0.5, 0.3, 0.2): top_k 2 leaves two, whose probabilities are then 5/8 and
    3/8; with top_p 0.6 besides, one.
    """
    vocabulary = logits.shape[-1]
    top_k = ops.cast(top_k, "int32")
    top_k = ops.where(top_k > 0, top_k, vocabulary)
    descending = ops.flip(ops.sort(logits, axis=-1), axis=-1)
    descending = ops.where(ops.arange(vocabulary) < top_k, descending, FORBIDDEN)
    probabilities = ops.softmax(descending, axis=-1)
    before = ops.cumsum(probabilities, axis=-1) - probabilities
    # Rounding lets the sum before the last ones reach 1: with top_p 1 nothing is cut.
    kept = ops.logical_or(before < top_p, ops.cast(top_p, "float32") >= 1)
    kept = ops.logical_and(kept, ops.arange(vocabulary) < top_k)
    smallest = ops.min(ops.where(kept, descending, np.inf), axis=-1, keepdims=True)
    return ops.where(logits < smallest, FORBIDDEN, logits)


def _choose(logits, noise, temperature, top_k, top_p):
    """The symbol of each row, `<int32>[batch]`."""
    known = np.arange(logits.shape[-1]) > 0
    logits = ops.where(known, logits, FORBIDDEN)
    temperature = ops.cast(temperature, "float32")
    warm = logits / ops.maximum(temperature, 1e-6)
    noisy = keep_likeliest(warm, top_k, top_p) + noise
    chosen = ops.where(temperature > 0, noisy, logits)
    return ops.cast(ops.argmax(chosen, axis=-1), "int32")


def _gumbel(shape, seed, place):
    """-log(-log u), u uniform: the same for the same seed, place and row."""
    uniform = keras.random.uniform(shape, seed=_Key(seed, place))
    return -ops.log(-ops.log(ops.clip(uniform, 1e-20, 1.0 - 1e-7)))


class _Key(keras.random.SeedGenerator):
    """A key that is known only when the graph runs, in the one form that keras.random takes."""

    def __init__(self, seed: int | Tensor, place: int | Tensor):
        # Without SeedGenerator's own __init__, which makes a variable.
        dtype = "uint32" if keras.config.backend() == "jax" else "int32"
        self.key = ops.stack([ops.cast(seed, dtype), ops.cast(place, dtype)])

    def next(self, ordered: bool = True) -> Tensor:
        return self.key
