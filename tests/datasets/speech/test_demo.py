"""The demo's utterances: voices, accents, repeatability; what a missing package says."""

import builtins
import sys

import numpy as np
import pytest

from datasets.speech import SPLITS, demo, load, raw_files
from datasets.speech.utterances import tidy
from tests.datasets.speech.sounds import records

pytest.importorskip("espeakng_loader")


def test_records():
    found = records("demo", "train", limit=40)
    assert len({record["id"] for record in found}) == 40
    assert len({record["speaker"] for record in found}) > 20
    for record in found:
        assert record["text"] == tidy(record["text"]).lower() != ""
        assert record["rate"] == 22_050
        assert 0.04 < np.abs(record["waveform"]).max() <= 1
        assert 0.3 < len(record["waveform"]) / record["rate"] < 15


def test_default_counts():
    assert [int(load("demo", split).cardinality()) for split in SPLITS] == [2000, 200, 300]


def test_no_speaker_is_in_two_splits():
    variants = [set(voices) for voices in demo.VOICES.values()]
    assert sum(map(len, variants)) == len(set.union(*variants))
    for split in SPLITS:
        found = demo.utterances(split, seed=0, limit=None)
        assert {utterance.speaker.partition("+")[2] for utterance in found} == set(
            demo.VOICES[split]
        )


def test_an_utterance_depends_on_seed_split_and_place_alone():
    first, again = (records("demo", "dev", limit=limit) for limit in (3, 6))
    for one, other in zip(first, again[:3], strict=True):
        assert one["text"] == other["text"]
        np.testing.assert_array_equal(one["waveform"], other["waveform"])
    third = demo.utterances("dev", 0, None)[2].audio()[0]
    np.testing.assert_array_equal(third, first[2]["waveform"])
    others = records("demo", "dev", limit=6, seed=1)
    assert [record["text"] for record in again] != [record["text"] for record in others]


def test_letters_are_read_by_their_names():
    rng = np.random.default_rng(0)
    spoken = {demo._spoken(["kate", "k", "a", "t", "e"], rng) for _ in range(20)}
    assert spoken == {"kate K, A, T, E,", "kate K A, T E"}


def test_without_the_package(monkeypatch):
    imported = builtins.__import__

    def missing(name, *arguments, **options):
        if name == "espeakng_loader":
            raise ImportError(name)
        return imported(name, *arguments, **options)

    monkeypatch.delitem(sys.modules, "espeakng_loader", raising=False)
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r"GPL-3: pip install espeakng-loader==0.2.4"):
        load("demo", "train", limit=1, seed=99)


def test_raw_files_are_the_programs():
    assert [path.name for path in raw_files("demo") if not path.is_file()] == []
