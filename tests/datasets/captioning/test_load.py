"""`load`: the contract that all sources keep, and its errors."""

from pathlib import Path

import pytest
import tensorflow as tf

from datasets.captioning import SOURCES, SPLITS, load


def test_element_cardinality_and_order():
    dataset = load("demo", "dev", size=7)
    assert dataset.element_spec == {
        "image_id": tf.TensorSpec([], tf.string),
        "image_bytes": tf.TensorSpec([], tf.string),
        "captions": tf.TensorSpec([None], tf.string),
    }
    assert int(dataset.cardinality()) == 7
    first, second = (
        [(e["image_id"], e["image_bytes"]) for e in dataset.as_numpy_iterator()] for _ in range(2)
    )
    assert len(first) == 7
    assert first == second


@pytest.mark.parametrize(
    ("name", "split", "message"),
    [
        ("flikr8k", "train", "`name` must be one of .*Got 'flikr8k'.*Did you mean 'flickr8k'"),
        ("demo", "tset", "`split` must be one of train, dev, test. Got 'tset'.*mean 'test'"),
        ("demo", "qqq", r"`split` must be one of train, dev, test\. Got 'qqq'\.$"),
    ],
)
def test_unknown_choice_names_the_nearest(name, split, message):
    with pytest.raises(ValueError, match=message):
        load(name, split)


@pytest.mark.parametrize("size", [0, -3, 2.5, True])
def test_size_must_be_a_positive_integer(size):
    with pytest.raises(ValueError, match=f"`size` must be a positive integer or None. Got {size}"):
        load("demo", "train", size=size)


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_max_bad_share_must_be_a_share(share):
    with pytest.raises(ValueError, match=f"`max_bad_share` must be between 0 and 1. Got {share}"):
        load("demo", "train", max_bad_share=share)


def test_demo_refuses_a_folder(tmp_path):
    with pytest.raises(ValueError, match="`data_dir` must be None for `demo`"):
        load("demo", "train", data_dir=tmp_path)


@pytest.mark.parametrize("name", ["flickr8k", "folder"])
@pytest.mark.parametrize("data_dir", [None, "/no/such/folder"])
def test_a_source_of_files_says_what_data_dir_must_be(name, data_dir):
    with pytest.raises(ValueError, match=f"`data_dir` must be .*Got .*{data_dir}"):
        load(name, "train", data_dir=data_dir)


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_is_tested_for_overlapping_splits(source):
    tests = Path(__file__).with_name(f"test_{source}.py").read_text()
    assert "def test_no_image_is_in_two_splits" in tests
    assert SPLITS == ("train", "dev", "test")
