"""Raw files as their publishers name them, packed or not, read a piece at a time."""

import contextlib
import gzip
import io
import lzma
import os
import zipfile
import zlib
from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

LARGEST = 2**32  # bytes of a packed file, unpacked; enwik9 has 10**9
PIECE = 2**20  # bytes read at a time
ENDINGS = ("", ".xz", ".gz", ".zip")
_BROKEN = (lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError)


def existing_folder(dataset: str, data_dir: Path | str | None, wanted: str) -> Path:
    """`data_dir` as a folder that is there.

    Raises:
        ValueError: it is none; `wanted` says what belongs there.
    """
    if data_dir is None or not Path(data_dir).is_dir():
        got = None if data_dir is None else os.fspath(data_dir)
        raise ValueError(f"`data_dir` must be a folder with {wanted} for `{dataset}`. Got {got!r}.")
    return Path(data_dir)


def find_named(folder: Path, name: str) -> Path:
    """`name`, `name.xz`, `name.gz` or `name.zip` in `folder`, whichever is there.

    Raises:
        ValueError: none of them is there.
    """
    for ending in ENDINGS:
        path = folder / f"{name}{ending}"
        if path.is_file():
            return path
    raise ValueError(f"{folder} must hold {name} (or .xz, .gz, .zip of it). It does not.")


def read_pieces(path: Path, name: str | None = None) -> Iterator[bytes]:
    """The bytes of a file, unpacked, `PIECE` at a time.

    Args:
        path: of the file.
        name: of the file when unpacked, where `path` may be a packed one (see `find_named`). None:
            the file is read as it is.

    Raises:
        ValueError: the file is damaged, or unpacks to more than `LARGEST` bytes.
    """
    packed, count = name not in (None, path.name), 0
    try:
        with _opened(path, name) if packed else path.open("rb") as file:
            while piece := file.read(PIECE):
                count += len(piece)
                if packed and count > LARGEST:
                    raise ValueError(
                        f"{path} must unpack to at most {LARGEST:,} bytes. It has more."
                    )
                yield piece
    # RuntimeError: an encrypted member, or a version or method not known; OSError: an index of a
    # zip that points nowhere
    except (*_BROKEN, RuntimeError, OSError) as error:
        kind = "a whole archive" if packed else "a file that can be read"
        raise ValueError(f"{path} must be {kind}. Got: {error}.") from error


def read_named(folder: Path, name: str) -> bytes:
    """All bytes of `find_named`'s file, unpacked: of a text that is known to be small."""
    return b"".join(read_pieces(find_named(folder, name), name))


@contextlib.contextmanager
def _opened(path: Path, name: str) -> Iterator[BinaryIO]:
    if path.suffix != ".zip":
        with {".xz": lzma, ".gz": gzip}[path.suffix].open(path) as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive:
        if name not in archive.namelist():
            raise ValueError(f"{path} must hold {name}. Got {archive.namelist()[:3]}.")
        with archive.open(name) as member:
            yield member


def decode_utf8(raw: bytes, where: object) -> str:
    """UTF-8 as text: see `decoded`."""
    return "".join(decoded([raw], "utf-8", where))


def decoded(pieces: Iterable[bytes], encoding: str, where: object) -> Iterator[str]:
    """Bytes as text, a byte order mark at the start left out and line ends made "\\n".

    Where the bytes are cut into pieces makes no difference.

    Raises:
        ValueError: the encoding is unknown, or a byte is not of it; names the first one that is
            wrong.
    """
    decoder = _decoder(encoding)
    lines = io.IncrementalNewlineDecoder(decoder, translate=True)
    fed, started = 0, False
    for raw, final in chain(((piece, False) for piece in pieces), [(b"", True)]):
        waiting = len(decoder.getstate()[0])  # bytes of the letter that the piece before began
        try:
            text = lines.decode(raw, final)
        except UnicodeError as error:
            inside = isinstance(error, UnicodeDecodeError)
            place = f"byte {fed - waiting + error.start:,}" if inside else str(error)
            raise ValueError(
                f"{where} must be text in the encoding {encoding}. It is not, at {place}: name its "
                "own (`latin-1`, say) as `encoding`, read it by bytes, or save it as UTF-8."
            ) from error
        fed += len(raw)
        if text:
            yield text if started else text.removeprefix("\ufeff")
            started = True


def _decoder(encoding: str) -> IncrementalDecoder:
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=encoding)  # refuses codecs that give no text
        return getincrementaldecoder(encoding)()
    except LookupError as error:
        raise ValueError(f"`encoding` must be one that Python knows. Got {encoding!r}.") from error
