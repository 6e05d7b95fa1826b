"""The flags of a speech-to-text run, and the presets that were measured."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from pipelines.flags import (
    AboveZero,
    Bound,
    Count,
    EvaluateFlags,
    NotNegative,
    Positive,
    PredictFlags,
    Rate,
    Share,
    TrainFlags,
)

Stretch = Annotated[float, Bound(lambda value: 0 <= value <= 0.5, "from 0 to 0.5")]


@dataclass(frozen=True)
class Train(TrainFlags):
    """Data to model to metrics to SavedModel, in one go; goes on where it was cut off."""

    dataset: str = "demo"
    """demo (spoken by eSpeak NG), an4, fsdd, fsdd_strings, speech_commands, librispeech, asterisk,
    folder (yours); several with + between, each in its folder (twice: of twice the weight)."""
    unheard: str | None = None
    """Of `fsdd` and `fsdd_strings`: the speaker who is all of test, and in no other split."""
    rate: Literal[8000, 16000] = 16000  # samples a second
    """Rate that every recording is brought to, here and in the exported graph."""
    mels: Positive = 80
    """Bands of a frame's spectrum."""
    max_seconds: AboveZero = 20.0
    """Longer recordings have no part in training and validation."""
    bidirectional: bool = True
    """Read backwards, too. Without, the exported model has the signature `stream`."""
    filters: Positive = 160
    """Filters of each of the two convolutions, which make one frame of four."""
    units: Positive = 160
    """Size of the recurrent states of each direction."""
    layers: Positive = 2
    """Recurrent layers."""
    constant_feature: bool = True
    """End each recurrent layer's input in a constant 1, which does a bias's work."""
    gate_offsets: bool = True
    """Start forget gates at +1 and input gates at -1, through the constant."""
    dropout: Rate = 0.2
    """Share of the features dropped before each recurrent layer and the readout."""
    tempo: Stretch = 0.1
    """Training: how much faster or slower a recording is played, at most."""
    warp: Stretch = 0.1
    """Training: how much higher or lower its spectrum is moved, at most: another throat."""
    noise: Share = 0.5
    """Training: share of the recordings that get noise of a drawn colour, 5 to 40 dB below."""
    gain: NotNegative = 6.0  # dB
    """Training: how much louder or softer a recording gets, at most, band by band and in all."""
    frequency_mask: Count = 16  # bands
    """Training: width, at most, of each of two bands that are blotted out (SpecAugment)."""
    time_mask: Count = 12  # frames of 10 ms
    """Training: length, at most, of the stretches blotted out, one in each second (SpecAugment)."""
    learning_rate: AboveZero = 3e-3
    """Largest learning rate; rises over the first tenth of the steps, then falls to 0."""
    weight_decay: NotNegative = 1e-2
    """Share of each weight, times the learning rate, taken off it at each step (AdamW)."""
    beam_size: Positive = 1
    """Of the exported model's search: 1 follows the best path, more sum over a text's paths."""
    batch_size: Positive = 16
    """Recordings a step."""
    epochs: Positive = 12
    """Passes over the training data."""


@dataclass(frozen=True)
class Evaluate(EvaluateFlags):
    """The metrics of an exported model on a split."""

    dataset: str | None = None
    """Data set. Default: the one that the model was trained on."""
    unheard: str | None = None
    """Of `fsdd` and `fsdd_strings`. Default: as in training."""
    noise_levels: tuple[float, ...] = (20.0, 10.0)
    """Also measure with white noise so many dB below the recording; none: `--noise-levels`."""


@dataclass(frozen=True)
class Predict(PredictFlags):
    """The text of each recording: `file<TAB>text<TAB>score`, a line each."""

    inputs: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Files (WAV, FLAC, OGG, MP3), folders of them, or `-` for a WAV on standard input."""
    times: bool = False
    """Show when each word begins and ends, in seconds, on lines of their own."""
    srt: bool = False
    """Print subtitles of one recording, in place of its line."""
    language_model: Path | None = None
    """An export of charlm, which chooses among the texts that sound most likely."""
    language_weight: NotNegative = 0.3
    """How much the language model's nats count beside those of the sound."""


DEMO = Train(
    rate=8000,
    mels=40,
    filters=96,
    units=128,
    layers=1,
    dropout=0.05,
    # The demo brings voices, rooms and noises of its own.
    tempo=0.05,
    warp=0.05,
    noise=0.0,
    gain=3.0,
    frequency_mask=4,
    time_mask=4,
    learning_rate=6e-3,
)
AN4 = replace(
    Train(),
    dataset="an4",
    filters=192,
    units=192,
    dropout=0.3,
    learning_rate=2e-3,
    epochs=120,
    keep=5,
)
DIGITS = replace(Train(), rate=8000, mels=40, filters=128, units=128, frequency_mask=8, epochs=20)
PRESETS = {
    "demo": DEMO,
    "an4": AN4,
    "fsdd": replace(DIGITS, dataset="fsdd"),
    "fsdd_strings": replace(DIGITS, dataset="fsdd_strings"),
    "speech_commands": replace(Train(), dataset="speech_commands"),
    "librispeech": replace(Train(), dataset="librispeech", filters=256, units=320, layers=4),
    "folder": replace(AN4, dataset="folder"),
}
