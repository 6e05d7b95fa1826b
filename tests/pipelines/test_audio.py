"""WAV files against the format's definition, rates and spectrograms against sine waves."""

import struct

import numpy as np
import pytest
import tensorflow as tf

from pipelines import audio

SAMPLES = 0.8 * np.sin(0.05 * np.arange(1000))
EMPTY = (0, 0)  # samples and rate of what cannot be read


def in_graph(contents: bytes):
    """Waveform and rate, from within a traced graph."""
    waveform, rate = _in_graph(tf.constant(contents))
    return waveform.numpy(), int(rate)


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def _in_graph(contents):
    return audio.read_wav(contents)


def chunk(name: bytes, content: bytes, size: int | None = None) -> bytes:
    size = len(content) if size is None else size
    return name + struct.pack("<I", size) + content + b"\0" * (len(content) % 2)


def form(tag: int, channels: int, rate: int, bits: int) -> bytes:
    block = channels * bits // 8
    return struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)


def extensible(tag: int, channels: int, rate: int, bits: int) -> bytes:
    guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
    return form(0xFFFE, channels, rate, bits) + struct.pack("<HHI", 22, bits, 0) + guid


def wav(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def integers(samples: np.ndarray, bits: int) -> bytes:
    if bits == 8:
        return np.rint(samples * 127 + 128).astype("u1").tobytes()
    whole = np.rint(samples * (2 ** (bits - 1) - 1)).astype(int)
    return b"".join(int(value).to_bytes(bits // 8, "little", signed=True) for value in whole)


def floats(samples: np.ndarray, bits: int) -> bytes:
    return samples.astype(f"<f{bits // 8}").tobytes()


KINDS = [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64)]


@pytest.mark.parametrize("described", [form, extensible])
@pytest.mark.parametrize(("tag", "bits"), KINDS)
def test_every_kind_of_samples(tag, bits, described):
    encode = integers if tag == 1 else floats
    contents = wav(
        chunk(b"fmt ", described(tag, 1, 22_050, bits)), chunk(b"data", encode(SAMPLES, bits))
    )
    waveform, rate = in_graph(contents)
    assert rate == 22_050
    np.testing.assert_allclose(waveform, SAMPLES, atol=2.0 ** (2 - min(bits, 24)))


def test_channels_are_averaged():
    three = np.stack([SAMPLES, -SAMPLES, 0.5 * SAMPLES], axis=1)
    contents = wav(chunk(b"fmt ", form(3, 3, 8000, 32)), chunk(b"data", floats(three, 32)))
    waveform, _ = in_graph(contents)
    np.testing.assert_allclose(waveform, SAMPLES / 6, atol=1e-6)


def test_other_chunks_are_passed_over_and_odd_ones_are_padded():
    contents = wav(
        chunk(b"JUNK", b"x" * 7),
        chunk(b"fmt ", form(1, 1, 8000, 16)),
        chunk(b"LIST", b"data of another kind."),
        chunk(b"data", integers(SAMPLES, 16)),
        chunk(b"LIST", b"behind"),
    )
    waveform, rate = in_graph(contents)
    assert (len(waveform), rate) == (1000, 8000)
    np.testing.assert_allclose(waveform, SAMPLES, atol=1e-4)


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_stream_that_did_not_know_its_length_is_read_to_the_end(size):
    content = integers(SAMPLES, 16)
    contents = wav(chunk(b"fmt ", form(1, 1, 8000, 16)), chunk(b"data", content, size))
    np.testing.assert_allclose(in_graph(contents)[0], SAMPLES, atol=1e-4)


def test_a_cut_sample_at_the_end_is_left_out():
    contents = wav(chunk(b"fmt ", form(1, 2, 8000, 16)), b"data", struct.pack("<I", 0))
    assert len(in_graph(contents + integers(SAMPLES, 16)[:403])[0]) == 100


@pytest.mark.parametrize("missing", [1, 2, 1000])
def test_a_file_that_is_cut_off_is_not_half_read(missing):
    contents = wav(chunk(b"fmt ", form(1, 1, 8000, 16)), chunk(b"data", integers(SAMPLES, 16)))
    assert in_graph(contents)[1] == 8000
    waveform, rate = in_graph(contents[:-missing])
    assert (len(waveform), rate) == (0, 0)


def test_numbers_that_are_not_finite_are_silence():
    samples = np.array([0.5, np.nan, np.inf, -np.inf, 1e300, -0.5])
    contents = wav(chunk(b"fmt ", form(3, 1, 8000, 64)), chunk(b"data", floats(samples, 64)))
    np.testing.assert_array_equal(in_graph(contents)[0], [0.5, 0, 0, 0, 0, -0.5])


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"RIFF",
        b"not a recording at all, but a text of some length",
        b"\xff\xd8\xff\xe0" + b"\0" * 100,
        wav(),
        wav(chunk(b"data", integers(SAMPLES, 16))),
        wav(chunk(b"fmt ", form(1, 1, 8000, 16))),
        wav(chunk(b"data", integers(SAMPLES, 16)), chunk(b"fmt ", form(1, 1, 8000, 16))),
        wav(chunk(b"fmt ", form(6, 1, 8000, 8)), chunk(b"data", b"a-law")),
        wav(chunk(b"fmt ", form(1, 0, 8000, 16)), chunk(b"data", integers(SAMPLES, 16))),
        wav(chunk(b"fmt ", form(1, 1, 8000, 64)), chunk(b"data", integers(SAMPLES, 16))),
        wav(chunk(b"fmt ", form(3, 1, 8000, 16)), chunk(b"data", integers(SAMPLES, 16))),
        wav(chunk(b"fmt ", form(1, 1, 0, 16)), chunk(b"data", integers(SAMPLES, 16))),
        wav(chunk(b"fmt ", form(1, 1, 2**30, 16)), chunk(b"data", integers(SAMPLES, 16))),
        wav(chunk(b"fmt ", form(1, 1, 8000, 16), 0xFFFFFFFF), chunk(b"data", b"ab")),
        b"RIFX" + wav(chunk(b"fmt ", form(1, 1, 8000, 16)))[4:],
    ],
)
def test_anything_else_is_an_empty_waveform(contents):
    waveform, rate = in_graph(contents)
    assert (len(waveform), rate) == EMPTY


