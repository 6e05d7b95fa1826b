"""A room and noise for clean speech, drawn from a seed."""

import numpy as np


def add_room(waveform: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """The waveform as it sounds in a small room: y = x * h, a convolution.

    h is 1 at time 0, then white noise that falls by 60 dB in a drawn time of 0.1 to 0.5 s and that
    has a drawn part, 0.02 to 0.5, of the direct sound's energy. The end keeps its reverberation.
    """
    seconds, part = rng.uniform(0.1, 0.5), 10 ** rng.uniform(-1.7, -0.3)
    time = np.arange(1, int(seconds * rate)) / rate
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    tail *= np.sqrt(part / np.sum(tail**2))
    response = np.concatenate([[1.0], tail])
    return _convolve(waveform, response)


def add_noise(waveform: np.ndarray, decibels: float, rng: np.random.Generator) -> np.ndarray:
    """The waveform with noise `decibels` below it, by mean power.

    The noise's power falls with the frequency f as 1 / f^a, a drawn from 0 (white) to 2 (a rumble).
    """
    count = len(waveform)
    spectrum = np.fft.rfft(rng.standard_normal(_fast(count)))
    frequencies = np.maximum(np.arange(len(spectrum)), 8)  # no drift below the first few
    noise = np.fft.irfft(spectrum * frequencies ** (-rng.uniform(0, 2) / 2))[:count]
    power = np.mean(np.square(waveform, dtype=np.float64)) / 10 ** (decibels / 10)
    return waveform + noise * np.sqrt(power / np.mean(noise**2))


def _convolve(signal: np.ndarray, response: np.ndarray) -> np.ndarray:
    count = len(signal) + len(response) - 1
    size = _fast(count)
    return np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(response, size), size)[:count]


def _fast(count: int) -> int:
    """The next length that the FFT is fast at."""
    return 1 << (count - 1).bit_length()
