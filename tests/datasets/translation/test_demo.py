"""Dates, times and numbers in two languages: known ones by hand, and the splits."""

import datetime
import re
from decimal import Decimal

import babel
import numpy as np
import pytest

from datasets.translation import demo
from tests.datasets.translation.records import read

EN, DE = babel.Locale("en"), babel.Locale("de")


class Fixed:
    """In place of a random generator: gives the numbers that it was given."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def integers(self, *_):
        return self.numbers.pop(0)

    random = uniform = integers


def plain(text):
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("write", "english", "german"),
    [
        (
            demo._date(Fixed(39_500_000, 0)),
            "Thursday, February 6, 2025",
            "Donnerstag, 6. Februar 2025",
        ),
        (demo._time(Fixed(17 * 60 + 5)), "5:05 PM", "17:05"),
        (demo._number(Fixed(3.1, 0.1, 25, 0.9)), "1,258.25", "1.258,25"),
        (demo._amount(Fixed(2.0, 0.9, 0, 1)), "100.00 euros", "100,00 Euro"),
        (demo._measure(Fixed(1.0, 0.9, 2)), "10 kilograms", "10 Kilogramm"),
        (demo._span(Fixed(3, 3, 0.9)), "3 days ago", "vor 3 Tagen"),
    ],
)
def test_known_pairs(write, english, german):
    assert plain(write(locale=EN)) == english
    assert plain(write(locale=DE)) == german


def test_moments_are_the_same_in_both_languages():
    write = demo._moment(Fixed(30_000_000))
    moment = datetime.datetime(1950, 1, 1) + datetime.timedelta(minutes=30_000_000)
    assert f"{moment:%d.%m.%Y, %H:%M}" in write(locale=DE)
    assert f"{moment:%b} {moment.day}, {moment.year}" in write(locale=EN)


def test_numbers_are_small_as_often_as_large():
    rng = np.random.default_rng(0)
    found = [demo._decimal(rng) for _ in range(500)]
    assert min(found) < 10 < Decimal(10**5) < max(found) <= 10**7
    assert all(-number.as_tuple().exponent <= 2 for number in found)


def test_splits_share_no_source_and_repeat_none():
    found = {split: read("demo", split, limit=300) for split in ("train", "dev", "test")}
    sources = [source for pairs in found.values() for source in pairs.sources]
    assert len(sources) == len(set(sources)) == 900
    assert read("demo", "test", limit=300) == found["test"]
    assert read("demo", "test", limit=300, seed=1) != found["test"]
    assert read("demo", "train", limit=100).sources == found["train"].sources[:100]


@pytest.mark.parametrize(("source", "target"), [("ja", "fr"), ("pt-BR", "ar"), ("zh_Hant", "hi")])
def test_any_two_locales(source, target):
    found = read("demo", "dev", source=source, target=target, limit=100)
    assert len(found.sources) == 100
    assert not re.search(r"\d (length|mass|duration)-", " ".join(found.sources + found.targets))


@pytest.mark.parametrize("name", ["xx", "english", "", "de_DE_x_1_2_3"])
def test_locale_must_be_one_of_cldrs(name):
    with pytest.raises(ValueError, match=f"`target` must be a locale of CLDR.* Got '{name}'"):
        read("demo", "dev", target=name)


def test_sources_are_told_apart_by_their_hashes(monkeypatch):
    """Where all have one hash, the second is a repetition of the first."""
    monkeypatch.setattr(demo, "hash", lambda sentence: 0, raising=False)
    assert len(list(demo.raw_pairs("test", source="en", target="de"))) == 1


def test_locales_that_write_alike_give_pairs_of_equals():
    found = read("demo", "dev", source="en-US", target="en", limit=5)
    assert found.sources == found.targets
