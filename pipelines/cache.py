"""What is slow to compute, kept on the disk under a key of all that made it.

An entry is a folder named by the sha256 of its key, with the files of its maker and manifest.json:
the key, and of each file its size, the time of its last change and the CRC-32 of each MiB of it.

An entry is written under a temporary name, flushed to the disk, and renamed when it is whole, so
that a cut-off entry never bears the right name. It is checked before it is used: the manifest has
this key, each file its size; 16 blocks of each file are compared with their CRCs, or all of them
where the file was changed or copied since.

The folder is bounded: entries that were not used for the longest time are removed when all of them
together pass `LIMIT`. Nothing in it is needed: deleting the folder clears it.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sys
import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from datasets.files import file_digest
from pipelines.runs import disk_may_fill

LIMIT = 20 * 2**30  # bytes of all entries
VERSION = 2  # of the layout; an entry of another version is made anew
_MANIFEST, _LOCK = "manifest.json", ".lock"
_BLOCK = 2**20  # bytes for each CRC
_SAMPLE = 16  # blocks of a file that are read at each opening


def cached(directory: Path, key: Mapping[str, Any], write: Callable[[Path], None]) -> Path:
    """The folder that `write` filled for this key, now or in an earlier run.

    Processes that make the same entry at the same time do no harm: the first that is done puts its
    entry in place, and the others use it.

    Args:
        directory: where entries are kept.
        key: all that the content depends on, of values that JSON can hold.
        write: fills the empty folder that it is given with files.

    Raises:
        ValueError: `key` holds a value that JSON cannot.
        DiskFullError: no space is left.
    """
    key = _plain(key)
    directory.mkdir(parents=True, exist_ok=True)
    entry = directory / hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    problem = _problem(entry, key)
    if problem is None:
        return entry
    if entry.exists():
        print(f"Cache entry {entry} is made anew: {problem}.", file=sys.stderr, flush=True)
    with disk_may_fill(directory), _unfinished(directory) as unfinished:
        write(unfinished)
        _write_manifest(unfinished, key)
        with _locked(directory):
            if _problem(entry, key) is not None:  # no other process was first
                shutil.rmtree(entry, ignore_errors=True)
                unfinished.rename(entry)
                _flush(directory)
            _remove_oldest(directory, entry)
    return entry


def digest_of(paths: Iterable[Path]) -> str:
    """sha256 over names and contents of files, and of all files in folders."""
    digest = hashlib.sha256()
    for path in paths:
        inside = sorted(file for file in path.rglob("*") if file.is_file())
        for file in [path] if path.is_file() else inside:
            name = file.relative_to(path.parent).as_posix()
            digest.update(f"{name}\0{file_digest(file)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def with_progress(batches: Iterable[Any], count: Callable[[Any], int], noun: str) -> Iterator[Any]:
    """Passes batches on, and tells every five seconds how many rows there were."""
    rows, begun = 0, time.monotonic()
    told = begun
    for batch in batches:
        yield batch
        rows, now = rows + count(batch), time.monotonic()
        if now - told >= 5:
            told = now
            print(f"{rows:,} {noun}, {rows / (now - begun):,.0f} a second", flush=True)


def _plain(key: Mapping[str, Any]) -> dict:
    """`key` as JSON gives it back."""
    try:
        return json.loads(json.dumps({**key}, sort_keys=True, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"`key` must hold only what JSON can. Got {key!r} ({error}).") from error


def _problem(entry: Path, key: dict) -> str | None:
    """Why an entry is not to be believed; None if it is."""
    try:
        manifest = json.loads((entry / _MANIFEST).read_text(encoding="utf-8"))
        if (manifest["version"], manifest["key"]) != (VERSION, key):
            return "it is of another key or version"
        for name, listed in manifest["files"].items():
            if not _is_whole(entry / name, listed):
                return f"{name} was altered"
        os.utime(entry / _MANIFEST)  # used just now
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"it cannot be read ({type(error).__name__}: {error})"
    return None


def _is_whole(path: Path, listed: Mapping[str, Any]) -> bool:
    stat, crcs = path.stat(), listed["block_crc32"]
    if stat.st_size != listed["bytes"] or len(crcs) != -(-stat.st_size // _BLOCK):
        return False
    blocks = range(len(crcs))
    unchanged = stat.st_mtime_ns == listed["changed_ns"]
    if unchanged and crcs:
        blocks = np.unique(np.linspace(0, len(crcs) - 1, _SAMPLE).astype(int))
    if any(crc != crcs[block] for block, crc in _block_crcs(path, blocks)):
        return False
    if not unchanged:  # a faithful copy: next time a sample will do
        with contextlib.suppress(OSError):
            os.utime(path, ns=(stat.st_atime_ns, listed["changed_ns"]))
    return True


def _block_crcs(path: Path, blocks: Iterable[int]) -> Iterator[tuple[int, int]]:
    with path.open("rb") as file:
        for block in blocks:
            file.seek(int(block) * _BLOCK)
            yield block, zlib.crc32(file.read(_BLOCK))


def _write_manifest(folder: Path, key: dict) -> None:
    """Flushes all files, then writes their list: the last file of an entry."""
    files = {}
    for path in sorted(folder.iterdir()):
        if path.name == _LOCK:
            continue
        _flush(path)
        stat = path.stat()
        files[path.name] = {
            "bytes": stat.st_size,
            "changed_ns": stat.st_mtime_ns,
            "block_crc32": [crc for _, crc in _block_crcs(path, range(-(-stat.st_size // _BLOCK)))],
        }
    manifest = {"version": VERSION, "key": key, "files": files}
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    _flush(folder / _MANIFEST)
    _flush(folder)


def _flush(path: Path) -> None:
    """Puts a file's content, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One process at a time; a process that is killed lets go."""
    with (directory / _LOCK).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _unfinished(directory: Path) -> Iterator[Path]:
    """A new folder; at the end it is removed if it was not renamed.

    A file in it stays locked while its writer lives. So the folder of a killed process, which can
    be large, is known by its unlocked file, and is removed here.
    """
    with _locked(directory):
        for abandoned in directory.glob(".unfinished-*"):
            if not _in_use(abandoned / _LOCK):
                shutil.rmtree(abandoned, ignore_errors=True)
        folder = directory / f".unfinished-{uuid.uuid4().hex}"
        folder.mkdir()
        file = (folder / _LOCK).open("wb")
        fcntl.flock(file, fcntl.LOCK_EX)
    try:
        with file:
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _in_use(path: Path) -> bool:
    try:
        with path.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:  # locked, or another user's
        return True
    return False


def _remove_oldest(directory: Path, used: Path) -> None:
    """Removes the entries that were not used for the longest time, until the rest is in LIMIT."""
    entries = [path.parent for path in directory.glob(f"*/{_MANIFEST}")]
    sizes = {entry: sum(file.stat().st_size for file in entry.iterdir()) for entry in entries}
    total = sum(sizes.values())
    for entry in sorted(entries, key=lambda entry: (entry / _MANIFEST).stat().st_mtime):
        if total > LIMIT and entry != used:
            shutil.rmtree(entry, ignore_errors=True)
            total -= sizes[entry]
