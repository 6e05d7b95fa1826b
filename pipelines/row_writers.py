"""Rows to a file, by its ending: CSV, TSV, JSON lines, Parquet; one at a time."""

import base64
import codecs
import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, BinaryIO

from pipelines.rows import JSON_LINES, PARQUET, TABLES, pyarrow_parquet

ENDINGS = (*TABLES, *JSON_LINES, PARQUET)
BLOCK = 10_000  # rows of Parquet that are written at a time

Record = Mapping[str, Any]


def write_rows(
    file: BinaryIO, ending: str, kinds: Mapping[str, Any], records: Iterable[Record]
) -> None:
    """Writes records, of which each may lack columns.

    In CSV and TSV, values that are no text are JSON, and nothing is an empty field. Bytes are
    base64, but in Parquet.

    Args:
        file: to write to.
        ending: one of `ENDINGS`.
        kinds: column -> type, in their order: pyarrow's own, the name of one, "[]" behind it for
            each level of lists; or "json".
        records: column -> value.
    """
    if ending == PARQUET:
        _write_parquet(file, kinds, records)
        return
    text = codecs.getwriter("utf-8")(file, errors="replace")
    if ending in JSON_LINES:
        for record in records:
            text.write(_json(record) + "\n")
        return
    table = csv.writer(text, delimiter=TABLES[ending], lineterminator="\n")
    table.writerow(kinds)
    table.writerows([_cell(record.get(name)) for name in kinds] for record in records)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_foreign)


def _foreign(value: Any) -> str:
    """What JSON does not know: bytes; dates and decimals of Parquet."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    known = isinstance(value, (bool, int, float, list, dict))
    return _json(value) if known else _foreign(value)


def _write_parquet(file: BinaryIO, kinds: Mapping[str, Any], records: Iterable[Record]) -> None:
    import pyarrow

    schema = pyarrow.schema({name: _type(kind) for name, kind in kinds.items()})
    converts = {name: _converter(kind) for name, kind in kinds.items()}
    with pyarrow_parquet().ParquetWriter(file, schema) as writer:
        for block in _blocks(records):
            columns = [
                pyarrow.array(map(convert, (record.get(name) for record in block)), field.type)
                for (name, convert), field in zip(converts.items(), schema, strict=True)
            ]
            writer.write_batch(pyarrow.record_batch(columns, schema=schema))


def _blocks(records: Iterable[Record]) -> Iterator[list[Record]]:
    records = iter(records)
    while block := list(islice(records, BLOCK)):
        yield block


def _type(kind: Any) -> Any:
    import pyarrow

    if not isinstance(kind, str):
        return kind
    name = kind.rstrip("[]")
    found = pyarrow.string() if name == "json" else pyarrow.type_for_alias(name)
    for _ in range(kind.count("[]")):
        found = pyarrow.list_(found)
    return found


def _converter(kind: Any) -> Callable[[Any], Any]:
    """What pyarrow takes for a value; a type of its own equals its name, and is no kind of ours."""
    own = isinstance(kind, str)
    if own and kind == "json":
        return lambda value: None if value is None else json.dumps(value)
    if own and kind == "binary":  # of an answer, which is base64 up to here
        return lambda value: None if value is None else base64.b64decode(value)
    return lambda value: value
