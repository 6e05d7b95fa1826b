"""The composed opinions: balanced, apart, denied words held out, and none of the everyday ones."""

import csv
import functools
import re
from pathlib import Path

import numpy as np
import pytest

from datasets.sentiment import phrases
from datasets.sentiment.cleaning import words
from tests.datasets.sentiment.collected import collect

EVERYDAY = Path(__file__).parents[2] / "everyday" / "sentiment.tsv"
TABLES = [phrases.ANY, *phrases.TOPICS.values()]
SIDES = [{word for table in TABLES for word in table.get(key, "").split()} for key in ("-a", "+a")]
DENIED = re.compile(r"(?:not|not at all|never|hardly|far from|anything but|nothing) ([\w-]+)")


@pytest.fixture(scope="module")
def splits():
    return {split: collect(phrases.read(split)) for split in phrases.SIZES}


def test_sizes_and_balance(splits):
    for split, reviews in splits.items():
        assert len(reviews) == len(set(reviews.ids)) == phrases.SIZES[split]
        assert np.bincount(reviews.labels).tolist() == [phrases.SIZES[split] / 2] * 2
        assert reviews.names == ("negative", "positive")


def test_no_sentence_is_in_two_splits(splits):
    sides = [{" ".join(words(text)) for text in reviews.texts} for reviews in splits.values()]
    assert len(set.union(*sides)) == sum(len(side) for side in sides)


def test_the_same_seed_gives_the_same_sentences():
    rng = [np.random.default_rng(seed) for seed in (1, 1, 2)]
    first, second, other = ([phrases.compose(i % 2, "train", r) for i in range(50)] for r in rng)
    assert first == second != other
    with pytest.raises(ValueError, match=r"`seed` must be an integer of at least 0\. Got -1"):
        phrases.read("dev", seed=-1)


def test_no_adjective_is_on_both_sides():
    assert min(map(len, SIDES)) > 100
    assert not SIDES[0] & SIDES[1]


def denied(reviews) -> dict[str, int]:
    """Adjective right behind a denial -> the label, of sentences that are nothing but that."""
    found = {}
    for text, label in zip(reviews.texts, reviews.labels, strict=True):
        match = DENIED.fullmatch(text.lower().rstrip(".!"))
        if match and match[1] in SIDES[0] | SIDES[1]:
            found[match[1]] = int(label)
    return found


def test_a_denied_word_says_the_reverse_and_those_of_dev_are_denied_nowhere_in_train(splits):
    train, dev = denied(splits["train"]), denied(splits["dev"])
    assert len(train) > 100
    assert len(dev) > 5
    for word, label in {**train, **dev}.items():
        assert label == (word in SIDES[0]), word
    assert not any(map(phrases.is_held_out, train))
    assert all(map(phrases.is_held_out, dev))
    plain = {word for text in splits["train"].texts for word in words(text)}
    assert set(dev) <= plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{+a}{-a}", "XY"), ("{=a}{~a}", "XY"), ("{-clause}", "Y")],
)
def test_a_sign_says_which_side_speaks(monkeypatch, text, expected):
    grammar = {**phrases.GRAMMAR, "sentence": text, "clause": "{+a}"}
    monkeypatch.setattr(phrases, "GRAMMAR", grammar)
    for table in TABLES:
        monkeypatch.setitem(table, "+a", "X")
        monkeypatch.setitem(table, "-a", "Y")
    monkeypatch.setattr(phrases, "is_held_out", lambda word: False)
    phrases.alternatives.cache_clear()
    for label, sides in ((1, expected), (0, expected.translate({88: "Y", 89: "X"}))):
        composed = phrases.compose(label, "train", np.random.default_rng(0))
        assert re.sub("[^XY]", "", composed) == sides
    phrases.alternatives.cache_clear()


# Whether the grammar can compose a sentence, whatever its label.


def plain(text: str) -> str:
    return re.sub(r"\ban\b", "a", text.lower().rstrip(".!"))


def can_compose(text: str) -> bool:
    return any(len(plain(text)) in ends(topic, plain(text)) for topic in phrases.TOPICS)


def ends(topic: str, text: str) -> frozenset[int]:
    """Where a sentence about the topic that begins with the text may end in it."""

    @functools.cache
    def of_symbol(name: str, start: int) -> frozenset[int]:
        choices = {
            choice for good in (True, False) for choice in phrases.alternatives(topic, name, good)
        }
        return frozenset().union(*(of_form(choice, start) for choice in choices))

    def of_form(form: str, start: int) -> frozenset[int]:
        places = {start}
        for literal, name in re.findall(r"([^{]*)(?:\{[-+~=]?(\w+)\})?", form):
            literal = plain(literal + "\0").removesuffix("\0")
            places = {at + len(literal) for at in places if text.startswith(literal, at)}
            if name:
                places = {end for at in places for end in of_symbol(name, at)}
        return frozenset(places)

    return of_symbol("sentence", 0)


def test_everyday_sentences_are_not_composed(splits):
    with EVERYDAY.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    everyday = [row["sentence"] for row in rows if row["group"] != "reported"]
    assert len(everyday) == 120
    assert [sentence for sentence in everyday if can_compose(sentence)] == []
    assert all(map(can_compose, splits["dev"].texts[:100]))
