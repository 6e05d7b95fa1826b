"""The searches of connectionist temporal classification (CTC): from frames to characters.

A network gives, for each frame t, probabilities p_t over the blank (class 0) and the characters
(Graves, Fernandez, Gomez and Schmidhuber 2006). A path has one class a frame; it spells the
characters that are left when repeats are collapsed and blanks then removed, and the probability
of a text is the sum over all paths that spell it:

    "aa-ab-" -> "aab"            P(text) = Σ_{paths that spell it} Π_t p_t(path_t)

Worked example of two frames, p(blank) = 0.6 and p(a) = 0.4 in both. The best path is blank, blank,
0.36, and spells nothing. But "a" is spelt by three paths, "aa", "a-" and "-a": 0.16 + 0.24 + 0.24.

    >>> import numpy as np
    >>> from keras import ops
    >>> from zoo.decoding.ctc import ctc_beam_search, ctc_greedy
    >>> logits, lengths = np.log([[[0.6, 0.4], [0.6, 0.4]]]).astype("float32"), [2]
    >>> ops.convert_to_numpy(ctc_greedy(logits, lengths).tokens).tolist()
    [[[0, 0]]]
    >>> found = ctc_beam_search(logits, lengths, beam_size=2)
    >>> ops.convert_to_numpy(found.tokens).tolist()
    [[[1, 0], [0, 0]]]
    >>> [round(float(probability), 2) for probability in ops.exp(found.log_probs)[0]]
    [0.64, 0.36]
"""

from typing import Any, NamedTuple

from keras import ops

from zoo.checks import check_integers

Tensor = Any
BLANK = 0
IMPOSSIBLE = -1e9  # a logarithm: finite, so that no difference of two is not a number
_FACTOR = 1_000_003  # of the hash of a prefix


class Transcripts(NamedTuple):
    """What a search gives, best first.

    tokens: `<int32>[batch, beams, time]`, characters, then 0.
    frames: `<int32>[batch, beams, time]`, the frame at which each character appears, then 0.
    lengths: `<int32>[batch, beams]`, characters.
    log_probs: `<float32>[batch, beams]`, log P: of the best path, or of the text.
    """

    tokens: Tensor
    frames: Tensor
    lengths: Tensor
    log_probs: Tensor


def ctc_greedy(logits: Tensor, lengths: Tensor) -> Transcripts:
    """The text of the best path, as the one beam; log_probs are the path's.

    Args:
        logits: `<float>[batch, time, classes]`, class 0 the blank.
        lengths: `<int32>[batch]`, frames of each row; those behind have no part.
    """
    log_p = ops.log_softmax(ops.cast(logits, "float32"))
    best = ops.cast(ops.argmax(log_p, axis=-1), "int32")
    places = ops.arange(ops.shape(best)[1], dtype="int32")[None]
    seen = places < ops.cast(ops.convert_to_tensor(lengths), "int32")[:, None]
    new = seen & appears(best, ops.zeros_like(best[:, :1]))
    count = ops.sum(ops.cast(new, "int32"), axis=1)
    # Frames with a new character first, each group in the order of time.
    order = ops.argsort(ops.where(new, places, places + ops.shape(best)[1]), axis=1)
    order = ops.cast(order, "int32")
    there = places < count[:, None]
    tokens = ops.where(there, ops.take_along_axis(best, order, axis=1), BLANK)
    frames = ops.where(there, order, 0)
    highest = ops.take_along_axis(log_p, best[..., None], axis=-1)[..., 0]
    log_probs = ops.sum(ops.where(seen, highest, 0.0), axis=1)
    return Transcripts(tokens[:, None], frames[:, None], count[:, None], log_probs[:, None])


def appears(path: Tensor, before: Tensor) -> Tensor:
    """Where a path begins a character: `<int32>[batch, time]` -> `<bool>[batch, time]`.

    [0, 3, 3, 0, 3] after 0 -> [no, yes, no, no, yes]

    Args:
        path: the class of each frame.
        before: `<int32>[batch, 1]`, the class of the frame before the first.
    """
    shifted = ops.concatenate([before, path[:, :-1]], axis=1)
    return (path != BLANK) & (path != shifted)


