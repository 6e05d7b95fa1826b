"""Raw files: packed or not, in any encoding that their first bytes or the user names.

Every reader of text stands on `open_text`: a byte-order mark decides where there is one, `.gz`,
`.xz` and `.zip` are unpacked on the way, up to a bound, and what is wrong is a ValueError that
names the file.
"""

import codecs
import functools
import gzip
import hashlib
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from datasets.formats import START, binary_format

LARGEST = 2**32  # bytes that a packed file may unpack to; enwik9 has 10**9
PIECE = 2**20  # bytes or letters read at a time
SPLIT_NAMES = {
    "train": ("train", "training"),
    "dev": ("dev", "val", "valid", "validation"),
    "test": ("test",),
}

# RuntimeError: an encrypted member of a zip, or a method not known; OSError: an index that points
# nowhere, and all that may go wrong on a disk
_DAMAGE = (
    *(OSError, EOFError, RuntimeError, zlib.error, lzma.LZMAError),
    *(zipfile.BadZipFile, tarfile.TarError),
)
# UTF-32 before UTF-16, whose little-endian mark is the beginning of the other's
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_HIDDEN = re.compile(r"(?:^|/)(?:__MACOSX/|\.[^/]*$|$)")  # folders, and what a Mac adds
_SURROGATES = re.compile("[\ud800-\udfff]")


@contextmanager
def open_text(
    path: Path, encoding: str = "utf-8", *, errors: str = "strict", newline: str | None = None
) -> Iterator[TextIO]:
    """A file as text, unpacked by its ending.

    Args:
        path: of the file, packed (.gz, .xz, .zip) or not.
        encoding: as Python names it. A byte-order mark wins over UTF-8; the file that comes out
            tells (`encoding`).
        errors: "strict", or `ESCAPE` for lone surrogates in the place of broken bytes.
        newline: as of `open`; None makes every line end "\\n".

    Raises:
        ValueError: the encoding is unknown, or a byte is not of it; the file is damaged, of another
            format (see `binary_format`), or unpacks to more than `LARGEST` bytes.
    """
    with open_bytes(path) as raw:
        try:
            start = raw.peek(START)[:START]
            marked, named = marked_encoding(start), codecs.lookup(encoding).name
            if marked and named.startswith(("utf-8", marked)):
                named = marked
            _check_text(path, start, named)
            yield io.TextIOWrapper(raw, encoding=named, errors=errors, newline=newline)
        except UnicodeDecodeError as error:
            # the decoder had all bytes up to `tell`, the last of them in `object`
            place = raw.tell() - len(error.object) + error.start
            raise ValueError(
                f"{path} must be text in the encoding {encoding}. It is not, at byte {place:,}: "
                "name its own (`latin-1`, say) as `encoding`, read it by bytes, or save it as "
                "UTF-8."
            ) from error
        except (LookupError, UnicodeError) as error:
            raise ValueError(
                "`encoding` must be one that Python knows (utf-8, cp1252, utf-16, ...) and can "
                f"read {path} in. Got {encoding!r}: {error}."
            ) from error


def _check_text(path: Path, start: bytes, encoding: str) -> None:
    """That a file does not begin as one of another format, nor as UTF-16 without a mark."""
    if kind := binary_format(start):
        raise ValueError(f"{path} must be text. It is {kind}.")
    if encoding == "utf-8" and 10 * start.count(0) > len(start):
        wide = "utf-16-le" if start[1:2] == b"\0" else "utf-16-be"
        raise ValueError(
            f"{path} is not text, or `encoding` must be named: perhaps {wide}, without a "
            "byte-order mark (or save it as UTF-8)."
        )


def marked_encoding(start: bytes) -> str | None:
    """The encoding that the byte-order mark at the start of a file tells; None without one."""
    return next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)


