"""Sound files: WAV, FLAC, OGG, MP3 and NIST SPHERE to one channel of float32, by libsndfile."""

import io
import math
import re
from pathlib import Path

import numpy as np
import soundfile

from datasets.inspection import Unusable

ENDINGS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".sph", ".aiff", ".aif", ".au")
LONGEST = 60.0  # seconds; a longer recording is no utterance
QUIET = 0.001  # of full scale (-60 dB): a recording whose largest sample is below is silence

UNDECODABLE = "audio file that cannot be decoded"
CUT_OFF = "audio file that is cut off"
EMPTY = "recording without samples"
ENDLESS = f"recording longer than {LONGEST:.0f} s"
SILENT = f"silence: no sample reaches {QUIET} of full scale"
NOT_FINITE = "recording with samples that are no numbers"

_START = 1024  # bytes of a header that are read; as many may be missing without a word

Audio = tuple[np.ndarray, int]  # waveform <float32>[samples] in [-1, 1], rate in Hz


def read_audio(file: Path | bytes) -> Audio:
    """(waveform <float32>[samples], rate in Hz): channels averaged, at the file's own rate.

    At most `LONGEST` seconds and one sample are decoded, so that no file fills the memory. Samples
    of floating-point files beyond full scale are clipped to [-1, 1].

    Args:
        file: where it lies, or its contents.

    Raises:
        Unusable: the file cannot be decoded, or ends before its header says.
    """
    try:
        check_whole(file)
        with soundfile.SoundFile(io.BytesIO(file) if isinstance(file, bytes) else file) as sound:
            rate = sound.samplerate
            count = min(sound.frames, int(LONGEST * rate) + 1)
            samples = sound.read(count, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError, TypeError) as error:
        raise Unusable(UNDECODABLE, str(error)) from error
    if len(samples) < count:
        raise Unusable(CUT_OFF, f"{len(samples):,} of {count:,} samples")
    waveform = samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0]
    return np.clip(waveform, -1.0, 1.0), rate


def check_whole(file: Path | bytes) -> None:
    """Raises Unusable where a file, or its contents, end before the header says.

    libsndfile reads such a file for whole.
    """
    if isinstance(file, bytes):
        start, size = file[:_START], len(file)
    else:
        with file.open("rb") as opened:
            start, size = opened.read(_START), file.stat().st_size
    if (missing := _stated_size(start) - size) > _START:
        raise Unusable(CUT_OFF, f"{missing:,} bytes are missing")


def _stated_size(start: bytes) -> int:
    """The bytes of a WAV or SPHERE file by its header; 0 where none is stated, as in a stream's."""
    if start.startswith(b"RIFF"):
        size = int.from_bytes(start[4:8], "little")
        return size if size < 2**31 - _START else 0
    fields = (b"sample_count", b"sample_n_bytes", b"channel_count")
    counts = [re.search(rb"\n%b -i (\d+)\n" % field, start) for field in fields]
    packed = b"shorten" in start or b",embedded" in start
    if not start.startswith(b"NIST_1A") or packed or not all(counts):
        return 0
    return math.prod(int(count[1]) for count in counts)


def check_audio(waveform: np.ndarray, rate: int) -> None:
    """Raises Unusable where a recording is empty, endless, silent, or holds NaN."""
    if not len(waveform):
        raise Unusable(EMPTY)
    if len(waveform) > LONGEST * rate:
        raise Unusable(ENDLESS)
    if not np.isfinite(waveform).all():
        raise Unusable(NOT_FINITE)
    if np.abs(waveform).max() < QUIET:
        raise Unusable(SILENT)


def clipped_share(waveform: np.ndarray) -> float:
    """The share of samples at full scale: within one step of 16 bits of -1 or 1."""
    return float(np.mean(np.abs(waveform) >= 1 - 2**-15))
