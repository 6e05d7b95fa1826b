"""`load` and `describe`: what all sources keep, and their errors."""

import json
import tracemalloc
from pathlib import Path

import pytest
import tensorflow as tf

from datasets.actions import DATASETS, SPLITS, VIEWS, describe, label_names, load, raw_files
from datasets.actions.folder import _of_hash
from tests.datasets.actions.media import write_gif
from tests.datasets.actions.records import labels, records


@pytest.fixture
def folder(tmp_path):
    for i in range(30):
        write_gif(tmp_path / "abc"[i % 3] / f"{i}.gif", 4 + i % 3, 100)
    return tmp_path


def test_record_and_order(folder):
    stream = load("folder", "train", folder, limit=7, frames=3, size=16)
    assert stream.element_spec == {
        "id": tf.TensorSpec([], tf.string),
        "clip": tf.TensorSpec([None, None, None, 3], tf.uint8),
        "label": tf.TensorSpec([], tf.string),
        "subject": tf.TensorSpec([], tf.string),
        "seconds": tf.TensorSpec([], tf.float32),
    }
    first, second = ([row["id"] for row in stream.as_numpy_iterator()] for _ in range(2))
    assert first == second
    assert len(first) == int(stream.cardinality()) == 7
    assert [name.decode() for name in first] == list(labels("folder", "train", folder))[:7]


def test_joints_have_a_record_of_their_own():
    spec = load("demo", "dev", view="joints").element_spec
    assert spec["joints"] == tf.TensorSpec([None, None, 3], tf.float32)
    assert list(spec) == ["id", "joints", "label", "subject", "seconds"]


def test_the_first_clips_are_of_several_labels(folder):
    assert {row["label"] for row in records("folder", "train", folder, limit=9)} == {*"abc"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("utd_mhd", "train"), "`dataset` must be one of .*Did you mean 'utd_mhad'"),
        (("demo", "tset"), "`split` must be one of train, dev, test. Got 'tset'.*mean 'test'"),
        (("demo", "train", "."), "`data_dir` must be None for `demo`"),
    ],
)
def test_unknown_arguments(arguments, message):
    for function in (load, lambda name, split, *rest: describe(name, [split], *rest)):
        with pytest.raises(ValueError, match=message):
            function(*arguments)
    if "dataset" in message:
        for function in (raw_files, label_names):
            with pytest.raises(ValueError, match=message):
                function(arguments[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "`limit` must be a positive integer or None. Got 0"),
        ({"seed": -1}, "`seed` must be an integer of at least 0. Got -1"),
        ({"frames": 0}, "`frames` must be a positive integer. Got 0"),
        ({"frames": 8.0}, "`frames` must be a positive integer. Got 8.0"),
        ({"size": True}, "`size` must be a positive integer. Got True"),
        ({"view": "depth"}, "`view` must be one of video, joints for `demo`, or None. Got 'depth'"),
        ({"heldout": ("7",)}, r"`heldout` must be None for `demo`.* Got \('7',\)"),
    ],
)
def test_options(options, message):
    with pytest.raises(ValueError, match=message):
        load("demo", "train", **options)


def test_describe_is_json(folder):
    description = describe("folder", SPLITS, folder)
    assert json.loads(json.dumps(description)) == description
    assert (description["view"], description["labels"]) == ("video", ["a", "b", "c"])
    assert description["files"] == {".gif": 30}
    names = [f"{'abc'[i % 3]}/{i}.gif" for i in range(30)]
    counts = [sum(_of_hash(name) == split for name in names) for split in SPLITS]
    splits = description["splits"]
    assert [splits[split]["clips"] for split in SPLITS] == counts
    assert [sum(splits[split]["labels"].values()) for split in SPLITS] == counts
    train = splits["train"]
    assert train["subjects"] is None
    assert (train["frames"]["shortest"], train["frames"]["longest"]) == (4, 6)
    assert train["seconds"]["longest"] == pytest.approx(0.6)
    demo = describe("demo", ["dev"], view="joints")
    assert demo["splits"]["dev"]["clips"] == 150
    assert demo["splits"]["dev"]["subjects"][0] == "dev-00"


def test_a_changed_file_is_read_anew(folder):
    before = labels("folder", "train", folder)
    path = folder / next(iter(before))
    path.write_bytes(path.read_bytes()[:-1])
    assert len(labels("folder", "train", folder)) == len(before) - 1


@pytest.mark.parametrize("source", DATASETS)
def test_every_source_is_tested_for_overlapping_splits(source):
    text = Path(__file__).with_name(f"test_{source}.py").read_text()
    assert "def test_no_" in text
    assert "_is_in_two_splits" in text
    assert VIEWS[source]


def test_a_pass_holds_one_clip_at_a_time():
    """Forty clips of 1.6 MB each: a pass allocates far less than all."""
    stream = load("demo", "train", limit=40, frames=32, size=128)
    tracemalloc.start()
    try:
        total = sum(row["clip"].nbytes for row in stream.as_numpy_iterator())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total > 55e6
    assert peak < 15e6
