"""How near speech is to a recording, and how much of it is understood."""

from collections.abc import Sequence

import jiwer
import numpy as np
from scipy.fft import dct
from scipy.spatial.distance import cdist

from pipelines.text_to_speech import vocoder

COEFFICIENTS = 13  # of the mel cepstrum, without the first, which is the loudness


def cepstra(mel: np.ndarray) -> np.ndarray:
    """Mel cepstra `<float64>[frames, 13]` of mel frames as the model has them: c with

    log |X_n| = c_0 + Σ_k c_k cos(π k (n + ½) / N), of the N bands.
    """
    logs = vocoder.RANGE * np.maximum(mel.astype(np.float64), 0.0)
    return dct(logs, axis=1)[:, 1 : COEFFICIENTS + 1] / mel.shape[1]


def mel_cepstral_distortion(one: np.ndarray, other: np.ndarray) -> float:
    """MCD in dB after dynamic time warping: (10 / ln 10) · mean over the path of √(2 Σ_k Δc_k²).

    It is the mean of the root mean square distance, in dB, between two smooth spectra; 0 of a sound
    and itself. (Kubichek 1993. The cepstra are those of mel bands, so the numbers are not those of
    papers that take WORLD's or SPTK's.)

    Args:
        one, other: mel frames `<float>[frames, mels]`, some of each.
    """
    distances = np.sqrt(2) * cdist(cepstra(one), cepstra(other))
    return 10 / np.log(10) * warped_mean(distances)


def warped_mean(distances: np.ndarray) -> float:
    """The mean along the path of least sum through `[rows, columns]`, from corner to corner.

    A step goes one row on, one column on, or both.
    """
    rows, columns = distances.shape
    sums = np.full((rows + 1, columns + 1), np.inf)
    counts = np.zeros((rows + 1, columns + 1))
    sums[0, 0] = 0
    for diagonal in range(rows + columns - 1):
        i = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        j = diagonal - i
        before = np.stack([sums[i, j], sums[i, j + 1], sums[i + 1, j]])
        lengths = np.stack([counts[i, j], counts[i, j + 1], counts[i + 1, j]])
        best = np.argmin(before, axis=0), np.arange(len(i))
        sums[i + 1, j + 1] = before[best] + distances[i, j]
        counts[i + 1, j + 1] = lengths[best] + 1
    return float(sums[-1, -1] / counts[-1, -1])


def word_error(references: Sequence[str], texts: Sequence[str]) -> float:
    """(substituted + deleted + inserted) / of the references, words, over all together."""
    return float(jiwer.wer(list(references), list(texts)))
