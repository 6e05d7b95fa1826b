"""Greedy search and sampling: each beam follows one hypothesis."""

from collections.abc import Callable

import keras
from keras import ops

from zoo.checks import check
from zoo.decoding.drawing import NUMBER, Key, draw, keep_likeliest
from zoo.decoding.rules import (
    INTEGER,
    Decoded,
    Rules,
    State,
    Step,
    Tensor,
    advance,
    leading_shape,
)


def greedy(step: Step, state: State, **rules) -> Decoded:
    """Takes the most probable token at each step.

    Args:
        step: `(tokens <int32>[batch, beams], state) -> (logits [batch, beams, vocabulary], state)`.
        state: before the first step, `[batch, beams, ...]`; as a rule beams = 1.
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
        top_k, top_p: see `keep_likeliest`.
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
    # Each step has a key drawn from the root. Counting up from the root would not do: a
    # SeedGenerator counts too, and its next call would meet the same numbers a step earlier.
    keys = keras.random.randint(
        (rules.max_length, 2), 0, 2**31 - 1, dtype="int32", seed=_root(seed)
    )

    def choose(log_probs, place):
        logits = log_probs / ops.clip(ops.cast(temperature, "float32"), 1e-6, 1e6)
        return draw(keep_likeliest(logits, top_k, top_p), Key(ops.take(keys, place, axis=0)))

    return _follow(step, state, rules, choose)


def _follow(step: Step, state: State, rules: Rules, choose: Callable) -> Decoded:
    """One hypothesis a beam: `choose(log_probs, place)` names the token of each step."""
    size = leading_shape(state)
    nothing = ops.zeros(size, dtype="int32")

    def going_on(place, last, tokens, lengths, total, ended, state):
        return ops.logical_and(place < rules.max_length, ops.any(ops.logical_not(ended)))

    def body(place, last, tokens, lengths, total, ended, state):
        logits, state = advance(step, last, state)
        log_probs = rules.log_probs(logits, place, tokens)
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


def _root(seed: int | keras.random.SeedGenerator | Tensor) -> Key:
    """The key of a whole call."""
    if isinstance(seed, keras.random.SeedGenerator):
        return Key(seed.next())
    if isinstance(seed, INTEGER):
        check("seed", "be from 0 to 2**31 - 1", seed, 0 <= seed < 2**31)
    return Key((seed, 0)) if len(ops.shape(seed)) == 0 else Key(seed)
