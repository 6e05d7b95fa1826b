"""Sound files of each format and rate; what is wrong with them."""

import numpy as np
import pytest
import soundfile

from datasets.inspection import Unusable
from datasets.speech import audio
from datasets.speech.audio import check_audio, clipped_share, read_audio
from tests.datasets.speech.sounds import tone, write


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("a.wav", {}, 1e-4),
        ("a.wav", {"subtype": "PCM_U8"}, 0.01),
        ("a.wav", {"subtype": "PCM_24"}, 1e-6),
        ("a.wav", {"subtype": "FLOAT"}, 1e-6),
        ("a.wav", {"format": "WAVEX", "subtype": "PCM_32"}, 1e-6),
        ("a.flac", {}, 1e-4),
        ("a.sph", {"format": "NIST", "subtype": "PCM_16"}, 1e-4),
        ("a.ogg", {}, 0.1),
        ("a.mp3", {}, 0.1),
    ],
)
@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
def test_formats_and_rates(tmp_path, name, options, tolerance, rate):
    samples = tone(0.5, rate)
    waveform, read_rate = read_audio(write(tmp_path / name, samples, rate, **options))
    assert (read_rate, waveform.dtype) == (rate, np.float32)
    assert abs(len(waveform) - len(samples)) <= (0 if tolerance < 0.1 else 0.1 * rate)
    if tolerance < 0.1:
        np.testing.assert_allclose(waveform, samples, atol=tolerance)
    assert np.sqrt(np.mean(waveform**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


def test_channels_are_averaged(tmp_path):
    left = tone()
    path = write(tmp_path / "a.wav", np.stack([left, left / 2, 0 * left], axis=1))
    np.testing.assert_allclose(read_audio(path)[0], left / 2, atol=1e-4)


def test_floats_beyond_full_scale_are_clipped(tmp_path):
    waveform, _ = read_audio(write(tmp_path / "a.wav", tone(level=3.0), subtype="FLOAT"))
    assert waveform.max() == 1.0
    assert waveform.min() == -1.0
    assert clipped_share(waveform) > 0.5


def test_clipped_share_counts_samples_at_full_scale(tmp_path):
    samples = np.array([0.5] * 6 + [1.0, 1.0, -1.0, 0.99])
    waveform, _ = read_audio(write(tmp_path / "a.wav", samples))
    assert clipped_share(waveform) == pytest.approx(0.3)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound at all", bytes(1000)])
@pytest.mark.parametrize("ending", [".wav", ".flac", ".mp3", ".sph", ".ogg"])
def test_what_is_no_sound_cannot_be_decoded(tmp_path, content, ending):
    path = tmp_path / f"a{ending}"
    path.write_bytes(content)
    with pytest.raises(Unusable) as error:
        read_audio(path)
    assert error.value.kind == audio.UNDECODABLE


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(Unusable, match=audio.UNDECODABLE):
        read_audio(tmp_path / "a.wav")


def test_a_flac_file_cut_off(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 20_000)
    path = write(tmp_path / "a.flac", noise)
    path.write_bytes(path.read_bytes()[:-8000])
    with pytest.raises(Unusable) as error:
        read_audio(path)
    assert error.value.kind in (audio.CUT_OFF, audio.UNDECODABLE)


@pytest.mark.parametrize(
    ("name", "options"), [("a.wav", {}), ("a.sph", {"format": "NIST", "subtype": "PCM_16"})]
)
def test_a_file_of_plain_samples_cut_off(tmp_path, name, options):
    path = write(tmp_path / name, tone(2.0), **options)
    whole = path.read_bytes()
    for content in (whole[:-8000], whole[:-8000] + b"x"):
        path.write_bytes(content)
        for file in (path, content):
            with pytest.raises(Unusable) as error:
                read_audio(file)
            assert error.value.kind == audio.CUT_OFF
    assert len(read_audio(whole)[0]) == 16_000


@pytest.mark.parametrize("size", [b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f"])
def test_a_wav_file_that_was_streamed_states_no_size(tmp_path, size):
    content = bytearray(write(tmp_path / "a.wav").read_bytes())
    place = content.index(b"data") + 4
    content[4:8] = content[place : place + 4] = size
    assert len(read_audio(bytes(content))[0]) == 1600


def test_an_endless_file_is_read_to_the_limit_alone(tmp_path):
    path = write(tmp_path / "a.flac", np.zeros(int(8000 * (audio.LONGEST + 5))))
    waveform, rate = read_audio(path)
    assert len(waveform) == audio.LONGEST * rate + 1
    with pytest.raises(Unusable, match="longer than 60 s"):
        check_audio(waveform, rate)


@pytest.mark.parametrize(
    ("samples", "kind"),
    [
        ([], audio.EMPTY),
        ([0.0] * 100, audio.SILENT),
        ([0.0005, -0.0005] * 100, audio.SILENT),
        ([0.1, np.nan], audio.NOT_FINITE),
        ([0.1, np.inf], audio.NOT_FINITE),
    ],
)
def test_faults_of_a_waveform(samples, kind):
    with pytest.raises(Unusable) as error:
        check_audio(np.array(samples, np.float32), 8000)
    assert error.value.kind == kind


def test_a_quiet_recording_and_one_of_the_greatest_length_are_usable():
    check_audio(np.array([0.0, 0.0011], np.float32), 8000)
    check_audio(np.full(int(audio.LONGEST * 100), 0.1, np.float32), 100)


def test_soundfile_reads_the_endings():
    assert {"WAV", "FLAC", "OGG", "MP3", "NIST"} <= set(soundfile.available_formats())
