"""`load`: the contract that all sources keep, and its errors."""

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from datasets.captioning import DATASETS, SPLITS, load, raw_files


def test_element_cardinality_and_order():
    dataset = load("demo", "dev", limit=7)
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
        ("flikr8k", "train", "`dataset` must be one of .*Got 'flikr8k'.*Did you mean 'flickr8k'"),
        ("demo", "tset", "`split` must be one of train, dev, test. Got 'tset'.*mean 'test'"),
        ("demo", "qqq", r"`split` must be one of train, dev, test\. Got 'qqq'\.$"),
    ],
)
def test_unknown_choice_names_the_nearest(name, split, message):
    with pytest.raises(ValueError, match=message):
        load(name, split)


@pytest.mark.parametrize("limit", [0, -3, 2.5, True])
def test_limit_must_be_a_positive_integer(limit):
    with pytest.raises(
        ValueError, match=f"`limit` must be a positive integer or None. Got {limit}"
    ):
        load("demo", "train", limit=limit)


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


@pytest.mark.parametrize("source", DATASETS)
def test_every_source_is_tested_for_overlapping_splits(source):
    tests = Path(__file__).with_name(f"test_{source}.py").read_text()
    assert "def test_no_image_is_in_two_splits" in tests
    assert SPLITS == ("train", "dev", "test")


def test_a_pass_holds_one_image_at_a_time(tmp_path):
    """Forty photographs of 3 MB each: what a pass allocates stays far below them."""
    rng = np.random.default_rng(0)
    names = [f"{i}.png" for i in range(40)]
    for name in names:
        pixels = rng.integers(0, 256, (1000, 1000, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / name, compress_level=0)
    (tmp_path / "captions.tsv").write_text("".join(f"{name}\ta picture\n" for name in names))
    (tmp_path / "train.txt").write_text("\n".join(names))
    records = load("folder", "train", tmp_path)
    tracemalloc.start()
    try:
        total = sum(len(record["image_bytes"]) for record in records.as_numpy_iterator())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total > 100e6
    assert peak < 30e6


def test_raw_files_of_a_folder_are_captions_lists_and_images(tmp_path):
    picture = io.BytesIO()
    Image.new("RGB", (4, 4)).save(picture, "PNG")
    names = ("a.png", "sub/b.png", "odd.jpg_large")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture.getvalue())
    (tmp_path / "captions.tsv").write_text("".join(f"{name}\ta picture\n" for name in names))
    (tmp_path / "train.txt").write_text("a.png\n")
    (tmp_path / "notes.md").write_text("of no account")
    wanted = {tmp_path / name for name in (*names, "captions.tsv", "train.txt")}
    assert set(raw_files("folder", tmp_path)) == wanted


def test_raw_files_of_flickr8k_are_its_archives(tmp_path):
    texts = ["Flickr8k.token.txt", "Flickr_8k.trainImages.txt"]
    with zipfile.ZipFile(tmp_path / "Flickr8k_text.zip", "w") as archive:
        for name in texts:
            archive.writestr(name, "")
    with zipfile.ZipFile(tmp_path / "Flickr8k_Dataset.zip", "w") as archive:
        archive.writestr("Flicker8k_Dataset/a.jpg", b"")
    (tmp_path / "unpacked.jpg").touch()
    (tmp_path / "notes.md").touch()
    names = ["Flickr8k_Dataset.zip", "Flickr8k_text.zip", "unpacked.jpg"]
    assert raw_files("flickr8k", tmp_path) == [tmp_path / name for name in names]


def test_raw_files_of_the_demo_are_the_program_that_draws_it():
    assert [path.name for path in raw_files("demo")] == ["demo.py"]


def test_raw_files_that_nothing_depends_on():
    assert raw_files("coco_captions") == []
