"""The user's own text: one file, or all the text files of a folder."""

import functools
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from datasets.files import (
    check_place,
    find_splits,
    marked_encoding,
    open_bytes,
    read_bytes,
    read_pieces,
)
from datasets.formats import binary_format
from datasets.text.source import Piece, Source

SHARES = (90, 5, 5)  # per cent
_LOG = logging.getLogger(__name__)


def source(
    split: str,
    data_dir: Path | str | None = None,
    *,
    encoding: str = "utf-8",
    unit: str = "character",
) -> Source:
    """A text file, or the files of a folder in the order of their names.

    A folder with a `train.txt` has its splits in `train.txt`, `dev.txt` and `test.txt` (or under
    another of `SPLIT_NAMES`). Otherwise
    the files are put together, a line end between two, and cut: 90% train, 5% dev, 5% test.

    Args:
        split: `train`, `dev` or `test`.
        data_dir: the file or folder. Hidden and binary files (a zero byte in them) are left out.
            Files may be packed (.gz, .xz, .zip).
        encoding: of the files; a byte-order mark wins over UTF-8. Line ends become "\\n".
        unit: "character", or "byte" to take the bytes, whatever they mean.

    Raises:
        ValueError: there is no such file, or it has no text. Its pieces raise it, too, where they
            are not in that encoding.
    """
    if unit not in ("character", "byte"):
        raise ValueError(f"`unit` must be character or byte. Got {unit!r}.")
    path = check_place(data_dir, "a text file, or a folder of them", folder=False)
    splits = find_splits(path, [".txt"]) if path.is_dir() else {}
    files, shares = [path], SHARES
    if "train" in splits:
        if split not in splits:
            raise ValueError(f"{path} must hold {split}.txt, as it holds train.txt. It does not.")
        files, shares = [splits[split]], None
    elif path.is_dir():
        files = _text_files(path, unit)
        if not files:
            raise ValueError(f"`data_dir` must hold text files. Got {path}, which has none.")
    return Source(lambda: _pieces(files, encoding, unit), shares, files)


def _pieces(files: Sequence[Path], encoding: str, unit: str) -> Iterator[Piece]:
    for number, path in enumerate(files):
        if number:
            yield b"\n" if unit == "byte" else "\n"
        yield from read_bytes(path) if unit == "byte" else read_pieces(path, encoding)


def _text_files(folder: Path, unit: str) -> list[Path]:
    """All files below, sorted; of characters only those without a zero byte."""
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    )
    if unit == "byte":
        return files
    binary = {path for path in files if _is_binary(path)}
    if binary:
        _tell_binary(folder, len(binary), min(binary).name)
    return [path for path in files if path not in binary]


@functools.lru_cache(maxsize=3)
def _tell_binary(folder: Path, count: int, first: str) -> None:
    _LOG.warning("%d binary files of %s left out: %s.", count, folder, first)


def _is_binary(path: Path) -> bool:
    try:
        with open_bytes(path) as file:
            start = file.read(8192)
    except ValueError:  # a damaged archive, or one of many files
        return True
    if binary_format(start):
        return True
    return b"\0" in start and not marked_encoding(start)  # UTF-16 has zero bytes, and is text
