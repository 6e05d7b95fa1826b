"""The flags of a text-to-speech run, and the presets."""

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
    TrainFlags,
)

Speed = Annotated[float, Bound(lambda value: 0.5 <= value <= 2, "from 0.5 to 2")]


@dataclass(frozen=True)
class Train(TrainFlags):
    """Data to model to metrics to SavedModel, in one go; goes on where it was cut off."""

    dataset: str = "demo"
    """demo (numbers, dates, letters and commands by eSpeak NG), espeak (your lines of text, spoken
    by eSpeak NG), asterisk, folder (yours); several with + between, each in its folder and each a
    voice (twice: of twice the weight)."""
    voice: str | None = None
    """The source whose voice the exported model speaks with. Default: the one named last."""
    rate: Literal[8000, 16000, 22050] = 8000  # samples a second
    """Rate of the sound that it learns and makes."""
    mels: Positive = 40
    """Bands of a mel frame."""
    max_seconds: AboveZero = 10.0
    """Longer recordings have no part in training and validation."""
    frames: Positive = 4
    """Frames of 12.5 ms that one step writes."""
    units: Positive = 192
    """Size of the decoder's recurrent states."""
    encoder_units: Positive = 96
    """Size of the encoder's recurrent states, of each direction."""
    embedding_units: Positive = 96
    """Size of the characters' embeddings."""
    voice_units: Positive = 16
    """Size of the voices' embeddings."""
    attention_units: Positive = 64
    """Size of the attention's hidden layer."""
    prenet_units: Positive = 64
    """Size of both layers that read the frame before."""
    postnet_filters: Positive = 128
    """Filters of the convolutions from mel to linear frames."""
    advance: Count = 2
    """Characters that the attention goes on by in one step, at most, and never back; 0: free."""
    dropout: Rate = 0.1
    """Share of embeddings and states dropped in training."""
    prenet_dropout: Rate = 0.5
    """Share of the features of the frame before that are dropped in training."""
    frame_dropout: Rate = 0.5
    """Share of the frames before that are dropped whole in training."""
    guidance: NotNegative = 1.0
    """Weight in the loss of attention that is far from the diagonal."""
    learning_rate: AboveZero = 3e-3
    """Largest learning rate; rises over the first tenth of the steps, then falls to 0."""
    weight_decay: NotNegative = 1e-4
    """Share of each weight, times the learning rate, taken off it at each step (AdamW)."""
    batch_size: Positive = 16
    """Recordings a step."""
    epochs: Positive = 60
    """Passes over the training data."""


@dataclass(frozen=True)
class Evaluate(EvaluateFlags):
    """The metrics of an exported model on a split."""

    dataset: str | None = None
    """Data set. Default: the source whose voice the model speaks with."""
    voice: str | None = None
    """Of several sources, the one that is measured. Default: the model's."""
    ears: tuple[Literal["speech_to_text", "pocketsphinx"], ...] = ("speech_to_text",)
    """Recognisers that count the words which they understand; none: `--ears`."""
    ear: Path | None = None
    """SavedModel of speech_to_text. Default: saved_models/speech_to_text."""


@dataclass(frozen=True)
class Predict(PredictFlags):
    """Speech of texts: a WAV file each."""

    inputs: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Texts; numbers, dates and abbreviations are spelt out."""
    wav: Path | None = None
    """Where to: a WAV file; or of several texts a folder, for 1.wav, 2.wav, ..."""
    speed: Speed = 1.0
    """How fast, from 0.5 to 2, at the same pitch."""


DEMO = Train(max_seconds=4.0, units=128, encoder_units=64, embedding_units=64, dropout=0.05)
DEMO = replace(DEMO, epochs=14, postnet_filters=96, learning_rate=4e-3)
PRESETS = {
    "demo": DEMO,
    "espeak": replace(Train(), dataset="espeak", epochs=20),
    "asterisk": replace(Train(), dataset="asterisk", epochs=120, keep=5),
    "folder": replace(Train(), dataset="folder", rate=16000, mels=80),
}
