"""Run folders: everything that made a run, written so that nothing half-written is ever read.

runs/<task>/<name>/
    config.json       the flags of the run, as given
    description.json  what the loader understood of the data set, as `inspect` prints it
    kept/             what says what the weights mean: vocabulary, labels, a digest of the data, ...
    state.json        epochs done, history, and which checkpoint files and kept files belong to them
    checkpoints/      weights and optimizer where the training stands, and the best weights so far
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
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import keras
import numpy as np

from pipelines import distribution

VERSION = "0.2"  # of run folders


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
    """The value as it comes back from JSON."""
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def folder_of(task: str, flags: Any) -> Path:
    """The folder of the run that training flags speak of."""
    return flags.runs_dir / task / (flags.run or flags.dataset)


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
        ValueError: the folder holds a run of another version, one with other flags (names each
            that differs), or one without its config.json.
    """
    path = folder / "config.json"
    wanted = flags_to_json(flags)
    trained = (folder / "state.json").exists() or any(folder.rglob("checkpoints/*"))
    check_version(folder)
    if trained and not path.exists():
        raise ValueError(
            f"{folder} must have the config.json that its run was begun with. It is missing: "
            "restore it, give the run another name with `--run`, or delete that folder."
        )
    if not path.exists():
        _begin(folder, wanted)
        return
    defaults = {field.name: _plain(field.default) for field in dataclasses.fields(flags)}
    begun = {**defaults, **read_json(path)}
    changed = [
        f"--{name.replace('_', '-')} was {begun.get(name)!r}, is {wanted.get(name)!r}"
        for name in sorted({*begun, *wanted})
        if begun.get(name) != wanted.get(name) and name not in free
    ]
    if changed and not trained:
        _begin(folder, wanted)
    elif changed:
        raise ValueError(
            f"{folder} holds a run with other flags: {'; '.join(changed)}. Give the run another "
            "name with `--run`, or delete that folder."
        )


def _begin(folder: Path, flags: Mapping[str, Any]) -> None:
    """Writes the flags of a run that has trained nothing; what was kept of others goes."""
    for path in [*folder.glob("kept/*"), *folder.glob("*.json")]:
        path.unlink(missing_ok=True)
    write_json(folder / "config.json", flags)


def check_version(folder: Path) -> None:
    """Raises ValueError where a run's state.json is of another version than this code reads."""
    path = folder / "state.json"
    state = read_json(path) if path.exists() else None
    if not isinstance(state, dict) or not {"version", "epochs_done"} & set(state):
        return  # no state at all, which its reader tells
    version = state.get("version", "0.1")
    if version != VERSION:
        raise ValueError(
            f"{path} must be of version {VERSION}. Got one of version {version}, "
            f"which version {version} of this project resumes and exports (its exported models "
            "work with this one): use that, give the run another name with `--run`, or delete "
            "that folder."
        )


# What says what a run is. One rule: written once, compared when the run goes on, digested.


def keep(run: Path, name: str, value: Any) -> None:
    """Writes what the run's weights mean; where the run goes on, it must be the same.

    Args:
        run: the run's folder.
        name: such as "vocabulary".
        value: what JSON can hold, or a dict of arrays.

    Raises:
        ValueError: the run was begun with another value: the data are no longer the same.
    """
    if not distribution.is_chief():
        return
    path = run / "kept" / f"{name}.{'npz' if _are_arrays(value) else 'json'}"
    if not path.exists():
        if path.suffix == ".npz":
            write_atomically(path, lambda file: np.savez_compressed(file, **value))
        else:
            write_json(path, value)
    elif not _equal(kept(run, name), value):
        raise ValueError(
            f"The data must be those that {run} was begun with. Got another {name}: restore them, "
            "give the run another name with `--run`, or delete that folder."
        )


def kept(run: Path, name: str) -> Any:
    """What `keep` wrote under a name.

    Raises:
        ValueError: it is not there, or cannot be read.
    """
    path = run / "kept" / f"{name}.json"
    if path.exists():
        return read_json(path)
    try:
        with open(path.with_suffix(".npz"), "rb") as file:  # which NumPy leaves open after an error
            arrays = np.load(file, allow_pickle=False)
            return dict(arrays)
    # Of what is altered the zip file's reader may say that it needs a password, or a later version.
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path.with_suffix('')} must be as the run wrote it. It cannot be read: {error}."
        ) from error


def _are_arrays(value: Any) -> bool:
    """Whether a value is a dict of arrays; those of a memory map are arrays, too."""
    values = list(value.values()) if isinstance(value, dict) else []
    return bool(values) and all(isinstance(array, np.ndarray) for array in values)


def _equal(one: Any, other: Any) -> bool:
    if _are_arrays(other):
        return set(one) == set(other) and all(np.array_equal(one[k], other[k]) for k in one)
    return json_digest(one) == json_digest(other)


def kept_digests(run: Path) -> dict[str, str]:
    """sha256 of config.json and of each file that `keep` wrote."""
    files = [*run.glob("config.json"), *sorted(run.glob("kept/*.*"))]
    return {file.relative_to(run).as_posix(): file_digest(file) for file in files}


def check_kept(run: Path, digests: Mapping[str, str]) -> None:
    """Compares the kept files with what the run's state lists.

    Raises:
        ValueError: a file is altered, missing, or new.
    """
    there = kept_digests(run)
    for name in sorted({*there, *digests}):
        if there.get(name) != digests.get(name):
            raise ValueError(
                f"{run / name} must be what the run was begun with. It is altered or missing: "
                f"restore it, give the run another name with `--run`, or delete {run} to train "
                "anew."
            )


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
