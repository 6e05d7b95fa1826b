"""Files for `predict`, words with their times, and subtitles."""

import io
import sys

import numpy as np
import pytest
import soundfile

from pipelines.audio import read_wav, wav_bytes
from pipelines.speech_to_text.recordings import Word, read_inputs, subtitles, words_of

SOUND = 0.5 * np.sin(0.1 * np.arange(4000)).astype(np.float32)
WAV = wav_bytes(SOUND, 8000).numpy()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.wav").write_bytes(WAV)
    (tmp_path / "deeper").mkdir()
    soundfile.write(
        tmp_path / "deeper" / "b.FLAC", np.stack([SOUND, -SOUND], 1), 8000, format="FLAC"
    )
    (tmp_path / "notes.txt").write_text("no sound")
    return tmp_path


def test_a_folder_holds_recordings_in_the_order_of_their_names(folder):
    (first, wav, _), (second, flac, fault) = read_inputs([str(folder)])
    assert (first, second) == (str(folder / "a.wav"), str(folder / "deeper" / "b.FLAC"))
    assert wav == WAV
    assert fault == ""
    waveform, rate = read_wav(flac)
    assert int(rate) == 8000
    np.testing.assert_allclose(waveform, np.zeros(4000), atol=1e-4)  # the mean of both channels


def test_standard_input_and_files_that_are_no_sound(folder, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(WAV)))
    ((name, wav, fault), (bad, nothing, why)) = read_inputs(["-", str(folder / "notes.txt")])
    assert (name, wav, fault) == ("-", WAV, "")
    assert (bad, nothing) == (str(folder / "notes.txt"), b"")
    assert "not a recording that can be read" in why


@pytest.mark.parametrize(
    ("inputs", "message"),
    [([], "Got none"), (["/no/such.wav"], "Not found: /no/such.wav"), (["EMPTY"], "has none")],
)
def test_inputs_that_are_not_there(inputs, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        list(read_inputs([str(tmp_path) if name == "EMPTY" else name for name in inputs]))


def test_words_have_the_times_of_their_characters():
    words = words_of("hi  you", [0.02, 0.2, 0.3, 0.34, 0.5, 0.6, 0.7], step=0.04)
    assert [word.text for word in words] == ["hi", "you"]
    assert words[0][1:] == pytest.approx((0.0, 0.2))
    assert words[1][1:] == pytest.approx((0.46, 0.7))
    assert words_of("", [], 0.04) == []


def test_subtitles_end_at_pauses_and_when_they_are_long():
    words = [Word("one", 0.5, 0.9), Word("two", 1.0, 1.4), Word("three", 3661.5, 3662.0)]
    words += [Word("more", 3662.0 + n, 3662.9 + n) for n in range(7)]
    lines = list(subtitles(words))
    assert lines[:4] == ["1", "00:00:00,500 --> 00:00:01,400", "one two", ""]
    assert lines[4:6] == ["2", "01:01:01,500 --> 01:01:06,900"]
    assert lines[6] == "three more more more more more"
    assert lines[8] == "3"
    assert list(subtitles([])) == []
