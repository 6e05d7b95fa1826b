"""What a run of the character language model is made of, and the presets."""

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

Dataset = Literal["demo", "file", "tiny_shakespeare", "war_and_peace", "ptb", "text8", "enwik8"]
WITHOUT_TEST = ("tiny_shakespeare", "ptb")  # measured on dev: no test split, or one not at hand


@dataclass(frozen=True)
class Train(TrainFlags):
    """Data to model to metrics to SavedModel, in one go; goes on where it was cut off."""

    dataset: Dataset = "demo"
    """Data set: demo (the Python reference), file (your own text), or one of the published ones."""
    data_dir: Path | None = None
    """Folder of the raw files; for `file` a text file, or a folder of text files."""
    limit: Positive | None = None  # symbols
    """Use the first so many characters of each split only, for a quick try."""
    encoding: str = "utf-8"
    """Encoding of the files of `file`."""
    unit: Literal["character", "byte"] = "character"
    """What a symbol of `file` is."""
    min_count: Positive = 1  # occurrences
    """Characters seen less often in training become the unknown character."""
    units: Positive = 192
    """Size of the recurrent states, of each layer."""
    layers: Positive = 1
    """Recurrent layers."""
    embedding_units: Count = 48
    """Size of a character's embedding; 0 for one-hot."""
    constant_feature: bool = True
    """Give every layer a constant 1 to read, whose weights do what biases would."""
    layer_norm: bool = False
    """Norm what a layer gives out, outside the cell."""
    centred: bool = True
    """Train the lecture's LSTM in a form of the same weights that centres h. Off: as they are."""
    pretrained: str | None = None
    """A run to begin with: its best weights and its vocabulary. Name, or folder."""
    input_dropout: Rate = 0.0
    """Share of the embedding's features dropped in training, the same at all steps."""
    dropout: Rate = 0.1
    """Share of each layer's outputs dropped, the same at all steps."""
    weight_dropout: Rate = 0.0
    """Share of the recurrent weights dropped, the same at all steps of a batch."""
    batch_size: Positive = 32  # streams
    """Streams that the text is cut into."""
    time: Positive = 64  # characters
    """Characters of each stream in a step, through which the gradient goes back."""
    restarts: Share = 0.02
    """Share of the streams that begin anew at a step, without what was before."""
    epochs: Positive = 8
    """Passes over the text."""
    learning_rate: AboveZero = 6e-3
    """Largest learning rate; rises over the first twentieth of the steps, then falls to 0."""
    weight_decay: NotNegative = 0.0
    """Share of each weight, times the learning rate, taken off it at a step."""
    keep: Positive = 1
    """Best epochs to keep; a mean of their weights is used where it validates better."""
    sample_length: Count = 200  # characters
    """Characters of each sample that is written after an epoch; 0 for none."""
    jit_compile: bool = False
    """Compile the training step with XLA."""


@dataclass(frozen=True)
class Evaluate(EvaluateFlags):
    """Bits per character of an exported model on a split, read once from start to end."""

    dataset: Dataset | None = None
    """Data set. Default: the one that the model was trained on."""
    data_dir: Path | None = None
    """Folder of the raw files; for `file` a text file, or a folder of text files."""
    limit: Positive | None = None  # symbols
    """Measure the first so many characters only."""
    encoding: str = "utf-8"
    """Encoding of the files of `file`."""


@dataclass(frozen=True)
class Predict(PredictFlags):
    """Writes on from each prompt, character by character, or scores a file."""

    inputs: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Prompts to write on from. Default: one, of no characters."""
    length: Count = 500  # characters
    """Characters to write."""
    temperature: NotNegative = 0.7
    """0 takes the likeliest character each time; 1 draws as the model says."""
    top_k: Count = 0
    """Draw from so many likeliest characters; 0 from all."""
    top_p: Annotated[float, Bound(lambda p: 0 < p <= 1, "above 0 and at most 1")] = 1.0
    """Then draw from the fewest that hold so much of the probability."""
    seed: Annotated[int, Bound(lambda n: -(2**31) <= n < 2**31, "an integer of 32 bits")] = 0
    """The same seed gives the same text."""
    score: Path | None = None
    """A text file to score in place of writing: its bits per character."""


# Flags that there are no more, at the values at which they did nothing.
FORMER = {
    "tied": False,
    "memory": 0,
    "clip": 1.0,
    "optimizer": "adamw",
    "ngrams": 1,
    "ngram_dropout": 0.1,
    "words": 0,
}

DEMO = Train()
TINY_SHAKESPEARE = replace(
    DEMO,
    dataset="tiny_shakespeare",
    units=512,
    layers=2,
    embedding_units=64,
    input_dropout=0.1,
    dropout=0.3,
    weight_dropout=0.2,
    batch_size=32,
    time=128,
    epochs=14,
    learning_rate=4e-3,
    weight_decay=1e-2,
    keep=4,
)
PTB = replace(
    TINY_SHAKESPEARE,
    dataset="ptb",
    layer_norm=True,
    input_dropout=0.0,
    dropout=0.1,
    weight_dropout=0.05,
    epochs=6,
)
PRESETS = {
    "demo": DEMO,
    "file": replace(TINY_SHAKESPEARE, dataset="file", min_count=2),
    "tiny_shakespeare": TINY_SHAKESPEARE,
    "war_and_peace": replace(PTB, dataset="war_and_peace", dropout=0.2, weight_dropout=0.2),
    "ptb": PTB,
    "text8": replace(PTB, dataset="text8", dropout=0.0, weight_dropout=0.0, epochs=1),
    "enwik8": replace(PTB, dataset="enwik8", dropout=0.0, weight_dropout=0.0, epochs=1),
}
