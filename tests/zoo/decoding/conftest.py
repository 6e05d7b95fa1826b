"""A small model to search, and the same searches in plain Python, float64, without a graph."""

import itertools

import numpy as np
import pytest
from keras import ops

PAD, START, END, VOCABULARY, UNITS = 0, 1, 2, 6, 8
WORDS = (3, 4, 5)


class Toy:
    """h = tanh(h W + embedding[token] + mean(memory)); logits = h O + seen * drift.

    The logits hang on all earlier tokens, on an int state, and on a memory that the closure holds.
    """

    def __init__(self, seed, batch=3, sharpness=2.0):
        rng = np.random.default_rng(seed)
        self.start_state = rng.normal(size=(batch, UNITS))
        self.memory = rng.normal(size=(batch, 4, UNITS))  # [batch, cells, units]
        self.recurrent = rng.normal(size=(UNITS, UNITS)) * 0.5
        self.embedding = rng.normal(size=(VOCABULARY, UNITS))
        self.output = rng.normal(size=(UNITS, VOCABULARY)) * sharpness
        self.drift = rng.normal(size=VOCABULARY) * 0.3

    def row(self, i):
        """The same model on row `i` alone."""
        alone = object.__new__(Toy)
        alone.__dict__ = {
            **self.__dict__,
            "start_state": self.start_state[i : i + 1],
            "memory": self.memory[i : i + 1],
        }
        return alone

    def state(self, beams=1):
        first = np.repeat(self.start_state[:, None], beams, axis=1)
        seen = np.zeros(first.shape[:2], "int32")
        return {
            "h": ops.convert_to_tensor(first.astype("float32")),
            "seen": (ops.cast(seen, "int32"),),
        }

    def step(self, tokens, state):
        weights = (self.recurrent, self.embedding, self.output, self.drift, self.memory)
        recurrent, embedding, output, drift, memory = (w.astype("float32") for w in weights)
        context = ops.expand_dims(ops.mean(memory, axis=1), 1)
        h = ops.matmul(state["h"], recurrent) + ops.take(embedding, tokens, axis=0) + context
        h, seen = ops.tanh(h), state["seen"][0] + 1
        logits = ops.matmul(h, output) + ops.expand_dims(ops.cast(seen, "float32"), -1) * drift
        return logits, {"h": h, "seen": (seen,)}

    def log_probs(self, row, words, min_length=0, barred=(PAD, START)):
        """log P of the token after `words`, over the allowed ones. <float64>[vocabulary]."""
        h = self.start_state[row]
        for token in (START, *words):
            h = np.tanh(h @ self.recurrent + self.embedding[token] + self.memory[row].mean(0))
        logits = h @ self.output + (len(words) + 1) * self.drift
        logits[list(barred) + [END] * (len(words) < min_length)] = -np.inf
        return logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()

    def total(self, row, words, ended, **kwargs):
        """log P(words), with the end token if `ended`."""
        tokens = [*words, END] if ended else words
        return sum(self.log_probs(row, words[:i], **kwargs)[t] for i, t in enumerate(tokens))


def penalty(tokens, alpha):
    """Wu et al. 2016, equation 14, without the coverage term."""
    return ((5 + tokens) / 6) ** alpha


def exhaustive(toy, row, max_length, alpha, min_length=0):
    """Every hypothesis there is, ended ones first, best first: [(words, log P, score)]."""
    found = []
    for length in range(max_length + 1):
        ended = length < max_length
        if ended and length < min_length:
            continue
        for words in itertools.product(WORDS, repeat=length):
            total = toy.total(row, words, ended, min_length=min_length)
            found.append((words, total, total / penalty(length + ended, alpha), ended))
    found.sort(key=lambda one: (-one[3], -one[2]))
    return [one[:3] for one in found]


def plain_beam_search(toy, row, beam_size, max_length, alpha):
    """Beam search on lists, which never stops early: [(words, log P, score)]."""
    live, ended = [((), 0.0)], []
    for length in range(max_length):
        options = [
            (total + log_prob, words, token)
            for words, total in live
            for token, log_prob in enumerate(toy.log_probs(row, words))
            if token in (*WORDS, END)
        ]
        options.sort(key=lambda option: -option[0])
        for total, words, token in options[:beam_size]:
            if token == END:
                ended.append((words, total, total / penalty(length + 1, alpha)))
        live = [((*w, t), total) for total, w, t in options if t != END][:beam_size]
    ended.sort(key=lambda one: -one[2])
    cut = [(words, total, total / penalty(max_length, alpha)) for words, total in live]
    return (ended[:beam_size] + cut)[:beam_size]


def compare(decoded, row, expected):
    """`decoded[row]` holds exactly the expected hypotheses, in their order."""
    tokens, lengths, log_probs, scores = (np.asarray(x)[row] for x in decoded)
    for j, (words, total, score) in enumerate(expected):
        assert tuple(tokens[j, : lengths[j]]) == tuple(words), j
        assert (tokens[j, lengths[j] :] == PAD).all(), j
        assert log_probs[j] == pytest.approx(total, abs=1e-4), j
        assert scores[j] == pytest.approx(score, abs=1e-4), j


@pytest.fixture
def make_toy():
    return Toy


@pytest.fixture
def plain():
    """The reference searches and the comparison, by name."""

    class Plain:
        exhaustive = staticmethod(exhaustive)
        beam_search = staticmethod(plain_beam_search)
        compare = staticmethod(compare)

    return Plain


@pytest.fixture
def rules():
    return {"start_token": START, "end_token": END, "max_length": 5}


@pytest.fixture
def markov():
    """`markov(P)`: a step whose next token hangs on the last one only, and a state of one row."""

    def make(table, batch=1, beams=1):
        table = np.log(np.maximum(np.asarray(table, "float32"), 1e-30))
        step = lambda tokens, state: (ops.take(table, tokens, axis=0), state)  # noqa: E731
        return step, ops.zeros((batch, beams))

    return make
