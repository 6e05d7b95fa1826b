"""Transformed records on the disk: written in one streaming pass, read by their number.

A store has columns. A ragged column holds a row of any length for each record (`tokens`), a dense
column a value of one shape (`label`, `features`). Rows lie one after the other in one file a
column, and are read through a memory map: a store may be larger than the memory.
"""

import errno
import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipelines.cache import cached
from pipelines.runs import DiskFullError

FILLER = -1  # in place of a record's number: a blank row
_ABOUT = "columns.json"


class Column(NamedTuple):
    """values: `[total, ...]`; offsets: `<int64>[records + 1]` of a ragged column, else None."""

    values: np.ndarray
    offsets: np.ndarray | None


class Store:
    """Records by their number.

    Args:
        columns: name -> Column, all of as many records.
        digest: sha256 of all values: equal where all records are.
    """

    def __init__(self, columns: Mapping[str, Column], digest: str = ""):
        self.columns, self.digest = dict(columns), digest
        values, offsets = next(iter(self.columns.values()))
        self._records = len(values) if offsets is None else len(offsets) - 1

    def __len__(self) -> int:
        return self._records

    def lengths(self, name: str) -> np.ndarray:
        """Length of each record's row in a ragged column, `<int64>[records]`."""
        return np.diff(self.columns[name].offsets)

    def row(self, name: str, record: int) -> np.ndarray:
        """One record's row of a ragged column; of `FILLER`, an empty one."""
        values, offsets = self.columns[name]
        if record == FILLER:
            return values[:0]
        return values[offsets[record] : offsets[record + 1]]

    def padded(self, name: str, records: Sequence[int], time: int) -> np.ndarray:
        """Rows right-padded with 0, cut at `time`: `<int32>[records, time]`.

        Rows [4, 5], [6] and `FILLER`, time 3 -> [[4, 5, 0], [6, 0, 0], [0, 0, 0]].
        """
        return padded([self.row(name, record) for record in records], time)

    def dense(self, name: str, records: Sequence[int]) -> np.ndarray:
        """Values of a dense column `[records, ...]`; those of `FILLER` are 0."""
        records = np.asarray(records)
        chosen = self.columns[name].values[np.maximum(records, 0)]
        chosen[records == FILLER] = 0
        return chosen


def padded(rows: Sequence[Sequence[int]], time: int) -> np.ndarray:
    """Right padding with 0, and what is longer is cut: `<int32>[rows, time]`."""
    numbers = np.zeros((len(rows), time), np.int32)
    for place, row in zip(numbers, rows, strict=True):
        place[: len(row)] = row[:time]
    return numbers


def open_store(folder: Path) -> Store:
    """The store that `write_store` wrote."""
    about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    columns = {
        name: Column(_mapped(folder / f"{name}.values", column), _offsets(folder, name, column))
        for name, column in about["columns"].items()
    }
    return Store(columns, about["sha256"])


def cached_store(
    directory: Path,
    key: Mapping[str, Any],
    batches: Iterable[Mapping[str, Any]],
    records: int | None = None,
) -> Store:
    """The store of `batches`, from the cache under `key`, or written there now.

    Args:
        directory: of the cache.
        key: see `cached`.
        batches, records: see `write_store`; batches are not touched where the store is there.
    """
    return open_store(cached(directory, key, lambda folder: write_store(folder, batches, records)))


