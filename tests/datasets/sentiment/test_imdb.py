"""IMDB from its tree and its archives, whole and broken; dev held out by film."""

import hashlib
import io
import lzma
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from datasets.sentiment import imdb, raw_files
from tests.datasets.sentiment.collected import collect, read


def contents(count: int = 60, films: int = 20) -> dict[str, str]:
    """A small aclImdb: `count` reviews of each label, three a film; half the films have both."""
    files = {}
    for split, first_film in (("train", 0), ("test", 1000)):
        for part, shift in (("neg", 0), ("pos", films // 2)):
            urls = [f"http://film/{first_film + shift + i * films // count}" for i in range(count)]
            files[f"aclImdb/{split}/urls_{part}.txt"] = "\n".join(urls) + "\n"
            for i in range(count):
                rating = 9 if part == "pos" else 2
                files[f"aclImdb/{split}/{part}/{i}_{rating}.txt"] = f"{split} {part}<br />{i} é"
    files |= {f"aclImdb/train/unsup/{i}_0.txt": f"unsup {i}" for i in range(25)}
    files["aclImdb/train/urls_unsup.txt"] = "http://film/1\n" * 25
    files |= {"aclImdb/README": "read me", "aclImdb/train/labeledBow.feat": "9 0:9"}
    return files


def write_tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def write_archive(path: Path, files: dict[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:" + path.suffix[1:]) as archive:
        for name, text in files.items():
            raw = text.encode()
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return path.parent


def some(files: dict[str, str], *starts: str) -> dict[str, str]:
    return {name: text for name, text in files.items() if name.startswith(starts)}


def found(data_dir: Path, split: str, **options) -> list[tuple[str, str, int]]:
    reviews = collect(imdb.read(split, data_dir, **options))
    return list(zip(reviews.ids, reviews.texts, reviews.labels.tolist(), strict=True))


def films(paths, files: dict[str, str]) -> set[str]:
    lists = {name: text.split("\n") for name, text in files.items() if "urls" in name}
    found = set()
    for path in paths:
        split, part, name = path.split("/")
        found.add(lists[f"aclImdb/{split}/urls_{part}.txt"][int(name.partition("_")[0])])
    return found


def test_the_tree(tmp_path):
    data_dir = write_tree(tmp_path, contents())
    test = found(data_dir, "test")
    assert test[0] == ("test/neg/0_2", "test neg<br />0 é", 0)
    assert test[2][0] == "test/neg/2_2"  # by number, not 0, 1, 10
    assert test[-1] == ("test/pos/59_9", "test pos<br />59 é", 1)
    assert len(test) == 120
    assert len(found(data_dir, "train") + found(data_dir, "dev")) == 120
    assert [row[2] for row in found(data_dir, "unlabelled")] == [-1] * 25
    assert imdb.read("test", data_dir).names == ("negative", "positive")
    assert found(tmp_path / "aclImdb", "test") == test  # the inner folder will do


def test_archives_read_as_the_tree(tmp_path, monkeypatch):
    files = contents()
    tree = write_tree(tmp_path / "tree", files)
    whole = write_archive(tmp_path / "whole" / "aclImdb_v1.tar.gz", files)
    md5 = hashlib.md5((whole / "aclImdb_v1.tar.gz").read_bytes()).hexdigest()
    monkeypatch.setattr(imdb, "_MD5", md5)
    parts = tmp_path / "parts"
    write_archive(parts / "aclImdb_train.tar.xz", some(files, "aclImdb/train/"))
    write_archive(parts / "aclImdb_unsup.tar.xz", some(files, "aclImdb/train/unsup/"))
    write_archive(parts / "aclImdb_test.tar.xz", some(files, "aclImdb/test/"))
    for split in ("train", "dev", "test", "unlabelled"):
        assert found(whole, split) == found(parts, split) == found(tree, split)
    assert [path.suffix for path in whole.iterdir()] == [".gz"]  # nothing was unpacked


def test_raw_files_are_all_that_train_and_dev_are_made_of(tmp_path):
    files = contents()
    tree = write_tree(tmp_path / "tree", files)
    listed = raw_files("imdb", tree)
    inside = {file for path in listed for file in ([path] if path.is_file() else path.iterdir())}
    wanted = some(files, "aclImdb/train/pos", "aclImdb/train/neg", "aclImdb/train/urls_")
    wanted.pop("aclImdb/train/urls_unsup.txt")
    assert {file.relative_to(tree).as_posix() for file in inside} == set(wanted)
    parts = write_archive(tmp_path / "parts" / "aclImdb_train.tar.xz", files)
    assert raw_files("imdb", parts) == [parts / "aclImdb_train.tar.xz"]
    assert raw_files("imdb", tmp_path) == []
    with pytest.raises(ValueError, match="`data_dir` must be the folder"):
        raw_files("imdb", None)


def test_no_film_and_no_review_is_in_train_and_dev(tmp_path):
    files = contents(count=600, films=200)
    data_dir = write_tree(tmp_path, files)
    for seed in (0, 1):
        train, dev = (found(data_dir, split, seed=seed) for split in ("train", "dev"))
        assert len({row[0] for row in train + dev}) == 1200
        assert not films((r[0] for r in train), files) & films((r[0] for r in dev), files)
        counts = Counter(row[2] for row in dev)
        assert abs(counts[0] - 60) <= 3
        assert abs(counts[1] - 60) <= 3


def test_dev_depends_on_the_seed_alone(tmp_path):
    data_dir = write_tree(tmp_path, contents(count=300, films=100))
    dev = found(data_dir, "dev", seed=3)
    assert dev == found(data_dir, "dev", seed=3)
    assert dev != found(data_dir, "dev", seed=4)
    assert found(data_dir, "test", seed=3) == found(data_dir, "test", seed=4)


def test_hold_out_takes_whole_films_until_both_labels_are_full():
    film_of = {f"train/pos/{i}_9": f"film {i // 30}" for i in range(300)}
    film_of |= {f"train/neg/{i}_2": f"film {i}" for i in range(300)}
    held_out = imdb.hold_out(film_of, 0)
    counts = Counter(path.split("/")[1] for path, film in film_of.items() if film in held_out)
    assert counts["neg"] == 30
    assert counts["pos"] in (0, 30)


def test_a_missing_test_split_says_so(tmp_path):
    data_dir = write_tree(tmp_path, some(contents(), "aclImdb/train"))
    with pytest.raises(ValueError, match=r"Split `test` of IMDB is not in .*aclImdb/test/neg/"):
        imdb.read("test", data_dir)
    with pytest.raises(ValueError, match="Split `unlabelled` of IMDB is not in"):
        imdb.read("unlabelled", write_tree(tmp_path / "b", some(contents(), "aclImdb/train/pos")))


def test_a_missing_label_says_so(tmp_path):
    data_dir = write_tree(tmp_path, some(contents(), "aclImdb/test/pos"))
    with pytest.raises(ValueError, match=r"no reviews of aclImdb/test/neg/ were found"):
        imdb.read("test", data_dir)


@pytest.mark.parametrize("data_dir", [None, "/no/such/folder"])
def test_data_dir_must_be_a_folder(data_dir):
    with pytest.raises(ValueError, match=f"`data_dir` must be the folder .*Got .*{data_dir}"):
        imdb.read("train", data_dir)


@pytest.mark.parametrize("urls", [None, "http://film/0\n" * 59, "http://film/0\n" * 58 + "\n\n"])
def test_without_the_films_dev_cannot_be_held_out(tmp_path, urls):
    files = contents()
    del files["aclImdb/train/urls_pos.txt"]
    if urls:
        files["aclImdb/train/urls_pos.txt"] = urls
    with pytest.raises(ValueError, match=r"must stand in line \d+ of train/urls_pos\.txt"):
        imdb.read("dev", write_tree(tmp_path, files))
    assert len(found(tmp_path, "test")) == 120


def test_an_archive_that_is_not_the_publishers(tmp_path):
    data_dir = write_archive(tmp_path / "aclImdb_v1.tar.gz", contents())
    with pytest.raises(
        ValueError, match=r"MD5 7c2ac02c03563afcf9b574c7e56c153a\. Got [0-9a-f]{32}"
    ):
        imdb.read("train", data_dir)


@pytest.mark.parametrize("damage", [lambda raw: raw[: len(raw) // 2], lambda raw: b"no archive"])
def test_an_archive_that_was_cut_off(tmp_path, damage):
    write_archive(tmp_path / "aclImdb_test.tar.xz", contents())
    archive = tmp_path / "aclImdb_test.tar.xz"
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(ValueError, match=r"aclImdb_test\.tar\.xz is not a whole \.xz file"):
        imdb.read("test", tmp_path)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_an_archive_that_was_cut_off_is_not_taken_for_a_smaller_one(tmp_path, share):
    """The reviews that are whole come first, and what is missing is only more of them."""
    noise = np.random.default_rng(0)
    more = {f"aclImdb/test/pos/{i}_9.txt": noise.bytes(500).hex() for i in range(60, 200)}
    path = (
        write_archive(tmp_path / "aclImdb_test.tar.xz", contents() | more) / "aclImdb_test.tar.xz"
    )
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(ValueError, match=f"{path} is not a whole .xz file"):
        imdb.read("test", tmp_path)


def test_names_that_lead_out_and_links_are_passed_over(tmp_path):
    path = tmp_path / "data" / "aclImdb_test.tar.xz"
    evil = {
        "aclImdb/test/pos/../../../../evil_9.txt": "x",
        "/aclImdb/test/pos/90_9.txt": "x",
        "../aclImdb/test/pos/91_9.txt": "x",
        "aclImdb/test/pos/sub/92_9.txt": "x",
    }
    write_archive(path, contents() | evil)
    with tarfile.open(tmp_path / "links.tar", "w") as archive, tarfile.open(path) as old:
        for member in old:
            archive.addfile(member, old.extractfile(member))
        for kind, name in ((tarfile.SYMTYPE, "93_9.txt"), (tarfile.LNKTYPE, "94_9.txt")):
            link = tarfile.TarInfo(f"aclImdb/test/pos/{name}")
            link.type, link.linkname = kind, "/etc/passwd"
            archive.addfile(link)
    path.write_bytes(lzma.compress((tmp_path / "links.tar").read_bytes()))
    assert len(found(path.parent, "test")) == 120
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_giant_member_is_refused(tmp_path):
    giant = {"aclImdb/test/pos/99_9.txt": "x" * (2**20 + 1)}
    data_dir = write_archive(tmp_path / "aclImdb_test.tar.xz", contents() | giant)
    with pytest.raises(ValueError, match=r"99_9.txt of .* at most 1,048,576 bytes. Got 1,048,577"):
        imdb.read("test", data_dir)


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    data_dir = write_tree(tmp_path, contents())
    (tmp_path / "aclImdb/test/pos/7_9.txt").write_bytes(b"caf\xe9")
    with pytest.raises(ValueError, match=r"aclImdb/test/pos/7_9\.txt must be UTF-8"):
        imdb.read("test", data_dir)


def test_a_limit_is_of_both_labels(tmp_path):
    reviews = read("imdb", "test", write_tree(tmp_path, contents()), limit=10)
    assert reviews.labels.tolist() == [0] * 5 + [1] * 5


@pytest.mark.data
def test_the_real_archives(real_data):
    train, dev = (read("imdb", split, real_data / "imdb") for split in ("train", "dev"))
    assert len(train) + len(dev) == len({*train.ids, *dev.ids}) == 25_000
    labels = [*train.labels, *dev.labels]
    assert Counter(labels) == {0: 12_500, 1: 12_500}
    counts = Counter(dev.labels.tolist())
    assert abs(counts[0] - 1250) <= 5
    assert abs(counts[1] - 1250) <= 5
    with tarfile.open(real_data / "imdb" / "aclImdb_train.tar.xz", "r|*") as archive:
        files = {
            member.name: archive.extractfile(member).read().decode()
            for member in archive
            if "urls" in member.name
        }
    in_train, in_dev = films(train.ids, files), films(dev.ids, files)
    assert not in_train & in_dev
    assert len(in_train) + len(in_dev) == 3456
    with pytest.raises(ValueError, match="Split `test` of IMDB is not in"):
        imdb.read("test", real_data / "imdb")


@pytest.mark.data
def test_the_real_unlabelled_reviews(real_data):
    reviews = read("imdb", "unlabelled", real_data / "imdb")
    assert len(reviews) == 49_359
    assert set(reviews.labels.tolist()) == {-1}
    assert all(reviews.texts)
