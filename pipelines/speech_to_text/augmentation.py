"""What training does to a recording's log-mel frames, so that each epoch hears it otherwise.

All of it works on log power in mel bands, `<float32>[frames, mels]`, which are cached, and not on
the waveform: it costs less than a millisecond a recording. Every draw is from the generator of the
record and the epoch (`pipelines.epochs.draws`).
"""

from typing import NamedTuple

import numpy as np

from pipelines.audio import FLOOR, LOWEST

DECIBEL = np.log(10) / 10  # in log power
QUIETEST, FAINTEST = 5.0, 40.0  # dB that noise is below the recording: the loudest, the softest
FREQUENCY_MASKS = 2
FRAMES_A_MASK = 100  # one stretch is blotted out in so many frames


class Augmentation(NamedTuple):
    """The flags of the same names; `rate` is that of the waveform."""

    rate: int
    tempo: float
    warp: float
    noise: float
    gain: float
    frequency_mask: int
    time_mask: int

    def __call__(self, features: np.ndarray, least: int, rng: np.random.Generator) -> np.ndarray:
        """Another `<float32>[frames, mels]` of the same text.

        Args:
            features: `<float32>[frames, mels]`.
            least: frames that the text needs: the tempo is not raised beyond.
            rng: of the record and the epoch.
        """
        if not len(features):
            return features
        tempo, warp = np.exp(rng.uniform(-1, 1, 2) * np.log1p([self.tempo, self.warp]))
        tempo = max(min(tempo, len(features) / max(least, 1)), 1 / (1 + self.tempo))
        features = warped(stretched(features, tempo), warp, self.rate)
        if rng.random() < self.noise:
            features = noisy(features, rng.uniform(QUIETEST, FAINTEST), rng)
        features = louder(features, self.gain, rng)
        return masked(features, self.frequency_mask, self.time_mask, rng)

    @property
    def slowest(self) -> float:
        """By how much the longest recording may grow."""
        return 1 + self.tempo


def stretched(features: np.ndarray, tempo: float) -> np.ndarray:
    """Played `tempo` times as fast, at the same pitch, by linear interpolation between frames."""
    frames = len(features)
    if tempo == 1 or frames < 2:
        return features
    count = int(frames / tempo + 1e-6)  # 45 frames of 45 / 1.0000000000000002
    places = np.minimum(np.arange(count) * tempo, frames - 1)
    return _between(features, places, axis=0)


def warped(features: np.ndarray, warp: float, rate: int) -> np.ndarray:
    """All frequencies times `warp`: a shorter or a longer vocal tract (Jaitly and Hinton 2013)."""
    mels = features.shape[1]
    lowest, highest = _mel(LOWEST), _mel(0.475 * rate)
    step = (highest - lowest) / (mels + 1)
    centres = 700 * (10 ** ((lowest + step * np.arange(1, mels + 1)) / 2595) - 1)  # Hz
    places = (_mel(centres / warp) - lowest) / step - 1
    return _between(features, np.clip(places, 0, mels - 1), axis=1)


def noisy(features: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """With noise `level` dB below the mean power, its colour from dull to bright by chance.

    The powers are added, as of sounds that have nothing to do with each other; that of noise in a
    band goes up and down from frame to frame, as the mean of some squares does.
    """
    frames, mels = features.shape
    colour = rng.uniform(-2, 2) * np.linspace(-1, 1, mels)
    colour = np.exp(colour) / np.exp(colour).mean()
    squares = rng.gamma(3.0, 1 / 3.0, (frames, mels))
    power = np.exp(features).mean() * np.exp(-level * DECIBEL)
    return np.log(np.exp(features) + power * colour * squares).astype(np.float32)


def louder(features: np.ndarray, gain: float, rng: np.random.Generator) -> np.ndarray:
    """Louder or softer by `gain` dB at most, and the same again in a slope over the bands."""
    level, slope = rng.uniform(-gain, gain, 2) * DECIBEL
    added = level + slope * np.linspace(-1, 1, features.shape[1])
    return np.maximum(features + added, np.log(FLOOR)).astype(np.float32)


def masked(features: np.ndarray, frequency: int, time: int, rng: np.random.Generator) -> np.ndarray:
    """Bands and stretches of time at the recording's mean (SpecAugment, Park et al. 2019)."""
    features = features.copy()
    frames, mels = features.shape
    mean = features.mean(axis=0)
    for _ in range(FREQUENCY_MASKS):
        start, width = _stretch(mels, frequency, rng)
        features[:, start : start + width] = mean[start : start + width]
    for _ in range(-(-frames // FRAMES_A_MASK)):
        start, width = _stretch(frames, time, rng)
        features[start : start + width] = mean
    return features


def _stretch(room: int, widest: int, rng: np.random.Generator) -> tuple[int, int]:
    width = int(rng.integers(0, min(widest, room) + 1))
    return int(rng.integers(0, room - width + 1)), width


def _mel(hertz):
    return 2595 * np.log10(1 + hertz / 700)


def _between(values: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """Linear interpolation at places from 0 to the last, along an axis."""
    lower = np.minimum(places.astype(int), max(values.shape[axis] - 2, 0))
    upper = np.minimum(lower + 1, values.shape[axis] - 1)
    share = (places - lower).astype(np.float32)
    share = share[:, None] if axis == 0 else share
    return np.take(values, lower, axis) * (1 - share) + np.take(values, upper, axis) * share
