"""Beam search with length normalisation; ended hypotheses are kept apart from the live ones."""

from typing import Any

from keras import ops, tree

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


def beam_search(step: Step, state: State, *, beam_size: int, **rules) -> Decoded:
    """Looks for the `beam_size` hypotheses of the highest score.

    Each step extends the `beam_size` live hypotheses by every token. The best that do not end live
    on; the ended are kept apart, with their scores, as in tensor2tensor. As in fairseq, one may end
    only if it is among the best `beam_size` extensions. A row is done when it has `beam_size` ended
    ones and no live one can still pass the worst of them: log P only falls and lp only grows, so
    log P / lp(max_length) bounds whatever a live one can become. The search ends when all are done.

    Args:
        step: as in `greedy`, called with beams = `beam_size`.
        state: `[batch, 1, ...]`; the search repeats it over the beams.
        beam_size: hypotheses kept, and returned. With 1 and `length_penalty=0` it is greedy search.
        **rules: the fields of `Rules`.

    Returns:
        `Decoded` of `[batch, beam_size]`: the ended ones, best first; where these are too few, the
        best of those cut at `max_length`; where even these are too few (a tiny vocabulary), padding
        alone, with length 0 and log_probs and scores of -1e9.

    Raises:
        ValueError: as `greedy`; or `beam_size` is not a positive integer, or `state` is not of one
            beam.
    """
    fits = isinstance(beam_size, INTEGER) and beam_size > 0
    check("beam_size", "be a positive integer", beam_size, fits)
    rules = Rules(**rules)
    batch, beams = leading_shape(state)
    check("state", "be of shape [batch, 1, ...]", f"{beams} beams", beams == 1)
    size = (batch, beam_size)
    state = tree.map_structure(lambda x: ops.repeat(x, beam_size, axis=1), state)
    # All beams start alike: only the first counts, or each hypothesis would be there several times.
    first = ops.cast([0.0] + [IMPOSSIBLE] * (beam_size - 1), "float32")
    nothing = ops.full(size, IMPOSSIBLE, dtype="float32")
    lengths = ops.zeros(size, dtype="int32")
    ended = Decoded(rules.no_tokens(*size), lengths, nothing, nothing)
    live = Decoded(rules.no_tokens(*size), lengths, ops.broadcast_to(first, size), nothing)

    def going_on(place, last, live, ended, state):
        bound = rules.scores(live.log_probs[:, 0], rules.max_length)
        open_rows = bound > ended.scores[:, beam_size - 1]
        return ops.logical_and(place < rules.max_length, ops.any(open_rows))

    def body(place, last, live, ended, state):
        logits, state = advance(step, last, state)
        log_probs = rules.log_probs(logits, place, live.tokens)
        last, parents, live, ending = _extend(rules, log_probs, place, live)
        both = _join(ended, ending)
        ended = _pick(both, ops.top_k(both.scores, beam_size)[1])
        return place + 1, last, live, ended, _pick(state, parents)

    loop = (ops.zeros((), "int32"), rules.first_tokens(*size), live, ended, state)
    _, _, live, ended, _ = ops.while_loop(going_on, body, loop)
    live = live._replace(scores=rules.scores(live.log_probs, live.lengths))
    return _fill_up(rules, ended, live)


def _extend(rules: Rules, log_probs: Tensor, place: Tensor, live: Decoded) -> tuple:
    """Extends the live hypotheses by each token.

    Args:
        log_probs: <float32>[batch, beams, vocabulary], of the next token.
        place: <int32>[]. How many words each live hypothesis has.
        live: `Decoded` of `[batch, beams]`; its scores stay unset until the search is over.

    Returns:
        last: <int32>[batch, beams]. The new word of those that go on.
        parents: <int32>[batch, beams]. Which beam each of them extends.
        live: `Decoded` of `[batch, beams]`. Those that go on, best first.
        ending: `Decoded` of `[batch, 2 * beams]`. Those that end now; the others are IMPOSSIBLE.
    """
    _, beams, vocabulary = log_probs.shape
    total = ops.expand_dims(live.log_probs, -1) + log_probs
    total = ops.reshape(total, (-1, beams * vocabulary))
    # Each beam ends in one way, so twice the beams are sure to hold enough that go on. What top_k
    # gives is masked, not sliced: a slice of it makes XLA sort the whole vocabulary on the CPU.
    best, pairs = ops.top_k(total, min(2, vocabulary) * beams)
    pairs = ops.cast(pairs, "int32")
    parents, tokens = pairs // vocabulary, pairs % vocabulary
    ends = ops.equal(tokens, rules.end_token)

    counts = ops.logical_and(ops.arange(best.shape[1]) < beams, best > IMPOSSIBLE / 2)
    counts = ops.logical_and(counts, ends)
    ending = Decoded(
        tokens=_pick(live.tokens, parents),
        lengths=_pick(live.lengths, parents),
        log_probs=ops.where(counts, best, IMPOSSIBLE),
        scores=ops.where(counts, rules.scores(best, place), IMPOSSIBLE),
    )
    live_total, order = ops.top_k(ops.where(ends, IMPOSSIBLE, best), beams)
    parents, last = _pick(parents, order), _pick(tokens, order)
    words = rules.write(_pick(live.tokens, parents), place, last)
    return last, parents, Decoded(words, live.lengths + 1, live_total, live.scores), ending


def _fill_up(rules: Rules, ended: Decoded, live: Decoded) -> Decoded:
    """The ended hypotheses, then cut live ones where they leave room, then padding."""
    beams = ended.lengths.shape[1]
    count = ops.sum(ops.cast(ended.log_probs > IMPOSSIBLE / 2, "int32"), axis=1, keepdims=True)
    slots = ops.arange(beams, dtype="int32")
    both = _join(ended, live)
    best = _pick(both, ops.where(slots < count, slots, beams + slots - count))
    real = best.log_probs > IMPOSSIBLE / 2
    return Decoded(
        tokens=ops.where(ops.expand_dims(real, -1), best.tokens, rules.pad_token),
        lengths=ops.where(real, best.lengths, 0),
        log_probs=ops.where(real, best.log_probs, IMPOSSIBLE),
        scores=ops.where(real, best.scores, IMPOSSIBLE),
    )


def _join(one: Decoded, other: Decoded) -> Decoded:
    """The hypotheses of both, beside each other."""
    return Decoded(*(ops.concatenate(pair, axis=1) for pair in zip(one, other, strict=True)))


def _pick(structure: Any, index: Tensor) -> Any:
    """`x[row, index[row]]` of each tensor x in it: [batch, n, ...] -> [batch, m, ...]."""

    def pick(x):
        rows, columns, *rest = ops.shape(x)
        first = ops.expand_dims(ops.arange(rows, dtype="int32") * columns, -1)
        return ops.take(ops.reshape(x, (-1, *rest)), first + index, axis=0)

    return tree.map_structure(pick, structure)
