"""Files of another format than their name says: told by their first bytes, refused by name.

A pointer of Git LFS, a web page in place of a download, a renamed workbook: each can be read as
text of some kind, and a model trained on it.
"""

import re
from pathlib import Path

START = 512  # bytes that tell the format

_BINARY = {
    b"version https://git-lfs.github.com/": "a pointer of Git LFS, not the file (`git lfs pull`)",
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a zip archive, or an Excel workbook (save the sheet as CSV)",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "a workbook or document of Office",
    b"\x1f\x8b\x08": "packed with gzip, and named otherwise or packed twice",
    b"\xfd7zXZ\x00": "packed with xz, and named otherwise or packed twice",
}
_HEIF = re.compile(rb".{4}ftyp(?:hei|hev|mif1|msf1|avi)", re.DOTALL)
_PAGE = re.compile(r"\s*<(?:!doctype html|html\b)", re.IGNORECASE)
_JSON = re.compile(r'\s*\[?\s*\{\s*"[^"\n]*"\s*:')


def binary_format(start: bytes) -> str | None:
    """The format of a file that is no plain text, in words; None where its start tells none."""
    if start[257:262] == b"ustar":
        return "a tar archive (unpack it)"
    if _HEIF.match(start):
        return "HEIC or AVIF (save it as JPEG)"
    return next((kind for mark, kind in _BINARY.items() if start.startswith(mark)), None)


def is_page(text: str) -> bool:
    """Whether a text begins as a page of the web does."""
    return _PAGE.match(text) is not None


def check_table(path: Path, text: str) -> None:
    """That the beginning of a file is no web page and no JSON, which have other columns.

    Raises:
        ValueError: it is.
    """
    kind = "a web page" if is_page(text) else "JSON" if _JSON.match(text) else None
    if kind:
        raise ValueError(
            f"{path} must be a table: a row a line. Got {kind}, {text.strip()[:60]!r}."
        )
