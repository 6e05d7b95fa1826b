"""Near-duplicates: what counts as one, against all pairs by brute force, and what is told."""

import logging

import numpy as np
import pytest
import tensorflow as tf

from datasets.sentiment import overlap, warn_overlap
from datasets.sentiment.cleaning import words
from datasets.sentiment.overlap import ALIKE, SHINGLE


def reviews(texts: list[str]) -> tf.data.Dataset:
    ids = [f"id{i}" for i in range(len(texts))]
    columns = {"id": tf.constant(ids, tf.string), "text": tf.constant(texts, tf.string)}
    return tf.data.Dataset.from_tensor_slices(columns)


def random_texts(rng: np.random.Generator, count: int) -> list[list[str]]:
    vocabulary = [f"w{i}" for i in range(300)]
    return [rng.choice(vocabulary, rng.integers(3, 80)).tolist() for _ in range(count)]


def by_brute_force(train: list[str], held_out: list[str]) -> int:
    def shingles(text):
        found = words(text)
        width = min(SHINGLE, len(found))
        return {tuple(found[i : i + width]) for i in range(len(found) - width + 1) if width}

    sets = [shingles(text) for text in train]
    near = 0
    for text in held_out:
        own = shingles(text)
        near += any(own and len(own & other) >= ALIKE * len(own | other) for other in sets)
    return near


def test_as_many_as_comparing_all_pairs():
    rng = np.random.default_rng(0)
    train = random_texts(rng, 150)
    held_out = random_texts(rng, 60)
    for text in train[:40]:  # copies with more and more words changed
        copy = list(text)
        for place in rng.integers(0, len(copy), rng.integers(0, 8)):
            copy[place] = "changed"
        held_out.append(copy)
    sides = [[" ".join(text) for text in side] for side in (train, held_out)]
    expected = by_brute_force(*sides)
    assert 5 < expected < 40  # some of the copies are near, some are not
    assert warn_overlap(*map(reviews, sides)) == expected


@pytest.mark.parametrize(
    ("train", "held_out", "expected"),
    [
        (["One two three four five six."], ["one TWO three,<br />four five six"], 1),
        (["one two three four five six"], ["six five four three two one"], 0),
        (["short one"], ["Short one!", "one short"], 1),
        (["", "!!"], ["", "??"], 0),
        ([], ["a b c d e f"], 0),
        (["a b c d e f"], [], 0),
        (["same text here it is"] * 50, ["same text here it is"] * 3, 3),
    ],
)
def test_small_cases(train, held_out, expected):
    assert warn_overlap(reviews(train), reviews(held_out)) == expected


def test_a_copy_of_nothing_but_set_phrases_is_a_known_miss():
    text = "the very same words again and again"
    assert warn_overlap(reviews([text]), reviews([text] * 20)) == 20
    assert warn_overlap(reviews([text]), reviews([text] * 21)) == 0


def test_only_the_first_of_each_side_are_compared(monkeypatch):
    texts = [f"the film of number {i} was a film like all the others" for i in range(9)]
    monkeypatch.setattr(overlap, "MOST", 4)
    monkeypatch.setattr(overlap, "_BLOCK", 3)
    assert warn_overlap(reviews(texts), reviews(texts[3:])) == 1


def test_what_is_found_is_told_once_with_three_pairs(caplog):
    texts = [f"the film of number {i} was a film like all the others" for i in range(5)]
    with caplog.at_level(logging.WARNING):
        assert warn_overlap(reviews(["x y z"]), reviews(texts)) == 0
        assert not caplog.records
        warn_overlap(reviews(["x y z", *texts]), reviews(texts))
    assert [record.getMessage() for record in caplog.records] == [
        "5 of 5 held-out reviews have a near-duplicate in training: "
        "id0 ~ id1; id1 ~ id2; id2 ~ id3; ..."
    ]
