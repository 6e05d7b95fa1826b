"""Raw files as their publishers name them, packed or not."""

import gzip
import io
import lzma
import os
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

LARGEST = 2**32  # bytes of a packed file, unpacked; enwik9 has 10**9
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


def read_named(folder: Path, name: str, *, start: int = 0, size: int = -1) -> bytes:
    """The bytes of `name`, `name.xz`, `name.gz` or `name.zip` in `folder`, whichever is there.

    Args:
        folder: where to look.
        name: of the file, unpacked.
        start: bytes to leave out.
        size: bytes to read; all for -1.

    Raises:
        ValueError: none of them is there, or one is damaged or unpacks to more than `LARGEST`
            bytes.
    """
    for ending in ("", ".xz", ".gz", ".zip"):
        path = folder / f"{name}{ending}"
        if path.is_file():
            try:
                with _open(path, name) as stream:
                    stream.seek(start)
                    content = stream.read(size if size >= 0 or not ending else LARGEST + 1)
            # RuntimeError: an encrypted member, or a version or method not known; OSError: an index
            # of a zip that points nowhere
            except (*_BROKEN, RuntimeError, OSError) as error:
                what = "a whole archive" if ending else "a file that can be read"
                raise ValueError(f"{path} must be {what}. Got: {error}.") from error
            if ending and len(content) > LARGEST:
                raise ValueError(f"{path} must unpack to at most {LARGEST:,} bytes. It has more.")
            return content
    raise ValueError(f"{folder} must hold {name} (or .xz, .gz, .zip of it). It does not.")


def decode_utf8(raw: bytes, where: object) -> str:
    """UTF-8 as text, its mark at the start left out and line ends made "\\n".

    Raises:
        ValueError: it is not UTF-8; names the first byte that is wrong.
    """
    return decode(raw, "utf-8", where)


def decode(raw: bytes, encoding: str, where: object) -> str:
    """Bytes as text, a byte order mark at the start left out and line ends made "\\n".

    Raises:
        ValueError: the encoding is unknown, or a byte is not of it.
    """
    try:
        text = raw.decode(encoding)
    except LookupError as error:
        raise ValueError(f"`encoding` must be one that Python knows. Got {encoding!r}.") from error
    except UnicodeError as error:
        place = f"byte {error.start:,}" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ValueError(
            f"{where} must be text in the encoding {encoding}. It is not, at {place}: name its own "
            "(`latin-1`, say) as `encoding`, read it by bytes, or save it as UTF-8."
        ) from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _open(path: Path, name: str) -> BinaryIO:
    if path.suffix == ".xz":
        return lzma.open(path)
    if path.suffix == ".gz":
        return gzip.open(path)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            if name not in archive.namelist():
                raise ValueError(f"{path} must hold {name}. Got {archive.namelist()[:3]}.")
            with archive.open(name) as member:
                return io.BytesIO(member.read(LARGEST + 1))
    return path.open("rb")
