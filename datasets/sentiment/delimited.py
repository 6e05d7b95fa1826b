"""Delimited text as it comes from spreadsheets and data bases: bytes to rows of fields.

Delimiter and quoting are found where they are not named. Rows that cannot be read are told apart,
not guessed at and not fatal: one stray quotation mark must cost one row, not all that follow it.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, TextIO

from datasets.files import ESCAPE, open_text

DELIMITERS = ("\t", ";", ",", "|")
# How a field is written that holds the delimiter, a quotation mark or a line break.
QUOTING = {
    "double": {"quoting": csv.QUOTE_MINIMAL, "doublequote": True},  # "say ""hi""", as spreadsheets
    "none": {"quoting": csv.QUOTE_NONE},  # quotation marks are letters like others
    # \"; doubled ones too, for without them Python's reader takes whatever follows a closing mark
    "backslash": {"quoting": csv.QUOTE_MINIMAL, "doublequote": True, "escapechar": "\\"},
}

LONGEST = 2**24  # letters of a field; a longer one is not in the file's quoting

BLOCK = 256  # rows at a time

_SAMPLE = 2**20  # letters from which delimiter and quoting are found
_SEPARATOR = re.compile('"?sep=(.)"?(?:\r\n|\r|\n)', re.IGNORECASE)


class Row(NamedTuple):
    """One row, or lines that are none."""

    line: int  # of the file, counted from 1, where it starts
    lines: int  # how many it takes
    fields: list[str] | None  # None: not in the file's quoting


def read_head(path: Path, encoding: str) -> tuple[str, bool]:
    """The first letters of a file, from which its layout is found; whether that is all of it."""
    with _opened(path, encoding) as file:
        text = file.read(_SAMPLE)
        return _readable(text), not file.read(1)


def read_rows(path: Path, encoding: str, delimiter: str, quoting: str) -> Iterator[list[Row]]:
    """All rows of a file but blank lines, `BLOCK` at a time; broken letters are lone surrogates."""
    with _opened(path, encoding) as file:
        lines = map(_readable, file)
        first = next(lines, "")
        skipped = int(_SEPARATOR.fullmatch(first) is not None)
        yield from rows(lines if skipped else chain([first], lines), delimiter, quoting, skipped)


def _readable(text: str) -> str:
    """Without zero bytes, and without the byte-order marks of files that were joined."""
    return text.replace("\0", "").replace("\ufeff", "")


def _opened(path: Path, encoding: str) -> AbstractContextManager[TextIO]:
    return open_text(path, encoding, errors=ESCAPE, newline="")


def rows(
    lines: Iterable[str], delimiter: str, quoting: str, skipped: int = 0
) -> Iterator[list[Row]]:
    """Rows, `BLOCK` at a time; after a row that is not in the quoting goes on at the next line.

    Args:
        lines: of the file, but for the first `skipped` ones.
    """
    reader = csv.reader(iter(lines), delimiter=delimiter, strict=True, **QUOTING[quoting])
    while True:
        with _long_fields():
            block = list(islice(_rows(reader, skipped), BLOCK))
        if not block:
            return
        yield block


def _rows(reader, skipped: int) -> Iterator[Row]:
    """The reader's next rows."""
    while True:
        before = reader.line_num
        try:
            for fields in reader:
                if fields and (fields[0].strip() or any(field.strip() for field in fields)):
                    yield Row(skipped + before + 1, reader.line_num - before, fields)
                before = reader.line_num
            return
        except csv.Error:
            yield Row(skipped + before + 1, reader.line_num - before, None)


@contextmanager
def _long_fields():
    """Raises the csv module's limit of 131,072 letters a field, and puts it back for others."""
    limit = csv.field_size_limit(LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def find_layout(
    text: str, whole: bool = True, delimiter: str | None = None, quoting: str | None = None
) -> tuple[str, str]:
    """`(delimiter, quoting)`, each as named or found: they leave the fewest lines unread.

    `text` is a file's head; where it is not the whole, its last row is cut off and does not count.

    A layout is better the larger the share of its lines that are rows of one and the same number of
    fields, two or more; among equals, the more such rows, then the more fields. So a quoting is not
    taken for right in which one text opens with a quotation mark and swallows the rows up to the
    next. Without quoting, a row counts half if a field looks torn: it opens with a quotation mark
    and does not end in one, or ends in one though their number is odd.

    A first line `sep=;`, as spreadsheets write and read it, names the delimiter.

    Raises:
      ValueError: an unknown `quoting`, a `delimiter` of other than one letter, or none is found.
    """
    if quoting is not None and quoting not in QUOTING:
        raise ValueError(f"`quoting` must be one of {', '.join(QUOTING)}. Got {quoting!r}.")
    delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '\r\n"'):
        raise ValueError(f"`delimiter` must be one letter, or tab. Got {delimiter!r}.")
    if named := _SEPARATOR.match(text):
        delimiter, text = delimiter or named[1], text[named.end() :]
    candidates = [
        (letter, kind)
        for letter in ([delimiter] if delimiter else DELIMITERS)
        for kind in ([quoting] if quoting else QUOTING)
    ]
    scores = {candidate: _score(text, whole, *candidate) for candidate in candidates}
    best = max(candidates, key=scores.get)  # the first among equals
    if not scores[best][1]:
        tried = " ".join(map(repr, [delimiter] if delimiter else DELIMITERS))
        raise ValueError(
            "`delimiter` must be the letter between two or more columns: a text and a label. "
            f"Tried {tried}; no line has two columns."
        )
    return best


def _score(text: str, whole: bool, delimiter: str, quoting: str) -> tuple[float, int, int]:
    """(share of the sample's lines that are rows of the usual width, those rows, that width)."""
    blocks = rows(io.StringIO(text, newline=""), delimiter, quoting)
    sample = list(chain.from_iterable(blocks))
    if not whole and len(sample) > 1:
        sample.pop()  # cut off in the middle
    width = usual_width(sample)
    if width < 2:
        return 0.0, 0, 0
    good = [row.fields for row in sample if row.fields is not None and len(row.fields) == width]
    lines = sum(row.lines if row.fields is None else 1 for row in sample)
    torn = sum(quoting == "none" and any(map(_is_torn, fields)) for fields in good)
    return (len(good) - torn / 2) / lines, len(good), width


def _is_torn(field: str) -> bool:
    opens, closes = field.startswith('"'), field.endswith('"')
    return opens != closes and (opens or field.count('"') % 2 == 1)


def usual_width(sample: list[Row]) -> int:
    """The number of fields that most rows have; 0 if there are none."""
    widths = Counter(len(row.fields) for row in sample if row.fields is not None)
    return max(widths, key=lambda width: (widths[width], width), default=0)
