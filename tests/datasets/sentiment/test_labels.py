"""Labels: their names, their order, and spellings that are one label."""

import pytest

from datasets.sentiment.labels import cleaned, meaning, names_of, spellings


@pytest.mark.parametrize(
    ("counts", "names"),
    [
        ({"pos": 1, "neg": 1}, ("neg", "pos")),
        ({"10": 1, "9.0": 1, "-1": 1}, ("-1", "9.0", "10")),
        ({"1": 5, "a": 1}, ("1", "a")),
        ({"Good": 3, "good": 2, "GOOD": 2, "bad": 1}, ("Good", "bad")),
        ({"good": 2, "Good": 2, "bad": 1}, ("Good", "bad")),
        ({"1": 1, "1.0": 1, "01": 1, "0": 1}, ("0", "1")),
        ({"1.0": 9, "1": 1, "0": 1}, ("0", "1.0")),
        ({"7" * 5000: 1, "7" * 5001: 1, "1": 1}, ("1", "7" * 5000, "7" * 5001)),
        ({"Straße": 2, "STRASSE": 1, "b": 1}, ("Straße", "b")),
    ],
)
def test_names(counts, names):
    assert names_of(counts) == names
    assert names_of(dict(reversed(counts.items()))) == names


def test_spellings_are_told():
    counts = {"Good": 3, "good": 2, "1": 1, "1.0": 1, "bad": 1}
    assert spellings(counts, names_of(counts)) == {"Good": ["good"], "1": ["1.0"]}
    assert spellings({"a": 1, "b": 1}, ("a", "b")) == {}


@pytest.mark.parametrize("field", ["nan", "NaN", "NA", " n/a ", "NULL", "<NA>", "None", "", "\t"])
def test_what_says_that_there_is_no_label(field):
    assert cleaned(field) == ""


@pytest.mark.parametrize("field", ["none", "no", "nano", "0", "-"])
def test_labels_that_look_like_none(field):
    assert cleaned(field) == field


def test_numbers_are_no_other_words():
    assert [meaning(label) for label in ("1", "1.0", "1e0", "inf", "１")] == [
        *(1.0, 1.0, "1e0", "inf"),
        "１",
    ]
