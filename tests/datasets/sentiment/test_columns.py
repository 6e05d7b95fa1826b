"""Which column is what, by name and by content."""

import pytest

from datasets.sentiment import columns
from datasets.sentiment.profile import profile_of

PLAIN = [["1", "it was good", "pos"], ["2", "it was bad", "neg"], ["3", "not so good", "neg"]]
LONGER = [[str(i), f"it was {i} times better", "neg" if i % 3 else "pos"] for i in range(12)]


def find_columns(table, *options):
    return columns.find_columns(profile_of(table), *options)


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
    found = find_columns([header, *PLAIN])
    assert (found.text, found.label) == expected
    assert found.header == header


def test_without_names_the_longest_is_the_text_and_the_one_that_repeats_the_label():
    assert find_columns(PLAIN)[:3] == (1, 2, None)
    swapped = [[row[2], row[1], row[0]] for row in PLAIN]
    assert find_columns(swapped)[:3] == (1, 0, None)
    assert find_columns([["q", *row] for row in PLAIN])[:3] == (2, 3, None)  # one value is no label
    constant = [["all of them are the same", *row] for row in PLAIN]
    assert find_columns(constant, 2, 3).label == 3


@pytest.mark.parametrize("names", [["nr", "Karu", "Lumo"], ["nr", "Satz", "Urteil"]])
def test_a_header(names):
    """By a usual name, by no number above numbers, or by a label that is none of those below."""
    assert find_columns([names, *PLAIN]).header == names
    assert find_columns([names, *LONGER]).header == names
    assert find_columns(LONGER).header is None
    without_numbers = [row[1:] for row in LONGER]
    assert find_columns([["Karu", "Lumo"], *without_numbers]).header
    # in so few rows, or with another label of a single row, the header must be named
    few = [["Karu", "Lumo"], ["it was rather good", "pos"], ["it was rather bad", "neg"]]
    assert find_columns(few).header is None
    assert find_columns(few, None, None, True).header
    single = [["Karu", "Lumo"], *without_numbers, ["so so", "neutral"]]
    assert find_columns(single).header is None


def test_a_usual_name_that_comes_again_is_no_header():
    rows = [["comment", "quite good"], ["document", "rather long"], ["comment", "very bad"]]
    assert find_columns(rows, 1, 0).header is None


def test_a_header_that_comes_again_as_a_whole_is_one():
    table = [["text", "label"], *[row[1:] for row in LONGER]]
    profile = profile_of(table * 2)
    assert (profile.again, profile.rows) == (1, 24)
    assert columns.find_columns(profile)[:3] == (0, 1, ["text", "label"])


def _table(count, *functions):
    """Rows of a text and of what each function gives for the row's number."""
    return [[f"the soup of day {i} was cold", *(f(i) for f in functions)] for i in range(count)]


def _two(i):
    return "ab"[i % 2]


def _three(i):
    return str(i // 5 % 3)


def _wine(i):
    return f"and the wine of day {i} was warm"


def test_two_columns_that_could_be_the_label_are_named():
    table = _table(60, _two, _three)
    with pytest.raises(ValueError, match=r"2 columns could be the label\. Got 1 \('a', 2 v") as e:
        find_columns(table, None, None, False)
    assert "`label_column` must be named (`--label-column`)" in str(e.value)
    assert "2 ('0', 3 values: 0, 1, 2)" in str(e.value)
    assert find_columns(table, None, 2, False).label == 2
    header = ["text", "label", "sentiment"]
    with pytest.raises(ValueError, match=r"1 \('label', 2 values: a, b\); 2 \('sentiment', 3 v"):
        find_columns([header, *table])
    assert find_columns([["text", "x", "sentiment"], *table]).label == 2


def test_two_columns_that_could_be_the_text_are_named():
    table = _table(60, _wine, _two)
    with pytest.raises(ValueError, match=r"`--text-column`.*2 columns could be the text\. Got 0 "):
        find_columns(table, None, None, False)
    with pytest.raises(ValueError, match=r"Got 0 \('review', .*1 \('comment', "):
        find_columns([["review", "comment", "label"], *table])
    assert find_columns(table, 1, None, False)[:2] == (1, 2)
    short = _table(60, lambda i: f"day {i}", _two)  # not half as long: no rival
    assert find_columns(short, None, None, False)[:2] == (0, 2)


def test_a_label_that_is_sorted_is_found_by_the_whole():
    table = _table(4000, lambda i: str(i // 2000), lambda i: f"user{i // 3}")
    assert find_columns(table, None, None, False).label == 1


def test_words_for_good_and_bad_are_labels():
    opinions = ["Positive", "Neutral", "Negative", "Irrelevant"]
    table = _table(60, _two, lambda i: opinions[i % 4])
    found = find_columns(table, None, None, False)
    assert found.label == 2
    assert "positive and negative" in found.why[1]
    table = [[*row, opinions[i // 8 % 4]] for i, row in enumerate(table)]
    with pytest.raises(ValueError, match=r"could be the label.*Positive.*Positive"):
        find_columns(table, None, None, False)


def test_columns_of_a_usual_name_that_cannot_be_it():
    """Scores that never come again, addresses: a name alone does not make a label or a text."""
    table = _table(
        60, _two, lambda i: f"0.{i:04}", lambda i: f"https://example.com/{i}/" + "x" * 99
    )
    header = ["text", "label", "score", "content"]
    assert find_columns([header, *table])[:2] == (0, 1)
    assert find_columns([["a", "b", "c", "d"], *table])[:2] == (0, 1)


@pytest.mark.parametrize(
    "header",
    ["texto,sentimiento", "Отзыв,Оценка", "评论,标签", "レビュー,評価", "리뷰,감정", "yorum,duygu",
     "recenzja,ocena", "avis,étoiles", "Kommentar,Bewertung", "النص,تصنيف", "commento,valutazione",
     "reseña,calificación", "κείμενο,ετικέτα"],
)  # fmt: skip
def test_names_in_many_languages(header):
    """Beside a column that could be the label as well, and one that could be the text."""
    text, label = header.split(",")
    found = find_columns([[text, "x1", "x2", label], *_table(60, _three, _wine, _two)])
    assert (found.text, found.label, found.why) == (0, 3, ("its name", "its name"))


def test_named_columns():
    table = [["nr", "Satz", "Urteil"], *PLAIN]
    assert find_columns(table, "satz", "Urteil")[:3] == (1, 2, table[0])
    assert find_columns(table, "Satz")[:3] == (1, 2, table[0])
    assert find_columns(PLAIN, "1", 2)[:3] == (1, 2, None)
    assert find_columns([["label", "0", "1"], *PLAIN], "1", "0", True)[:3] == (
        2,
        1,
        ["label", "0", "1"],
    )


@pytest.mark.parametrize(
    ("text", "label", "header", "message"),
    [
        ("Sats", None, True, r"`text_column` must be the name .*0 to 2\. Got 'Sats'.*nr, Satz"),
        ("Sats", None, None, r"Got 'Sats'; the first row, a header: nr, Satz, Urteil"),
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
