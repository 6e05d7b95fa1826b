"""Files and folders of data that are malformed: generators of (name, {path: bytes})."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterator

from tests.hostile import corpus_text

Folder = tuple[str, dict[str, bytes]]

NAMES = (  # of members and images; none may be read or written outside of its folder
    "../harm.txt",
    "../../../../../../etc/passwd",
    "/etc/passwd",
    "a/../../harm.txt",
    "..\\harm.txt",
    "C:\\harm.txt",
    "\\\\server\\share\\harm.txt",
    "./././a.txt",
    "a\0b.txt",
    "\x1b[31mred.txt",
    "x" * 3000 + ".txt",
    " ",
    ".",
    "..",
    "/",
    "con",
    "a\nb.txt",
    "\udcff.txt",
    "\u202etxt.exe",
    "~/.bashrc",
    "-rf",
    "$(touch harm).txt",
)


def packed(ending: str, content: bytes, name: str = "text") -> Iterator[tuple[str, bytes]]:
    """What may stand in a file that is named .gz, .xz or .zip: (name, bytes).

    `name` is the member's, of a zip.
    """
    pack = {".gz": gzip.compress, ".xz": lzma.compress, ".zip": lambda raw: zip_of({name: raw})}
    whole = pack[ending](content)
    yield "nothing", b""
    yield "not packed at all", content
    yield "packed otherwise", bz2.compress(content)
    for share in (0.1, 0.5, 0.9, 0.99):
        yield f"cut off at {share:.0%}", whole[: int(len(whole) * share)]
    for place in range(0, len(whole), max(1, len(whole) // 16)):
        yield f"altered at {place}", _flipped(whole, place)
    yield "twice", whole * 2
    yield "noise behind", whole + b"noise" * 20
    yield "zero bytes behind", whole + bytes(64)
    yield "first bytes alone", whole[:6]
    if ending == ".zip":
        yield "without members", zip_of({})
        yield "encrypted, it says", _patched(whole, b"PK\x01\x02", 8, b"\1")
        yield "packed by a method that there is not", _patched(whole, b"PK\x01\x02", 10, b"\x63")
        yield "of another version", _patched(whole, b"PK\x01\x02", 6, b"\xff\xff")


def _flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


def _patched(data: bytes, mark: bytes, offset: int, value: bytes) -> bytes:
    place = data.index(mark) + offset
    return data[:place] + value + data[place + len(value) :]


def zip_of(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            information = zipfile.ZipInfo("x")
            information.filename = name.encode("utf-8", "replace").decode()
            archive.writestr(information, content)
    return file.getvalue()


def tar_of(members: dict[str, bytes], change: Callable[[tarfile.TarInfo], None] | None = None):
    """A .tar.xz; `change` may make a link or a device of a member."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:xz", preset=0) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            if change is not None:
                change(member)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def tables(rows=30) -> Iterator[tuple[str, bytes]]:
    """Texts with labels, malformed: (name, bytes of a .csv)."""
    lines = (f"review number {i},{('pos', 'neg')[i % 2]}\n" for i in range(rows))
    good = "text,label\n" + "".join(lines)
    raw = good.encode()
    yield "nothing", b""
    yield "a line end", b"\n"
    yield "header alone", b"text,label\n"
    yield "one row", b"good,pos\n"
    yield "one column", b"good\nbad\n" * 20
    yield "five thousand columns", (b"a," * 5000 + b"b\n") * 5
    yield "as many columns as rows", b"".join(b"a," * i + b"b\n" for i in range(60))
    yield "quotation mark never closed", b'"' + raw
    yield "quotation marks everywhere", raw.replace(b",", b'","').replace(b"r", b'"')
    yield "quotation marks alone", b'"' * 5001
    yield "commas alone", b",,,,,\n" * 100
    yield "zero bytes between letters", b"\0".join(raw[i : i + 1] for i in range(len(raw)))
    yield "a zero byte in every text", raw.replace(b"number", b"num\0ber")
    yield "UTF-16 cut off in the middle", good.encode("utf-16")[:-3]
    yield "UTF-16 mark alone", b"\xff\xfe"
    yield "UTF-32", good.encode("utf-32")
    yield "marks everywhere", good.replace("\n", "\n\ufeff").encode()
    yield "mixed encodings", raw + "très,pos\n".encode("latin-1") + "très,pos\n".encode()
    yield "mixed line ends", raw.replace(b"\n", b"\r", 10).replace(b"\n", b"\r\n", 5)
    yield "old Mac line ends", raw.replace(b"\n", b"\r")
    yield "line separators of Unicode", good.replace("\n", "\u2028").encode()
    yield "vertical tabs and form feeds", raw.replace(b"number", b"\x0b\x0c\x1c\x1d\x1e\x85")
    yield "a field of 300 kB", raw + b"x" * 300_000 + b",pos\n"
    for name, one, other in (
        ("not a number and huge", "nan", "1e999"),
        ("marks", "\u0301", "\u200d"),
        ("white space", " ", "\xa0"),
        ("one label in two forms", "é", "e\u0301"),
        ("integers of other writings", "1_0", "٣"),
        ("integers of 5,000 digits", "7" * 5000, "8" * 5000),
    ):
        yield f"labels: {name}", good.replace("neg", one).replace("pos", other).encode()
    yield "header twice", b"text,label\n" + raw
    yield "columns of the same name", raw.replace(b"text,label", b"text,text")
    yield "gzip", gzip.compress(raw)
    yield "SQLite", b"SQLite format 3\0" + bytes(100)
    yield "workbook", zip_of({"xl/workbook.xml": b"<workbook/>"})
    yield "JSON lines", b'{"text": "good, very", "label": "pos"}\n' * 30
    yield "page", b"<html>,<body>\n" * 20
    yield "formulas", raw.replace(b"review", b"=cmd|' /C calc'!A0")
    yield "backslash before every end", raw.replace(b"\n", b"\\\n")
    for name, text in corpus_text.short_texts():
        field = text.replace(b'"', b'""')
        yield f"field: {name}", raw + b'"' + field + b'",pos\n'


