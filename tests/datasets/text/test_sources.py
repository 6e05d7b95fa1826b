"""Each source in its publisher's layout, made small; the real files under the mark `data`."""

import builtins
import gzip
import lzma
import zipfile

import numpy as np
import pytest

from datasets import files, text
from datasets.text import corpora, load, raw_files, unit_of
from datasets.text.source import limits_of, part
from tests.datasets.text.whole import whole

SHAKESPEARE = "First Citizen:\nBefore we proceed any further, hear me speak.\n" * 20


def write(path, content, kind="plain"):
    """`content` as a plain or a packed file."""
    if kind == "zip":
        with zipfile.ZipFile(f"{path}.zip", "w") as archive:
            archive.writestr(path.name, content)
    else:
        packed = {"plain": lambda c: c, "xz": lzma.compress, "gz": gzip.compress}[kind](content)
        ending = "" if kind == "plain" else f".{kind}"
        path.with_name(path.name + ending).write_bytes(packed)


# Symbols and splits.


def test_symbols_are_code_points_or_bytes(tmp_path):
    (tmp_path / "train.txt").write_text("Aé—😀", encoding="utf-8")
    (record,) = load("file", "train", tmp_path).as_numpy_iterator()
    assert record["symbols"].tolist() == [65, 0xE9, 0x2014, 0x1F600]
    assert record["symbols"].dtype == np.int32
    (record,) = load("file", "train", tmp_path, unit="byte", limit=3).as_numpy_iterator()
    assert record["symbols"].tolist() == [65, 0xC3, 0xA9]
    assert (unit_of("demo", "byte"), unit_of("file", "byte"), unit_of("enwik8")) == (
        "character",
        "byte",
        "byte",
    )


def test_parts_lie_one_after_the_other_and_leave_nothing_out():
    for shares in ((80, 10, 10), (90, 5, 5)):
        ends = [limits_of(split, shares, "x") for split in ("train", "dev", "test")]
        assert [end for _, end in ends[:2]] == [start for start, _ in ends[1:]]
        assert (ends[0][0], ends[2][1]) == (0, 100)
    pieces = ["ab", "", "cdefg", "h", "ij"]
    for cut in range(11):
        assert "".join(part(pieces, 0, cut)) == "abcdefghij"[:cut]
        assert "".join(part(pieces, cut, 10)) == "abcdefghij"[cut:]


def test_a_set_without_a_test_split_says_so():
    with pytest.raises(ValueError, match=r"`split` of `x` must be one of train, dev. Got 'test'"):
        limits_of("test", (90, 10), "x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dema", "train"), r"`dataset` must be one of .* Did you mean 'demo'\?"),
        (("demo", "valid"), "`split` must be one of train, dev, test. Got 'valid'"),
        (("demo", "train", "somewhere"), "`data_dir` must be None for `demo`"),
        (("ptb", "train"), "`data_dir` must be a folder with ptb.train.txt for `ptb`. Got None"),
    ],
)
def test_what_is_wrong_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        load(*arguments)


@pytest.mark.parametrize("limit", [0, -1, 2.5, True])
def test_limit_is_a_positive_integer(limit):
    with pytest.raises(ValueError, match=r"`limit` must be a positive integer or None. Got"):
        load("demo", "train", limit=limit)


def test_limit_takes_the_first_symbols():
    assert whole("demo", "dev", limit=77) == whole("demo", "dev")[:77]


# The sources.


def test_demo_has_no_paragraph_in_two_splits():
    parts = [whole("demo", split) for split in ("train", "dev", "test")]
    paragraphs = [set(part.split("\n\n")[1:-1]) for part in parts]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not {p for p in paragraphs[one] & paragraphs[other] if p.strip()}
    assert len(parts[0]) > 200_000
    assert len(parts[2]) > 20_000


@pytest.mark.parametrize("name", ["tinyshakespeare.txt", "input.txt"])
@pytest.mark.parametrize("kind", ["plain", "xz"])
def test_tiny_shakespeare_is_cut_at_nine_tenths(tmp_path, name, kind):
    write(tmp_path / name, SHAKESPEARE.encode(), "plain" if name == "input.txt" else kind)
    train, dev = (whole("tiny_shakespeare", split, tmp_path) for split in ("train", "dev"))
    assert train + dev == SHAKESPEARE
    assert len(train) == len(SHAKESPEARE) * 9 // 10


