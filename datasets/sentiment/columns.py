"""Which column of a table is the text, which the label, and whether its first row names them.

All rows decide, not the first ones. Where two columns could be either, that is an error: a wrong
column is trained on as well as the right one, and nothing tells.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from datasets.sentiment.names import LABELS, MISSING, NEGATIVE, POSITIVE, TEXTS, plain
from datasets.sentiment.profile import VALUES, Column, Profile, is_number

SHOWN = 5  # values of a column in a message


class Columns(NamedTuple):
    """Places of the columns, counted from 0, and their names (None where there is no header).

    why: what decided for the text and for the label, in words.
    """

    text: int
    label: int
    header: list[str] | None
    why: tuple[str, str] = ("", "")


def find_columns(
    profile: Profile,
    text_column: str | int | None = None,
    label_column: str | int | None = None,
    header: bool | None = None,
) -> Columns:
    """The columns as named, or found: by their names, else by their contents.

    By its contents the text is the column with the longest values that are no addresses, twice as
    long as any other's; the label is the one with values that come again, or, of several, the one
    whose values are words for positive and negative.

    The first row is a header if it has a column's name (a named one, or a usual one: text, review,
    label, sentiment, ...), if it has no number above a column of numbers, or if its label is none
    of those below it.

    Args:
        text_column: name, or place counted from 0. A name wins where it is both.

    Raises:
        ValueError: a column that is not there; both the same; none, or several, that can be the
            text or the label.
    """
    by_name = header if header is not None else _is_header(profile, text_column, label_column)
    text = _named("text_column", text_column, profile.first, by_name)
    label = _named("label_column", label_column, profile.first, by_name)
    why = ["named"] * 2
    if by_name:
        if text is None:
            text, why[0] = _by_name(profile, "text", TEXTS, {label})
        if label is None:
            label, why[1] = _by_name(profile, "label", LABELS, {text})
    rows = profile if by_name else profile.with_first()
    if text is None:
        text, why[0] = _longest(rows, {label})
    if label is None:
        label, why[1] = _few_values(rows, {text})
    if text == label:
        raise ValueError(f"`text_column` and `label_column` must differ. Got {text} for both.")
    by_name = by_name or (header is None and _stands_out(profile, label))
    return Columns(text, label, profile.first if by_name else None, tuple(why))


# Whether there is a header.


def _is_header(profile: Profile, *wanted: str | int | None) -> bool:
    """Whether the first row has a column's name that does not come again, or stands on numbers."""
    usual = {*TEXTS, *LABELS, *(plain(str(name)) for name in wanted if not _is_place(name))}
    named = any(plain(c.first) in usual and not c.repeats for c in profile.columns)
    # pandas gives its index no name
    firsts = [c.first.strip() for c in profile.columns if c.is_numbers and c.first.strip()]
    return named or (profile.rows >= 2 and bool(firsts) and not any(map(_may_be_number, firsts)))


def _may_be_number(field: str) -> bool:
    return not field or field in MISSING or is_number(field)


def _stands_out(profile: Profile, label: int) -> bool:
    """Whether the first label is no label: it never comes again, though all the others do.

    In fewer than ten rows, that may be chance.
    """
    column = profile.columns[label]
    values = {} if column.values is None else column.values
    return (
        profile.rows >= 10
        and not profile.again
        and not column.repeats
        and bool(values)
        and min(values.values()) > 1
    )


# Columns by name.


def _is_place(column: str | int | None) -> bool:
    return column is None or str(column).isdigit()


def _named(argument: str, column: str | int | None, first: list[str], by_name: bool) -> int | None:
    if column is None:
        return None
    for place, name in enumerate(first if by_name else ()):
        if plain(str(column)) == plain(name):
            return place
    if _is_place(column) and int(column) < len(first):
        return int(column)
    raise ValueError(
        f"`{argument}` must be the name of a column or its place, 0 to {len(first) - 1}. Got "
        f"{column!r}; the first row, {'a' if by_name else 'no'} header: {', '.join(first)[:200]}."
    )


def _by_name(
    profile: Profile, role: str, usual: Collection[str], taken: set
) -> tuple[int | None, str]:
    """The one column of a usual name whose contents can have the role, and why; or None."""
    named = [
        place
        for place, name in enumerate(profile.first)
        if plain(name) in usual and place not in taken
    ]
    can_be = _can_be_text if role == "text" else _can_be_label
    likely = [place for place in named if can_be(profile.columns[place], profile.rows)] or named
    if len(likely) > 1:
        raise ValueError(_ambiguous(role, likely, profile, header=True))
    return (likely[0], "its name") if likely else (None, "")


# Columns by contents.


def _can_be_text(column: Column, rows: int) -> bool:
    return column.letters > 0 and not column.is_addresses and not column.is_numbers


def _can_be_label(column: Column, rows: int) -> bool:
    """Whether there are several values, which come again."""
    values = column.different
    if values is None or len(values) < 2:
        return False
    return 2 * len(values) <= rows or (rows <= 20 and len(values) < rows)


def _longest(profile: Profile, taken: set) -> tuple[int, str]:
    lengths = {
        place: column.letters
        for place, column in enumerate(profile.columns)
        if place not in taken and _can_be_text(column, profile.rows)
    }
    if not lengths:
        raise ValueError(
            "`text_column` must be named: no column has words "
            f"({_described(range(len(profile.columns)), profile, header=False)})."
        )
    longest = max(lengths.values())
    likely = [
        place
        for place, length in lengths.items()
        if 2 * length >= longest and (length == longest or _has_many_values(profile, place))
    ]
    if len(likely) > 1:
        raise ValueError(_ambiguous("text", likely, profile, header=False))
    return likely[0], "its values are the longest texts"


def _has_many_values(profile: Profile, place: int) -> bool:
    """Whether most values of a column stand there once."""
    values = profile.columns[place].different
    return values is None or 2 * len(values) > profile.rows


def _few_values(profile: Profile, taken: set) -> tuple[int, str]:
    free = [place for place in range(len(profile.columns)) if place not in taken]
    if len(free) == 1:
        return free[0], "the only column beside the text"
    likely = [place for place in free if _can_be_label(profile.columns[place], profile.rows)]
    opinions = [place for place in likely if _has_opinions(profile.columns[place])]
    if len(opinions) == 1:
        return opinions[0], "its values are words for positive and negative"
    if not likely:
        raise ValueError(
            "`label_column` must be named: no column but the text has two values or more that "
            f"come again (columns {', '.join(map(str, free))[:200]})."
        )
    if len(likely) > 1:
        raise ValueError(_ambiguous("label", likely, profile, header=False))
    return likely[0], "the only column with values that come again"


def _has_opinions(column: Column) -> bool:
    values = {plain(value) for value in column.different}
    return bool(values & POSITIVE and values & NEGATIVE)


# Messages.


def _ambiguous(role: str, places: Collection[int], profile: Profile, header: bool) -> str:
    return (
        f"`{role}_column` must be named (`--{role}-column`): {len(places)} columns could be the "
        f"{role}. Got {_described(places, profile, header)}."
    )


def _described(places: Iterable[int], profile: Profile, header: bool) -> str:
    """ "0 ('gender'; 2 values: F, M), 3 (...)"."""
    shown = []
    for place in places:
        column = profile.columns[place]
        values = column.different
        examples = sorted(values) if values else column.samples
        number = f"over {VALUES:,}" if values is None else len(values)
        shown.append(
            f"{place} ({column.first[:40]!r}, {number} values: "
            f"{', '.join(value[:40] for value in examples[:SHOWN])})"
        )
    return "; ".join(shown)[:1000]