def ctc_beam_search(logits: Tensor, lengths: Tensor, beam_size: int) -> Transcripts:
    """Prefix beam search: sums the paths of a text instead of following the best path.

    Each frame extends the `beam_size` best prefixes by each character, or not at all. Of a prefix
    two probabilities are kept, of the paths that end in a blank and of those that do not, because
    a repeated character needs a blank between (Graves 2012, "Sequence transduction"; Hannun et al.
    2014, "First-pass large vocabulary continuous speech recognition", algorithm 1). Prefixes are
    told apart by a hash of 32 bits and their lengths.

    Args:
        logits, lengths: as in `ctc_greedy`.
        beam_size: prefixes kept, and returned; a row of fewer fills up with log_probs of -1e9.

    Raises:
        ValueError: `beam_size` is not a positive integer.
    """
    check_integers(beam_size=beam_size)
    log_p = ops.log_softmax(ops.cast(logits, "float32"))
    batch, time = ops.shape(log_p)[0], ops.shape(log_p)[1]
    lengths = ops.cast(ops.convert_to_tensor(lengths), "int32")
    beams = _Beams.start(batch, beam_size, time)

    def going_on(t, *_):
        return t < time

    def body(t, *beams):
        before = _Beams(*beams)
        after = before.advance(ops.take(log_p, t, axis=1), t)
        goes_on = t < lengths
        return t + 1, *(
            ops.where(ops.reshape(goes_on, (-1, *[1] * (len(new.shape) - 1))), new, old)
            for new, old in zip(after, before, strict=True)
        )

    _, *beams = ops.while_loop(going_on, body, (ops.zeros((), "int32"), *beams))
    found = _Beams(*beams)
    return Transcripts(found.tokens, found.frames, found.lengths, found.log_probs())


