"""Rows of a user's file, of any format, one at a time; a fault of a row stays with the row.

    .csv .tsv             delimiter, quoting and encoding as `datasets.sentiment` finds them; a
                          header names the columns, blank lines are no rows
    .jsonl .ndjson        a JSON object a line
    .parquet              by pyarrow
    .txt                  a line a row, in a column of its own
    a folder              files under it, in the order of their names, in the column `file`

All but .parquet may be packed (.gz, .xz, .zip).
"""

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from datasets.arguments import check_choice
from datasets.encodings import find_encoding
from datasets.files import broken_letters, plain_name, read_lines
from datasets.image_files import ENDINGS
from datasets.sentiment import delimited
from pipelines.flags import NOT_UTF8
from pipelines.model_values import IMAGE

FILE = "file"  # the column of a folder
TABLES = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".ndjson")
PARQUET = ".parquet"
LINES = ".txt"
BLOCK = 1024  # rows of Parquet that are read at a time
SAMPLE = 1000  # rows of a table whose fields are compared with its header


class Row(NamedTuple):
    """A row of a file.

    Attributes:
        place: where the row stands, for a message.
        fields: column -> value; of a row that cannot be read, what there is of it.
        fault: why the row cannot be read; "" if it can.
    """

    place: str
    fields: Mapping[str, Any]
    fault: str = ""


class Table(NamedTuple):
    """A file's rows.

    Attributes:
        columns: their names.
        rows: begins a pass over them.
        kinds: column -> type, where it is no text: pyarrow's own, or the name of one; "json" of
            columns whose values are of several types.
    """

    columns: tuple[str, ...]
    rows: Callable[[], Iterator[Row]]
    kinds: Mapping[str, Any] = {}


def open_table(path: Path, name: str, encoding: str | None = None) -> Table:
    """The rows of a file, or of a folder.

    Args:
        path: of either.
        name: of the model's input: the column of a text file; if it is an image, a folder's files
            are its images alone.
        encoding: of text; None finds it.

    Raises:
        ValueError: the path or its format is none that can be read, or the file has no columns.
        ImportError: Parquet without pyarrow.
    """
    if path.is_dir():
        return _folder(path, name)
    if not path.is_file():
        raise ValueError(f"`input` must be a file or a folder. Not found: {path}.")
    ending = Path(plain_name(path)).suffix.lower()
    if ending == PARQUET:
        return _parquet(path)
    known = (*TABLES, *JSON_LINES, PARQUET, LINES)
    if ending not in known:
        raise ValueError(f"`input` must be a folder or end in {', '.join(known)}. Got {path}.")
    encoding = find_encoding(path, encoding)
    if ending in TABLES:
        return _table(path, encoding, TABLES[ending])
    if ending in JSON_LINES:
        return _json_lines(path, encoding)
    lines = functools.partial(_lines, path, encoding)
    return Table((name,), lambda: (_read(place, {name: text}) for place, text in lines()))


def column_of(table: Table, column: str | None, name: str) -> str:
    """The column to answer: as named, or the input's name, or the only one.

    Raises:
        ValueError: there is no such column (names the nearest), or none of these.
    """
    if column is not None:
        check_choice("column", column, table.columns)
        return column
    if name in table.columns:
        return name
    if len(table.columns) == 1:
        return table.columns[0]
    raise ValueError(f"`column` must be one of {', '.join(table.columns)}. Got none.")


def _clean(value: Any) -> Any:
    return NOT_UTF8.sub("\ufffd", value) if isinstance(value, str) else value


def _read(place: str, fields: Mapping[str, Any], fault: str = "") -> Row:
    """A row; with broken letters in it one that cannot be read."""
    if any(isinstance(value, str) and broken_letters(value) for value in fields.values()):
        fields = {name: _clean(value) for name, value in fields.items()}
        fault = fault or "not in the file's encoding"
    return Row(place, fields, fault)


# Text.


def _lines(path: Path, encoding: str) -> Iterator[tuple[str, str]]:
    """(place, line) of each line."""
    for number, line in enumerate(read_lines(path, encoding), start=1):
        yield f"{path.name}:{number}", line


# CSV and TSV.


