"""What training does to a recording, against sounds whose change is known."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines import audio
from pipelines.epochs import draws
from pipelines.speech_to_text import augmentation
from pipelines.speech_to_text.augmentation import Augmentation

RATE, MELS = 16_000, 80
NOTHING = Augmentation(RATE, 0.0, 0.0, 0.0, 0.0, 0, 0)
ALL = Augmentation(RATE, 0.1, 0.1, 1.0, 6.0, 16, 12)


def heard(waveform):
    return audio.log_mel(tf.constant(waveform, tf.float32), RATE, MELS).numpy()


def sine(hertz, seconds=0.5):
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


FRAMES = heard(sine(1000) * np.hanning(8000))


def test_without_any_a_recording_stays_as_it_is():
    np.testing.assert_allclose(NOTHING(FRAMES, 1, draws(0, 0, 0)), FRAMES, atol=1e-5)


def test_the_same_record_and_epoch_give_the_same():
    first, again, other = (ALL(FRAMES, 1, draws(0, *place)) for place in ((1, 7), (1, 7), (2, 7)))
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or np.abs(first - other).max() > 0.1
    assert first.dtype == np.float32
    assert np.isfinite(first).all()


@pytest.mark.parametrize("tempo", [0.9, 1.25])
def test_tempo_moves_moments_and_not_bands(tempo):
    played = augmentation.stretched(FRAMES, tempo)
    assert len(played) == int(50 / tempo)
    loudest = [frames.max(axis=1).argmax() for frames in (FRAMES, played)]
    assert loudest[1] == pytest.approx(loudest[0] / tempo, abs=1)
    assert played.max(axis=0).argmax() == FRAMES.max(axis=0).argmax()


@pytest.mark.parametrize("warp", [0.9, 1.1])
def test_warp_moves_a_tone_as_if_it_were_another(warp):
    moved = augmentation.warped(heard(sine(1000)), warp, RATE)
    expected = heard(sine(1000 * warp))
    inside = slice(5, -5)
    np.testing.assert_array_equal(moved[inside].argmax(axis=1), expected[inside].argmax(axis=1))


def test_noise_is_as_loud_as_it_says():
    silence = np.full((400, MELS), np.log(audio.FLOOR), np.float32)
    silence[:, 10] = 3.0
    power = np.exp(silence).mean()
    for level in (0.0, 20.0):
        found = augmentation.noisy(silence, level, np.random.default_rng(0))
        others = np.delete(np.exp(found), 10, axis=1).mean()
        assert 10 * np.log10(power / others) == pytest.approx(level, abs=1.5)


def test_the_tempo_leaves_enough_frames_for_the_text():
    fast = Augmentation(RATE, 0.5, 0.0, 0.0, 0.0, 0, 0)
    lengths = {
        least: [len(fast(FRAMES, least, draws(0, 0, n))) for n in range(50)] for least in (1, 45)
    }
    assert min(lengths[1]) < 40
    assert min(lengths[45]) >= 45
    assert max(lengths[1]) <= 50 * fast.slowest


def test_masks_are_at_the_mean_and_no_wider_than_they_may_be():
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(100, MELS)).astype(np.float32)
    widths, lengths = [], []
    for n in range(100):
        found = augmentation.masked(frames, 8, 10, draws(0, 0, n))
        changed = found != frames
        bands = changed.mean(axis=0) > 0.99
        widths.append(bands.sum())
        lengths.append((changed.mean(axis=1) > 0.99).sum())
        if bands.any():
            expected = np.broadcast_to(frames.mean(axis=0), frames.shape)
            np.testing.assert_allclose(found[:, bands], expected[:, bands], rtol=1e-5)
    assert max(widths) <= 16
    assert max(widths) > 8
    assert 7 < max(lengths) <= 10


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_recordings_of_hardly_any_frames(frames):
    found = ALL(FRAMES[:frames], 1, draws(0, 0, 0))
    assert found.shape[1] == MELS
    assert np.isfinite(found).all()
