"""The searches of CTC against a sum over all paths."""

import itertools

import keras
import numpy as np
import pytest

from zoo.decoding import ctc
from zoo.decoding.ctc import BLANK, ctc_beam_search, ctc_greedy


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def spelt(path):
    """Repeats collapsed, then blanks removed."""
    return tuple(label for label, _ in itertools.groupby(path) if label != BLANK)


def all_texts(log_p):
    """Text -> log probability, by every path there is."""
    time, classes = log_p.shape
    totals = {}
    for path in itertools.product(range(classes), repeat=time):
        value = sum(log_p[t, label] for t, label in enumerate(path))
        totals[spelt(path)] = np.logaddexp(totals.get(spelt(path), -np.inf), value)
    return totals


def rows(found):
    """Of each row, its texts as tuples of labels."""
    tokens, lengths = map(keras.ops.convert_to_numpy, (found.tokens, found.lengths))
    for beams, counts in zip(tokens, lengths, strict=True):
        assert all(not beam[count:].any() for beam, count in zip(beams, counts, strict=True))
        yield [tuple(beam[:count].tolist()) for beam, count in zip(beams, counts, strict=True)]


def draw(seed, batch=4, time=5, classes=3, spread=1.5):
    rng = np.random.default_rng(seed)
    return (spread * rng.normal(size=(batch, time, classes))).astype("float32")


@pytest.mark.parametrize("seed", range(3))
def test_a_beam_of_all_prefixes_is_exact(seed):
    logits, lengths = draw(seed), np.array([5, 4, 1, 3])
    found = ctc_beam_search(logits, lengths, beam_size=63)  # of 2 characters, at most 5: 63
    log_probs = np.asarray(found.log_probs)
    for row, texts in enumerate(rows(found)):
        exact = all_texts(log_softmax(logits[row, : lengths[row]]))
        best = sorted(exact, key=exact.get, reverse=True)
        assert texts[: len(best)] == best
        expected = [exact[text] for text in best]
        np.testing.assert_allclose(log_probs[row, : len(best)], expected, rtol=1e-4)
        assert (log_probs[row, len(best) :] < -1e8).all()


@pytest.mark.parametrize("beams", [1, 2, 4])
def test_narrow_beams_follow_the_algorithm(beams):
    """Against the same algorithm on a dictionary of prefixes."""
    for seed in range(5):
        logits, lengths = draw(seed, time=8, classes=4), np.array([8, 7, 2, 5])
        found = ctc_beam_search(logits, lengths, beam_size=beams)
        for row, texts in enumerate(rows(found)):
            expected = by_dictionary(log_softmax(logits[row, : lengths[row]]), beams)
            assert texts[: len(expected)] == [text for text, _ in expected]
            np.testing.assert_allclose(
                np.asarray(found.log_probs)[row, : len(expected)],
                [value for _, value in expected],
                rtol=1e-4,
            )


def by_dictionary(log_p, beams):
    """Hannun et al. 2014, algorithm 1, in a dictionary: prefix -> (blank, other)."""
    nothing = -np.inf
    prefixes = {(): (0.0, nothing)}
    for frame in log_p:
        after = {}

        def add(prefix, blank=nothing, other=nothing, after=after):
            old = after.get(prefix, (nothing, nothing))
            after[prefix] = (np.logaddexp(old[0], blank), np.logaddexp(old[1], other))

        for prefix, (blank, other) in prefixes.items():
            total = np.logaddexp(blank, other)
            add(prefix, blank=total + frame[BLANK])
            for label in range(1, len(frame)):
                if prefix and prefix[-1] == label:
                    add(prefix, other=other + frame[label])
                    add((*prefix, label), other=blank + frame[label])
                else:
                    add((*prefix, label), other=total + frame[label])
        ranked = sorted(after.items(), key=lambda item: -np.logaddexp(*item[1]))
        prefixes = dict(ranked[:beams])
    best = [(prefix, np.logaddexp(*pair)) for prefix, pair in prefixes.items()]
    return sorted(best, key=lambda item: -item[1])


def test_greedy_spells_the_best_path():
    for seed in range(5):
        logits, lengths = draw(seed, time=9), np.array([9, 6, 0, 3])
        found = ctc_greedy(logits, lengths)
        for row, (text,) in enumerate(rows(found)):
            log_p = log_softmax(logits[row, : lengths[row]])
            path = log_p.argmax(axis=1).tolist()
            assert text == spelt(path)
            expected = log_p.max(axis=1).sum() if len(log_p) else 0.0
            np.testing.assert_allclose(found.log_probs[row, 0], expected, rtol=1e-5, atol=1e-6)


def test_frames_are_where_characters_appear():
    path = [0, 2, 2, 0, 2, 1, 1, 0]
    logits = 20 * np.eye(3, dtype="float32")[path][None]
    for found in (ctc_greedy(logits, [8]), ctc_beam_search(logits, [8], beam_size=3)):
        assert np.asarray(found.tokens)[0, 0].tolist() == [2, 2, 1, 0, 0, 0, 0, 0]
        assert np.asarray(found.frames)[0, 0].tolist() == [1, 4, 5, 0, 0, 0, 0, 0]


def test_padding_and_neighbours_have_no_part():
    logits = draw(7, batch=3, time=8, classes=4)
    lengths = np.array([8, 5, 2])
    for search in (ctc_greedy, lambda *a: ctc_beam_search(*a, beam_size=4)):
        whole = search(logits, lengths)
        for row, length in enumerate(lengths):
            alone = search(logits[row : row + 1, :length], lengths[row : row + 1])
            for together, single in zip(whole, alone, strict=True):
                together, single = np.asarray(together)[row], np.asarray(single)[0]
                together = together[..., :length] if together.ndim > 1 else together
                np.testing.assert_allclose(together, single, rtol=1e-5)


def test_long_rows_stay_finite():
    logits = draw(1, batch=1, time=400, classes=6, spread=30.0)
    found = ctc_beam_search(logits, [400], beam_size=8)
    assert np.isfinite(np.asarray(found.log_probs)).all()


def test_in_a_graph_of_unknown_sizes():
    tf = pytest.importorskip("tensorflow")
    specs = [tf.TensorSpec([None, None, 4]), tf.TensorSpec([None], tf.int32)]

    @tf.function(input_signature=specs)
    def both(logits, lengths):
        return ctc_greedy(logits, lengths), ctc_beam_search(logits, lengths, 3)

    for batch, time in ((2, 6), (0, 3), (3, 1)):
        logits, lengths = draw(3, batch, time, 4), np.full(batch, time)
        in_graph = both(logits, tf.constant(lengths, tf.int32))
        eager = ctc_greedy(logits, lengths), ctc_beam_search(logits, lengths, 3)
        for graph_part, eager_part in zip(in_graph, eager, strict=True):
            for one, other in zip(graph_part, eager_part, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-5)


def test_a_beam_must_be_a_positive_number():
    with pytest.raises(ValueError, match="`beam_size` must be a positive integer"):
        ctc_beam_search(draw(0), [1, 1, 1, 1], beam_size=0)


def test_the_example_of_the_searches_holds():
    import doctest

    results = doctest.testmod(ctc)
    assert results.attempted > 5
    assert results.failed == 0
