"""The pass over a whole table: what it counts, and that it is made once."""

import functools
import shutil

import numpy as np
import pytest

from datasets.files import file_digest
from datasets.sentiment import describe, load, survey
from pipelines.cache import cached
from tests.datasets.sentiment.test_csv_file import rows, write


@pytest.fixture
def passes(monkeypatch):
    """The files that were passed over."""
    paths = []
    made = survey._pass

    def counted(path, *rest):
        paths.append(path)
        return made(path, *rest)

    monkeypatch.setattr(survey, "_pass", counted)
    monkeypatch.setattr(survey, "_SURVEYS", {})
    return paths


def test_a_survey_is_made_once_and_kept_under_the_files_digest(tmp_path, passes, monkeypatch):
    path = write(tmp_path / "a.csv", [*rows(200), ["more", "nan"]])
    cache = functools.partial(cached, tmp_path / "cache")
    first = describe("csv", data_dir=path, cache=cache)
    for split in ("train", "dev", "test"):
        assert int(load("csv", split, path, cache=cache).cardinality()) > 0
    assert passes == [path]
    monkeypatch.setattr(survey, "_SURVEYS", {})  # as in another process
    assert describe("csv", data_dir=path, cache=cache) == first
    assert passes == [path]
    elsewhere = tmp_path / "elsewhere" / "b.csv"  # the same content under another name
    elsewhere.parent.mkdir()
    shutil.copy(path, elsewhere)
    moved = describe("csv", data_dir=elsewhere, cache=cache)
    assert moved["splits"] == first["splits"]
    assert passes == [path]
    describe("csv", data_dir=path, cache=cache, label_column="label", header=True)
    write(path, rows(210))
    assert describe("csv", data_dir=path, cache=cache)["files"][0]["rows"] == 210
    assert passes == [path] * 3


def test_a_file_sorted_by_its_label_is_passed_over_twice_at_most(tmp_path, passes):
    """By its head, the column of users is the label; by all of it, two could be."""
    table = [[f"the soup of day {i}", i // 6000, f"user{i % 700}"] for i in range(12_000)]
    path = write(tmp_path / "a.csv", table, header=None)
    with pytest.raises(ValueError, match="2 columns could be the label"):
        survey.survey(path, survey.Options())
    found = survey.survey(path, survey.Options(label_column=1))
    assert found.values == ["0", "1"]
    assert len(passes) == 2


def test_what_a_file_says_twice_or_not_at_all(tmp_path):
    table = [*rows(100), *rows(10), ["Review number 0; WELL, its so so!", "POS"]]
    table += [["nan", "pos"], ["", "pos"], ["fine", "NaN"], ["fine", ""], ["text", "label"]]
    path = write(tmp_path / "a.csv", table)
    (file,) = describe("csv", data_dir=path)["files"]
    assert (file["repeated_texts"], file["of_other_labels"]) == (11, 1)
    assert file["left_out"] == {
        "text 'nan'": 1,
        "empty text": 1,
        "label 'NaN'": 1,
        "no label": 1,
        "header, met again": 1,
    }
    assert file["rows"] == 111
    lengths = [len(text) for text, _ in table[:111]]
    assert file["letters"] == {
        "min": min(lengths),
        "median": int(np.median(lengths)),
        "max": max(lengths),
    }


def test_rows_without_a_label_are_left_out_however_many(tmp_path):
    path = write(tmp_path / "a.csv", [*rows(50), *[[text, ""] for text, _ in rows(100, start=50)]])
    assert survey.survey(path, survey.Options()).left_out == {"no label": 100}


def test_words_for_no_value_may_be_a_label_and_are_refused_where_they_are_many(tmp_path):
    path = write(tmp_path / "a.csv", rows(90, ("for", "against", "None")))
    with pytest.raises(ValueError, match=r"(?s)30 of 90 rows .* another name.*label 'None': 30"):
        survey.survey(path, survey.Options())


def test_the_digest_of_a_changed_file_is_another(tmp_path):
    path = write(tmp_path / "a.csv", rows(10))
    first = file_digest(path)
    write(path, rows(11))
    assert file_digest(path) != first
