"""Run folders: everything that made a run, written so that nothing half-written is ever read.

runs/<task>/<name>/
    config.json       the flags of the run, as given
    state.json        epochs done, history, and which checkpoint files belong to them
    checkpoints/      weights and optimizer after the last epoch, and the best weights so far
    metrics.json      written last: a run with metrics is complete
    tensorboard/      the same numbers for TensorBoard
    report.html       curves and examples
"""

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import keras
import numpy as np


def write_atomically(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Writes a file beside `path`, flushes it to the disk, and renames it into place.

    A reader sees the old file or the new one, whole, whenever the process or the machine stops.
    """
    with disk_may_fill(path):
        _write_atomically(path, write)


def _write_atomically(path: Path, write: Callable[[BinaryIO], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)  # mkstemp's 0600 would keep a model server from reading it
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


class DiskFullError(OSError):
    """No space was left; says where, and what to do."""


@contextlib.contextmanager
def disk_may_fill(path: Path) -> Iterator[None]:
    """Turns "no space left", as Python or TensorFlow say it, into a `DiskFullError`."""
    try:
        yield
    except Exception as error:
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
        full = full or os.strerror(errno.ENOSPC) in str(error)  # TensorFlow's errors have no number
        if not full or isinstance(error, DiskFullError):
            raise
        raise DiskFullError(
            errno.ENOSPC,
            "No space left to write. What was finished before is kept: make room, and give the "
            "same command again",
            str(path),
        ) from error


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as indented JSON, atomically; paths become strings."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=_to_json) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def json_digest(value: Any) -> str:
    """sha256 of a value as JSON: the same before it is written and after it is read."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=_to_json).encode()).hexdigest()


def read_json(path: Path) -> Any:
    """Reads JSON; a file that is not JSON is an error that names it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # an integer of too many digits; too deep
        raise ValueError(f"{path} is not JSON, so it is not this project's: {error}.") from error


def _to_json(value):
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (np.floating, np.integer)):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def flags_to_json(flags: Any) -> dict[str, Any]:
    """The fields of a flags dataclass as JSON values."""
    return {name: _plain(value) for name, value in dataclasses.asdict(flags).items()}


def _plain(value):
    return str(value) if isinstance(value, Path) else value


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Holds the folder for this process; a second training in it is an error, not a mixture.

    The lock belongs to the open file, so that the system frees it however the process ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "a") as file:  # "w" would change its time, though nothing is done
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"`--run` must name a folder that no other process trains in. Got {folder}: wait "
                "for that training, stop it, or choose another name."
            ) from None
        for left in folder.rglob(
            ".*-????????"
        ):  # by a writer that was killed, as `mkstemp` names it
            if left.is_file():
                left.unlink(missing_ok=True)
        yield


def open_run(folder: Path, flags: Any, free: Collection[str] = ()) -> None:
    """Begins a run or goes on with it: the flags must be those that it was begun with.

    A flag that is younger than the run counts as begun with its default. Those in `free` may
    differ. Where no epoch was ever trained, as after an error in a flag, the run begins anew.

    Raises:
        ValueError: the folder holds a run with other flags; names each that differs.
    """
    path = folder / "config.json"
    wanted = flags_to_json(flags)
    if not path.exists():
        write_json(path, wanted)
        return
    defaults = {field.name: _plain(field.default) for field in dataclasses.fields(flags)}
    found = {**defaults, **read_json(path)}
    changed = [
        f"--{name.replace('_', '-')} was {found.get(name)!r}, is {wanted.get(name)!r}"
        for name in sorted({*found, *wanted})
        if found.get(name) != wanted.get(name) and name not in free
    ]
    if changed and not _trained(folder):
        for left in folder.glob("*.json"):  # a vocabulary, too, is of the flags
            left.unlink(missing_ok=True)
        write_json(path, wanted)
    elif changed:
        raise ValueError(
            f"{folder} holds a run with other flags: {'; '.join(changed)}. Give the run another "
            "name with `--run`, or delete that folder."
        )


def _trained(folder: Path) -> bool:
    """Whether there is anything in a run's folder that took time to make."""
    return (folder / "metrics.json").exists() or any(folder.rglob("checkpoints/*"))


def save_variables(path: Path, variables: Mapping[str, list[keras.Variable]]) -> str:
    """Writes groups of variables to one .npz; returns its sha256.

    NumPy's format holds plain arrays and nothing that runs, and reads back under every backend.
    """
    arrays = {
        f"{group}/{index:04d}/{variable.path}": keras.ops.convert_to_numpy(variable.value)
        for group, members in variables.items()
        for index, variable in enumerate(members)
    }
    write_atomically(path, lambda file: np.savez(file, **arrays))
    return file_digest(path)


def load_variables(path: Path, variables: Mapping[str, list[keras.Variable]]) -> None:
    """Assigns what `save_variables` wrote; every variable must be there in its shape.

    Raises:
        ValueError: the file holds other variables than the model that is asked for.
    """
    with np.load(path, allow_pickle=False) as arrays:
        for group, members in variables.items():
            found = sorted(name for name in arrays.files if name.startswith(f"{group}/"))
            if len(found) != len(members):
                raise ValueError(
                    f"{path} must hold {len(members)} `{group}` variables. Got {len(found)}."
                )
            for name, variable in zip(found, members, strict=True):
                _assign(variable, arrays[name], f"{name} in {path}")


def load_named(path: Path, variables: Mapping[str, list[keras.Variable]]) -> None:
    """Assigns what `save_variables` wrote of variables of the same paths; it may hold others too.

    Raises:
        ValueError: one is not there, or in another shape.
    """
    with np.load(path, allow_pickle=False) as arrays:
        names = {(name.split("/")[0], name.split("/", 2)[2]): name for name in arrays.files}
        for group, members in variables.items():
            for variable in members:
                name = names.get((group, variable.path))
                if name is None:
                    raise ValueError(f"{path} must hold `{variable.path}`. It does not.")
                _assign(variable, arrays[name], f"{name} in {path}")


def _assign(variable: keras.Variable, value: np.ndarray, source: str) -> None:
    if value.shape != tuple(variable.shape):
        raise ValueError(
            f"`{variable.path}` must have shape {tuple(variable.shape)}. "
            f"Got {value.shape} for {source}."
        )
    variable.assign(value)


def file_digest(path: Path) -> str:
    """sha256 of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
