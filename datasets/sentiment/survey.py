"""One pass over a whole table: its columns, its labels, and what is wrong with its rows.

The pass is all that a later reading needs beside the texts; it is kept under the file's digest.
"""

import array
import functools
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.encodings import find_encoding
from datasets.faults import Faults
from datasets.files import Cache, broken_letters, file_digest, stamps
from datasets.formats import check_table
from datasets.sentiment import delimited
from datasets.sentiment.cleaning import is_blank, key_of
from datasets.sentiment.columns import Columns, find_columns
from datasets.sentiment.delimited import Row
from datasets.sentiment.labels import cleaned
from datasets.sentiment.names import LABELS, MISSING, TEXTS, plain
from datasets.sentiment.profile import Profile

MAX_BROKEN = 1 / 20  # of the rows; more is an error
VERSION = 2  # of the pass: another one makes what is kept anew

_HEAD = 5000  # rows from which the width is found, and columns are tried
_HARMLESS = ("no label", "empty text", "text ", "header")  # how their kinds begin
_SURVEYS: dict[tuple, "Survey"] = {}  # the last few, by file, options and the file's state
_TOLD = 5.0  # seconds between two lines of progress


class Options(NamedTuple):
    """How the file is written; None is to be found.

    text_column, label_column: a column's name, or its place counted from 0.
    delimiter: one letter, or "tab".
    encoding: as Python names it ("cp1252").
    quoting: how a quotation mark stands in a quoted field: "double", "backslash"; or "none".
    header: whether the first row names the columns.
    """

    text_column: str | int | None = None
    label_column: str | int | None = None
    delimiter: str | None = None
    encoding: str | None = None
    quoting: str | None = None
    header: bool | None = None


class Written(NamedTuple):
    """How a file is written: found, or as named."""

    encoding: str
    delimiter: str
    quoting: str
    width: int  # fields of a row
    line: int  # of the first row
    first: list[str]  # that row


class Survey(NamedTuple):
    """The results of the pass, about the rows that can be used.

    labels: `<int32>[rows]`, indices into `values`.
    values: the labels as they are written, in the order in which they were met.
    keys: `<uint64>[rows]`, a hash of each text's words (see `key_of`).
    lengths: shortest, median and longest text, in letters.
    left_out: kind -> rows that cannot be used.
    """

    written: Written
    columns: Columns
    labels: np.ndarray
    values: list[str]
    keys: np.ndarray
    lengths: tuple[int, int, int]
    left_out: dict[str, int]

    @property
    def counts(self) -> dict[str, int]:
        """Label -> rows."""
        counts = np.bincount(self.labels, minlength=len(self.values)).tolist()
        return dict(zip(self.values, counts, strict=True))


def survey(path: Path, options: Options, cache: Cache | None = None) -> Survey:
    """The survey of a file: made once for each state of it, and kept in `cache` where there is one.

    Raises:
        ValueError: a bad option, columns that cannot be told, too much broken.
    """
    wanted = (path, options, stamps(path))
    if wanted not in _SURVEYS:
        for oldest in list(_SURVEYS)[:-3]:
            del _SURVEYS[oldest]
        _SURVEYS[wanted] = _kept(path, options, cache) if cache else _made(path, options)
    return _SURVEYS[wanted]


def _kept(path: Path, options: Options, cache: Cache) -> Survey:
    """The survey from the cache, or made now and put there."""
    key = {"kind": "table", "version": VERSION, "file": file_digest(path), **options._asdict()}
    return _read(cache(key, lambda folder: _write(folder, _made(path, options))))


def _made(path: Path, options: Options) -> Survey:
    written = how_written(path, options)
    columns, whole = None, _tried(path, written, options)
    while columns is None or whole[:3] != columns[:3]:
        columns = whole  # of the head; where all rows say otherwise, there is one more pass
        profile, faults, found = _pass(path, written, columns)
        whole = find_columns(profile, *options[:2], options.header)
    labels, values, keys, lengths = found
    _settle(path, written, whole, faults, len(labels))
    return Survey(
        written,
        whole,
        np.array(labels, np.int32),
        values,
        np.frombuffer(keys, ">u8").astype(np.uint64),
        tuple(map(int, np.quantile(lengths, (0, 0.5, 1), method="lower"))),
        dict(faults.counts),
    )


def how_written(path: Path, options: Options) -> Written:
    """Encoding, delimiter, quoting and width of a file.

    Raises:
        ValueError: a bad option, an empty file, or one that is no table.
    """
    return _how_written(path, options, stamps(path))


@functools.lru_cache(maxsize=8)
def _how_written(path: Path, options: Options, state: tuple) -> Written:
    encoding = find_encoding(path, options.encoding)
    head, whole = delimited.read_head(path, encoding)
    if not head.strip():
        raise ValueError(f"{path} is empty.")
    check_table(path, head)
    layout = delimited.find_layout(head, whole, options.delimiter, options.quoting)
    rows = _head(path, encoding, *layout)
    width = delimited.usual_width(rows)
    if names := _narrow_header(rows, width):
        return Written(encoding, *layout, width, rows[0].line, names)
    first = next(row for row in rows if row.fields and len(row.fields) == width)
    return Written(encoding, *layout, width, first.line, first.fields)


def _narrow_header(rows: Sequence[Row], width: int) -> list[str] | None:
    """The names of columns where the first row lacks one of them; None where it does not.

    Rows that end in a delimiter have an empty column more at the end; R's, row names at the start.
    """
    names = rows[0].fields
    if names is None or len(names) != width - 1 or not {*TEXTS, *LABELS} & set(map(plain, names)):
        return None
    lasts = [row.fields[-1] for row in rows if row.fields and len(row.fields) == width]
    return ["", *names] if any(map(str.strip, lasts)) else [*names, ""]