def test_tiny_shakespeare_without_a_folder_names_the_package(monkeypatch):
    real = builtins.__import__

    def missing(name, *arguments, **options):
        if name == "tensorflow_datasets":
            raise ImportError("not here")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r"needs tensorflow-datasets .*: pip install"):
        load("tiny_shakespeare", "train")


def test_war_and_peace_without_what_gutenberg_added(tmp_path):
    body = "Well, Prince — so Genoa and Lucca are now just family estates.\n" * 10
    book = f"Licence\n*** START OF THIS BOOK ***\n\n{body}\n*** END OF THIS BOOK ***\nLicence\n"
    write(tmp_path / "warandpeace.txt", book.encode(), "xz")
    parts = [whole("war_and_peace", split, tmp_path) for split in ("train", "dev", "test")]
    assert "".join(parts) == body
    assert len(parts[1]) == len(body) // 10


@pytest.mark.parametrize("folder", ["", "simple-examples/data", "ptb"])
def test_ptb_strips_every_line(tmp_path, folder):
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    write(tmp_path / folder / "ptb.valid.txt", b" a <unk> b \n c $ N \n", "gz")
    assert whole("ptb", "dev", tmp_path) == "a <unk> b\nc $ N\n"
    with pytest.raises(ValueError, match=r"must hold ptb.test.txt"):
        load("ptb", "test", tmp_path)


@pytest.mark.parametrize("kind", ["zip", "plain"])
def test_hundred_million_bytes_in_three_parts(tmp_path, monkeypatch, kind):
    parts = {"train": (0, 90), "dev": (90, 5), "test": (95, 5)}
    monkeypatch.setattr(corpora, "_HUTTER", parts)
    content = bytes(range(97, 107)) * 10
    write(tmp_path / "enwik8", content, kind)
    write(tmp_path / "text8", content, kind)
    found = [whole("enwik8", split, tmp_path) for split in parts]
    assert found == [content[:90], content[90:95], content[95:]]
    assert whole("text8", "dev", tmp_path) == content[90:95].decode()
    write(tmp_path / "enwik8", content[:97], kind)
    with pytest.raises(
        ValueError, match=r"must have 100,000,000 bytes. Its part `test` has only 2"
    ):
        load("enwik8", "test", tmp_path)


@pytest.mark.parametrize("unit", ["character", "byte"])
def test_a_text_of_many_pieces_is_that_of_one(tmp_path, monkeypatch, unit):
    for name in "ab":
        content = f"{name}é—\r\n😀\r" * 50
        (tmp_path / f"{name}.txt").write_text(content, encoding="utf-8", newline="")
    splits = ("train", "dev", "test")
    expected = [whole("file", split, tmp_path, unit=unit) for split in splits]
    monkeypatch.setattr(files, "PIECE", 3)
    monkeypatch.setattr(text, "CHUNK", 2)
    text._length.cache_clear()
    for split, content in zip(splits, expected, strict=True):
        records = load("file", split, tmp_path, unit=unit)
        sizes = [len(record["symbols"]) for record in records.as_numpy_iterator()]
        assert max(sizes) == 2
        assert sum(sizes) == len(content)
        assert whole("file", split, tmp_path, unit=unit) == content


def test_raw_files_are_those_of_train_and_dev(tmp_path):
    for name in ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt", "other.txt"):
        write(tmp_path / name, b"a b\n", "gz")
    assert [path.name for path in raw_files("ptb", tmp_path)] == [
        "ptb.train.txt.gz",
        "ptb.valid.txt.gz",
    ]
    assert [path.name for path in raw_files("file", tmp_path, unit="byte")] == sorted(
        path.name for path in tmp_path.iterdir()
    )
    assert [path.name for path in raw_files("demo")] == ["topics.py"]


def test_a_damaged_archive_is_named(tmp_path):
    write(tmp_path / "warandpeace.txt", SHAKESPEARE.encode(), "xz")
    archive = tmp_path / "warandpeace.txt.xz"
    archive.write_bytes(archive.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"warandpeace\.txt\.xz is not a whole \.xz file"):
        load("war_and_peace", "train", tmp_path)


# The user's own files.


