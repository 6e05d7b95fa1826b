"""Rows of a file of any usual format, one at a time; what is wrong stays with its row.

    .csv .tsv             delimiter, quoting and encoding as `datasets.sentiment` finds them
    .jsonl .ndjson        a JSON object a line
    .parquet              by pyarrow, which is installed apart
    .txt and others       a line a row, in a column of its own
    a folder              its images, in the order of their names

All but .parquet may be packed (.gz, .xz, .zip).
"""

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from datasets.arguments import check_choice
from datasets.encodings import find_encoding
from datasets.files import open_text, plain_name
from datasets.image_files import ENDINGS
from datasets.sentiment.delimited import find_layout, read_head, read_rows

TABLES = (".csv", ".tsv")
JSON = (".jsonl", ".ndjson")
PARQUET = ".parquet"


class Row(NamedTuple):
    """A row of a file.

    place: where it is, for a message: "line 7".
    fields: by column; of a row that cannot be read, none.
    value: what the model is to read; None where that is not there.
    fault: what is wrong with it; "" where nothing is.
    """

    place: str
    fields: Mapping[str, Any]
    value: Any
    fault: str = ""


class Source(NamedTuple):
    """columns: names; rows: begins a pass over them."""

    columns: tuple[str, ...]
    rows: Iterator[Row]


def open_rows(path: Path, column: str | None, name: str) -> Source:
    """The columns and the rows of a file or folder.

    Args:
        path: of the file, or of a folder of images.
        column: what the model is to read. Default: the input's name where a column has it, or the
            only column.
        name: of the model's input.

    Raises:
        ValueError: the format is unknown, the file cannot be read, or there is no such column.
        ImportError: Parquet without pyarrow.
    """
    if path.is_dir():
        return _images(path)
    if not path.is_file():
        raise ValueError(f"`input` must be a file or a folder. Got {path}.")
    ending = Path(plain_name(path)).suffix.lower()
    if ending in TABLES:
        return _table(path, column, name)
    if ending in JSON:
        return _json(path, column, name)
    if ending == PARQUET:
        return _parquet(path, column, name)
    columns = (column or name,)
    lines = enumerate(_lines(path), start=1)
    return Source(columns, (Row(f"line {n}", {columns[0]: text}, text) for n, text in lines))


def _chosen(columns: tuple[str, ...], column: str | None, name: str) -> str:
    """The column to read."""
    if column is not None:
        check_choice("column", column, columns)
        return column
    if name in columns or len(columns) == 1:
        return name if name in columns else columns[0]
    raise ValueError(f"`column` must name what to read: one of {', '.join(columns)}.")


def _lines(path: Path) -> Iterator[str]:
    with open_text(path, find_encoding(path)) as file:
        for line in file:
            yield line.removesuffix("\n")


def _table(path: Path, column: str | None, name: str) -> Source:
    encoding = find_encoding(path)
    head, whole = read_head(path, encoding)
    tab = "\t" if Path(plain_name(path)).suffix.lower() == ".tsv" else None
    one = not any(letter in head for letter in "\t;,|")  # a single column has no delimiter
    delimiter, quoting = find_layout(head, whole, tab) if not one else (",", "double")
    blocks = read_rows(path, encoding, delimiter, quoting)
    rows = chain.from_iterable(blocks)
    columns = tuple((next(rows, None) or _no_rows(path)).fields or _no_rows(path))
    if len(set(columns)) < len(columns):
        raise ValueError(f"{path} must name each column once. Got {', '.join(columns)}.")
    read = _chosen(columns, column, name)

    def passing() -> Iterator[Row]:
        for row in rows:
            place = f"line {row.line}"
            if row.fields is None:
                yield Row(place, {}, None, "not in the file's quoting")
            elif len(row.fields) != len(columns):
                fault = f"{len(row.fields)} fields, not {len(columns)}"
                yield Row(place, dict(zip(columns, row.fields, strict=False)), None, fault)
            else:
                fields = dict(zip(columns, row.fields, strict=True))
                yield Row(place, fields, fields[read])

    return Source(columns, passing())


def _no_rows(path: Path):
    raise ValueError(f"{path} must begin with the names of its columns.")


def _json(path: Path, column: str | None, name: str) -> Source:
    def objects() -> Iterator[tuple[str, Any]]:
        for number, line in enumerate(_lines(path), start=1):
            if line.strip():
                try:
                    yield f"line {number}", json.loads(line)
                except (ValueError, RecursionError) as error:
                    yield f"line {number}", error

    first = next((found for _, found in objects() if isinstance(found, dict)), None)
    columns = tuple(first or _no_rows(path))
    read = _chosen(columns, column, name)

    def passing() -> Iterator[Row]:
        for place, found in objects():
            if not isinstance(found, dict):
                yield Row(place, {}, None, f"no JSON object: {str(found)[:80]}")
            elif set(found) != set(columns):
                yield Row(place, found, None, f"other keys than {', '.join(columns)}")
            else:
                yield Row(place, found, found[read])

    return Source(columns, passing())


def _parquet(path: Path, column: str | None, name: str) -> Source:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError("`input`: Parquet needs pyarrow (pip install pyarrow).") from error
    file = parquet.ParquetFile(path)
    columns = tuple(file.schema_arrow.names)
    read = _chosen(columns, column, name)

    def passing() -> Iterator[Row]:
        number = 0
        for batch in file.iter_batches(1000):
            for fields in batch.to_pylist():
                number += 1
                yield Row(f"row {number}", fields, fields[read])

    return Source(columns, passing())


def _images(folder: Path) -> Source:
    names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if not names:
        raise ValueError(f"`input` must hold images ({', '.join(ENDINGS)}). {folder} has none.")
    return Source(("file",), (Row(name, {"file": name}, folder / name) for name in names))