def write_store(
    folder: Path, batches: Iterable[Mapping[str, Any]], records: int | None = None
) -> None:
    """Writes the records of `batches`, one batch in the memory at a time.

    Args:
        folder: an empty one.
        batches: name -> a dense array `[batch, ...]`, or a ragged pair (values `[total, ...]`,
            lengths `<int>[batch]`). All batches have the same names, types and shapes.
        records: how many there will be, where that is known: too little room for them is then told
            before the first is written.

    Raises:
        ValueError: there is no record, or another number of them than `records`; batches differ in
            their columns, or columns of one batch in how many records they have; a number is not
            finite.
        DiskFullError: there is no room for so many records.
    """
    writers: dict[str, _Writer] = {}
    written = 0
    try:
        for batch in batches:
            if not writers:
                _check_room(folder, batch, records)
                writers = {name: _Writer(folder, name, column) for name, column in batch.items()}
            if set(batch) != set(writers):
                raise ValueError(
                    f"`batches` must have the columns {sorted(writers)}. Got {sorted(batch)}."
                )
            sizes = {writers[name].write(column) for name, column in batch.items()}
            if len(sizes) != 1:
                raise ValueError(f"`batches` must have columns of one length. Got {sorted(sizes)}.")
            written += sizes.pop()
    finally:
        for writer in writers.values():
            writer.file.close()
    if not written or written != (records or written):
        raise ValueError(f"`batches` must hold {records or 'some'} records. Got {written}.")
    columns = {name: writer.finish() for name, writer in writers.items()}
    digests = sorted((name, column.pop("sha256")) for name, column in columns.items())
    about = {
        "columns": columns,
        "sha256": hashlib.sha256(json.dumps([written, digests]).encode()).hexdigest(),
    }
    (folder / _ABOUT).write_text(json.dumps(about), encoding="utf-8")


def _check_room(folder: Path, batch: Mapping[str, Any], records: int | None) -> None:
    """Raises DiskFullError where `records` records like those of a batch do not fit."""
    if not records:
        return
    columns = [
        column if isinstance(column, tuple) else (column, column) for column in batch.values()
    ]
    needed = sum(records * values.nbytes // max(1, len(rows)) for values, rows in columns)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFullError(
            errno.ENOSPC,
            f"No space left to write: {needed:,} bytes are needed, {free:,} are free. Make room, or "
            "name another folder with `--cache-dir`",
            str(folder.parent),
        )


class _Writer:
    """Appends one column to its file."""

    def __init__(self, folder: Path, name: str, column: Any):
        self.folder, self.name, self.ragged = folder, name, isinstance(column, tuple)
        values = np.asarray(column[0] if self.ragged else column)
        self.dtype, self.shape = values.dtype, values.shape[1:]
        self.file = (folder / f"{name}.values").open("wb")
        self.lengths: list[np.ndarray] = []
        self.digest = hashlib.sha256()

    def write(self, column: Any) -> int:
        """Appends a batch of rows; how many records they are."""
        values, lengths = column if self.ragged else (column, None)
        values = np.ascontiguousarray(values)
        self._check(values)
        self.file.write(values.data)
        self.digest.update(values.data)
        if lengths is None:
            return len(values)
        self.lengths.append(np.asarray(lengths, np.int64))
        return len(lengths)

    def _check(self, values: np.ndarray) -> None:
        if (values.dtype, values.shape[1:]) != (self.dtype, self.shape):
            raise ValueError(
                f"`{self.name}` must be {self.dtype} of shape {self.shape} in all batches. Got "
                f"{values.dtype} of shape {values.shape[1:]}."
            )
        if self.dtype.kind == "f" and not np.isfinite(values).all():
            raise ValueError(
                f"`{self.name}` must hold finite numbers, of {self.dtype} up to "
                f"{np.finfo(self.dtype).max:.5g}. Got {values[~np.isfinite(values)][0]}."
            )

    def finish(self) -> dict[str, Any]:
        """Writes offsets, and says how the file is read."""
        if self.ragged:
            offsets = np.concatenate([[0], np.cumsum(np.concatenate(self.lengths))])
            np.save(self.folder / f"{self.name}.offsets.npy", offsets)
            self.digest.update(offsets.data)
        return {
            "dtype": self.dtype.str,
            "shape": self.shape,
            "ragged": self.ragged,
            "sha256": self.digest.hexdigest(),
        }


def _mapped(path: Path, column: Mapping[str, Any]) -> np.ndarray:
    dtype, shape = np.dtype(column["dtype"]), tuple(column["shape"])
    if not path.stat().st_size:  # a memory map of nothing is an error
        return np.zeros((0, *shape), dtype)
    # A plain array over the same memory: slices of a memmap cost some microseconds each.
    return np.asarray(np.memmap(path, dtype, mode="r")).reshape(-1, *shape)


def _offsets(folder: Path, name: str, column: Mapping[str, Any]) -> np.ndarray | None:
    if not column["ragged"]:
        return None
    return np.load(folder / f"{name}.offsets.npy", allow_pickle=False)
