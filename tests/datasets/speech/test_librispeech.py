"""LibriSpeech in its publisher's layout."""

import pytest

from datasets.speech import SPLITS, describe, load, raw_files
from tests.datasets.speech.sounds import records, speakers, texts, write

PARTS = {"train-clean-100": "19", "train-other-500": "20", "dev-clean": "84", "test-other": "367"}


@pytest.fixture
def root(tmp_path):
    for part, speaker in PARTS.items():
        for chapter in ("198", "227"):
            folder = tmp_path / "LibriSpeech" / part / speaker / chapter
            names = [f"{speaker}-{chapter}-000{i}" for i in range(2)]
            for name in names:
                write(folder / f"{name}.flac", rate=16_000)
            lines = [f"{name} NORTHANGER ABBEY'S {name[-1]}" for name in names]
            (folder / f"{speaker}-{chapter}.trans.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "LibriSpeech" / "SPEAKERS.TXT").write_text("; of no account")
    return tmp_path


def test_records(root):
    first = records("librispeech", "dev", root)[0]
    assert (first["id"], first["speaker"], first["rate"]) == ("84-198-0000", "84", 16_000)
    assert first["text"] == "northanger abbey's 0"
    assert texts("librispeech", "dev", root / "LibriSpeech") == texts("librispeech", "dev", root)


def test_no_speaker_is_in_two_splits(root):
    found = {split: speakers("librispeech", split, root) for split in SPLITS}
    assert found == {"train": {"19", "20"}, "dev": {"84"}, "test": {"367"}}
    assert len(texts("librispeech", "train", root)) == 8


def test_lines_and_recordings_that_lack_each_other(root):
    (root / "LibriSpeech/dev-clean/84/198/84-198-0000.flac").unlink()
    write(root / "LibriSpeech/dev-clean/84/227/84-227-0009.flac")
    assert describe("librispeech", ["dev"], root)["left_out"] == {
        "dev": {"transcript without an audio file": 1, "audio file without a transcript": 1}
    }
    assert len(raw_files("librispeech", root)) == 8 * 3


def test_a_split_that_is_not_there(root):
    with pytest.raises(ValueError, match=r"Got no dev-\*/\*/\*/\*.trans.txt in"):
        load("librispeech", "dev", root / "LibriSpeech" / "train-clean-100")
    with pytest.raises(ValueError, match="`data_dir` must be the folder that holds LibriSpeech/"):
        load("librispeech", "dev")
