"""Features of a frozen encoder: computed once, kept on disk, read back as a memory map.

A cache is a folder, named by the sha256 of its key, with two files:

    features.npy     <float16>[count, cells, channels]
    manifest.json    the key, shape, size in bytes and time of last change of features.npy, and the
                     CRC-32 of each of its blocks of 1 MiB

It is written under a temporary name, flushed to the disk, and renamed once it is whole: there is no
moment at which a cut-off cache bears the right name. What bears it is checked before it is used:

* the manifest is there and states this key, the shape, and a CRC for each block;
* features.npy has the stated size, and its header the stated shape;
* features.npy was last changed when the manifest says: then the CRCs of up to 16 blocks, the first,
  the last and others spread between them, are compared. Was it changed later, or copied, then all.

So a change by any program is found, unless that program forges the time too; a block that the disk
itself lost is found if it is among those read. The files are of POSIX systems (`fcntl.flock`).
"""

import contextlib
import errno
import fcntl
import hashlib
import itertools
import json
import math
import os
import shutil
import sys
import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

_FEATURES, _MANIFEST = "features.npy", "manifest.json"
_VERSION = 1  # of the layout; a cache of another version is computed again
_BLOCK = 2**20  # bytes for each CRC
_SAMPLE = 16  # blocks that are read at each opening
_PROGRESS_EVERY = 5.0  # seconds
_LARGEST = float(np.finfo(np.float16).max)  # 65504


def data_key(images: Iterable[tuple[str, bytes]]) -> str:
    """The identity of a data set: sha256 over each image's id and bytes, in their order.

    `images` are pairs of image id and file content; they are read once, one at a time.
    """
    digest = hashlib.sha256()
    for image_id, image_bytes in images:
        for part in (image_id.encode("utf-8", "surrogateescape"), image_bytes):
            digest.update(
                hashlib.sha256(part).digest()
            )  # of fixed length: no two lists run together
    return digest.hexdigest()


def cached_features(
    batches: Iterable[np.ndarray],
    encode: Callable[[np.ndarray], np.ndarray],
    *,
    count: int,
    key: Mapping[str, object],
    directory: Path,
    progress: bool = True,
) -> np.memmap:
    """The features of `count` images, from the cache in `directory`, or computed and put there.

    Processes that compute the same features at the same time do no harm: the first that is done
    puts its cache in place and the others use it.

    Args:
      batches: images, batch by batch; not touched if the cache is there.
      encode: `[batch, ...]` to features `<float>[batch, cells, channels]`.
      count: how many images there are in all batches.
      key: what the features depend on, of values that JSON can hold: `data_key` of the images, the
        encoder's name and the digest of its weights, image size, whether they are mirrored.
      directory: where caches are kept; it is made if it is not there.
      progress: whether to print images per second and the time left to stderr every few seconds.

    Returns:
      `<float16>[count, cells, channels]`, a read-only memory map.

    Raises:
      ValueError: bad `count` or `key`; batches that hold more or fewer images than `count`;
        features of a wrong or changing shape, not finite, or beyond the range of float16.
      OSError: no space left, which is asked before the first byte is written.
    """
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError(f"`count` must be a positive integer. Got {count!r}.")
    key = _plain(key)
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    folder = directory / hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    problem = _problem(folder, key, count)
    if problem is None:
        return _open(folder)
    if folder.exists():
        _say(f"Feature cache {folder} is computed again: {problem}.")
    chunks = _checked(batches, encode, count)
    if progress:
        chunks = _with_progress(chunks, count)
    with _unfinished(directory) as (unfinished, file):
        _write(unfinished, file, chunks, key, count)
        with _locked(directory):
            if _problem(folder, key, count) is not None:  # no other process was first
                shutil.rmtree(folder, ignore_errors=True)
                unfinished.rename(folder)
                _flush_folder(directory)
            return _open(folder)


