"""Recordings as frames and labels: what the graph shares, what is left out, several sources."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from pipelines import audio
from pipelines.speech_to_text import data, sources
from pipelines.speech_to_text.characters import to_labels
from pipelines.speech_to_text.flags import Train
from pipelines.store import Column, Store
from tests.pipelines.speech_to_text.small import RATE, sound_of

SPEC = {
    "id": tf.TensorSpec([], tf.string),
    "waveform": tf.TensorSpec([None], tf.float32),
    "rate": tf.TensorSpec([], tf.int32),
    "text": tf.TensorSpec([], tf.string),
    "speaker": tf.TensorSpec([], tf.string),
}


def records_of(texts, sounds=None, rate=RATE):
    sounds = [sound_of("abc")] * len(texts) if sounds is None else sounds
    rows = [
        dict(zip(SPEC, (str(n), sound, rate, text, "x"), strict=True))
        for n, (text, sound) in enumerate(zip(texts, sounds, strict=True))
    ]
    return tf.data.Dataset.from_generator(lambda: iter(rows), output_signature=SPEC)


@pytest.fixture
def flags(tmp_path):
    return Train(rate=RATE, mels=20, cache_dir=tmp_path, max_seconds=3.0)


def encode(flags, monkeypatch, records):
    monkeypatch.setattr(sources, "load", lambda flags, split: records)
    monkeypatch.setattr(sources, "raw_files", lambda flags: [])
    return data.encode_split(flags, "train")


def test_the_store_holds_what_the_graph_hears(flags, monkeypatch):
    sounds = [sound_of("abc", 1), sound_of("c", 2)]
    store, left_out = encode(flags, monkeypatch, records_of(["Abc.", "c"], sounds, 11_025))
    assert left_out == {}
    for record, (text, sound) in enumerate(zip(("abc", "c"), sounds, strict=True)):
        assert store.row("labels", record).tolist() == to_labels(text)
        heard = data.front_of(flags)(tf.constant(sound), tf.constant(11_025)).numpy()
        np.testing.assert_allclose(store.row("features", record), heard, atol=0.01)


def test_what_cannot_be_learnt_from_is_left_out_and_told(flags, monkeypatch, caplog):
    texts = ["abc", "room 7", "größe", "", "abcabcabcabcabcabcabcabc", "aaaaaaaaaaa", "long"]
    sounds = [sound_of("abc")] * 6 + [np.zeros(4 * RATE, np.float32)]
    with caplog.at_level(logging.WARNING):
        store, left_out = encode(flags, monkeypatch, records_of(texts, sounds))
    assert len(store) == 1
    assert left_out == {
        "digits in the transcript (write them as words)": 1,
        "letters other than a to z in the transcript": 1,
        "no transcript": 1,
        "too short for the transcript": 2,  # 20 frames for 24 characters; for 11 and 10 repeats
        "longer than 3 s (--max-seconds)": 1,
    }
    assert "too short for the transcript: 2 (4; 5)" in caplog.text


def test_a_transcript_may_fill_all_frames():
    assert data.usable(b"abcabc", 24, 3.0) == ("", to_labels("abcabc"))
    assert data.usable(b"abcabc", 23, 3.0)[0] == "too short for the transcript"
    assert data.usable(b"abccba", 27, 3.0)[0] == "too short for the transcript"
    assert data.usable(b"abccba", 28, 3.0)[0] == ""


def test_nothing_left_is_an_error_that_says_why(flags, monkeypatch):
    with pytest.raises(
        ValueError, match=r"`dataset` must have recordings to learn from(.|\n)*digits"
    ):
        encode(flags, monkeypatch, records_of(["1", "2"]))


def test_statistics_are_of_all_frames():
    values = np.random.default_rng(0).normal(2, 3, (500, 4)).astype(np.float16)
    store = Store({"features": Column(values, np.array([0, 200, 500]))})
    mean, scale = data.statistics(store)
    np.testing.assert_allclose(mean, values.astype("float64").mean(axis=0))
    np.testing.assert_allclose(scale, values.astype("float64").std(axis=0))


def test_one_direction_has_a_causal_front():
    assert data.front_of(Train()) == (16_000, 80, False)
    front = data.front_of(Train(bidirectional=False, rate=8000))
    assert front == (8000, 80, True)
    assert (front.step, front.seconds) == (320, 0.04)
    assert audio.spans(8000) == (200, 80)


# Several sources.


@pytest.fixture
def three(monkeypatch, tmp_path):
    """A stand-in for the loaders, which remembers how they are called."""
    calls = []

    def load(name, split, place, **options):
        calls.append((name, split, place, options))
        return records_of([f"{name} {split}"])

    monkeypatch.setattr(sources.speech, "load", load)
    for name in ("an4", "fsdd_strings"):
        (tmp_path / name).mkdir()
    return calls


def test_several_sources_are_one_and_each_is_as_often_as_it_is_named(three, tmp_path):
    flags = Train(dataset="an4+fsdd_strings+an4+demo", data_dir=tmp_path, limit=5, unheard="theo")
    train, dev = (
        [record["id"].decode() for record in sources.load(flags, split).as_numpy_iterator()]
        for split in ("train", "dev")
    )
    assert train == ["an4/0", "an4/0", "fsdd_strings/0", "demo/0"]
    assert dev == ["an4/0", "fsdd_strings/0", "demo/0"]
    assert three[:3] == [
        ("an4", "train", tmp_path / "an4", {"limit": 5}),
        ("fsdd_strings", "train", tmp_path / "fsdd_strings", {"limit": 5, "unheard": "theo"}),
        ("demo", "train", None, {"limit": 5}),
    ]


def test_one_source_keeps_its_folder_and_its_ids(three, tmp_path):
    flags = Train(dataset="an4", data_dir=tmp_path)
    (record,) = sources.load(flags, "dev").as_numpy_iterator()
    assert record["id"] == b"0"
    assert three == [("an4", "dev", tmp_path, {"limit": None})]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "an4+dmo"}, "Did you mean 'demo'"),
        ({"dataset": "an4", "unheard": "theo"}, "`unheard` must be left out without fsdd or"),
        ({"dataset": "an4+fsdd"}, "fsdd is no folder"),
    ],
)
def test_sources_that_are_none(three, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        sources.load(replace(Train(data_dir=tmp_path), **changes), "train")
