"""What is left out of raw pairs, and what is made of the rest."""

import unicodedata

import pytest

from datasets.translation.cleaning import (
    EMPTY,
    MAX_RATIO,
    NO_PAIR,
    NOT_UTF8,
    RATIO,
    SLACK,
    clean,
    tidy,
)

GOOD = ("a:1", "A dog.", "Ein Hund.")


def test_sentences_are_nfc_stripped_and_of_single_spaces():
    raw = "  Ein\u202fKa\u0308fer\u00a0 \t krabbelt. "
    assert tidy(raw) == "Ein Käfer krabbelt."
    assert tidy(raw) == unicodedata.normalize("NFC", tidy(raw))
    found = clean([("a:1", " A beetle  crawls.", raw)])
    assert found.sources == ("A beetle crawls.",)
    assert found.targets == ("Ein Käfer krabbelt.",)
    assert found.ids == ("a:1",)
    assert found.skipped == {}


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        (None, None, NO_PAIR),
        ("A dog.", None, NO_PAIR),
        ("", "Ein Hund.", EMPTY),
        ("A dog.", " \u00a0 ", EMPTY),
        ("A d\udcffog.", "Ein Hund.", NOT_UTF8),
        ("\udcff", "", NOT_UTF8),
        ("x" * 10, "y" * (10 * MAX_RATIO + SLACK + 1), RATIO),
        ("x" * (10 * MAX_RATIO + SLACK + 1), "y" * 10, RATIO),
    ],
)
def test_each_fault_is_counted_under_its_reason(source, target, reason):
    found = clean([GOOD, ("a:2", source, target), GOOD])
    assert found.sources == ("A dog.",) * 2
    assert found.skipped == {reason: 1}


def test_pairs_at_the_limit_of_the_ratio_are_kept():
    pair = ("a:1", "x" * 10, "y" * (10 * MAX_RATIO + SLACK))
    assert clean([pair]).skipped == {}


def test_limit_counts_good_pairs_and_stops_there():
    found = clean([("a:1", "", ""), GOOD, GOOD, ("a:4", "", "")], limit=2)
    assert len(found.sources) == len(found.targets) == len(found.ids) == 2
    assert found.skipped == {EMPTY: 1}


def test_nothing_gives_empty_columns():
    found = clean([("a:1", "", "")])
    assert (found.sources, found.targets, found.ids) == ((), (), ())