def _plain(key: Mapping[str, object]) -> dict:
    """`key` as JSON gives it back."""
    try:
        return json.loads(json.dumps(dict(key), sort_keys=True, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"`key` must hold only what JSON can. Got {key!r} ({error}).") from error


def _open(folder: Path) -> np.memmap:
    return np.load(folder / _FEATURES, mmap_mode="r")


def _problem(folder: Path, key: dict, count: int) -> str | None:
    """Why the cache in `folder` is not to be believed; None if it is."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        stat = (folder / _FEATURES).stat()
        if (manifest["version"], manifest["key"]) != (_VERSION, key):
            return "it is of another key or version"
        crcs, shape = manifest["block_crc32"], manifest["shape"]
        if stat.st_size != manifest["bytes"] or len(crcs) != -(-stat.st_size // _BLOCK):
            return f"{_FEATURES} has {stat.st_size:,} bytes, not {manifest['bytes']:,}"
        features = _open(folder)
        if features.dtype != np.float16 or list(features.shape) != shape or shape[0] != count:
            return f"{_FEATURES} is {features.dtype}{list(features.shape)}, not float16{shape}"
        places = range(len(crcs))
        if stat.st_mtime_ns == manifest["changed_ns"]:
            places = np.unique(np.linspace(0, len(crcs) - 1, _SAMPLE).astype(int))
        if any(crc != crcs[place] for place, crc in _block_crcs(folder / _FEATURES, places)):
            return f"{_FEATURES} was altered"
        if (
            stat.st_mtime_ns != manifest["changed_ns"]
        ):  # a faithful copy: next time a sample will do
            with contextlib.suppress(OSError):
                os.utime(folder / _FEATURES, ns=(stat.st_atime_ns, manifest["changed_ns"]))
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        return f"it cannot be read ({type(error).__name__}: {error})"
    return None


def _block_crcs(path: Path, places: Iterable[int]) -> Iterator[tuple[int, int]]:
    with path.open("rb") as file:
        for place in places:
            file.seek(int(place) * _BLOCK)
            yield place, zlib.crc32(file.read(_BLOCK))


def _checked(batches, encode, count: int) -> Iterator[np.ndarray]:
    """Encodes batch by batch and yields `<float16>[batch, cells, channels]`."""
    done, shape = 0, None
    for batch in batches:
        features = np.asarray(encode(batch))
        shape = shape or features.shape[1:]
        if len(shape) != 2 or 0 in shape or features.shape != (len(batch), *shape):
            cells, channels = shape if len(shape) == 2 else ("cells", "channels")
            raise ValueError(
                f"`encode` must answer features of [{len(batch)}, {cells}, {channels}] for a batch "
                f"of {len(batch)} images. Got {list(features.shape)}."
            )
        bad = ~(np.abs(features.astype(np.float32)) <= _LARGEST)  # also true of NaN
        if bad.any():
            row = int(np.argwhere(bad)[0, 0])
            raise ValueError(
                f"`encode` must answer finite numbers in ±{_LARGEST:.0f}, the range of float16. "
                f"Got {features[row][bad[row]][0]} for image {done + row}."
            )
        done += len(features)
        if done > count:
            raise ValueError(f"`batches` must hold `count` = {count} images. Got {done} or more.")
        yield features.astype("<f2")
    if done != count:
        raise ValueError(f"`batches` must hold `count` = {count} images. Got {done}.")


def _with_progress(chunks: Iterable[np.ndarray], count: int) -> Iterator[np.ndarray]:
    done, start = 0, time.monotonic()
    last = start
    for chunk in chunks:
        yield chunk
        done, now = done + len(chunk), time.monotonic()
        if now - last >= _PROGRESS_EVERY or (done == count and last > start):
            last, rate = now, done / (now - start)
            left = f"{(count - done) / rate:.0f} s left" if done < count else f"{now - start:.0f} s"
            _say(f"Features {done:,}/{count:,}, {rate:.0f} images/s, {left}")


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One process at a time; a process that is killed lets go."""
    with (directory / ".lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _unfinished(directory: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new folder and the open features file in it; at the end it is removed if not renamed.

    The file stays locked while its writer lives. So what a killed process left behind, which can be
    hundreds of megabytes, is known by its file not being locked, and is removed here.
    """
    with _locked(directory):
        for abandoned in directory.glob(".unfinished-*"):
            if not _in_use(abandoned / _FEATURES):
                shutil.rmtree(abandoned, ignore_errors=True)
        folder = directory / f".unfinished-{uuid.uuid4().hex}"
        folder.mkdir()
        file = (folder / _FEATURES).open("wb")
        fcntl.flock(file, fcntl.LOCK_EX)
    try:
        with file:
            yield folder, file
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


def _write(folder: Path, file: BinaryIO, chunks: Iterator, key: dict, count: int) -> None:
    """Writes features and manifest, and returns when they are on the disk."""
    first = next(chunks)
    shape = [count, *first.shape[1:]]
    needed = 2 * math.prod(shape) + 2**16  # float16; header and manifest
    free = shutil.disk_usage(folder).free
    no_space = OSError(
        errno.ENOSPC,
        f"No space for the features: {needed:,} bytes are needed, {free:,} were free. "
        "Make room, or keep the cache in another folder",
        str(folder.parent),
    )
    if free < needed:
        raise no_space
    try:
        header = {"descr": "<f2", "fortran_order": False, "shape": tuple(shape)}
        np.lib.format.write_array_header_1_0(file, header)
        for chunk in itertools.chain([first], chunks):
            file.write(chunk.tobytes())
        _flush(file)
        _write_manifest(folder, key, shape)
    except OSError as error:  # others may fill the disk meanwhile
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise no_space from error
        raise


def _write_manifest(folder: Path, key: dict, shape: list[int]) -> None:
    stat = (folder / _FEATURES).stat()
    places = range(-(-stat.st_size // _BLOCK))
    manifest = {
        "version": _VERSION,
        "key": key,
        "shape": shape,
        "bytes": stat.st_size,
        "changed_ns": stat.st_mtime_ns,
        "block_crc32": [crc for _, crc in _block_crcs(folder / _FEATURES, places)],
    }
    with (folder / _MANIFEST).open("wb") as file:
        file.write(json.dumps(manifest, indent=1).encode())
        _flush(file)
    _flush_folder(folder)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Puts the names in `folder`, not only the files' content, on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
