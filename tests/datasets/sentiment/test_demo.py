"""The demo reviews: the same from the same seed, true labels, and words that do not tell."""

import re
from collections import Counter

import numpy as np
import pytest

from datasets.sentiment import demo, load, warn_overlap
from datasets.sentiment.cleaning import words
from tests.datasets.sentiment.collected import collect

DENIALS = re.compile(
    r"\b(not|never|hardly|anything but|far from|could never say|did not find)\b(?! less than)"
)
OTHERS = re.compile(
    r"^(The critics|My \w+ would|The couple|The newspapers|Most people|The \w+ at the counter)"
)
ADJECTIVE = re.compile(rf"\b({'|'.join([*demo.GOOD, *demo.BAD])})\b")


@pytest.fixture(scope="module")
def splits():
    return {split: collect(demo.read(split)) for split in demo.SIZES}


def verdict(text: str) -> int:
    """Reads a review as a person would: whose opinion counts, and is it denied?"""
    opinions = [
        sentence
        for sentence in re.split(r"(?<=\.) ", text)
        if ADJECTIVE.search(sentence) and not OTHERS.search(sentence)
    ]
    (own,) = opinions
    own = re.sub(r"^Although [^,]+, ", "", own)  # what a although, a but, an even though puts aside
    own = own.rpartition(", but ")[2].partition(", even though ")[0]
    (found,) = ADJECTIVE.finditer(own)
    return int((found[1] in demo.GOOD) != bool(DENIALS.search(own[: found.start()])))


def test_sizes_balance_and_lengths(splits):
    for split, reviews in splits.items():
        assert len(reviews) == len(set(reviews.ids)) == demo.SIZES[split]
        assert np.bincount(reviews.labels).tolist() == [demo.SIZES[split] / 2] * 2
        assert reviews.names == ("negative", "positive")
        lengths = [len(text.split()) for text in reviews.texts]
        assert min(lengths) >= 10
        assert max(lengths) <= 60
        assert np.mean(np.array(lengths) <= 40) > 0.75


def test_the_label_is_what_a_reader_makes_of_it(splits):
    for reviews in splits.values():
        assert [verdict(text) for text in reviews.texts] == reviews.labels.tolist()


def test_same_seed_same_reviews():
    first, second, other = (collect(demo.read("dev", seed=seed)) for seed in (0, 0, 1))
    assert first.texts == second.texts
    assert first.ids == second.ids
    assert not set(first.texts) & set(other.texts)
    assert not set(first.ids) & set(other.ids)


def test_no_review_is_in_two_splits(splits):
    sides = {split: {" ".join(words(text)) for text in r.texts} for split, r in splits.items()}
    assert len(set.union(*sides.values())) == sum(demo.SIZES.values())
    other = collect(demo.read("test", seed=1))
    assert not sides["train"] & {" ".join(words(text)) for text in other.texts}
    # the grammar is small, so some are alike but for a word
    assert warn_overlap(load("demo", "train"), load("demo", "test")) <= 0.02 * demo.SIZES["test"]


def test_the_vocabulary_is_of_some_hundreds_and_training_has_all_of_it(splits):
    vocabulary = {word for text in splits["train"].texts for word in words(text)}
    assert 200 < len(vocabulary) < 500
    assert {word for text in splits["test"].texts for word in words(text)} <= vocabulary


def test_adjectives_occur_as_often_on_both_sides():
    assert len(set(demo.GOOD)) == len(set(demo.BAD)) == 20
    assert not set(demo.GOOD) & set(demo.BAD)


@pytest.mark.parametrize("seed", [-1, 1.5, "0"])
def test_seed_must_be_a_whole_number(seed):
    with pytest.raises(ValueError, match=f"`seed` must be an integer of at least 0. Got {seed!r}"):
        demo.read("dev", seed=seed)


def bags(texts, longest: int, features: list[str] | None = None, count: int = 800):
    """How often each of the most frequent runs of up to `longest` words is in each text."""
    runs = []
    for text in texts:
        w = words(text)
        runs.append([" ".join(w[i : i + n]) for n in range(1, longest + 1)
                     for i in range(len(w) - n + 1)])  # fmt: skip
    if features is None:
        totals = Counter(run for text in runs for run in text)
        features = [run for run, _ in totals.most_common(count)]
    place = {run: i for i, run in enumerate(features)}
    counts = np.zeros((len(runs), len(features) + 1), np.float32)
    counts[:, -1] = 1
    for row, text in zip(counts, runs, strict=True):
        for run in text:
            if run in place:
                row[place[run]] += 1
    return counts, features


def accuracy_of_a_bag(train, test, longest: int) -> float:
    """Logistic regression, p = σ(X w), by Newton's method:

    w += (Xᵀ p (1 - p) X + I)⁻¹ (Xᵀ (y - p) - w)
    """
    x, features = bags(train.texts, longest)
    w = np.zeros(x.shape[1], np.float32)
    for _ in range(6):
        p = 1 / (1 + np.exp(-x @ w))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + np.eye(len(w), dtype=np.float32)
        w += np.linalg.solve(hessian, x.T @ (train.labels - p) - w)
    x, _ = bags(test.texts, longest, features)
    return float(np.mean((x @ w > 0) == test.labels))


def test_a_bag_of_words_cannot_solve_it(splits):
    unigrams, bigrams = (accuracy_of_a_bag(splits["train"], splits["test"], n) for n in (1, 2))
    print(f"\nbag of words {unigrams:.1%}, of words and pairs {bigrams:.1%} of the demo's test set")
    assert unigrams <= 0.65
    assert bigrams <= 0.75


def test_without_denials_and_decoys_the_same_bag_solves_it(monkeypatch):
    monkeypatch.setattr(demo, "_DENIED", 0)
    monkeypatch.setattr(demo, "_MIXED", 0)
    monkeypatch.setitem(demo.SIZES, "train", 1000)
    monkeypatch.setitem(demo.SIZES, "test", 300)
    train, test = (collect(demo.read(split)) for split in ("train", "test"))
    assert accuracy_of_a_bag(train, test, 1) > 0.97
