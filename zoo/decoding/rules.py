"""The shared part of the searches: the rules of a hypothesis, its score, a step of a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from keras import ops, tree

from zoo.checks import check

Tensor = Any
State = Any
Step = Callable[[Tensor, State], tuple[Tensor, State]]

# Finite, so that no difference of two of them is NaN. Tokens that a model itself rules out stay
# above tokens that the search forbids; a log probability below half of IMPOSSIBLE belongs to no
# hypothesis.
UNLIKELY, IMPOSSIBLE = -1e8, -1e9
INTEGER = int, np.integer
PERIODS = range(1, 5)  # tokens of a passage whose repetition is looked for


class Decoded(NamedTuple):
    """The hypotheses of a search; of beam search, the best first.

    tokens: <int32>[batch, beams, max_length]. The words, then `pad_token`; never the end token.
    lengths: <int32>[batch, beams]. The number of words. `max_length` means cut: it did not end.
    log_probs: <float32>[batch, beams]. log P(words, end token), in nats; if cut, log P(words).
    scores: <float32>[batch, beams]. log_probs / lp(number of tokens that log_probs counts).
    """

    tokens: Tensor
    lengths: Tensor
    log_probs: Tensor
    scores: Tensor


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The form of a hypothesis, and its score.

    The start, padding and forbidden tokens are never returned, and the end token not before
    `min_length` words: their logits are masked before the softmax. So probabilities are the model's
    given that the next token is an allowed one: they sum to one over the allowed tokens.

    A score is log P(y) / lp(|y|), lp(n) = ((5 + n) / 6) ** length_penalty, where |y| counts the end
    token (Wu et al. 2016, "Google's Neural Machine Translation System", equation 14).

    A passage of two to four tokens stands at most `max_repeats` times in a row, and a single token
    twice as often (a number has many zeros): the token that would begin it once more is forbidden.

    A negative id stands for no token: with `end_token=-1` nothing ever ends.
    """

    start_token: int | Tensor  # <int32>[batch] gives each row its own, which then is not forbidden
    end_token: int  # may equal start_token or pad_token, and is then not forbidden
    max_length: int | Tensor  # words; a scalar tensor only in a TensorFlow graph without XLA
    min_length: int = 0  # words before the end token
    forbidden_tokens: Sequence[int] = ()
    pad_token: int = 0
    max_repeats: int = 0  # 0: any number
    length_penalty: float = 0.6  # 0: the plain sum; larger favours longer; Wu et al. use 0.6 to 0.7

    def __post_init__(self):
        if isinstance(self.max_length, INTEGER):
            check("max_length", "be a positive integer", self.max_length, self.max_length > 0)
            fits = 0 <= self.min_length <= self.max_length
            check("min_length", f"be from 0 to {self.max_length}", self.min_length, fits)
        check("max_repeats", "be 0 or more", self.max_repeats, self.max_repeats >= 0)
        check("length_penalty", "be 0 or more", self.length_penalty, self.length_penalty >= 0)
        open_ended = self.end_token not in self.forbidden_tokens
        check("forbidden_tokens", "leave out the end token", self.forbidden_tokens, open_ended)

    def log_probs(self, logits: Tensor, length: Tensor, words: Tensor | None = None) -> Tensor:
        """log P of each next token after `length` words. <float32>[batch, beams, vocabulary].

        Args:
            logits: `<float>[batch, beams, vocabulary]`.
            length: `<int32>[]`.
            words: `<int32>[batch, beams, max_length]`, for `max_repeats`.
        """
        vocabulary = logits.shape[-1]
        start = [self.start_token] if isinstance(self.start_token, INTEGER) else []
        unwanted = [*start, self.pad_token, *self.forbidden_tokens]
        below = f"be below the vocabulary's {vocabulary}"
        check("end_token", below, self.end_token, self.end_token < vocabulary)
        largest = max(self.forbidden_tokens, default=-1)
        check("forbidden_tokens", below, self.forbidden_tokens, largest < vocabulary)
        ends = np.arange(vocabulary) == self.end_token
        barred = np.isin(np.arange(vocabulary), unwanted) & ~ends
        words_left = not (barred | ends).all()
        check("forbidden_tokens", "leave a word to choose", self.forbidden_tokens, words_left)

        barred = ops.logical_or(barred, ops.logical_and(ends, length < self.min_length))
        if self.max_repeats and words is not None:
            repeating = ops.expand_dims(self._repeating(words, length), -1)
            repeats = ops.any(ops.equal(repeating, ops.arange(vocabulary, dtype="int32")), axis=-2)
            barred = ops.logical_or(barred, repeats)
        logits = ops.maximum(ops.cast(logits, "float32"), UNLIKELY)
        return ops.log_softmax(ops.where(barred, IMPOSSIBLE, logits), axis=-1)

    def _repeating(self, words: Tensor, length: Tensor) -> Tensor:
        """Of each period, the token that would repeat a passage too often, or -1.

        `<int32>[batch, beams, max_length]` -> `<int32>[batch, beams, periods]`
        """
        counts = [self.max_repeats * (2 if period == 1 else 1) for period in PERIODS]
        reach = max(count * period for count, period in zip(counts, PERIODS, strict=True))
        back = length - 1 - ops.arange(reach, dtype="int32")  # the last word first
        last = ops.take(words, ops.maximum(back, 0), axis=-1)
        last = ops.where(back >= 0, last, -2 - ops.arange(reach, dtype="int32"))  # equal to none
        tokens = []
        for count, period in zip(counts, PERIODS, strict=True):
            span = (count - 1) * period
            same = ops.equal(last[..., :span], last[..., period : period + span])
            tokens.append(ops.where(ops.all(same, axis=-1), last[..., period - 1], -1))
        return ops.stack(tokens, axis=-1)

    def scores(self, log_probs: Tensor, lengths: Tensor) -> Tensor:
        """log P / lp of hypotheses of `lengths` words, the end token counted unless cut off."""
        counted = ops.cast(ops.minimum(lengths + 1, self.max_length), "float32")
        return log_probs / ops.power((5.0 + counted) / 6.0, self.length_penalty)

    def first_tokens(self, batch: Tensor, beams: Tensor) -> Tensor:
        """The tokens that the first step reads. <int32>[batch, beams]."""
        start = ops.reshape(ops.cast(self.start_token, "int32"), (-1, 1))
        return ops.broadcast_to(start, (batch, beams))

    def no_tokens(self, batch: Tensor, beams: Tensor) -> Tensor:
        """Padding alone. <int32>[batch, beams, max_length]."""
        return ops.full((batch, beams, self.max_length), self.pad_token, dtype="int32")

    def write(self, tokens: Tensor, place: Tensor, new: Tensor) -> Tensor:
        """`tokens[:, :, place] = new`, by a mask: no shape changes from step to step."""
        here = ops.equal(ops.arange(self.max_length, dtype="int32"), place)
        return ops.where(here, ops.expand_dims(new, -1), tokens)


def advance(step: Step, tokens: Tensor, state: State) -> tuple[Tensor, State]:
    """One step, with the static shapes that the loop needs and a model's own ops may lose."""
    logits, new = step(tokens, state)
    vocabulary = logits.shape[-1]
    known = len(logits.shape) == 3 and vocabulary is not None
    check("step", "give logits [batch, beams, known vocabulary]", logits.shape, known)
    logits = ops.reshape(logits, (*ops.shape(tokens), vocabulary))
    return logits, tree.map_structure(lambda a, b: ops.reshape(b, ops.shape(a)), state, new)


def leading_shape(state: State) -> tuple:
    """(batch, beams) of a state."""
    leaves = tree.flatten(state)
    check("state", "hold a tensor [batch, beams, ...]", state, len(leaves) > 0)
    return tuple(ops.shape(leaves[0])[:2])
