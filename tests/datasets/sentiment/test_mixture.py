"""Several sources as one data set: weights, ids, labels, and texts that stand in training."""

import logging
from collections import Counter

import numpy as np
import pytest

from datasets.sentiment import describe, label_names, load, mixture, raw_files, warn_overlap
from datasets.sentiment.cleaning import words
from datasets.sentiment.reviews import as_reviews
from tests.datasets.sentiment.collected import read

SST2 = {
    "train": ["a fine film\t1", "so dull\t0", "oh no\t0"],
    "dev": ["A fine film .\t1", "what a bore\t0", "it is new\t1"],
}
CSV = {
    "train": ["Fine; it is new!,positive", "Nothing here,negative"],
    "dev": ["So dull...,negative", "Quite another,positive"],
    "test": ["what a bore,negative"],
}


@pytest.fixture
def folder(tmp_path):
    for name, files, ending, header in (
        ("sst2", SST2, "tsv", []),
        ("csv", CSV, "csv", ["text,label"]),
    ):
        (tmp_path / name).mkdir()
        for split, lines in files.items():
            (tmp_path / name / f"{split}.{ending}").write_text("\n".join([*header, *lines, ""]))
    return tmp_path


def test_a_source_that_is_named_twice_comes_twice_in_training_alone(folder):
    train, dev = (read("csv+sst2+sst2", split, folder) for split in ("train", "dev"))
    assert train.names == ("negative", "positive")
    assert Counter(name.partition("/")[0] for name in train.ids) == {"csv": 2, "sst2": 6}
    assert train.ids[2:5] == train.ids[5:] == ("sst2/train:1", "sst2/train:2", "sst2/train:3")
    assert train.texts[1:4] == ("Nothing here", "a fine film", "so dull")
    assert train.labels.tolist() == [1, 0, 1, 0, 0, 1, 0, 0]
    assert len(set(dev.ids)) == len(dev)


def test_texts_of_dev_that_stand_in_training_of_any_source_are_left_out_and_told(folder, caplog):
    mixture._tell.cache_clear()
    with caplog.at_level(logging.WARNING):
        read("csv+sst2", "dev", folder)
        dev = read("csv+sst2", "dev", folder)
    assert dev.ids == ("csv/dev.csv:3", "sst2/dev:2", "sst2/dev:3")
    assert dev.labels.tolist() == [1, 0, 1]
    (message,) = (record.getMessage() for record in caplog.records)
    assert message == ("Left out of csv+sst2, split `dev`: 2 texts that stand in training, too.")
    found = describe("csv+sst2", ("train", "dev"), folder)
    assert found["left_out"] == {"dev": {"texts that stand in training": 2}}
    assert found["splits"]["dev"] == {"texts": 3, "labels": {"negative": 1, "positive": 2}}
    assert found["files"] == [str(path) for path in raw_files("csv+sst2", folder)]
    assert len(found["files"]) == 5


def test_a_file_that_changes_is_read_again(folder):
    assert len(read("csv+sst2", "dev", folder)) == 3
    (folder / "sst2" / "train.tsv").write_text("what a bore\t0\nit is\t1\n")
    assert read("csv+sst2", "dev", folder).ids[1:] == ("csv/dev.csv:3", "sst2/dev:1", "sst2/dev:3")


def test_a_limit_is_each_sources_own_and_options_are_the_csvs(folder):
    train = read("csv+phrases+sst2", "train", folder, limit=2, text_column="text")
    assert [name.partition("/")[0] for name in train.ids] == ["csv"] * 2 + ["phrases"] * 2 + [
        "sst2"
    ] * 2
    assert train.labels.tolist() == [1, 0, 0, 1, 1, 0]
    with pytest.raises(ValueError, match="`text_column` must be the name"):
        load("csv+sst2", "train", folder, text_column="x")


def test_sources_of_other_labels_are_an_error_that_lists_them(folder):
    (folder / "csv" / "train.csv").write_text(
        "text,label\nFine; it is new!,good\nNothing here,bad\n"
    )
    match = r"must have the same labels\. Got csv: bad, good; sst2: negative, positive"
    with pytest.raises(ValueError, match=match):
        load("csv+sst2", "train", folder)
    with pytest.raises(ValueError, match=match):
        label_names("csv+sst2", folder)


def test_a_split_that_a_source_lacks_is_an_error(folder):
    with pytest.raises(ValueError, match="Split `test` of SST-2 is not in"):
        load("csv+sst2", "test", folder)


def test_keys_are_alike_for_alike_texts():
    reviews = as_reviews([("1", "It's Fine.", 0), ("2", "its fine", 0), ("3", "fine", 1)], ("a",))
    first, second, third = mixture.keys([reviews]).tolist()
    assert first == second != third


@pytest.mark.data
def test_no_text_of_the_mixture_is_in_train_and_dev(real_data):
    dataset = "imdb+sst2+phrases"
    train, dev = (read(dataset, split, real_data) for split in ("train", "dev"))
    texts = {" ".join(words(text)) for text in train.texts}
    assert not texts & {" ".join(words(text)) for text in dev.texts}
    assert 3950 < len(dev) <= 2500 + 872 + 600
    assert np.bincount(train.labels).tolist() == [11_250 + 3310 + 6000, 11_250 + 3610 + 6000]
    assert warn_overlap(load(dataset, "train", real_data), load(dataset, "dev", real_data)) < 100
