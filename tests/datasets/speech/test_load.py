"""`load` and `describe`: what all sources keep, and their errors."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from datasets.speech import DATASETS, SPLITS, describe, load
from datasets.speech.utterances import split_of
from tests.datasets.speech.sounds import records, write


@pytest.fixture
def folder(tmp_path):
    for i in range(30):
        write(tmp_path / f"n{i}.wav")
    (tmp_path / "transcripts.tsv").write_text("".join(f"n{i}\tText {i}\n" for i in range(30)))
    return tmp_path


def test_record_and_order(folder):
    stream = load("folder", "train", folder, limit=7)
    assert stream.element_spec == {
        "id": tf.TensorSpec([], tf.string),
        "waveform": tf.TensorSpec([None], tf.float32),
        "rate": tf.TensorSpec([], tf.int32),
        "text": tf.TensorSpec([], tf.string),
        "speaker": tf.TensorSpec([], tf.string),
    }
    first, second = (
        [record["id"].decode() for record in stream.as_numpy_iterator()] for _ in range(2)
    )
    assert first == second
    assert len(first) == int(stream.cardinality()) == 7
    assert first == [record["id"] for record in records("folder", "train", folder)][:7]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lbrispeech", "train"), "`dataset` must be one of .*Did you mean 'librispeech'"),
        (("demo", "tset"), "`split` must be one of train, dev, test. Got 'tset'.*mean 'test'"),
        (("demo", "train", "."), "`data_dir` must be None for `demo`"),
    ],
)
def test_unknown_arguments(arguments, message):
    for function in (load, lambda name, split, *rest: describe(name, [split], *rest)):
        with pytest.raises(ValueError, match=message):
            function(*arguments)


@pytest.mark.parametrize("limit", [0, -3, 2.5, True])
def test_limit_must_be_a_positive_integer(limit):
    with pytest.raises(ValueError, match=f"`limit` must be a positive integer .* Got {limit}"):
        load("demo", "train", limit=limit)


def test_seed_must_be_one():
    with pytest.raises(ValueError, match=r"`seed` must be an integer of at least 0. Got -1"):
        load("demo", "train", seed=-1)


def test_describe_is_json(folder):
    description = describe("folder", SPLITS, folder)
    assert json.loads(json.dumps(description)) == description
    assert description["files"] == [str(folder / "transcripts.tsv")]
    assert description["audio_files"] == {".wav": 30}
    counts = [sum(split_of(f"n{i}.wav") == split for i in range(30)) for split in SPLITS]
    assert [description["splits"][split]["utterances"] for split in SPLITS] == counts
    seconds = description["splits"]["train"]["seconds"]
    assert seconds["all"] == pytest.approx(0.2 * counts[0], abs=0.06)
    assert (seconds["shortest"], seconds["median"], seconds["longest"]) == (0.2, 0.2, 0.2)


def test_a_changed_file_is_read_anew(folder):
    before = len(records("folder", "train", folder))
    name = next(f"n{i}.wav" for i in range(30) if split_of(f"n{i}.wav") == "train")
    write(folder / name, np.zeros(7))
    assert len(records("folder", "train", folder)) == before - 1


@pytest.mark.parametrize("source", DATASETS)
def test_every_source_is_tested_for_overlapping_splits(source):
    file = {"fsdd_strings": "fsdd", "asterisk": "folder"}.get(source, source)
    text = Path(__file__).with_name(f"test_{file}.py").read_text()
    assert "def test_no_speaker_is_in_two_splits" in text


def test_a_pass_holds_one_recording_at_a_time(tmp_path):
    """Forty recordings of 1 MB each as they are decoded: a pass allocates far less than all."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 250_000)
    for i in range(40):
        write(tmp_path / f"n{i}.wav", noise, rate=16_000)
    (tmp_path / "train.tsv").write_text("".join(f"n{i}\tText {i}\n" for i in range(40)))
    stream = load("folder", "train", tmp_path)
    tracemalloc.start()
    try:
        total = sum(record["waveform"].nbytes for record in stream.as_numpy_iterator())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == 40e6
    assert peak < 10e6
