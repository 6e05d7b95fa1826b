"""Text files as lines, packed (.gz, .xz) or not."""

import gzip
import lzma
import zlib
from pathlib import Path

PACKED = {".gz": gzip.open, ".xz": lzma.open}
LARGEST = 2**32  # bytes of a packed file, unpacked


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file; bytes that are not UTF-8 become surrogates.

    Lines end at a line feed alone (a carriage return before it goes): some sentences hold other
    characters that Python's `splitlines` would break at, and then two files no longer align.

    Raises:
        ValueError: the packed file is not whole, or unpacks to more than `LARGEST` bytes.
    """
    try:
        with PACKED.get(path.suffix, open)(path, "rb") as file:
            data = file.read(LARGEST + 1 if path.suffix in PACKED else -1)
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise ValueError(f"{path} is not a whole {path.suffix} file: {error}.") from error
    if path.suffix in PACKED and len(data) > LARGEST:
        raise ValueError(f"{path} must unpack to at most {LARGEST:,} bytes. It has more.")
    text = data.decode("utf-8-sig", errors="surrogateescape")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "" else lines


def plain_name(path: Path) -> str:
    """The file's name as it is unpacked: train.en.gz -> train.en."""
    return path.name.removesuffix(path.suffix) if path.suffix in PACKED else path.name


def find_files(folder: Path) -> dict[str, Path]:
    """Unpacked name -> file, of the files right in `folder`; one that is unpacked comes first."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda path: (path.suffix in PACKED, path.name)):
        if path.is_file() and not path.name.startswith("."):
            found.setdefault(plain_name(path), path)
    return found


def read_aligned(source: Path, target: Path) -> list[tuple[str, str, str]]:
    """(id, source, target) of each line of two files that belong together line by line.

    Raises:
        ValueError: the files have different numbers of lines.
    """
    sources, targets = read_lines(source), read_lines(target)
    if len(sources) != len(targets):
        raise ValueError(
            "Two aligned files must have the same number of lines. "
            f"Got {len(sources):,} in {source} and {len(targets):,} in {target}."
        )
    name = plain_name(source).rpartition(".")[0]
    lines = enumerate(zip(sources, targets, strict=True), start=1)
    return [(f"{name}:{line}", *pair) for line, pair in lines]


def check_folder(data_dir: Path | str | None, hint: str) -> Path:
    """`data_dir` as a path that is there.

    Raises:
        ValueError: it is None, or nothing is there.
    """
    if data_dir is None or not Path(data_dir).exists():
        got = "None" if data_dir is None else f"{str(data_dir)!r}, which is not there"
        raise ValueError(f"`data_dir` must be {hint} Got {got}.")
    return Path(data_dir)