def aligned() -> Iterator[Folder]:
    """Two files of sentences, or one of pairs."""
    lines = [f"sentence {i}".encode() for i in range(40)]
    en, de = b"\n".join(lines) + b"\n", b"\n".join(b"Satz: " + line for line in lines) + b"\n"
    table = b"\n".join(b"\t".join(pair) for pair in zip(lines, lines, strict=True)) + b"\n"
    yield "one side empty", {"train.en": en, "train.de": b""}
    yield "both empty", {"train.en": b"", "train.de": b""}
    yield "one line less", {"train.en": en, "train.de": de[: de.rindex(b"Satz")]}
    yield "no tabs", {"train.tsv": en}
    yield "tabs alone", {"train.tsv": b"\t\t\t\n" * 40}
    yield "a thousand tabs", {"train.tsv": table + b"\t" * 1000 + b"\n"}
    yield "header alone", {"train.tsv": b"en\tde\n"}
    yield "header of one language", {"train.tsv": b"en\ten\n" + table}
    yield "UTF-16", {"train.en": en.decode().encode("utf-16"), "train.de": de}
    yield "old Mac line ends", {"train.en": en.replace(b"\n", b"\r"), "train.de": de}
    yield "zero bytes", {"train.en": en.replace(b" ", b"\0"), "train.de": de}
    yield "a line of 1 MB", {"train.en": en + b"x" * 10**6 + b"\n", "train.de": de + b"y\n"}
    yield "noise", {"train.tsv": bytes(range(256)) * 50}
    yield "folder for a file", {"train.en/a": en, "train.de": de}
    for ending in (".gz", ".xz"):
        for name, raw in packed(ending, en):
            yield f"{ending} {name}", {f"train.en{ending}": raw, "train.de": de}
    for name, text in corpus_text.short_texts():
        one = text.replace(b"\n", b" ").replace(b"\t", b" ")
        yield f"line: {name}", {"train.en": en + one + b"\n", "train.de": de + b"Satz\n"}


