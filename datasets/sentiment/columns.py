"""Which column of a table is the text, which the label, and whether its first row names them."""

import re
from typing import NamedTuple

_words = str.split

_TEXTS = _words(
    "text review reviews reviewtext reviewbody reviewcontent sentence phrase content comment "
    "comments body message tweet document description"
)
_LABELS = _words(
    "label labels sentiment class category target polarity rating stars score airlinesentiment "
    "classindex"
)
_SAMPLE = 1000  # rows


class Columns(NamedTuple):
    """Places of the columns, counted from 0, and their names (None where there is no header)."""

    text: int
    label: int
    header: list[str] | None


def find_columns(
    table: list[list[str]],
    text_column: str | int | None,
    label_column: str | int | None,
    header: bool | None,
) -> Columns:
    """The columns as named, or found: by their names, else by their contents.

    The text is the column with the longest fields on average, the label the one with the fewest
    values, two or more. The first row is a header if it has a column's name (a named one, or a
    usual one: text, review, label, sentiment, ...), or if what stands in it above the labels is
    none of them.

    Args:
      table: the rows, all of one width; the first one may be the header.
      text_column: name, or place counted from 0. A name wins where it is both.

    Raises:
      ValueError: a column that is not there; both the same; none that can be the label.
    """
    first = [_plain(field) for field in table[0]]
    by_name = header if header is not None else _is_header(table, text_column, label_column)
    names = table[0] if by_name else None
    rest = table[1 : _SAMPLE + 1] if by_name else table[:_SAMPLE]
    text = _named("text_column", text_column, table[0], by_name)
    label = _named("label_column", label_column, table[0], by_name)
    if by_name:
        text = _usual(first, _TEXTS, {label}) if text is None else text
        label = _usual(first, _LABELS, {text}) if label is None else label
    text = _longest(rest, {label}, len(first)) if text is None else text
    label = _fewest_values(rest, {text}, len(first)) if label is None else label
    if text == label:
        raise ValueError(f"`text_column` and `label_column` must differ. Got {text} for both.")
    if header is None and not by_name and _stands_out(table[: _SAMPLE + 1], label):
        names = table[0]
    return Columns(text, label, names)


def _plain(name: str) -> str:
    """Letters and digits in lower case: "Review_Text" is "reviewtext"."""
    return re.sub(r"[\W_]+", "", name.casefold())


def _is_header(table: list[list[str]], *wanted: str | int | None) -> bool:
    """Whether the first row has a column's name that does not come again below it."""
    usual = {*_TEXTS, *_LABELS, *(_plain(str(name)) for name in wanted if not _is_place(name))}
    return any(
        _plain(name) in usual and all(row[place] != name for row in table[1:])
        for place, name in enumerate(table[0])
    )


def _is_place(column: str | int | None) -> bool:
    return column is None or str(column).isdigit()


def _named(argument: str, column: str | int | None, first: list[str], by_name: bool) -> int | None:
    if column is None:
        return None
    for place, name in enumerate(first if by_name else ()):
        if _plain(str(column)) == _plain(name):
            return place
    if _is_place(column) and int(column) < len(first):
        return int(column)
    raise ValueError(
        f"`{argument}` must be the name of a column or its place, 0 to {len(first) - 1}. Got "
        f"{column!r}; the first row, {'a' if by_name else 'no'} header: {', '.join(first)[:200]}."
    )


def _usual(first: list[str], usual: list[str], taken: set) -> int | None:
    for name in usual:
        if name in first and first.index(name) not in taken:
            return first.index(name)
    return None


def _longest(rest: list[list[str]], taken: set, width: int) -> int:
    free = [place for place in range(width) if place not in taken]
    return max(free, key=lambda place: sum(len(row[place]) for row in rest))


def _fewest_values(rest: list[list[str]], taken: set, width: int) -> int:
    free = [place for place in range(width) if place not in taken]
    values = {place: len({row[place].strip() for row in rest} - {""}) for place in free}
    several = [place for place in free if values[place] >= 2]
    if several or len(free) == 1:
        return min(several or free, key=values.get)
    raise ValueError(
        "`label_column` must be named: no column but the text has two values or more "
        f"(columns {', '.join(map(str, free))[:200]})."
    )


def _stands_out(table: list[list[str]], label: int) -> bool:
    """Whether the first label is no label: it never comes again, though all the others do.

    In fewer than ten rows, that may be chance.
    """
    first, *rest = (row[label].strip() for row in table)
    return (
        len(rest) >= 10 and first not in rest and all(rest.count(value) > 1 for value in set(rest))
    )
