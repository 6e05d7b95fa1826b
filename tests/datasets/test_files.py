"""Raw files: marks, packing, bounds, and which files of a folder are meant."""

import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from datasets import files

TEXT = "día,1\r\n日本,2\n"


def packed(path, raw):
    """Writes `raw` under a name whose ending says how it is packed."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"__MACOSX/._{path.stem}", b"a Mac's own")
            archive.writestr(path.stem, raw)
    else:
        path.write_bytes({".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix, bytes)(raw))
    return path


@pytest.mark.parametrize("ending", ["", ".gz", ".xz", ".zip"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_is_the_same_however_it_is_written(tmp_path, encoding, ending):
    path = packed(tmp_path / f"a.csv{ending}", TEXT.encode(encoding))
    assert "".join(files.read_pieces(path)) == TEXT.replace("\r\n", "\n")
    assert list(files.read_lines(path)) == ["día,1", "日本,2"]
    assert b"".join(files.read_bytes(path)) == TEXT.encode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_marks_of_both_byte_orders(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes(f"\ufeff{TEXT}".encode(encoding))
    for named in ("utf-8", "UTF8", encoding):
        with files.open_text(tmp_path / "a.txt", named, newline="") as file:
            assert file.read() == TEXT


def test_a_mark_wins_over_no_other_encoding_that_is_named(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfea")
    assert "".join(files.read_pieces(tmp_path / "a.txt", "latin-1")) == "ÿþa"


def test_broken_bytes_become_surrogates_in_lines(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"caf\xe9\nb")
    assert list(files.read_lines(tmp_path / "a.txt")) == ["caf\udce9", "b"]
    assert [files.broken_letters(line) for line in files.read_lines(tmp_path / "a.txt")] == [1, 0]


@pytest.mark.parametrize("ending", [".gz", ".xz", ".zip"])
def test_damage_is_told_with_the_files_name(tmp_path, ending):
    path = packed(tmp_path / f"a.txt{ending}", b"text " * 1000)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=rf"a\.txt\{ending} is not a whole \{ending} file"):
        list(files.read_pieces(path))


def test_an_unpacked_file_comes_before_a_packed_one(tmp_path):
    for name in ("b.txt.gz", "b.txt", "a.csv.xz", ".hidden.txt", "c.TXT"):
        packed(tmp_path / name, b"x")
    (tmp_path / "folder.txt").mkdir()
    names = {name: path.name for name, path in files.find_files(tmp_path).items()}
    assert names == {"b.txt": "b.txt", "c.TXT": "c.TXT", "a.csv": "a.csv.xz"}
    assert set(files.find_files(tmp_path, [".txt"])) == {"b.txt", "c.TXT"}
    assert files.find_named(tmp_path, "a.csv").name == "a.csv.xz"
    with pytest.raises(ValueError, match=r"must hold d\.txt \(or \.xz, \.gz, \.zip of it\)"):
        files.find_named(tmp_path, "d.txt")


def test_splits_by_their_usual_names(tmp_path):
    for name in ("Train.csv", "valid.tsv.gz", "test.txt", "other.csv"):
        packed(tmp_path / name, b"x")
    splits = files.find_splits(tmp_path, [".csv", ".tsv"])
    names = {split: path.name for split, path in splits.items()}
    assert names == {"train": "Train.csv", "dev": "valid.tsv.gz"}
    packed(tmp_path / "val.csv", b"x")
    with pytest.raises(ValueError, match=r"one file of `dev`\. Got val\.csv, valid\.tsv\.gz"):
        files.find_splits(tmp_path, [".csv", ".tsv"])


def test_members_of_an_archive_have_a_bound_each(tmp_path):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for name in ("small", "large", "other"):
            member = tarfile.TarInfo(name)
            member.size = 100
            archive.addfile(member, io.BytesIO(bytes(100)))
    bounds = {"small": 100, "large": 100}
    members = files.tar_members(tmp_path / "a.tar.gz", lambda name: bounds.get(name, 0))
    assert dict(members) == {"small": bytes(100), "large": bytes(100)}
    bounds["large"] = 99
    with pytest.raises(ValueError, match=r"large of .*a\.tar\.gz must have at most 99 bytes"):
        list(files.tar_members(tmp_path / "a.tar.gz", lambda name: bounds.get(name, 0)))


def test_small_files_of_folders_and_archives(tmp_path):
    archive = zipfile.Path(packed(tmp_path / "a.zip", b"12345"))
    (tmp_path / "b").write_bytes(b"12345")
    for place in (archive / "a", tmp_path / "b"):
        assert files.read_small(place, 5) == b"12345"
        with pytest.raises(ValueError, match="larger than 4 bytes"):
            files.read_small(place, 4)
    with pytest.raises(ValueError, match="not a regular file"):
        files.read_small(tmp_path, 5)


def test_place_must_be_there(tmp_path):
    (tmp_path / "a.txt").touch()
    assert files.check_place(str(tmp_path), "x") == tmp_path
    assert files.check_place(tmp_path / "a.txt", "x", folder=False) == tmp_path / "a.txt"
    for place, got in ((tmp_path / "a.txt", "a.txt', which is no folder"), (None, "None")):
        with pytest.raises(ValueError, match=f"`data_dir` must be a folder. Got .*{got}."):
            files.check_place(place, "a folder")
