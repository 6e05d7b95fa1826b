"""`read` and `load`: the contract that all sources keep, and its errors."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from datasets.sentiment import CSV_OPTIONS, DATASETS, SPLITS, load, read


def test_elements_are_those_of_read_in_its_order():
    dataset, reviews = load("demo", "dev", limit=7), read("demo", "dev", limit=7)
    assert dataset.element_spec == {
        "text": tf.TensorSpec([], tf.string),
        "label": tf.TensorSpec([], tf.int32),
    }
    assert int(dataset.cardinality()) == len(reviews) == 7
    for element, text, label in zip(dataset, reviews.texts, reviews.labels, strict=True):
        assert element["text"].numpy().decode() == text
        assert int(element["label"]) == label


def test_reviews_keep_their_types():
    reviews = read("demo", "dev", limit=10)
    assert reviews.labels.dtype == np.int32
    assert reviews.labels.tolist() == [0, 1] * 5
    assert all(isinstance(part, tuple) for part in (reviews.texts, reviews.names, reviews.ids))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("imbd", "train"), {}, "`dataset` must be one of .*Got 'imbd'.*Did you mean 'imdb'"),
        (("demo", "tset"), {}, "`split` must be one of .*Got 'tset'. Did you mean 'test'"),
        (("csv", "train"), {"delimeter": ";"}, "`option` must be .*Did you mean 'delimiter'"),
        (("demo", "dev"), {"header": False}, "`header` is an option of `csv`, not of `demo`"),
        (("demo", "unlabelled"), {}, "`demo` has no split `unlabelled`"),
        (("csv", "unlabelled"), {}, "`csv` has no split `unlabelled`"),
        (("demo", "dev", "/tmp"), {}, "`data_dir` must be None for `demo`.*Got '/tmp'"),
        (("imdb", "train"), {}, "`data_dir` must be the folder .*Got None"),
        (("csv", "train"), {}, r"`data_dir` must be a \.csv .*Got None"),
    ],
)
def test_what_cannot_be_read(arguments, options, message):
    for function in (read, load):
        with pytest.raises(ValueError, match=message):
            function(*arguments, **options)


@pytest.mark.parametrize("limit", [0, -3, 2.5, True])
def test_limit_must_be_a_positive_integer(limit):
    with pytest.raises(
        ValueError, match=f"`limit` must be a positive integer or None. Got {limit}"
    ):
        read("demo", "dev", limit=limit)


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
