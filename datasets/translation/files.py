"""Text files as lines, packed (.gz, .xz) or not."""

import gzip
import itertools
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path

from datasets.translation.cleaning import RawPair

PACKED = {".gz": gzip.open, ".xz": lzma.open}
LARGEST = 2**32  # bytes of a packed file, unpacked


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file, one by one; bytes that are not UTF-8 become surrogates.

    Lines end at a line feed alone (a carriage return before it goes): some sentences hold other
    characters that Python's `splitlines` would break at, and then two files no longer align.

    Raises:
        ValueError: the packed file is not whole, or unpacks to more than `LARGEST` bytes.
    """
    packed, size, codec = path.suffix in PACKED, 0, "utf-8-sig"
    try:
        with PACKED.get(path.suffix, open)(path, "rb") as file:
            while line := file.readline(LARGEST + 1 - size if packed else -1):
                size += len(line)
                if packed and size > LARGEST:
                    raise ValueError(
                        f"{path} must unpack to at most {LARGEST:,} bytes. It has more."
                    )
                text = line.decode(codec, errors="surrogateescape")
                yield text.removesuffix("\n").removesuffix("\r")
                codec = "utf-8"  # a mark of the byte order stands at the beginning alone
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise ValueError(f"{path} is not a whole {path.suffix} file: {error}.") from error


def plain_name(path: Path) -> str:
    """The file's name as it is unpacked: train.en.gz -> train.en."""
    return path.name.removesuffix(path.suffix) if path.suffix in PACKED else path.name


def find_files(folder: Path) -> dict[str, Path]:
    """Unpacked name -> file, of the files right in `folder`; an unpacked one comes first."""
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda path: (path.suffix in PACKED, path.name)):
        if path.is_file() and not path.name.startswith("."):
            files.setdefault(plain_name(path), path)
    return files


def read_aligned(source: Path, target: Path) -> Iterator[RawPair]:
    """(id, source, target) of each line of two files that belong together line by line.

    Raises:
        ValueError: the files have different numbers of lines; known at the end of the shorter.
    """
    name = plain_name(source).rpartition(".")[0]
    lines = itertools.zip_longest(read_lines(source), read_lines(target))
    pairs = enumerate(lines, start=1)
    for line, pair in pairs:
        if None in pair:
            longer = line + sum(1 for _ in pairs)
            counts = [line - 1 if side is None else longer for side in pair]
            raise ValueError(
                "Two aligned files must have the same number of lines. "
                f"Got {counts[0]:,} in {source} and {counts[1]:,} in {target}."
            )
        yield f"{name}:{line}", *pair


def check_folder(data_dir: Path | str | None, hint: str) -> Path:
    """`data_dir` as a path that is there.

    Raises:
        ValueError: it is None, or nothing is there.
    """
    if data_dir is None or not Path(data_dir).exists():
        got = "None" if data_dir is None else f"{str(data_dir)!r}, which is not there"
        raise ValueError(f"`data_dir` must be {hint} Got {got}.")
    return Path(data_dir)