def parts_of(path, **options):
    return [whole("file", split, path, **options) for split in ("train", "dev", "test")]


def test_one_file_is_cut(tmp_path):
    (tmp_path / "a.md").write_text(SHAKESPEARE)
    parts = parts_of(tmp_path / "a.md")
    assert "".join(parts) == SHAKESPEARE
    assert len(parts[0]) == len(SHAKESPEARE) * 9 // 10


def test_a_folder_is_read_in_the_order_of_names_without_what_is_no_text(tmp_path, caplog):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.py").write_text("second " * 9)
    (tmp_path / "a.txt").write_text("first " * 9)
    (tmp_path / ".hidden").write_text("no")
    (tmp_path / "image.png").write_bytes(b"\x89PNG\0\0")
    assert "".join(parts_of(tmp_path)) == "first " * 9 + "\n" + "second " * 9
    assert "1 binary files" in caplog.text
    assert "image.png" in caplog.text


def test_a_folder_with_its_own_splits(tmp_path):
    for name in ("train", "dev", "test"):
        (tmp_path / f"{name}.txt").write_text(name)
    assert parts_of(tmp_path) == ["train", "dev", "test"]
    (tmp_path / "dev.txt").unlink()
    with pytest.raises(ValueError, match=r"must hold dev\.txt, as it holds train\.txt"):
        load("file", "dev", tmp_path)


def test_line_ends_and_the_mark_at_the_start(tmp_path):
    (tmp_path / "train.txt").write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n")
    assert whole("file", "train", tmp_path) == "a\nb\nc\n"


def test_broken_and_other_encodings(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("caf\xe9 ".encode("latin-1") * 20)
    with pytest.raises(ValueError, match=r"a\.txt must be text in the encoding utf-8.* byte 3: n"):
        load("file", "train", path)
    assert whole("file", "train", path, encoding="latin-1").startswith("café ")
    assert whole("file", "train", path, unit="byte").startswith(b"caf\xe9 ")
    with pytest.raises(
        ValueError, match=r"`encoding` must be one that Python knows .* Got 'utf-9'"
    ):
        load("file", "train", path, encoding="utf-9")
    path.write_bytes(("héllo " * 20).encode("utf-16-le"))  # without a mark
    with pytest.raises(ValueError, match="`encoding` must be named: perhaps utf-16-le"):
        load("file", "train", path)
    assert whole("file", "train", path, encoding="utf-16-le").startswith("héllo ")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("kind", ["plain", "gz", "xz", "zip"])
def test_a_mark_tells_the_encoding_packed_or_not(tmp_path, encoding, kind):
    write(tmp_path / "train.txt", "héllo, жили\r\n".encode(encoding), kind)
    assert whole("file", "train", tmp_path) == "héllo, жили\n"


def test_a_zip_of_one_file_whatever_its_name_and_one_of_many(tmp_path, caplog):
    with zipfile.ZipFile(tmp_path / "book.zip", "w") as archive:
        archive.writestr("novel.txt", SHAKESPEARE)
    assert "".join(parts_of(tmp_path / "book.zip")) == SHAKESPEARE
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for name in "ab":
            archive.writestr(name, SHAKESPEARE)
    with pytest.raises(ValueError, match=r"many\.zip must hold many, or one file alone. Got"):
        load("file", "train", tmp_path / "many.zip")
    assert "".join(parts_of(tmp_path)) == SHAKESPEARE
    assert "1 binary files" in caplog.text


@pytest.mark.parametrize("content", [None, "", "empty folder"])
def test_nothing_to_read(tmp_path, content):
    path = tmp_path / "a"
    if content == "empty folder":
        path.mkdir()
    elif content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=r"must (be a text file|hold text)"):
        load("file", "train", path)


# The real files.


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "split", "count", "symbols"),
    [
        ("tiny_shakespeare", "train", 1_003_854, 65),
        ("tiny_shakespeare", "dev", 111_540, 61),
        ("war_and_peace", "train", 2_566_689, 101),
        ("war_and_peace", "test", 320_837, 93),
        ("ptb", "train", 5_017_482, 50),
        ("ptb", "dev", 393_042, 50),
    ],
)
def test_real_counts(real_data, name, split, count, symbols):
    content = whole(name, split, real_data / "text")
    assert len(content) == count
    assert len(set(content)) == symbols