class _Beams(NamedTuple):
    """The prefixes of each row, best first, each of `[batch, beams, ...]`.

    blank, other: log probabilities of the paths that end in a blank, and of the others.
    last: the last character, 0 of the empty prefix. own, parent: hashes of the prefix, and of the
    prefix without its last character.
    """

    tokens: Tensor
    frames: Tensor
    lengths: Tensor
    blank: Tensor
    other: Tensor
    last: Tensor
    own: Tensor
    parent: Tensor

    @classmethod
    def start(cls, batch, beams: int, time) -> "_Beams":
        """The empty prefix, and beams that are impossible."""
        row = ops.cast([0.0] + [IMPOSSIBLE] * (beams - 1), "float32")
        integers = ops.zeros((batch, beams), "int32")
        nothing = ops.zeros((batch, beams, time), "int32")
        impossible = ops.full((batch, beams), IMPOSSIBLE, "float32")
        first = ops.broadcast_to(row, (batch, beams))
        return cls(nothing, nothing, integers, first, impossible, integers, integers, integers)

    def log_probs(self) -> Tensor:
        """Of each prefix, `<float32>[batch, beams]`."""
        return ops.maximum(ops.logaddexp(self.blank, self.other), IMPOSSIBLE)

    def advance(self, log_p: Tensor, t: Tensor) -> "_Beams":
        """The best prefixes after a frame t of log probabilities `<float32>[batch, classes]`."""
        beams, classes = self.last.shape[1], log_p.shape[-1]
        total = self.log_probs()
        blank = total + log_p[:, :1]
        at_last = ops.take_along_axis(log_p, self.last, axis=1)
        other = ops.where(self.last == BLANK, IMPOSSIBLE, self.other + at_last)
        stay = self._replace(blank=blank, other=other)
        stay, longer = stay._merged(self._parents(), self._longer(log_p, total), t)
        longer = ops.reshape(longer, (-1, beams * classes))
        scores = ops.concatenate([stay.log_probs(), longer], axis=1)
        best, chosen = ops.top_k(scores, beams)
        chosen = ops.cast(chosen, "int32")
        stays = chosen < beams
        parents = ops.where(stays, chosen, (chosen - beams) // classes)
        tokens = ops.where(stays, BLANK, (chosen - beams) % classes)
        kept = _Beams(*(_pick(part, parents) for part in stay))
        return kept._extended(stays, tokens, t, ops.maximum(best, IMPOSSIBLE))

    def _longer(self, log_p: Tensor, total: Tensor) -> Tensor:
        """Of each prefix and one more character, `<float32>[batch, beams, classes]`."""
        classes = ops.arange(log_p.shape[-1], dtype="int32")
        again = classes == self.last[..., None]
        # A character again counts as a second one after a blank alone.
        begun = ops.where(again, self.blank[..., None], total[..., None])
        longer = begun + log_p[:, None]
        return ops.where(classes == BLANK, IMPOSSIBLE, ops.maximum(longer, IMPOSSIBLE))

    def _parents(self) -> Tensor:
        """`<bool>[batch, i, j]`: whether j is i and one character more; of each j at most one i."""
        same = self.own[:, :, None] == self.parent[:, None]
        same = same & (self.lengths[:, :, None] + 1 == self.lengths[:, None])
        possible = self.log_probs() > IMPOSSIBLE / 2
        return same & possible[:, :, None] & possible[:, None]

    def _merged(self, parents: Tensor, longer: Tensor, t: Tensor) -> tuple["_Beams", Tensor]:
        """A prefix that another one grows into takes its probability, which `longer` then lacks.

        Its last character appears at frame t from now on, if most of its probability does.
        """
        last = ops.broadcast_to(self.last[:, None], ops.shape(parents))
        grown = ops.take_along_axis(longer, last, axis=2)
        grown = ops.sum(ops.where(parents, grown, 0.0), axis=1)
        has_parent = ops.any(parents, axis=1)
        grown = ops.where(has_parent, grown, IMPOSSIBLE)
        classes = ops.arange(longer.shape[-1], dtype="int32")
        gone = parents[..., None] & (self.last[:, None, :, None] == classes)
        longer = ops.where(ops.any(gone, axis=2), IMPOSSIBLE, longer)
        parent = ops.cast(ops.argmax(ops.cast(parents, "int32"), axis=1), "int32")
        places = ops.arange(ops.shape(self.frames)[2], dtype="int32")
        moved = ops.where(places == self.lengths[..., None] - 1, t, _pick(self.frames, parent))
        later = (has_parent & (grown > self.log_probs()))[..., None]
        frames = ops.where(later, moved, self.frames)
        return self._replace(other=ops.logaddexp(self.other, grown), frames=frames), longer

    def _extended(self, stays, tokens, t, log_p) -> "_Beams":
        """Prefixes with their new characters, where they have one, of log probability `log_p`."""
        places = ops.arange(ops.shape(self.tokens)[2], dtype="int32")
        here = (places == self.lengths[..., None]) & ~stays[..., None]
        return _Beams(
            tokens=ops.where(here, tokens[..., None], self.tokens),
            frames=ops.where(here, t, self.frames),
            lengths=ops.where(stays, self.lengths, self.lengths + 1),
            blank=ops.where(stays, self.blank, IMPOSSIBLE),
            other=ops.where(stays, self.other, log_p),
            last=ops.where(stays, self.last, tokens),
            own=ops.where(stays, self.own, self.own * _FACTOR + tokens),
            parent=ops.where(stays, self.parent, self.own),
        )


def _pick(values: Tensor, index: Tensor) -> Tensor:
    """`values[row, index[row]]`, of `[batch, beams, ...]`."""
    index = ops.reshape(index, (*ops.shape(index), *[1] * (len(values.shape) - 2)))
    return ops.take_along_axis(values, index, axis=1)