def _escape(error: UnicodeDecodeError) -> tuple[str, int]:
    """A broken byte as a lone surrogate; of encodings of several bytes it cannot always be."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return "\udcff", error.end


ESCAPE = "datasets.escape"
codecs.register_error(ESCAPE, _escape)


def broken_letters(text: str) -> int:
    """How many letters of `text` are lone surrogates: bytes that were not in its encoding."""
    return len(_SURROGATES.findall(text))


def read_lines(path: Path, encoding: str = "utf-8") -> Iterator[str]:
    """The lines of a text file, one by one; broken bytes become lone surrogates.

    Lines end at a line feed alone (a carriage return before it goes): some sentences hold other
    characters that Python's `splitlines` would break at, and then two files no longer align. Only
    in a file without a line feed do they end at carriage returns, as Excel for Mac writes them. A
    byte-order mark goes from any line's start: files are joined with theirs.

    Raises:
        ValueError: as `open_text`.
    """
    with open_text(path, encoding, errors=ESCAPE, newline="\n") as file:
        head = file.buffer.peek()
        if b"\r" in head and b"\n" not in head:
            file.reconfigure(newline="\r")
        for line in file:
            yield line.removesuffix("\n").removesuffix("\r").removeprefix("\ufeff")


def read_pieces(path: Path, encoding: str = "utf-8") -> Iterator[str]:
    """The text of a file, at most `PIECE` letters at a time, its line ends made "\\n".

    Raises:
        ValueError: as `open_text`; a broken byte is an error here.
    """
    with open_text(path, encoding) as file:
        while piece := file.read(PIECE):
            yield piece


def read_bytes(path: Path) -> Iterator[bytes]:
    """The bytes of a file, unpacked by its ending, at most `PIECE` at a time.

    Raises:
        ValueError: as `open_bytes`.
    """
    with open_bytes(path) as file:
        while piece := file.read(PIECE):
            yield piece


@contextmanager
def open_bytes(path: Path) -> Iterator[io.BufferedReader]:
    """A file's bytes, unpacked by its ending.

    Raises:
        ValueError: the file is damaged, or unpacks to more than `LARGEST` bytes.
    """
    unpack = _UNPACK.get(path.suffix)
    try:
        with unpack(path, "rb") if unpack else path.open("rb", max(PIECE, START)) as file:
            yield io.BufferedReader(_Bounded(file, path), PIECE) if unpack else file
    except _DAMAGE as error:
        problem = f"is not a whole {path.suffix} file" if unpack else "cannot be read"
        raise ValueError(f"{path} {problem}: {error}.") from error


class _Bounded(io.RawIOBase):
    """The bytes that a packed file unpacks to, at most `LARGEST`."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path, self._count = file, path, 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._count

    def readinto(self, buffer: memoryview) -> int:
        piece = self._file.read(len(buffer))
        self._count += len(piece)
        if self._count > LARGEST:
            raise ValueError(f"{self._path} must unpack to at most {LARGEST:,} bytes. It has more.")
        buffer[: len(piece)] = piece
        return len(piece)


