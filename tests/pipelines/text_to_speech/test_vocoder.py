"""Sound to spectra and back."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.text_to_speech import vocoder

RATE = 8000


def voice(seconds=1.0, hertz=120.0):
    """A buzz with formants: harmonics under an envelope, that comes and goes."""
    time = np.arange(int(seconds * RATE)) / RATE
    partials = [
        np.exp(-(((k * hertz - 700) / 500) ** 2)) * np.sin(2 * np.pi * k * hertz * time + k)
        for k in range(1, 30)
    ]
    return (sum(partials) * (1.2 + np.sin(2 * np.pi * 3 * time)) / 10).astype(np.float32)


def test_a_sine_has_half_its_amplitude_and_silence_is_zero():
    time = np.arange(RATE) / RATE
    mel, linear = vocoder.spectra(np.float32(0.5 * np.sin(2 * np.pi * 1000 * time)), RATE, 40)
    assert mel.shape == (80, 40)
    assert linear.shape == (80, vocoder.bins(RATE)) == (80, 257)
    assert float(tf.reduce_max(vocoder.expand(linear[20]))) == pytest.approx(0.25, rel=0.02)
    assert int(tf.argmax(linear[20])) == 64  # 1000 Hz
    silent = vocoder.spectra(np.zeros(RATE, np.float32), RATE, 40)
    assert not any(np.asarray(frames).any() for frames in silent)
    assert vocoder.spectra(np.zeros(50, np.float32), RATE, 40)[0].shape == (0, 40)


def test_expand_undoes_compress():
    magnitudes = np.array([0.0, 1e-5, 1e-3, 0.25], np.float32)
    again = vocoder.expand(vocoder.compress(tf.constant(magnitudes)))
    np.testing.assert_allclose(again, magnitudes, rtol=1e-4, atol=1e-9)
    assert np.isfinite(vocoder.expand(tf.constant([-3.0, 1e9]))).all()


def test_griffin_lim_finds_a_waveform_of_the_magnitudes():
    sound = vocoder.to_level(tf.constant(voice()))
    _, linear = vocoder.spectra(sound, RATE, 40)
    true = vocoder.expand(linear)

    def distance(iterations):
        found = vocoder.griffin_lim(true, RATE, iterations)
        assert found.shape == sound.shape
        _, again = vocoder.spectra(found, RATE, 40)
        return float(tf.norm(vocoder.expand(again) - true) / tf.norm(true))

    assert distance(40) < 0.1 < 2 * distance(0)
    one, other = (vocoder.griffin_lim(true, RATE).numpy() for _ in range(2))
    assert one.tobytes() == other.tobytes()


def test_speed_keeps_the_pitch():
    _, linear = vocoder.spectra(tf.constant(voice()), RATE, 40)
    same = vocoder.stretch(linear, tf.constant(1.0))
    np.testing.assert_array_equal(same, linear)
    for speed, frames in ((2.0, 40), (0.5, 160), (1.5, 54)):
        other = vocoder.stretch(linear, tf.constant(speed))
        assert other.shape == (frames, 257)
        assert int(tf.argmax(other[frames // 2])) == int(tf.argmax(linear[40]))
    ramp = tf.constant([[0.0], [2.0], [4.0]])
    slow = vocoder.stretch(ramp, tf.constant(0.5))
    np.testing.assert_allclose(slow[:, 0], [0, 1, 2, 3, 4, 4])


def test_level_and_silence_at_the_ends():
    silence = np.zeros(RATE // 2, np.float32)
    loud = np.concatenate([silence, 0.05 * voice(), silence, voice(), silence])
    speech = vocoder.levelled(tf.constant(loud), RATE).numpy()
    assert 1.4 * RATE < len(speech) < 2.7 * RATE
    assert np.sqrt(np.mean(speech**2)) == pytest.approx(vocoder.LEVEL, rel=0.01)
    quiet = vocoder.levelled(tf.constant(1e-3 * loud), RATE).numpy()
    np.testing.assert_allclose(quiet, speech, rtol=1e-3, atol=1e-5)
    assert np.abs(vocoder.to_level(tf.constant([1.0, 0.0] + [0.0] * 999))).max() <= 0.951
    for nothing in (silence, silence[:0], silence[:30]):
        assert not vocoder.levelled(tf.constant(nothing), RATE).numpy().any()
