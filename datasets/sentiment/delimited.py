"""Delimited text as it comes from spreadsheets and data bases: bytes to rows of fields.

Encoding, delimiter and quoting are found where they are not named. Rows that cannot be read are
told apart, not guessed at and not fatal: one stray quotation mark must cost one row, not all that
follow it.
"""

import csv
import io
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from datasets.files import ESCAPE, broken_letters, open_text

DELIMITERS = ("\t", ";", ",", "|")
# How a field is written that holds the delimiter, a quotation mark or a line break.
QUOTING = {
    "double": {"quoting": csv.QUOTE_MINIMAL, "doublequote": True},  # "say ""hi""", as spreadsheets
    "none": {"quoting": csv.QUOTE_NONE},  # quotation marks are letters like others
    # \"; doubled ones too, for without them Python's reader takes whatever follows a closing mark
    "backslash": {"quoting": csv.QUOTE_MINIMAL, "doublequote": True, "escapechar": "\\"},
}

LONGEST = 2**24  # letters of a field; a longer one is not in the file's quoting

_SAMPLE = 2**20  # letters at a time; from the first ones, delimiter and quoting are found
_LOG = logging.getLogger(__name__)


class Row(NamedTuple):
    """One row, or lines that are none."""

    line: int  # of the file, counted from 1, where it starts
    lines: int  # how many it takes
    fields: list[str] | None  # None: not in the file's quoting


def find_encoding(path: Path, encoding: str | None = None) -> str:
    """The file's encoding, as named or found, by one pass over its bytes.

    With `encoding` None: by the byte-order mark; else UTF-8, unless more than half of the letters
    beyond ASCII are broken: then cp1252 (which has all of latin-1's printed letters).

    Raises:
      ValueError: an unknown `encoding`; or the bytes are not text in it (many zero bytes).
    """
    counts = np.zeros(4, np.int64)
    with _opened(path, encoding or "utf-8") as file:
        likely = file.encoding
        while text := file.read(_SAMPLE):
            others = 0 if text.isascii() else len(text) - len(text.encode("ascii", "ignore"))
            broken = broken_letters(text) if others else 0
            counts += (len(text), others, broken, text.count("\0"))
    letters, others, broken, zeros = counts.tolist()
    if 10 * zeros > letters:
        raise ValueError(f"{path} is not text, or `encoding` must be named (utf-16-le, say).")
    if encoding is None and likely.startswith("utf-8") and 2 * broken > others:
        _LOG.warning("%s is not UTF-8: read as cp1252. `encoding` names another.", path)
        return "cp1252"
    return likely


def read_head(path: Path, encoding: str) -> tuple[str, bool]:
    """The first letters of a file, from which its layout is found; whether that is all of it."""
    with _opened(path, encoding) as file:
        text = file.read(_SAMPLE)
        return text.replace("\0", ""), not file.read(1)


def read_rows(path: Path, encoding: str, delimiter: str, quoting: str) -> Iterator[Row]:
    """All rows of a file but blank lines, one at a time; a broken letter is a lone surrogate."""
    with _opened(path, encoding) as file:
        yield from rows((line.replace("\0", "") for line in file), delimiter, quoting)


def _opened(path: Path, encoding: str) -> AbstractContextManager[TextIO]:
    return open_text(path, encoding, errors=ESCAPE, newline="")


def rows(lines: Iterable[str], delimiter: str, quoting: str) -> Iterator[Row]:
    """All rows but blank lines; after a row that is not in the quoting goes on at the next line."""
    reader = csv.reader(iter(lines), delimiter=delimiter, strict=True, **QUOTING[quoting])
    while True:
        before = reader.line_num
        try:
            with _long_fields():
                fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            fields = None
        if fields is None or any(field.strip() for field in fields):
            yield Row(before + 1, reader.line_num - before, fields)


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

    Raises:
      ValueError: an unknown `quoting`, a `delimiter` of other than one letter, or none is found.
    """
    if quoting is not None and quoting not in QUOTING:
        raise ValueError(f"`quoting` must be one of {', '.join(QUOTING)}. Got {quoting!r}.")
    delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '\r\n"'):
        raise ValueError(f"`delimiter` must be one letter, or tab. Got {delimiter!r}.")
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
    sample = list(rows(io.StringIO(text, newline=""), delimiter, quoting))
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
