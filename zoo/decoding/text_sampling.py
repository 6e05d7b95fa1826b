"""Text from a model of characters: `length` symbols, drawn one after the other, in one graph."""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from zoo.decoding.drawing import Key, draw, keep_likeliest
from zoo.decoding.rules import IMPOSSIBLE

Tensor = Any


def sample_text(
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

    A draw depends on the seed, the place in the text and the row of the batch alone. So the same
    seed gives the same text, in one piece or in several (`place` says where a piece begins), and a
    row is the same whatever its neighbours are.

    Args:
        next_logits: states -> logits `<float32>[batch, vocabulary]` of the next symbol.
        step: (symbols `<int32>[batch]`, states) -> states.
        states: the states that the text goes on from, each `<float>[batch, units]`.
        length: symbols to write, 0 or more. A tensor only in a TensorFlow graph without XLA.
        seed: integer of 32 bits.
        place: of the first symbol: how many were written before with this seed.
        temperature: 0 takes the likeliest symbol; below 1 sharpens, above 1 flattens.
        top_k, top_p: see `keep_likeliest`.

    Returns:
        `<int32>[batch, length]`, never the symbol 0, and the states after them.
    """
    batch = ops.shape(states[0])[0]
    places = ops.arange(length, dtype="int32")
    symbols = ops.zeros((batch, length), "int32")
    temperature = ops.cast(temperature, "float32")

    def choose(logits, key):
        logits = ops.where(np.arange(logits.shape[-1]) > 0, logits, IMPOSSIBLE)
        warm = logits / ops.maximum(temperature, 1e-6)
        drawn = draw(keep_likeliest(warm, top_k, top_p), key)
        return ops.where(temperature > 0, drawn, ops.cast(ops.argmax(logits, axis=-1), "int32"))

    def going_on(index, symbols, *states):
        return index < length

    def body(index, symbols, *states):
        symbol = choose(next_logits(list(states)), Key((seed, index + place)))
        after = step(symbol, list(states))
        after = [ops.reshape(new, ops.shape(old)) for new, old in zip(after, states, strict=True)]
        symbols = ops.where(places == index, ops.expand_dims(symbol, 1), symbols)
        return index + 1, symbols, *after

    _, symbols, *states = ops.while_loop(going_on, body, (ops.zeros((), "int32"), symbols, *states))
    return symbols, states
