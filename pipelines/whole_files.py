"""`predict --input FILE --output FILE`: an answer beside every row, in order, in constant memory.

OUTPUT.part has a line that says what makes the answers, and then a line for each answer. The same
command goes on after them, whatever ended it. When all are there the file is read once more, and
OUTPUT is written beside its place, in any format, and renamed into it.
"""

import base64
import contextlib
import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tensorflow as tf

from datasets.faults import Faults
from datasets.files import file_digest, stamps
from datasets.images import check_image
from pipelines.cache import digest_of, with_progress
from pipelines.loading import Model
from pipelines.model_values import BYTES, IMAGE, content_of, has_rows, value_of
from pipelines.row_writers import ENDINGS, write_rows
from pipelines.rows import Row, Table, column_of, open_table
from pipelines.runs import disk_may_fill, json_digest, write_atomically

ERROR = "error"  # the column that says what is wrong with a row
BATCHES = 4  # of texts that are read together, so that those of like length share a batch


def answer_file(
    model: Model,
    source: Path,
    output: Path,
    column: str | None = None,
    *,
    encoding: str | None = None,
    batch_size: int = 64,
    **named: Any,
) -> None:
    """Writes a file's rows with the model's answers as further columns.

    A row that cannot be read is counted, named, and written without answers; the column `error`
    says where it is and what is wrong with it.

    Args:
        model: of one input with rows, text or a file's content.
        source: a file (see `rows`) or a folder.
        output: .csv, .tsv, .jsonl or .parquet.
        column: of the source, to answer. Default: see `rows.column_of`. For an input that is a
            file's content it holds paths as seen from the source's folder, or bytes.
        encoding: of the source; None finds it.
        batch_size: rows a call of the model.
        named: the model's other inputs.

    Raises:
        ValueError: the model has no such input; the output is there, of an unknown format, or begun
            with another source or model; the source cannot be read, lacks the column, or has one
            with an answer's name; it was changed meanwhile.
    """
    name = _input_of(model)
    _check_output(source, output)
    table = open_table(source, name, encoding)
    column = column_of(table, column, name)
    if taken := [own for own in table.columns if own in {*model.outputs, ERROR}]:
        raise ValueError(
            f"`input` must have no column with an answer's name: rename {', '.join(taken)}."
        )
    work = {
        **{"input": _digest(source, table), "model": digest_of([model.folder])},
        **{"signature": model.signature, "column": column, "encoding": encoding},
        **{"batch_size": batch_size, **named},
    }
    part = output.with_name(f"{output.name}.part")
    with _only_writer(part) as file:
        size = batch_size * (1 if name.endswith(BYTES) else BATCHES)
        done = _begin(file, part, work, size)
        rows = islice(table.rows(), done, None)
        for batch in with_progress(_batches(rows, size), len, "rows"):
            values = [_value(model, name, row, column, source) for row in batch]
            answers = _answers(model, values, batch_size, named)
            file.write(b"".join(json.dumps(answer).encode() + b"\n" for answer in answers))
            file.flush()
            done += len(batch)
        if _digest(source, table) != work["input"]:
            raise ValueError(f"`input` must not change while it is answered. {source} has.")
        faults = _write(model, table, output, file)
    part.unlink()
    print("\n".join(filter(None, [f"{output}: {done:,} rows.", faults.summary()])), flush=True)


# What is answered.


def _input_of(model: Model) -> str:
    """The model's input that the column is for."""
    specs = [model.inputs[name] for name in model.rows]
    if len(specs) == 1 and (specs[0].dtype, specs[0].shape.rank) == (tf.string, 1):
        return model.rows[0]
    raise ValueError(
        f"`--input` needs a signature with one row of strings. Got `{model.signature}`: "
        f"{model.signatures[model.signature]}."
    )


def _check_output(source: Path, output: Path) -> None:
    if output.suffix.lower() not in ENDINGS:
        raise ValueError(f"`output` must end in {', '.join(ENDINGS)}. Got {output}.")
    if output.exists():
        raise ValueError(f"`output` must be a new file. {output} is there.")
    if source.resolve() in output.resolve().parents:
        raise ValueError(f"`output` must be outside of the folder `input`. Got {output}.")


def _digest(source: Path, table: Table) -> str:
    """Of a file its sha256; of a folder of what its files' names, sizes and times are."""
    if source.is_file():
        return file_digest(source)
    names = [name for row in table.rows() if not row.fault for name in row.fields.values()]
    return json_digest([(name, stamps(source / name)) for name in names])


