"""Which column is what, by name and by content."""

import pytest

from datasets.sentiment.columns import find_columns

PLAIN = [["1", "it was good", "pos"], ["2", "it was bad", "neg"], ["3", "not so good", "neg"]]
LONGER = [[str(i), f"it was {i} times better", "neg" if i % 3 else "pos"] for i in range(12)]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (["id", "review", "sentiment"], (1, 2)),
        (["label", "text", "other"], (1, 0)),
        (["text", "score", "Label"], (0, 2)),
        (["a", "Review_Text", "b"], (1, 2)),
        (["x", "y z", "Airline-Sentiment"], (1, 2)),
    ],
)
def test_usual_names(header, expected):
    found = find_columns([header, *PLAIN], None, None, None)
    assert (found.text, found.label) == expected
    assert found.header == header


def test_without_names_the_longest_is_the_text_and_the_fewest_values_the_label():
    assert find_columns(PLAIN, None, None, None) == (1, 2, None)
    swapped = [[row[2], row[1], row[0]] for row in PLAIN]
    assert find_columns(swapped, None, None, None) == (1, 0, None)
    constant = [["all the same", *row] for row in PLAIN]  # one value is no label
    assert find_columns(constant, None, 3, None).label == 3
    assert find_columns([["q", *row] for row in PLAIN], None, None, None) == (2, 3, None)


def test_a_header_of_unusual_names_stands_out_above_the_labels():
    assert find_columns([["nr", "Satz", "Urteil"], *LONGER], None, None, None).header
    assert find_columns(LONGER, None, None, None).header is None
    # in so few rows, or with another label of a single row, the header must be named
    assert find_columns([["nr", "Satz", "Urteil"], *PLAIN], None, None, None).header is None
    single = [*LONGER, ["12", "so so", "neutral"]]
    assert find_columns([["nr", "Satz", "Urteil"], *single], None, None, None).header is None
    assert find_columns([["nr", "Satz", "Urteil"], *PLAIN], None, None, True).header


def test_a_usual_name_that_comes_again_is_no_header():
    rows = [["sentence", "quite good"], ["document", "rather long"], ["sentence", "very bad"]]
    assert find_columns(rows, None, None, None).header is None


def test_named_columns():
    table = [["nr", "Satz", "Urteil"], *PLAIN]
    assert find_columns(table, "satz", "Urteil", None) == (1, 2, table[0])
    assert find_columns(table, "Satz", None, None) == (1, 2, table[0])
    assert find_columns(PLAIN, "1", 2, None) == (1, 2, None)
    assert find_columns([["label", "0", "1"], *PLAIN], "1", "0", True) == (
        2,
        1,
        ["label", "0", "1"],
    )


@pytest.mark.parametrize(
    ("text", "label", "header", "message"),
    [
        ("Sats", None, True, r"`text_column` must be the name .*0 to 2\. Got 'Sats'.*nr, Satz"),
        ("Sats", None, None, r"Got 'Sats'; the first row, no header: nr, Satz, Urteil"),
        (None, 3, True, r"`label_column` must be .*Got 3"),
        (1, 1, True, "`text_column` and `label_column` must differ. Got 1 for both"),
        ("Satz", "Urteil", False, "`text_column` must be .*no header"),
    ],
)
def test_columns_that_are_not_there(text, label, header, message):
    with pytest.raises(ValueError, match=message):
        find_columns([["nr", "Satz", "Urteil"], *PLAIN], text, label, header)


def test_no_column_that_can_be_the_label():
    rows = [["a", "some text", "b"], ["a", "more text", "b"]]
    with pytest.raises(ValueError, match=r"`label_column` must be named: .*\(columns 0, 2\)"):
        find_columns(rows, None, None, False)
    assert find_columns([row[1:] for row in rows], None, None, False).label == 1
