"""`load`: the contract that all sources keep, and its errors."""

from pathlib import Path

import pytest
import tensorflow as tf

from datasets.sentiment import CSV_OPTIONS, DATASETS, SPLITS, demo, label_names, load
from tests.datasets.sentiment.collected import collect, read


def test_records_are_those_of_the_source_in_its_order():
    records, reviews = load("demo", "dev"), collect(demo.read("dev"))
    assert records.element_spec == {
        "id": tf.TensorSpec([], tf.string),
        "text": tf.TensorSpec([], tf.string),
        "label": tf.TensorSpec([], tf.int32),
    }
    assert int(records.cardinality()) == len(reviews) == 500
    for record, name, text, label in zip(
        records, reviews.ids, reviews.texts, reviews.labels, strict=True
    ):
        assert record["id"].numpy().decode() == name
        assert record["text"].numpy().decode() == text
        assert int(record["label"]) == label


def test_records_come_again_each_time():
    records = load("demo", "dev", limit=30)
    first, second = ([record["id"] for record in records.as_numpy_iterator()] for _ in range(2))
    assert len(first) == 30
    assert first == second


def test_more_than_a_chunk_and_a_limit_within_it():
    assert len(read("demo", "train")) == 4000
    reviews = read("demo", "train", limit=1001)
    assert reviews.labels.tolist() == [0, 1] * 500 + [0]
    assert int(load("demo", "train", limit=1001).cardinality()) == 1001
    assert int(load("demo", "train", limit=5000).cardinality()) == 4000


def test_label_names():
    assert label_names("demo") == label_names("imdb", "/nowhere") == ("negative", "positive")
    with pytest.raises(ValueError, match="Did you mean 'imdb'"):
        label_names("imbd")
    with pytest.raises(ValueError, match="`header` is an option of `csv`"):
        label_names("demo", header=True)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("imbd", "train"), {}, "`dataset` must be one of .*Got 'imbd'.*Did you mean 'imdb'"),
        (("demo", "tset"), {}, "`split` must be one of .*Got 'tset'. Did you mean 'test'"),
        (("csv", "train"), {"delimeter": ";"}, "`option` must be .*Did you mean 'delimiter'"),
        (("demo", "dev"), {"header": False}, "`header` is an option of `csv`, not of `demo`"),
        (("demo", "unlabelled"), {}, "`demo` has no split `unlabelled`"),
        (("csv", "unlabelled"), {}, "`csv` has no split `unlabelled`"),
        (("imdb+sst2", "unlabelled"), {}, r"`imdb\+sst2` has no split `unlabelled`: only imdb and"),
        (("phrases", "dev", "/tmp"), {}, "`data_dir` must be None for `phrases`"),
        (("demo+phrases", "dev", "/tmp"), {}, r"`data_dir` must be None for `demo\+phrases`"),
        (("demo+phrase", "dev"), {}, "`dataset` must be one of .*Got 'phrase'. Did you mean 'phra"),
        (("demo+phrases", "dev"), {"header": True}, r"an option of `csv`, not of `demo\+phrases`"),
        (("demo+sst2", "dev"), {}, "`data_dir` must be a folder that holds one for each source"),
        (("demo", "dev", "/tmp"), {}, "`data_dir` must be None for `demo`.*Got '/tmp'"),
        (("imdb", "train"), {}, "`data_dir` must be the folder .*Got None"),
        (("csv", "train"), {}, r"`data_dir` must be a \.csv .*Got None"),
    ],
)
def test_what_cannot_be_read(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        load(*arguments, **options)


@pytest.mark.parametrize("limit", [0, -3, 2.5, True])
def test_limit_must_be_a_positive_integer(limit):
    with pytest.raises(
        ValueError, match=f"`limit` must be a positive integer or None. Got {limit}"
    ):
        load("demo", "dev", limit=limit)


def test_an_option_of_none_is_not_given():
    options = dict.fromkeys(CSV_OPTIONS)
    assert read("demo", "dev", limit=2, **options).ids == read("demo", "dev", limit=2).ids


@pytest.mark.parametrize("source", DATASETS)
def test_every_source_is_tested_for_overlapping_splits(source):
    name = "csv_file" if source == "csv" else source
    tests = Path(__file__).with_name(f"test_{name}.py").read_text()
    assert "def test_no_" in tests
    assert "_in_two_splits" in tests or "_in_train_and_dev" in tests
    assert SPLITS == ("train", "dev", "test", "unlabelled")