@contextmanager
def _open_zip(path: Path, mode: str) -> Iterator[BinaryIO]:
    """The member of an archive that has its name, or the only one."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not _HIDDEN.search(name)]
        names = [path.stem] if path.stem in names else names
        if len(names) != 1:
            raise ValueError(f"{path} must hold {path.stem}, or one file alone. Got {names[:3]}.")
        with archive.open(names[0]) as member:
            yield member


_UNPACK = {".gz": gzip.open, ".xz": lzma.open, ".zip": _open_zip}


def tar_members(archive: Path, largest: Callable[[str], int]) -> Iterator[tuple[str, bytes]]:
    """(name, contents) of an archive's files, in one pass: it cannot be entered in the middle.

    Members are read into memory and nothing is unpacked, so that no name in the archive, link or
    device can reach the disk.

    Args:
        largest: how many bytes a member may have, by its name; 0 passes over it.

    Raises:
        ValueError: the archive is not whole, or a member is larger.
    """
    # tarfile's own unpacking takes the end of a file that was cut off for the archive's end.
    with open_bytes(archive) as file, tarfile.open(fileobj=file, mode="r|") as members:
        for member in members:
            limit = largest(member.name) if member.isreg() else 0
            if limit and member.size > limit:
                raise ValueError(
                    f"{member.name} of {archive} must have at most {limit:,} bytes. "
                    f"Got {member.size:,}."
                )
            if limit:
                yield member.name, members.extractfile(member).read()


def read_small(place: Path | zipfile.Path, largest: int) -> bytes:
    """All bytes of a file in a folder or in a zip archive.

    Raises:
        ValueError: it is no regular file, cannot be read, or has more than `largest` bytes; the
            message does not name it.
    """
    try:
        if not place.is_file():
            raise ValueError("not a regular file")
        on_disk = isinstance(place, Path)
        size = place.stat().st_size if on_disk else place.root.getinfo(place.at).file_size
        if size > largest:
            raise ValueError(f"larger than {largest:,} bytes")
        return place.read_bytes()
    except _DAMAGE as error:
        raise ValueError(f"cannot be read: {error}") from error


def stamps(*paths: Path) -> tuple[tuple[int, int], ...]:
    """The state of some files: what a cache of their contents has in its key."""
    stats = [path.stat() for path in paths]
    return tuple((stat.st_mtime_ns, stat.st_size) for stat in stats)


# What a loader learns from a pass over whole files, kept between calls: (key, write) -> the folder
# that `write` filled for the key, now or before. The key is of values that JSON can hold.
Cache = Callable[[Mapping[str, Any], Callable[[Path], None]], Path]


def file_digest(path: Path) -> str:
    """sha256 of a file, in hex; worked out once for each state of it."""
    return _file_digest(path, stamps(path))


@functools.lru_cache(maxsize=10_000)
def _file_digest(path: Path, state: tuple) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_md5(path: Path, md5: str) -> None:
    """Raises ValueError if a published file is not as it was published; once for each state."""
    _check_md5(path, md5, stamps(path))


@functools.lru_cache
def _check_md5(path: Path, md5: str, state: tuple) -> None:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "md5").hexdigest()
    if digest != md5:
        raise ValueError(
            f"{path} must have its publisher's MD5 {md5}. Got {digest}: load it again. "
            "(One that you packed yourself can be used unpacked.)"
        )


def check_place(data_dir: Path | str | None, wanted: str, *, folder: bool = True) -> Path:
    """`data_dir` as a folder (or, with `folder` False, also a file) that is there.

    Raises:
        ValueError: it is none; `wanted` says what belongs there.
    """
    place = None if data_dir is None else Path(data_dir)
    if place is None or not (place.is_dir() if folder else place.exists()):
        kind = "folder" if folder else "file or folder"
        got = "None" if place is None else f"{str(place)!r}, which is no {kind}"
        raise ValueError(f"`data_dir` must be {wanted}. Got {got}.")
    return place


def plain_name(path: Path) -> str:
    """The file's name as it is unpacked: train.en.gz -> train.en."""
    return path.name.removesuffix(path.suffix) if path.suffix in _UNPACK else path.name


def find_files(folder: Path, endings: Collection[str] = ()) -> dict[str, Path]:
    """Unpacked name -> file, of the files right in `folder`; an unpacked one comes first.

    With `endings` (".csv", ...), only of the files whose unpacked name has one of them.
    """
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda path: (path.suffix in _UNPACK, path.name)):
        name = plain_name(path)
        fits = not endings or Path(name).suffix.lower() in endings
        if fits and not name.startswith(".") and path.is_file():
            files.setdefault(name, path)
    return files


def find_all(data_dir: Path | str | None, wanted: str, names: Collection[str]) -> dict[str, Path]:
    """`find_files` of a source's folder, which must have all of `names`.

    Args:
        data_dir: the folder.
        wanted: what it is, for the message.
        names: of files, unpacked.

    Raises:
        ValueError: there is no such folder, or a file is not in it.
    """
    files = find_files(check_place(data_dir, wanted))
    if missing := [name for name in names if name not in files]:
        raise ValueError(f"`data_dir` must be {wanted}. Not in {data_dir}: {', '.join(missing)}.")
    return files


def find_named(folder: Path, name: str) -> Path:
    """`name` in `folder`, packed or not.

    Raises:
        ValueError: it is not there.
    """
    files = find_files(folder)
    if name not in files:
        raise ValueError(f"{folder} must hold {name} (or .xz, .gz, .zip of it). It does not.")
    return files[name]


def find_splits(folder: Path, endings: Collection[str]) -> dict[str, Path]:
    """Split -> its file: train.csv, val.csv and test.csv.gz, say; see `SPLIT_NAMES`.

    Raises:
        ValueError: several files are of one split.
    """
    splits: dict[str, Path] = {}
    files = find_files(folder, endings).items()
    for split, names in SPLIT_NAMES.items():
        paths = [path for name, path in files if Path(name).stem.lower() in names]
        if len(paths) > 1:
            there = ", ".join(path.name for path in paths)
            raise ValueError(f"{folder} must have one file of `{split}`. Got {there}.")
        if paths:
            splits[split] = paths[0]
    return splits