def _batches(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while batch := list(islice(rows, size)):
        yield batch


def _value(model: Model, name: str, row: Row, column: str, source: Path) -> bytes | str:
    """A row's input as bytes; or, as a str, why it has none."""
    value = row.fields.get(column)
    if row.fault or value is None:
        return row.fault or "nothing to read"
    try:
        if not name.endswith(BYTES):
            return value_of(name, model.inputs[name], value)
        if isinstance(value, str):
            value = (source if source.is_dir() else source.parent) / value
        content = content_of(name, value)
        return (name.startswith(IMAGE) and check_image(content)) or content
    except ValueError as error:
        return str(error.__cause__ or error)


def _answers(
    model: Model, values: Sequence[bytes | str], batch_size: int, named: Mapping[str, Any]
) -> list[list | str]:
    """For each value the outputs in their order, as JSON holds them; a reason stays one."""
    answers: list[list | str] = list(values)
    places = [place for place, value in enumerate(values) if isinstance(value, bytes)]
    found = model([values[place] for place in places], batch_size=batch_size, **named)
    for place, answer in zip(places, found, strict=True):
        answers[place] = [_plain(value) for value in answer]
    return answers


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value.astype("U").astype(np.float64).tolist()  # the shortest digits
    return value.tolist() if isinstance(value, np.ndarray) else value


# What is done.


@contextlib.contextmanager
def _only_writer(part: Path) -> Iterator[BinaryIO]:
    """The part, held for this process; the system frees it however the process ends."""
    part.parent.mkdir(parents=True, exist_ok=True)
    with disk_may_fill(part), open(part, "a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"`output` must have one writer. {part} has another one.") from None
        yield file


def _begin(file: BinaryIO, part: Path, work: Mapping[str, Any], size: int) -> int:
    """How many rows are answered, in whole batches of `size`; what follows them is cut off.

    Raises:
        ValueError: the part is of other work; names what differs.
    """
    rows, end = _whole(file, size)
    file.seek(0)
    head = file.readline()
    begun = _parsed(head)
    if head and not (isinstance(begun, dict) and begun.keys() >= {"input", "model"}):
        raise ValueError(f"`output` needs the name {part}, which another file has: move that.")
    if rows:
        changed = {key for key in {*begun, *work} if begun.get(key) != work.get(key)}
        if changed:
            raise ValueError(
                f"`output` was begun with another {', '.join(sorted(changed))}. Give what it was "
                f"begun with, or another output, or delete {part}."
            )
        file.truncate(end)
        print(f"{rows:,} rows are answered already; the rest follows.", flush=True)
        return rows
    file.truncate(0)
    file.write(json.dumps(work).encode() + b"\n")
    return 0


def _whole(file: BinaryIO, size: int) -> tuple[int, int]:
    """Rows in whole batches, and where they end; a line that is no JSON was being written."""
    file.seek(0)
    place, rows, whole = len(file.readline()), 0, (0, 0)
    for line in file:
        if _parsed(line) is None:
            break
        place, rows = place + len(line), rows + 1
        if rows % size == 0:
            whole = rows, place
    return whole


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None


# What is written.


def _write(model: Model, table: Table, output: Path, part: BinaryIO) -> Faults:
    """Writes the rows with the answers of the part; which of them have none."""
    kinds = {name: table.kinds.get(name, "string") for name in table.columns}
    kinds |= {name: _kind(name, spec) for name, spec in model.outputs.items()}
    kinds[ERROR] = "string"
    faults = Faults()
    part.seek(0)
    part.readline()
    records = _records(table.rows(), map(json.loads, part), tuple(model.outputs), faults)
    write_atomically(output, lambda file: write_rows(file, output.suffix.lower(), kinds, records))
    return faults


def _kind(name: str, spec: tf.TensorSpec) -> str:
    """An output's type, as `write_rows` takes it."""
    text = "binary" if name.endswith(BYTES) else "string"
    kind = text if spec.dtype == tf.string else spec.dtype.name
    return kind + "[]" * (spec.shape.rank - has_rows(spec))


def _records(
    rows: Iterable[Row], answers: Iterable[list | str], outputs: Sequence[str], faults: Faults
) -> Iterator[dict[str, Any]]:
    """The rows as they are written."""
    for row, answer in zip(rows, answers, strict=True):
        reason = answer if isinstance(answer, str) else None
        values = [None] * len(outputs) if reason else answer
        error = f"{row.place}: {reason}" if reason else None
        if error:
            faults.add("without an answer", error)
        yield {**row.fields, **dict(zip(outputs, values, strict=True)), ERROR: error}
