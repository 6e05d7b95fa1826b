"""CIDEr-D against the paper's equations written out on dense vectors, and worked by hand."""

import math
import random
import time

import numpy as np
import pytest

from pipelines.captioning.ciderd import (
    Frequencies,
    cider_d,
    document_frequencies,
    prepare_references,
)


def _slow_cider_d(candidate, references, corpus):
    """The equations, term by term: dense TF-IDF vectors over the n-grams of each order."""
    scores = []
    for n in (1, 2, 3, 4):

        def strings(words, n=n):
            return [" ".join(map(str, words[i : i + n])) for i in range(len(words) - n + 1)]

        sentences = [candidate, *references]
        vocabulary = sorted({gram for words in sentences for gram in strings(words)})
        holding = np.array(
            [sum(any(k in strings(r) for r in image) for image in corpus) for k in vocabulary]
        )
        idf = np.log(len(corpus)) - np.log(np.maximum(1, holding))
        vectors = [
            np.array([strings(words).count(k) for k in vocabulary], float) * idf
            for words in sentences
        ]
        for words, g_r in zip(references, vectors[1:], strict=True):
            g_c = vectors[0]
            norms = np.linalg.norm(g_c) * np.linalg.norm(g_r)
            cosine = np.minimum(g_c, g_r) @ g_r / norms if norms > 0 else 0.0
            scores.append(cosine * np.exp(-((len(candidate) - len(words)) ** 2) / (2 * 6.0**2)))
    return 10 * np.mean(scores)


def _score(candidates, corpus):
    frequencies = document_frequencies(corpus)
    return cider_d(candidates, prepare_references(corpus, frequencies), frequencies)


def _random_corpus(images, seed, words=12):
    rng = random.Random(seed)
    return [
        [
            [rng.randrange(words) for _ in range(rng.randrange(0, 12))]
            for _ in range(rng.randrange(1, 6))
        ]
        for _ in range(images)
    ]


def test_equals_the_papers_equations():
    corpus = _random_corpus(40, seed=1)
    candidates = [image[0] for image in _random_corpus(40, seed=2, words=14)]
    expected = [
        _slow_cider_d(c, image, corpus) for c, image in zip(candidates, corpus, strict=True)
    ]
    assert np.count_nonzero(expected) > 20
    np.testing.assert_allclose(_score(candidates, corpus), expected, rtol=1e-12, atol=1e-13)


def test_frequencies_of_another_corpus():
    training, corpus = _random_corpus(60, seed=3), _random_corpus(20, seed=4, words=20)
    candidates = [image[-1] for image in corpus]
    frequencies = document_frequencies(training)
    expected = [
        _slow_cider_d(c, image, training) for c, image in zip(candidates, corpus, strict=True)
    ]
    scores = cider_d(candidates, prepare_references(corpus, frequencies), frequencies)
    np.testing.assert_allclose(scores, expected, rtol=1e-12, atol=1e-13)


def test_a_caption_equal_to_all_references_scores_10():
    caption = ["a", "red", "dog", "runs", "fast"]
    corpus = [[caption] * 3, [["two", "cats", "sleep", "on", "it"]]]
    np.testing.assert_allclose(_score([caption, caption], corpus), [10.0, 0.0], rtol=1e-12)


def test_worked_by_hand():
    """All weights are w = log 2 and cancel; the reference has three words."""
    corpus = [[["a", "red", "dog"]], [["two", "cats"]]]
    penalty = math.exp(-1 / 72)  # one word of difference
    cases = {
        # words: 2 of 2 and 3 match; pairs: 1 of 1 and 2; nothing longer in the candidate
        "a red": 10 / 4 * penalty * (2 / math.sqrt(6) + 1 / math.sqrt(2)),
        # clipping: dog counts once of three times; no pair matches
        "dog dog dog": 10 / 4 * 1 / (3 * math.sqrt(3)),
        # an n-gram never seen weighs log |I| = w too
        "a red fox": 10 / 4 * (2 / 3 + 1 / 2),
        "": 0.0,
    }
    for caption, expected in cases.items():
        score = _score([caption.split(), []], corpus)[0]
        assert score == pytest.approx(expected, rel=1e-12), caption


def test_words_that_every_image_has_weigh_nothing():
    frequencies = document_frequencies([[["a", "dog"], ["a", "cat"]], [["a", "man"]]])
    assert frequencies.idf[("a",)] == 0.0
    assert frequencies.idf[("dog",)] == frequencies.unseen == math.log(2)
    assert _score([["a"]], [[["a"]]]).tolist() == [0.0]  # a corpus of one image


def test_an_image_may_be_scored_many_times():
    corpus = _random_corpus(10, seed=5)
    frequencies = document_frequencies(corpus)
    prepared = prepare_references(corpus, frequencies)
    scores = cider_d([[1, 2], [1, 2], np.array([1, 2])], [prepared[3]] * 3, frequencies)
    assert scores.dtype == np.float64
    assert scores[0] == scores[1] == scores[2]


def test_fast_enough_for_a_reward():
    """320 captions against 5 references each: 14 ms on one core here; four times that allowed."""
    rng = random.Random(0)
    corpus = [
        [[int(rng.paretovariate(0.5)) for _ in range(11)] for _ in range(5)] for _ in range(320)
    ]
    candidates = [[*image[0][:6], *image[1][:5]] for image in corpus]
    frequencies = document_frequencies(corpus)
    prepared = prepare_references(corpus, frequencies)
    times = []
    for _ in range(10):
        start = time.process_time()  # not the wall's: others share the cores
        cider_d(candidates, prepared, frequencies)
        times.append(time.process_time() - start)
    assert min(times) < 0.06


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: document_frequencies([]), "`references` must hold at least one image"),
        (lambda: document_frequencies([["a dog"]]), "sequence of words, not a string. Got 'a dog'"),
        (lambda: prepare_references([[]], Frequencies({}, 1.0)), "Image 0 has none"),
        (lambda: cider_d([["a"]], [], Frequencies({}, 1.0)), "same length. Got 1 and 0"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
