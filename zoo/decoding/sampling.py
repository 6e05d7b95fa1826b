"""Greedy search and sampling: each beam follows one hypothesis."""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from zoo.checks import check
from zoo.decoding.rules import (
    IMPOSSIBLE,
    INTEGER,
    Decoded,
    Rules,
    State,
    Step,
    Tensor,
    advance,
    leading_shape,
)

NUMBER = int, float, np.number


def greedy(step: Step, state: State, **rules) -> Decoded:
    """Takes the most probable token at each step.

    Args:
        step: `(tokens <int32>[batch, beams], state) -> (logits [batch, beams, vocabulary], state)`.
        state: what the first step reads, `[batch, beams, ...]`; as a rule beams = 1.
        **rules: the fields of `Rules`.

    Returns:
        `Decoded` of `[batch, beams]`.

    Raises:
        ValueError: a rule is out of range, `state` is empty, or no word is left to choose.
    """
    return _follow(step, state, Rules(**rules), lambda log_probs, _: ops.argmax(log_probs, -1))


def sample(
    step: Step,
    state: State,
    *,
    seed: int | keras.random.SeedGenerator | Tensor,
    temperature: float | Tensor = 1.0,
    top_k: int = 0,
    top_p: float | Tensor = 1.0,
    **rules,
) -> Decoded:
    """Draws each token from softmax(log P / temperature), cut to its most probable tokens.

    Args:
        step: as in `greedy`.
        state: `[batch, beams, ...]`: each of the `beams` of an element is an independent sample.
        seed: an int or `<int32>[]` or `<int32>[2]`: the same seed gives the same tokens (on one
            backend; with XLA other tokens than without). A `SeedGenerator` moves on by itself.
        temperature: above 0, and clipped to 1e-6 to 1e6. Towards 0 it becomes `greedy`.
        top_k: keep the `top_k` most probable tokens, and any that tie with the last. 0 keeps all.
        top_p: then keep the fewest most probable tokens that hold `top_p` of the probability, and
            any that tie with the last (nucleus sampling, Holtzman et al. 2020). 1 keeps all.
        **rules: the fields of `Rules`.

    Returns:
        `Decoded` of `[batch, beams]`. log_probs are the model's own (temperature 1, nothing cut).

    Raises:
        ValueError: as `greedy`; or `temperature`, `top_k` or `top_p` is out of range.
    """
    if isinstance(temperature, NUMBER):
        check("temperature", "be above 0", temperature, temperature > 0)
    if isinstance(top_p, NUMBER):
        check("top_p", "be above 0 and at most 1", top_p, 0 < top_p <= 1)
    check("top_k", "be an integer of 0 or more", top_k, isinstance(top_k, INTEGER) and top_k >= 0)
    rules = Rules(**rules)
    root = _GivenSeed(seed)
    # Each step has a key drawn from the root. Counting up from the root would not do: a
    # SeedGenerator counts too, and its next call would meet the same numbers a step earlier.
    keys = keras.random.randint((rules.max_length, 2), 0, 2**31 - 1, dtype="int32", seed=root)
    keys = ops.cast(keys, root.key.dtype)

    def draw(log_probs, place):
        logits = log_probs / ops.clip(ops.cast(temperature, "float32"), 1e-6, 1e6)
        logits = _keep_most_probable(logits, top_k, top_p)
        flat = ops.reshape(logits, (-1, logits.shape[-1]))
        drawn = keras.random.categorical(flat, 1, seed=_GivenSeed(ops.take(keys, place, axis=0)))
        return ops.reshape(drawn, ops.shape(logits)[:-1])

    return _follow(step, state, rules, draw)


def _follow(step: Step, state: State, rules: Rules, choose: Callable) -> Decoded:
    """One hypothesis a beam: `choose(log_probs, place)` names the token of each step."""
    size = leading_shape(state)
    nothing = ops.zeros(size, dtype="int32")

    def going_on(place, last, tokens, lengths, total, ended, state):
        return ops.logical_and(place < rules.max_length, ops.any(ops.logical_not(ended)))

    def body(place, last, tokens, lengths, total, ended, state):
        logits, state = advance(step, last, state)
        log_probs = rules.log_probs(logits, place)
        last = ops.cast(choose(log_probs, place), "int32")
        gain = ops.take_along_axis(log_probs, ops.expand_dims(last, -1), axis=-1)[..., 0]
        total = total + ops.where(ended, 0.0, gain)
        ended = ops.logical_or(ended, last == rules.end_token)
        tokens = rules.write(tokens, place, ops.where(ended, rules.pad_token, last))
        lengths = lengths + ops.cast(ops.logical_not(ended), "int32")
        return place + 1, last, tokens, lengths, total, ended, state

    words, total = rules.no_tokens(*size), ops.zeros(size, dtype="float32")
    loop = (ops.zeros((), "int32"), rules.first_tokens(*size), words, nothing, total, nothing > 0)
    _, _, tokens, lengths, total, _, _ = ops.while_loop(going_on, body, (*loop, state))
    return Decoded(tokens, lengths, total, rules.scores(total, lengths))


def _keep_most_probable(logits: Tensor, top_k: int, top_p: float | Tensor) -> Tensor:
    """Masks all but the `top_k` largest, then all but the largest that hold `top_p`."""
    if not top_k and isinstance(top_p, NUMBER) and top_p == 1:
        return logits
    vocabulary = logits.shape[-1]
    largest, _ = ops.top_k(logits, min(top_k or vocabulary, vocabulary))
    probs = ops.softmax(largest, axis=-1)
    before = ops.cumsum(probs, axis=-1) - probs
    smallest = ops.min(ops.where(before < top_p, largest, np.inf), axis=-1, keepdims=True)
    return ops.where(logits < smallest, IMPOSSIBLE, logits)


class _GivenSeed(keras.random.SeedGenerator):
    """A key known only when the graph runs, in the one form that keras.random takes."""

    def __init__(self, seed: int | keras.random.SeedGenerator | Tensor):
        # Without SeedGenerator's own __init__, which makes a variable.
        if isinstance(seed, keras.random.SeedGenerator):
            self.key = seed.next()
            return
        if isinstance(seed, INTEGER):
            check("seed", "be from 0 to 2**31 - 1", seed, 0 <= seed < 2**31)
        key = ops.cast(seed, "uint32" if keras.config.backend() == "jax" else "int32")
        self.key = key if len(key.shape) else ops.stack([key, ops.zeros_like(key)])

    def next(self, ordered: bool = True) -> Tensor:
        return self.key