def test_bytes_by_chance_never_raise():
    rng = np.random.default_rng(0)
    whole = wav(
        chunk(b"fmt ", extensible(1, 2, 8000, 16)),
        chunk(b"LIST", b"abc"),
        chunk(b"data", integers(SAMPLES[:50], 16)),
    )
    for _ in range(200):
        raw = bytearray(whole[: rng.integers(len(whole) + 1)])
        for _ in range(rng.integers(6)):
            if raw:
                raw[rng.integers(len(raw))] = rng.integers(256)
        waveform, rate = in_graph(bytes(raw))
        assert np.isfinite(waveform).all()
        assert rate == 0 or audio.RATES[0] <= rate <= audio.RATES[1]


def test_what_is_written_is_read():
    contents = audio.wav_bytes(SAMPLES.astype(np.float32), 11_025).numpy()
    waveform, rate = in_graph(contents)
    assert rate == 11_025
    np.testing.assert_allclose(waveform, SAMPLES, atol=1e-4)
    loud = audio.wav_bytes(np.float32([3, -3]), 8000).numpy()
    np.testing.assert_allclose(in_graph(loud)[0], [1, -1], atol=1e-4)


# Rates.


def sine(hertz: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


@tf.function(input_signature=[tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.int32)])
def to_16k(waveform, rate):
    return audio.resample(waveform, rate, 16_000)


@pytest.mark.parametrize("rate", [1000, 8000, 11_025, 15_999, 22_050, 44_100, 48_000, 96_000])
def test_a_sine_is_the_same_sine_at_another_rate(rate):
    hertz = 0.3 * min(rate, 16_000)
    heard = to_16k(sine(hertz, rate), rate).numpy()
    assert heard.shape == (16_000,)
    # Where it begins and ends at once, it holds all frequencies: those above the limit are lost.
    inside = slice(2000, -2000)
    np.testing.assert_allclose(heard[inside], sine(hertz, 16_000)[inside], atol=2e-3)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_what_the_lower_rate_cannot_hold_is_gone(rate):
    heard = to_16k(sine(8200, rate), rate).numpy()
    assert np.abs(heard[2000:-2000]).max() < 2e-3


