"""`predict --input FILE --output FILE`: an answer beside every row, in order, in constant memory.

The rows that are done stand in OUTPUT.part, and OUTPUT.part.json says of what: the same command
goes on after them, whatever ended it. OUTPUT itself appears when it is whole.
"""

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from datasets.files import stamps
from pipelines.cache import with_progress
from pipelines.loading import Model
from pipelines.rows import JSON, TABLES, Row, open_rows
from pipelines.runs import read_json, write_json

ERROR = "error"  # the column that says what was wrong with a row
Record = dict[str, Any]


def answer_file(
    model: Model,
    source: Path,
    output: Path,
    column: str | None = None,
    batch_size: int = 64,
    **named: Any,
) -> None:
    """Writes a file's rows with the model's answers as further columns.

    A row that cannot be read, or answered, is named, counted, and written with empty answers and
    what is wrong in the column `error`.

    Args:
        model: of one input with rows.
        source: a file (see `rows`) or a folder of images.
        output: .csv, .tsv, .jsonl or .ndjson.
        column: of the source, to read. Default: see `rows.open_rows`.
        batch_size: rows a call of the model.
        named: the model's other inputs.

    Raises:
        ValueError: the model has several inputs with rows; the output is there, of an unknown
            format or a part of other work; the source has no such column, or one that an answer
            has, too.
    """
    (name,) = model.rows
    if output.suffix not in TABLES + JSON:
        raise ValueError(f"`output` must end in {', '.join(TABLES + JSON)}. Got {output}.")
    if output.exists():
        raise ValueError(f"`output` must be a new file. {output} is there.")
    columns, rows = open_rows(source, column, name)
    answers = sorted(model.outputs)
    if taken := {*answers, ERROR} & {*columns}:
        raise ValueError(
            f"`input` must have no columns of the answers' names. {source} has {', '.join(taken)}."
        )
    work = {
        "input": [str(source.resolve()), *stamps(source)],
        "column": column,
        "model": str(model.folder),
        "signature": model.signature,
        "named": named,
    }
    part = Part(output, json.loads(json.dumps(work)), (*columns, *answers, ERROR))
    faults = part.faults
    batches = _batches(islice(rows, part.rows, None), batch_size)
    with part:
        for batch in with_progress(batches, len, "rows answered"):
            records = _answered(model, batch, answers, named)
            for row, record in zip(batch, records, strict=True):
                if record[ERROR]:
                    faults += 1
                    print(f"{row.place}: {record[ERROR]}", flush=True)
            part.write(records, faults)
    part.finish()
    print(f"{part.rows:,} rows in {output}; {faults:,} of them without an answer.")


def _batches(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while batch := list(islice(rows, size)):
        yield batch


def _answered(
    model: Model, batch: Sequence[Row], answers: Sequence[str], named: Mapping[str, Any]
) -> list[Record]:
    """The rows of a batch as they are written."""
    nothing = dict.fromkeys(answers)
    records = [{**row.fields, **nothing, ERROR: row.fault} for row in batch]
    for row, record in zip(batch, records, strict=True):
        if not row.fault and row.value is None:
            record[ERROR] = "nothing to read"
    places, values = [], []
    for place, (row, record) in enumerate(zip(batch, records, strict=True)):
        if record[ERROR]:
            continue
        try:
            values.append((model.content(row.value),))
            places.append(place)
        except (ValueError, OSError) as error:
            record[ERROR] = str(error)
    for place, answer in zip(
        places, model.each(values, batch_size=max(1, len(values)), **named), strict=True
    ):
        found = answer._asdict()
        texts = [value for value in found.values() if isinstance(value, str)]
        if texts and not any(texts):
            records[place][ERROR] = "the model could read nothing"
        else:
            records[place].update(found)
    return records


class Part:
    """An output that is being written, and how far it is.

    Args:
        output: to be.
        work: what makes it: a part of other work is refused.
        columns: of the output.

    Attributes:
        rows: how many are written.
        faults: how many of them have no answer.

    Raises:
        ValueError: the part that is there is of other work.
    """

    def __init__(self, output: Path, work: Mapping[str, Any], columns: Sequence[str]):
        self.output, self.work, self.columns = output, work, columns
        self.path = output.with_name(f"{output.name}.part")
        self.state = output.with_name(f"{output.name}.part.json")
        self.rows = self.faults = self.bytes = 0
        if self.state.exists():
            known = read_json(self.state)
            changed = [name for name, value in work.items() if known["work"].get(name) != value]
            if changed:
                raise ValueError(
                    f"`output` has a part of other work: another {', '.join(changed)}. Delete "
                    f"{self.path} and {self.state} to begin anew."
                )
            self.rows, self.faults, self.bytes = (known[key] for key in ("rows", "faults", "bytes"))
            print(f"{self.rows:,} rows are there; going on after them.", flush=True)

    def __enter__(self) -> "Part":
        self.file = self.path.open("a", encoding="utf-8", newline="")
        self.file.truncate(self.bytes)  # what was written after the last state
        self.file.seek(0, os.SEEK_END)
        delimiter = "\t" if self.output.suffix == ".tsv" else ","
        self.table = csv.DictWriter(self.file, self.columns, delimiter=delimiter, restval="")
        if not self.bytes and self.output.suffix in TABLES:
            self.table.writeheader()
        return self

    def __exit__(self, *_) -> None:
        self.file.close()

    def write(self, records: Sequence[Record], faults: int) -> None:
        """Appends rows, and notes that they are there once they are on the disk."""
        for record in records:
            if self.output.suffix in JSON:
                plain = {key: _plain(value) for key, value in record.items()}
                self.file.write(json.dumps(plain, ensure_ascii=False, default=str) + "\n")
            else:
                self.table.writerow({key: _cell(value) for key, value in record.items()})
        self.file.flush()
        os.fsync(self.file.fileno())
        self.rows, self.faults = self.rows + len(records), faults
        self.bytes = self.path.stat().st_size
        known = {"rows": self.rows, "faults": faults, "bytes": self.bytes, "work": self.work}
        write_json(self.state, known)

    def finish(self) -> None:
        """The part takes its name."""
        os.replace(self.path, self.output)
        self.state.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    """As JSON holds it."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def _cell(value: Any) -> Any:
    """As a cell of a table holds it: arrays as JSON."""
    return json.dumps(_plain(value)) if isinstance(value, np.ndarray | list) else value
