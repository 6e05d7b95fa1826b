"""Text to rows: delimiters, quoting, and broken rows that stay single."""

import csv
import io
import itertools

import pytest

from datasets.sentiment import delimited


def rows_of(text, delimiter, quoting):
    blocks = delimited.rows(io.StringIO(text, newline=""), delimiter, quoting)
    return list(itertools.chain.from_iterable(blocks))


def table(delimiter: str, quoting: str) -> str:
    """Twenty rows of three columns whose texts hold what can stand in that quoting."""
    rows = []
    for i in range(20):
        text = f"well, row {i}; it's" + ", 5|6 ; so\tso" * (i % 3)
        if quoting == "none":
            text = text.replace(delimiter, "") + (' "odd' if i in (3, 11) else "")
            text = f'"Quoted" {text}' if i == 7 else text
        else:
            escaped = '""' if quoting == "double" else '\\"'
            text = f'"{text} {escaped}so{escaped}\nand on"'
        rows.append(delimiter.join([f"id{i}", text, "pos" if i % 2 else "neg"]))
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("delimiter", delimited.DELIMITERS)
@pytest.mark.parametrize("quoting", delimited.QUOTING)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_layout_is_found(delimiter, quoting, line_end):
    text = table(delimiter, quoting).replace("\n", line_end)
    assert delimited.find_layout(text) == (delimiter, quoting)
    rows = rows_of(text, delimiter, quoting)
    assert [row.fields[0] for row in rows] == [f"id{i}" for i in range(20)]
    if quoting != "none":
        assert rows[4].fields[1].endswith(f'"so"{line_end}and on')
        assert [row.line for row in rows[:3]] == [1, 3, 5]


@pytest.mark.parametrize("first", ["sep=;\n", "SEP=;\r\n", '"sep=;"\r'])
def test_a_first_line_that_names_the_delimiter(tmp_path, first):
    """As spreadsheets write it: a comma would do as well, by the rows alone."""
    (tmp_path / "a.csv").write_bytes((first + "text;label, that is\na, b;1\n").encode())
    text, _ = delimited.read_head(tmp_path / "a.csv", "utf-8")
    assert delimited.find_layout(text) == (";", "double")
    assert delimited.find_layout(text, delimiter=",") == (",", "double")
    (rows,) = delimited.read_rows(tmp_path / "a.csv", "utf-8", ";", "double")
    assert [tuple(row) for row in rows] == [
        (2, 1, ["text", "label, that is"]),
        (3, 1, ["a, b", "1"]),
    ]


def test_a_plain_table_is_read_with_the_usual_quoting():
    assert delimited.find_layout("good,1\nbad,0\n") == (",", "double")


def test_one_text_that_opens_with_a_quotation_mark_swallows_no_rows():
    text = '1\tfine\n0\t"unfinished\n1\tgood\n0\tsaid "bad"\n1\tgreat\n'
    assert delimited.find_layout(text) == ("\t", "none")
    assert len(rows_of(text, "\t", "none")) == 5


def test_named_parts_are_kept():
    text = "a;b,c\na;b,c\n"
    assert delimited.find_layout(text, delimiter=",") == (",", "double")
    assert delimited.find_layout(text, quoting="none") == (";", "none")
    assert delimited.find_layout("a\tb\n", delimiter="tab") == ("\t", "double")
    assert delimited.find_layout("a\tb\n", delimiter="\\t") == ("\t", "double")
    assert delimited.find_layout("a:b\n", delimiter=":") == (":", "double")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": ";;"}, "`delimiter` must be one letter, or tab. Got ';;'"),
        ({"delimiter": '"'}, "`delimiter` must be one letter"),
        ({"quoting": "some"}, "`quoting` must be one of double, none, backslash. Got 'some'"),
        ({}, r"`delimiter` must be the letter between two or more columns.*'\\t' ';' ',' '\|'"),
        ({"delimiter": ";"}, "Tried ';'; no line has two columns"),
    ],
)
def test_what_cannot_be_a_layout(options, message):
    with pytest.raises(ValueError, match=message):
        delimited.find_layout("only one column\nhere\n", **options)


def test_a_broken_row_costs_its_own_line_alone():
    text = 'a,1\n"b" x,0\nc,1\n\n , \n"d\ne",0\n'
    rows = rows_of(text, ",", "double")
    assert [tuple(row) for row in rows] == [
        (1, 1, ["a", "1"]),
        (2, 1, None),
        (3, 1, ["c", "1"]),
        (6, 2, ["d\ne", "0"]),
    ]


def test_a_quotation_mark_never_closed_is_counted_by_lines():
    rows = rows_of('a,1\n"b,0\nc,1\nd,0\n', ",", "double")
    assert [tuple(row) for row in rows] == [(1, 1, ["a", "1"]), (2, 3, None)]


def test_a_long_field_and_the_modules_limit_stays():
    before = csv.field_size_limit()
    (row,) = rows_of("x" * 300_000 + ",1", ",", "double")
    assert len(row.fields[0]) == 300_000
    assert csv.field_size_limit() == before


def test_a_quotation_mark_never_closed_swallows_no_large_file(monkeypatch):
    monkeypatch.setattr(delimited, "LONGEST", 50)
    rows = rows_of('a,1\n"b,0\n' + "c,1\n" * 100, ",", "double")
    assert (rows[1].line, rows[1].fields) == (2, None)
    assert 5 < rows[1].lines < 20
    assert [row.fields for row in rows[2:]] == [["c", "1"]] * (101 - rows[1].lines)


def test_a_long_file_is_judged_by_its_start(tmp_path):
    line = '"words, and more words, ' + "x" * 5000 + '",1\n'
    (tmp_path / "a.csv").write_text(line * 300)
    head, whole = delimited.read_head(tmp_path / "a.csv", "utf-8")
    assert not whole
    assert len(head) == delimited._SAMPLE
    assert delimited.find_layout(head, whole) == (",", "double")


def test_a_row_that_the_head_cuts_off_does_not_count():
    text = 'a;"b"\nc;"d"\ne, f;"g, h'
    assert delimited.find_layout(text, False) == (";", "double")
    assert delimited.find_layout(text, True) == (";", "none")
