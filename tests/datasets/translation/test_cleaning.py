"""What is left out of raw pairs, and what is made of the rest."""

import unicodedata

import pytest

from datasets.faults import Faults
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


def cleaned(raw):
    """The usable pairs, and how many were left out for each reason."""
    faults = Faults()
    return list(clean(raw, faults)), faults.counts


def test_sentences_are_nfc_stripped_and_of_single_spaces():
    raw = "  Ein\u202fKa\u0308fer\u00a0 \t krabbelt. "
    assert tidy(raw) == "Ein Käfer krabbelt."
    assert tidy(raw) == unicodedata.normalize("NFC", tidy(raw))
    assert cleaned([("a:1", " A beetle  crawls.", raw)]) == (
        [("a:1", "A beetle crawls.", "Ein Käfer krabbelt.")],
        {},
    )


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
    assert cleaned([GOOD, ("a:2", source, target), GOOD]) == ([GOOD] * 2, {reason: 1})


def test_pairs_at_the_limit_of_the_ratio_are_kept():
    pair = ("a:1", "x" * 10, "y" * (10 * MAX_RATIO + SLACK))
    assert cleaned([pair]) == ([pair], {})


def test_pairs_are_read_one_by_one():
    faults = Faults()
    raw = iter([("a:1", "", ""), GOOD, ("a:3", "", "")])
    assert next(clean(raw, faults)) == GOOD
    assert faults.counts == {EMPTY: 1}
    assert next(raw)[0] == "a:3"