def test_the_same_rate_changes_nothing():
    waveform = sine(440, 16_000)
    np.testing.assert_array_equal(to_16k(waveform, 16_000), waveform)


@pytest.mark.parametrize("samples", [0, 1, 2, 441, 1001])
def test_short_waveforms_keep_their_duration(samples):
    heard = to_16k(np.ones(samples, np.float32), 44_100)
    assert len(heard) == -(-samples * 16_000 // 44_100)
    assert np.isfinite(heard).all()


def test_silence_behind_does_not_reach_the_beginning():
    click = np.zeros(8000, np.float32)
    click[-1] = 1
    assert np.abs(to_16k(click, 8000).numpy()[:8000]).max() < 1e-3


# Spectrograms.


def numpy_log_mel(waveform, rate, mels, causal):
    """By the definition, frame by frame, in float64."""
    frame, hop = rate // 40, rate // 100
    before = frame - hop if causal else (frame - hop) // 2
    padded = np.concatenate([np.zeros(before), waveform, np.zeros(frame)])
    size = 2 ** (2 * frame - 1).bit_length()
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)
    mel = lambda hertz: 1127 * np.log(1 + hertz / 700)  # noqa: E731
    edges = np.linspace(mel(20.0), mel(0.475 * rate), mels + 2)
    bins = mel(np.arange(1, size // 2 + 1) * rate / size)
    rows = []
    for t in range(len(waveform) // hop):
        power = np.abs(np.fft.rfft(padded[t * hop : t * hop + frame] * window, size)[1:]) ** 2
        rise = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
        fall = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
        rows.append(np.log(power @ np.maximum(0, np.minimum(rise, fall)) + 1e-6))
    return np.array(rows).reshape(-1, mels)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("rate", "mels"), [(16_000, 80), (8000, 40)])
def test_log_mel_equals_its_definition(rate, mels, causal):
    rng = np.random.default_rng(0)
    waveform = (sine(700, rate, 0.2) + 0.1 * rng.normal(size=rate // 5)).astype(np.float32)
    found = audio.log_mel(waveform, rate, mels, causal)
    expected = numpy_log_mel(waveform, rate, mels, causal)
    assert expected.shape == (20, mels)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_no_band_is_empty():
    for rate, mels in ((16_000, 80), (8000, 40)):
        noise = np.random.default_rng(0).normal(size=rate).astype(np.float32)
        assert audio.log_mel(noise, rate, mels).numpy().mean(axis=0).min() > 0


def test_a_sine_is_loudest_in_its_own_band():
    frames = audio.log_mel(sine(1000, 16_000), 16_000, 80).numpy()[10:-10]
    centre = np.linspace(*(1127 * np.log(1 + f / 700) for f in (20, 7600)), 82)[1:-1]
    assert set(frames.argmax(axis=1)) == {np.abs(centre - 1127 * np.log(1 + 1000 / 700)).argmin()}


def test_causal_frames_do_not_depend_on_what_follows():
    rng = np.random.default_rng(0)
    waveform = rng.normal(size=1600).astype(np.float32)
    frames = audio.log_mel(waveform, 16_000, 80, causal=True).numpy()
    for t in (0, 3, 9):
        cut = audio.log_mel(waveform[: 160 * (t + 1)], 16_000, 80, causal=True).numpy()
        np.testing.assert_allclose(cut, frames[: t + 1], atol=1e-5)
    changed = waveform.copy()
    changed[800:] = 0
    ahead = audio.log_mel(changed, 16_000, 80).numpy()
    assert np.abs(ahead[4] - audio.log_mel(waveform, 16_000, 80).numpy()[4]).max() > 1e-3


@pytest.mark.parametrize("samples", [0, 1, 159, 160, 399])
def test_short_waveforms_have_frames_for_each_whole_hop(samples):
    frames = audio.log_mel(np.ones(samples, np.float32), 16_000, 80)
    assert frames.shape == (samples // 160, 80)