def captioned(image: bytes) -> Iterator[Folder]:
    """A folder of images with its captions file."""
    images = {f"{i}.png": image for i in range(8)}
    good = b"image,caption\n" + b"".join(f"{i}.png,picture {i}\n".encode() for i in range(8))
    yield "no lines", {**images, "captions.txt": b""}
    yield "white space", {**images, "captions.txt": b" \n\t\n\xc2\xa0\n"}
    yield "no separator", {**images, "captions.txt": good.replace(b",", b" ")}
    yield "names alone", {**images, "captions.txt": b"\n".join(map(str.encode, images))}
    yield "captions alone", {**images, "captions.txt": b",a picture\n" * 30}
    yield "zero bytes", {**images, "captions.txt": good.replace(b"p", b"\0")}
    yield "UTF-16", {**images, "captions.csv": good.decode().encode("utf-16")}
    yield "UTF-32 without a mark", {**images, "captions.csv": good.decode().encode("utf-32-be")}
    yield "quotation mark never closed", {**images, "captions.csv": good + b'1.png,"a'}
    yield "a caption of 1 MB", {**images, "captions.csv": good + b"1.png," + b"a " * 500_000}
    yield "five thousand columns", {**images, "captions.csv": b"1.png" + b",a" * 5000}
    yield "workbook", {**images, "captions.csv": zip_of({"x": b""})}
    yield "noise", {**images, "captions.tsv": bytes(range(256)) * 50}
    yield "list of noise", {**images, "captions.csv": good, "train.txt": bytes(range(256)) * 9}
    yield "list of nothing", {**images, "captions.csv": good, "train.txt": b""}
    yield "folder for captions", {**images, "captions.csv/a.csv": good}
    for name in NAMES:
        raw = name.encode("utf-8", "surrogateescape")
        yield f"name {name[:20]!a}", {**images, "captions.tsv": raw + b"\tharm\n" + _tabbed(good)}
        yield f"list with {name[:20]!a}", {
            **images, "captions.csv": good, "train.txt": raw + b"\n1.png\n2.png\n"
        }  # fmt: skip
    lines = (b"1.png\t" + t.replace(b"\n", b" ") + b"\n" for _, t in corpus_text.texts())
    yield "captions of all kinds", {**images, "captions.tsv": _tabbed(good) + b"".join(lines)}


def _tabbed(table: bytes) -> bytes:
    return table.partition(b"\n")[2].replace(b",", b"\t")


def flickr(image: bytes) -> Iterator[Folder]:
    """Flickr8k's two archives."""
    names = [f"{i}.jpg" for i in range(6)]
    lines = b"".join(f"{name}#0\ta picture\n".encode() for name in names)
    lists = {
        "Flickr8k.token.txt": lines,
        "Flickr_8k.trainImages.txt": "\n".join(names).encode(),
    }
    pictures = {f"Flicker8k_Dataset/{name}": image for name in names}
    text, whole = "Flickr8k_text.zip", "Flickr8k_Dataset.zip"
    for name, raw in packed(".zip", lines):
        yield f"text: {name}", {text: raw, whole: zip_of(pictures)}
        yield f"images: {name}", {text: zip_of(lists), whole: raw}
    for name, content in (
        ("nothing", b""),
        ("noise", bytes(range(256)) * 40),
        ("zero bytes", lines.replace(b"a", b"\0")),
        ("UTF-16", lines.decode().encode("utf-16")),
        ("no tabs", lines.replace(b"\t", b" ")),
        ("no numbers", lines.replace(b"#0", b"")),
    ):
        for file in lists:
            changed = zip_of({**lists, file: content})
            yield f"{file}: {name}", {text: changed, whole: zip_of(pictures)}
    for name in NAMES:
        more = {**pictures, name: image}
        listed = lists["Flickr_8k.trainImages.txt"] + b"\n" + name.encode("utf-8", "replace")
        changed = {**lists, "Flickr_8k.trainImages.txt": listed}
        yield f"member {name[:20]!a}", {text: zip_of(changed), whole: zip_of(more)}


