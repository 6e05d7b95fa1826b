"""Numbers from sentences: subword dropout, buckets, batches, and what the model reads of them."""

import numpy as np
import pytest

from datasets.translation import read
from pipelines.translation import data
from pipelines.translation.subwords import (
    END,
    PAD,
    START,
    UNKNOWN,
    learn_vocabulary,
    piece_bytes,
)


@pytest.fixture(scope="module")
def pairs():
    return read("demo", "train", limit=300)


@pytest.fixture(scope="module")
def vocabulary(pairs):
    return learn_vocabulary([*pairs.sources, *pairs.targets], 500)


def joined(tokens, vocabulary):
    pieces = piece_bytes(vocabulary)
    return b"".join(pieces[token] for token in tokens).decode().replace("▁", " ").strip()


def test_corpus_spells_its_sentences_and_ends_them(pairs, vocabulary):
    corpus = data.Corpus(pairs.sources, vocabulary)
    encoded = corpus.encode()
    assert all(tokens[-1] == END and END not in tokens[:-1] for tokens in encoded)
    assert [joined(tokens, vocabulary) for tokens in encoded] == list(pairs.sources)
    assert corpus.encode(np.random.default_rng(0)) == encoded  # no dropout, no chance


def test_subword_dropout_spells_the_same_in_more_and_other_pieces(pairs, vocabulary):
    plain = data.Corpus(pairs.sources, vocabulary)
    corpus = data.Corpus(pairs.sources, vocabulary, dropout=0.3, seed=1)
    assert corpus.encode() == plain.encode()
    first, again, other = (corpus.encode(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert sum(map(len, first)) > 1.1 * sum(map(len, plain.encode()))
    assert [joined(tokens, vocabulary) for tokens in first] == list(pairs.sources)


def test_subword_dropout_of_one_match_by_hand():
    numbers = {b"a": 0, b"b": 1, b"ab": 2, b"abb": 3}

    class Draws:
        def __init__(self, *numbers):
            self.numbers = list(numbers)

        def random(self):
            return self.numbers.pop(0)

    assert data.longest_pieces(b"abb", numbers, 3) == [3]
    assert data.longest_pieces(b"abb", numbers, 3, 0.5, Draws(0.4, 0.9)) == [2, 1]
    assert data.longest_pieces(b"abb", numbers, 3, 0.5, Draws(0.4, 0.1)) == [0, 1, 1]


def sentences(lengths):
    return [[*range(10, 9 + length), END] for length in lengths]


def test_boundaries_are_lengths_of_the_longer_side_up_to_the_limit():
    sources, targets = sentences(range(1, 61)), sentences([1] * 60)
    sizes = {"max_length": 60, "batch_size": 5}
    assert data.boundaries(sources, targets, **sizes)[-1] == 60
    assert data.boundaries(targets, sources, **{**sizes, "max_length": 40})[-1] == 40
    assert len(data.boundaries(sources, targets, **sizes)) == 7
    assert len(data.boundaries(sources, targets, **{**sizes, "batch_size": 30})) == 2
    assert data.boundaries(sources, targets, **{**sizes, "batch_size": 90}) == [60]
    with pytest.raises(ValueError, match=r"`max_length` must leave a pair to train on. Got 2"):
        data.boundaries(sentences([5]), sentences([3]), max_length=2, batch_size=1)


def test_one_pass_has_every_pair_that_fits_in_its_bucket():
    rng = np.random.default_rng(0)
    sources, targets = sentences(rng.integers(1, 12, 50)), sentences(rng.integers(1, 12, 50))
    for number, (source, target) in enumerate(zip(sources, targets, strict=True)):
        source[:0], target[:0] = [100 + number], [100 + number]
    limits = [5, 9]
    seen, shapes = [], set()
    options = {"batch_size": 8, "limits": limits}
    for source, answers in data.training_batches(sources, targets, rng=rng, **options):
        assert source.shape == answers.shape
        shapes.add(source.shape)
        for row, other in zip(source, answers, strict=True):
            assert row[0] == other[0]  # the pair is still a pair
            number = row[0] - 100
            assert [t for t in row if t] == sources[number]
            assert [t for t in other if t] == targets[number]
            seen.append(number)
    assert shapes == {(8, 5), (8, 9)}
    longer = data.longer_sides(sources, targets)
    assert set(seen) == set(np.flatnonzero(longer <= 9))
    assert len(seen) <= 8 * data.batch_count(50, 8, limits)
    first, again = (
        [a.tolist() for _, a in data.training_batches(sources, targets, rng=r, **options)]
        for r in map(np.random.default_rng, (3, 3))
    )
    assert first == again


def test_shift_right_and_weights():
    answers = np.array([[4, 5, END, PAD], [6, END, PAD, PAD]], np.int32)
    before = [[START, 4, 5, PAD], [START, 6, PAD, PAD]]
    np.testing.assert_array_equal(data.shift_right(answers), before)
    weights = data.token_weights(answers)
    np.testing.assert_allclose(weights.mean(), 1)
    np.testing.assert_array_equal(weights > 0, answers != PAD)


def test_word_dropout_spares_specials():
    tokens = np.array([[START, 7, 8, END, PAD]] * 400)
    rng = np.random.default_rng(0)
    found = data.drop_words(tokens, 0.25, rng)
    np.testing.assert_array_equal(found[:, [0, 3, 4]], tokens[:, [0, 3, 4]])
    assert 0.2 < (found[:, 1:3] == UNKNOWN).mean() < 0.3
    np.testing.assert_array_equal(data.drop_words(tokens, 0.0, rng), tokens)
