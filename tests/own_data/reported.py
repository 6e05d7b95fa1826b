"""Writes the files of docs/own-data.md: small ones with the faults that people reported.

Each function writes one case under a folder, and returns what `--data-dir` is to name.
"""

import csv
import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

ROWS = [(f"the soup of day {i} was {('bad', 'good')[i % 2]}", "np"[i % 2] * 3) for i in range(40)]
PAIRS = [
    (f"We have {i} dogs and a cat.", f"Wir haben {i} Hunde und eine Katze.") for i in range(40)
]
POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)
PAGE = (
    "<!DOCTYPE html><html><head><title>Virus scan warning</title></head><body>\n"
    + "<p>This file is too large, and cannot be scanned; download anyway, or not?</p>\n" * 30
    + "</body></html>\n"
)


def table(rows=ROWS, header=("text", "label"), delimiter=",", **options) -> str:
    """Rows as delimited text."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n", **options)
    writer.writerows([header, *rows] if header else rows)
    return file.getvalue()


def _file(name: str, content: Callable[[], bytes | str]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        data = content()
        (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
        return folder / name

    return write


# Tables of reviews.


def _workbook() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"):
            archive.writestr(name, "<?xml version='1.0'?><a/>" * 20)
    return file.getvalue()


def _tar_gz() -> bytes:
    file, data = io.BytesIO(), table().encode()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        member = tarfile.TarInfo("reviews.csv")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def _zip_of_a_mac() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("my reviews.csv", table())
        archive.writestr(".DS_Store", b"\0\0\0\1Bud1")
        archive.writestr("__MACOSX/._my reviews.csv", b"\0\5\x16\7")
    return file.getvalue()


def _lone_mark() -> str:
    rows = [
        (i, '"soup of inches' if i == 7 else f"soup {i} is nice", "np"[i % 2]) for i in range(60)
    ]
    return table(rows, None, "\t", quoting=csv.QUOTE_NONE, quotechar=None)


def _header_within() -> str:
    rows = [(label, text) for text, label in ROWS]
    return table([*rows[:23], ("label", "text"), *rows[23:]], None)


def _read_as_western() -> str:
    words = ("très mauvais, déçu", "très bon, agréable")
    rows = [(f"le café du {i} était {words[i % 2]}", "np"[i % 2]) for i in range(40)]
    return table(rows).encode().decode("cp1252")


git_lfs = _file("reviews.csv", lambda: POINTER)
workbook = _file("reviews.csv", _workbook)
web_page = _file("reviews.csv", lambda: PAGE)
gzip_twice = _file("reviews.csv.gz", lambda: gzip.compress(gzip.compress(table().encode())))
tar_gz = _file("reviews.csv.gz", _tar_gz)
zip_of_a_mac = _file("reviews.zip", _zip_of_a_mac)
lone_mark = _file("reviews.tsv", _lone_mark)
last_delimiter = _file(
    "reviews.csv",
    lambda: "id,text,label\n" + "".join(f"{i},{t},{s},\n" for i, (t, s) in enumerate(ROWS)),
)
row_names = _file(
    "reviews.csv",
    lambda: "text,label\n" + "".join(f"row{i},{t},{s}\n" for i, (t, s) in enumerate(ROWS)),
)
index = _file(
    "reviews.csv",
    lambda: table([(i, t, i % 3, s) for i, (t, s) in enumerate(ROWS)], ("", "sms", "day", "kind")),
)
mark_within = _file(
    "reviews.csv", lambda: ("\ufeff" + table(ROWS[:20])) + "\ufeff" + table(ROWS[20:])
)
json_lines = _file(
    "reviews.csv",
    lambda: "".join(json.dumps({"text": t, "label": s}) + "\n" for t, s in ROWS),
)
header_within = _file("reviews.csv", _header_within)
read_as_western = _file("reviews.csv", _read_as_western)


# Pairs of sentences.


def tabs(pairs=PAIRS, end: str = "\n") -> str:
    return "".join(f"{source}\t{target}{end}" for source, target in pairs)


def _aligned(folder: Path, sources, targets) -> Path:
    (folder / "train.en").write_text("".join(f"{line}\n" for line in sources), encoding="utf-8")
    (folder / "train.de").write_text("".join(f"{line}\n" for line in targets), encoding="utf-8")
    return folder


def line_ends_within(folder: Path) -> Path:
    sources = [
        s.replace(" and", mark + "and")
        for (s, _), mark in zip(PAIRS, "\u2028\x85\x0c\r" * 10, strict=True)
    ]
    return _aligned(folder, sources, [target for _, target in PAIRS])


def empty_lines(folder: Path) -> Path:
    targets = [target for _, target in PAIRS]
    return _aligned(folder, [source for source, _ in PAIRS], [*targets[:9], "", *targets[9:]])


pairs_of_a_mac = _file("pairs.tsv", lambda: tabs(end="\r"))
untranslated = _file("pairs.tsv", lambda: tabs([(s, s) for s, _ in PAIRS[:15]] + PAIRS[15:]))
utf16_without_mark = _file("pairs.tsv", lambda: tabs().encode("utf-16-le"))


# Text.

text_of_a_mac = _file("book.txt", lambda: "It was a dark night.\r" * 300)
pdf = _file(
    "book.txt", lambda: b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n" * 90 + b"%%EOF\n"
)


# Images with captions.

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(range(256)) * 4


def _images(folder: Path, name: Callable[[int], str] = "{}.jpg".format) -> Path:
    """30 small images, and a caption of each."""
    for i in range(30):
        Image.new("RGB", (8, 8), (8 * i, 90, 90)).save(folder / f"{i}.jpg")
    lines = (f"{name(i)}\ta dog number {i}\n" for i in range(30))
    (folder / "captions.txt").write_text("".join(lines))
    return folder


def heic(folder: Path) -> Path:
    _images(folder)
    for i in range(30):
        (folder / f"{i}.jpg").write_bytes(HEIC)
    return folder


def cmyk(folder: Path) -> Path:
    _images(folder)
    for i in range(30):
        red = np.broadcast_to(np.uint8([0, 255, 255, 0]), (8, 8, 4))
        Image.fromarray(red, "CMYK").save(folder / f"{i}.jpg")
    return folder


def empty_images(folder: Path) -> Path:
    _images(folder)
    for i in range(30):
        (folder / f"{i}.jpg").write_bytes(b"")
        (folder / f"._{i}.jpg").write_bytes(b"\0\5\x16\7")
    return folder


def names_without_endings(folder: Path) -> Path:
    return _images(folder, str)


def paths_of_another_machine(folder: Path) -> Path:
    return _images(folder, "E:\\data\\train2014\\{}.jpg".format)