def _table(path: Path, encoding: str, delimiter: str) -> Table:
    layout = _layout(path, encoding, delimiter)

    def rows() -> Iterator[delimited.Row]:
        return chain.from_iterable(delimited.read_rows(path, encoding, *layout))

    header, *sample = list(islice(rows(), SAMPLE)) or [None]
    columns = tuple(name.strip() for name in (header and header.fields) or ())
    if not columns or len(set(columns)) < len(columns):
        raise ValueError(
            f"{path} must begin with a header that names each column once. Got {list(columns)}."
        )
    width = delimited.usual_width(sample)
    if width not in (0, len(columns)):
        raise ValueError(
            f"{path} must have as many fields in a row as in its header, {len(columns)}. Most rows "
            f"have {width}, between {layout[0]!r}: put texts that hold it in quotation marks, or "
            "name the file .txt if each line is a text."
        )

    def passing() -> Iterator[Row]:
        for row in islice(rows(), 1, None):
            yield _of_fields(f"{path.name}:{row.line}", row.fields, columns)

    return Table(columns, passing)


def _layout(path: Path, encoding: str, delimiter: str) -> tuple[str, str]:
    """Delimiter and quoting; of a single column, those that the file's ending stands for."""
    head, whole = delimited.read_head(path, encoding)
    named = delimiter if delimiter == "\t" else None
    try:
        delimited.find_layout(head, whole, named, "double")
    except ValueError:  # no line has two columns: each delimiter is within quotation marks
        return delimiter, "double"
    return delimited.find_layout(head, whole, named)


def _of_fields(place: str, fields: list[str] | None, columns: tuple[str, ...]) -> Row:
    nothing = dict.fromkeys(columns)
    if fields is None:
        return Row(place, nothing, "not in the file's quoting")
    wrong = len(fields) != len(columns)
    fault = f"{len(fields)} fields in place of {len(columns)}" if wrong else ""
    return _read(place, nothing | dict(zip(columns, fields, strict=False)), fault)


# JSON lines.


def _json_lines(path: Path, encoding: str) -> Table:
    """The columns are all keys of all lines, which a first pass collects."""

    def rows() -> Iterator[Row]:
        for place, line in _lines(path, encoding):
            if line.strip():
                yield _of_json(place, line)

    types: dict[str, set[type]] = {}
    for row in rows():
        for name, value in row.fields.items():
            large = isinstance(value, int) and not -(2**63) <= value < 2**63
            types.setdefault(name, set()).add(object if large else type(value))
    if not types:
        raise ValueError(f"{path} must have a JSON object a line. It has none.")
    return Table(tuple(types), rows, {name: _kind(found) for name, found in types.items()})


def _of_json(place: str, line: str) -> Row:
    if broken_letters(line):
        return Row(place, {}, "not in the file's encoding")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Row(place, {}, f"no JSON: {error}")
    if not isinstance(value, dict):
        return Row(place, {}, f"no JSON object: {line[:40]}")
    return _read(place, value)


def _kind(types: set[type]) -> str:
    """The type in Parquet of a column's values."""
    types = types - {type(None)}
    for kind, members in {
        "string": {str},
        "bool": {bool},
        "int64": {int},
        "float64": {int, float},
    }.items():
        if types <= members:
            return kind
    return "json"


# Parquet.


def _parquet(path: Path) -> Table:
    parquet = pyarrow_parquet()
    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} must be Parquet: {error}.") from error

    def rows() -> Iterator[Row]:
        number = 0
        with parquet.ParquetFile(path) as file:
            for block in file.iter_batches(BLOCK):
                for fields in block.to_pylist():
                    number += 1
                    yield Row(f"{path.name}, row {number}", fields)

    return Table(tuple(schema.names), rows, {field.name: field.type for field in schema})


def pyarrow_parquet():
    """The library's module.

    Raises:
        ImportError: it is not installed.
    """
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError("Parquet needs pyarrow, of requirements.txt. It is not there.") from error
    return parquet


# A folder.


def _folder(folder: Path, name: str) -> Table:
    """The folder's files, and those in folders within it, but hidden ones; of images, by ending."""
    hidden = re.compile(r"(?:^|/)\.")
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and (not name.startswith(IMAGE) or path.suffix.lower() in ENDINGS)
    )
    names = [each for each in names if not hidden.search(each)]
    if not names:
        wanted = f"images ({', '.join(ENDINGS)})" if name.startswith(IMAGE) else "files"
        raise ValueError(f"`input` must hold {wanted}. {folder} has none.")
    return Table((FILE,), lambda: (_read(each, {FILE: each}) for each in names))
