"""Multi30k in its repository's layout."""

import gzip

import pytest

from datasets.translation import raw_files
from tests.datasets.translation.records import read


@pytest.fixture
def folder(tmp_path):
    for stem in ("train", "val", "test_2016_flickr"):
        for language in ("en", "de", "fr", "cs"):
            lines = "".join(f"{stem} {language} line {i}.\n" for i in range(4))
            (tmp_path / f"{stem}.{language}.gz").write_bytes(gzip.compress(lines.encode()))
    return tmp_path


@pytest.mark.parametrize(
    ("split", "stem"), [("train", "train"), ("dev", "val"), ("test", "test_2016_flickr")]
)
def test_splits_are_the_publishers(folder, split, stem):
    found = read("multi30k", split, folder, source="fr", target="cs")
    assert found.sources == [f"{stem} fr line {i}." for i in range(4)]
    assert found.targets == [f"{stem} cs line {i}." for i in range(4)]
    assert found.ids[0] == f"{stem}:1"


def test_unpacked_file_is_read_first(folder):
    (folder / "val.en").write_text("other\n" * 4)
    assert read("multi30k", "dev", folder).sources[0] == "other"


def test_files_are_those_of_both_languages(folder):
    files = raw_files("multi30k", folder, source="fr", target="cs")
    stems = ("train", "val", "test_2016_flickr")
    assert files == [folder / f"{stem}.{side}.gz" for stem in stems for side in ("fr", "cs")]


def test_missing_files_and_languages_are_named(folder):
    (folder / "val.de.gz").unlink()
    with pytest.raises(ValueError, match=r"Not in .*: val\.de\."):
        read("multi30k", "dev", folder)
    with pytest.raises(ValueError, match=r"`target` must be one of en, de, fr, cs. Got 'nl'."):
        read("multi30k", "dev", folder, target="nl")


def test_files_of_different_lengths_are_an_error_that_names_both(folder):
    (folder / "train.de.gz").write_bytes(gzip.compress(b"one\ntwo\n"))
    with pytest.raises(ValueError, match=r"Got 4 in .*train\.en\.gz and 2 in .*train\.de\.gz"):
        read("multi30k", "train", folder)


@pytest.mark.data
@pytest.mark.parametrize("language", ["de", "fr", "cs"])
def test_whole(real_data, language):
    counts = {}
    for split in ("train", "dev", "test"):
        columns = read("multi30k", split, real_data / "multi30k", target=language)
        counts[split] = len(columns.sources)
        assert all(columns.sources)
        assert all(columns.targets)
    assert counts["train"] in (28_998, 29_000)  # two of German are beyond the ratio of lengths
    assert (counts["dev"], counts["test"]) == (1_014, 1_000)