def reviews() -> Iterator[Folder]:
    """IMDB's tree, and archives of it."""
    films = b"http://film/1\n" * 40
    train = "aclImdb/train"
    tree = {f"{train}/{part}/{i}_9.txt": b"A film." for part in ("neg", "pos") for i in range(20)}
    lists = {f"{train}/urls_{part}.txt": films for part in ("neg", "pos")}
    whole = {**tree, **lists}
    archive = "aclImdb_train.tar.xz"
    raw = tar_of(whole)
    for share in (0.0, 0.1, 0.5, 0.9, 0.99):
        yield f"archive cut off at {share:.0%}", {archive: raw[: int(len(raw) * share)]}
    for place in range(0, len(raw), len(raw) // 16):
        yield f"archive altered at {place}", {archive: _flipped(raw, place)}
    yield "archive that is a zip", {archive: zip_of(whole)}
    yield "archive of noise", {archive: bytes(range(256)) * 99}
    yield "archive that is empty", {archive: tar_of({})}
    yield "archive without films", {archive: tar_of(tree)}
    links, devices = (tarfile.SYMTYPE, tarfile.LNKTYPE), (tarfile.CHRTYPE, tarfile.FIFOTYPE)
    for kind in (*links, *devices, tarfile.DIRTYPE):

        def change(member, kind=kind):
            if member.name.endswith("pos/3_9.txt"):
                member.type, member.linkname = kind, "/etc/passwd"

        yield f"member of type {kind!r}", {archive: tar_of(whole, change)}
    for name in NAMES:
        yield f"member {name[:20]!a}", {archive: tar_of({**whole, name: b"harm"})}
        odd = f"aclImdb/train/pos/{name}"
        yield f"review {name[:20]!a}", {archive: tar_of({**whole, odd: b"harm"})}
    yield "film list of noise", {**tree, "aclImdb/train/urls_pos.txt": bytes(range(256))}
    huge = tar_of({**whole, f"{train}/pos/{'9' * 5000}_9.txt": b"x"})
    yield "review number that is huge", {archive: huge}
    yield "review numbers of other scripts", {**whole, "aclImdb/train/pos/٣_٩.txt": b"x"}
    for name, text in corpus_text.not_utf8():
        yield f"review: {name}", {archive: tar_of({**whole, f"{train}/pos/21_9.txt": text})}
    others = [t for part in corpus_text.UTF8 for _, t in part()]
    odd = {f"{train}/pos/{i}_9.txt": text for i, text in enumerate(others)}
    films = {f"{train}/urls_pos.txt": b"http://film/1\n" * len(others)}
    yield "reviews of all kinds", {**whole, **films, **odd}


def jsons() -> Iterator[tuple[str, bytes]]:
    """What is no JSON, or other JSON than expected: (name, bytes)."""
    yield from (
        ("nothing", b""),
        ("cut off", b'{"epochs_done": 3, "hist'),
        ("noise", bytes(range(256))),
        ("UTF-16", '{"a": 1}'.encode("utf-16")),
        ("with a mark", b"\xef\xbb\xbf{}"),
        ("deep", b"[" * 100_000),
        ("null", b"null"),
        ("number", b"12"),
        ("text", b'"text"'),
        ("list", b"[]"),
        ("object without anything", b"{}"),
        ("other keys", b'{"__class__": "os.system"}'),
        ("wrong types", b'{"epochs_done": "x", "history": 3, "last": [], "best": {}}'),
        ("same key twice", b'{"a": 1, "a": 2}'),
        ("huge number", b'{"epochs_done": 1e999, "history": {}, "last": {}, "best": []}'),
        ("integer of 10,000 digits", b"9" * 10_000),
        ("surrogate", b'{"a": "\\ud800"}'),
        ("zero bytes", bytes(100)),
    )