def _head(path: Path, encoding: str, delimiter: str, quoting: str) -> list[Row]:
    blocks = delimited.read_rows(path, encoding, delimiter, quoting)
    return list(itertools.islice(itertools.chain.from_iterable(blocks), _HEAD))


def _tried(path: Path, written: Written, options: Options) -> Columns | None:
    """The columns by the head of a file; None where it does not tell them."""
    profile = Profile(written.first)
    profile.add(_below_first(_head(path, *written[:3]), written))
    try:
        return find_columns(profile, *options[:2], options.header)
    except ValueError:
        return None


def _below_first(rows: Sequence[Row], written: Written) -> list[list[str]]:
    """The fields of rows as wide as most, without the first row."""
    return [
        row.fields
        for row in rows
        if row.fields and len(row.fields) == written.width and row.line != written.line
    ]


def _pass(path: Path, written: Written, columns: Columns | None):
    """(profile, faults, (labels, values, keys, lengths)) of all rows."""
    profile, faults, numbers = Profile(written.first), Faults(), {}
    labels, keys, lengths = array.array("i"), bytearray(), array.array("I")
    for rows in _told(delimited.read_rows(path, *written[:3]), path):
        profile.add(_below_first(rows, written))
        if columns is None:
            continue
        _, texts, found = usable(rows, written, columns, faults)
        labels.extend([numbers.setdefault(label, len(numbers)) for label in found])
        keys += b"".join(map(key_of, texts))
        lengths.extend(map(len, texts))
    return profile, faults, (labels, list(numbers), keys, lengths)


def usable(
    rows: Sequence[Row], written: Written, columns: Columns, faults: Faults
) -> tuple[list[int], list[str], list[str]]:
    """(lines, texts, labels) of the rows that have all of them; the others go to `faults`."""
    lines, texts, labels = [], [], []
    for line, count, fields in rows:
        if fields is None:
            faults.add("not in the file's quoting", f"line {line}", count)
        elif line == written.line and columns.header is not None:
            continue
        elif len(fields) != written.width:
            faults.add(f"not {written.width} fields", f"line {line}")
        elif fields == columns.header or _names_columns(fields, columns):
            faults.add("header, met again", f"line {line}")
        else:
            text, field = fields[columns.text], fields[columns.label]
            label = cleaned(field)
            if fault := _fault(text, field, label):
                faults.add(fault, f"line {line}")
            else:
                lines.append(line)
                texts.append(text)
                labels.append(label)
    return lines, texts, labels


def _names_columns(fields: Sequence[str], columns: Columns) -> bool:
    """Whether a row is a header that was shuffled among the others."""
    text, label = fields[columns.text], fields[columns.label]
    return len(text) < 32 and _is_usual(label, LABELS) and _is_usual(text, TEXTS)


@functools.lru_cache(maxsize=10_000)
def _is_usual(name: str, names: frozenset[str]) -> bool:
    return plain(name) in names


def _fault(text: str, field: str, label: str) -> str | None:
    if not text.isascii() and broken_letters(text):
        return "broken letters"
    if not label:
        return f"label {field.strip()!r}" if field.strip() in MISSING else "no label"
    if not label.isascii() and broken_letters(label):
        return "broken letters"
    if len(text) < 8 and text.strip() in MISSING:
        return f"text {text.strip()!r}"
    return "empty text" if is_blank(text) else None


def _settle(path: Path, written: Written, columns: Columns, faults: Faults, usable: int) -> None:
    """Tells what is left out; raises ValueError where too many rows are broken, or none is left."""
    harmless = sum(n for kind, n in faults.counts.items() if kind.startswith(_HARMLESS))
    broken = faults.counts.total() - harmless
    remedy = (
        f"read with delimiter {written.delimiter!r}, quoting {written.quoting!r}, columns "
        f"{columns.text} and {columns.label}; mend the file, or name `delimiter`, `quoting`, "
        "`encoding` or the columns; a label that is a word for no value needs another name"
    )
    faults.settle(str(path), {"rows": (broken, usable + broken)}, MAX_BROKEN, remedy)


def _told(blocks: Iterator[list[Row]], path: Path) -> Iterator[list[Row]]:
    """Passes blocks on, and says every five seconds how many rows there were."""
    count, begun = 0, time.monotonic()
    told = begun
    for block in blocks:
        yield block
        count, now = count + len(block), time.monotonic()
        if now - told >= _TOLD:
            told = now
            print(f"{path}: {count:,} rows, {count / (now - begun):,.0f} a second", flush=True)


def _write(folder: Path, made: Survey) -> None:
    """Keeps a survey in an empty folder."""
    np.savez(folder / "rows.npz", labels=made.labels, keys=made.keys)
    rest = made._replace(labels=None, keys=None)
    (folder / "survey.json").write_text(json.dumps(rest), encoding="utf-8")


def _read(folder: Path) -> Survey:
    written, columns, _, values, _, lengths, left_out = json.loads(
        (folder / "survey.json").read_text(encoding="utf-8")
    )
    columns[3] = tuple(columns[3])
    with np.load(folder / "rows.npz", allow_pickle=False) as arrays:
        labels, keys = arrays["labels"], arrays["keys"]
    return Survey(
        Written(*written), Columns(*columns), labels, values, keys, tuple(lengths), left_out
    )
