"""Speech Commands in its publisher's layout."""

import pytest

from datasets.speech import SPLITS, describe, load, raw_files
from tests.datasets.speech.sounds import records, speakers, texts, write

LISTS = {"validation_list.txt": "b", "testing_list.txt": "c"}


@pytest.fixture
def root(tmp_path):
    for word in ("yes", "marvin"):
        for speaker in "abc":
            for i in range(2):
                write(tmp_path / word / f"{speaker}_nohash_{i}.wav", rate=16_000)
    write(tmp_path / "_background_noise_" / "pink_noise.wav")
    for name, speaker in LISTS.items():
        rows = [f"{word}/{speaker}_nohash_{i}.wav\n" for word in ("marvin", "yes") for i in (0, 1)]
        (tmp_path / name).write_text("".join(rows))
    return tmp_path


def test_records(root):
    assert texts("speech_commands", "dev", root) == {
        f"{word}/b_nohash_{i}.wav": word for word in ("marvin", "yes") for i in (0, 1)
    }
    first = records("speech_commands", "train", root)[0]
    assert (first["id"], first["rate"]) == ("marvin/a_nohash_0.wav", 16_000)


def test_no_speaker_is_in_two_splits(root):
    found = [speakers("speech_commands", split, root) for split in SPLITS]
    assert found == [{"a"}, {"b"}, {"c"}]


def test_a_listed_recording_that_is_not_there(root):
    (root / "yes" / "c_nohash_1.wav").unlink()
    assert describe("speech_commands", SPLITS, root)["left_out"] == {
        "test": {"transcript without an audio file": 1}
    }


def test_raw_files(root):
    assert len(raw_files("speech_commands", root)) == 2 + 12


def test_a_list_that_is_not_there(root):
    (root / "testing_list.txt").unlink()
    with pytest.raises(ValueError, match=r"Not in .*: testing_list.txt"):
        load("speech_commands", "dev", root)
    with pytest.raises(ValueError, match="`data_dir` must be the folder that speech_commands"):
        load("speech_commands", "dev")
