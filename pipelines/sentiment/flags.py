"""The flags of a sentiment run, and the presets that were measured."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from datasets.sentiment import CSV_OPTIONS
from pipelines.flags import (
    AboveZero,
    Bound,
    Count,
    EvaluateFlags,
    NotNegative,
    Positive,
    PredictFlags,
    Rate,
    Seed,
    Share,
    TrainFlags,
)


@dataclass(frozen=True)
class Table:
    """How a file of one's own is written."""

    text_column: str | None = None
    """Of `csv`: name or number of the column of texts. Default: found, or as in training."""
    label_column: str | None = None
    """Of `csv`: name or number of the column of labels. Default: found, or as in training."""
    delimiter: str | None = None
    """Of `csv`: what stands between columns. Default: found, or as in training."""
    encoding: str | None = None
    """Of `csv`: such as utf-8 or latin-1. Default: found, or as in training."""
    quoting: str | None = None
    """Of `csv`: double, backslash or none. Default: found, or as in training."""
    header: bool | None = None
    """Of `csv`: whether the first line names the columns. Default: found, or as in training."""


@dataclass(frozen=True)
class Train(Table, TrainFlags):
    """Data to model to metrics to SavedModel, in one go; goes on where it was cut off."""

    dataset: str = "demo"
    """demo (composed reviews), phrases (composed opinions), imdb, imdb_reviews, sst2, csv (yours);
    several with + between, each in its folder (twice: of twice the weight)."""
    split_seed: Seed = 0
    """What demo and phrases draw, which films imdb holds out for dev. --seed leaves it alone."""
    lower_case: bool = True
    """Read "Great" and "great" as one word."""
    vocabulary_size: Annotated[int, Bound(lambda size: size >= 3, "at least 3")] = 2000  # words
    """Most frequent words that are told apart; the others are the unknown word."""
    min_count: Positive = 1  # occurrences
    """Words seen less often become the unknown word, too."""
    max_length: Annotated[int, Bound(lambda length: length >= 4, "at least 4")] = 80  # words, signs
    """Longer texts are cut to so many words and signs."""
    cut: Literal["head", "tail", "both"] = "both"
    """Which part of a longer text is read: its head, its tail, or a quarter and three quarters."""
    units: Positive = 64
    """Size of the recurrent states of each direction."""
    embedding_units: Count = 64
    """Size of word embeddings; 0 for none: each word has weights of its own for each gate."""
    layers: Positive = 1
    """Recurrent layers of each direction."""
    bidirectional: bool = True
    """Read backwards, too."""
    pooling: str = "max+mean"
    """How states over time become one: last, mean, max, attention, or several with + between."""
    constant_feature: bool = True
    """End each layer's input in a constant 1, which does a bias's work."""
    gate_offsets: bool = True
    """Start forget gates at +1 and input gates at -1, through the constant."""
    word_dropout: Share = 0.05
    """Share of the words read in training replaced by the unknown word."""
    embedding_dropout: Rate = 0.0
    """Share of the vocabulary dropped in a training step, wherever the words stand."""
    input_dropout: Rate = 0.1
    """Share of the embedding's features dropped, the same at all steps of a text."""
    output_dropout: Rate = 0.1
    """Share of the recurrent states dropped, the same at all steps of a text."""
    dropout: Rate = 0.1
    """Share of the pooled states dropped before the readout."""
    learning_rate: AboveZero = 5e-3
    """Largest learning rate; rises over the first tenth of the steps, then falls to 0."""
    weight_decay: NotNegative = 0.0
    """Share of each weight, times the learning rate, taken off it at each step (AdamW)."""
    epsilon: AboveZero = 1e-7
    """Of Adam, added to the root of the second moment: the larger, the less rare words learn."""
    label_smoothing: Rate = 0.0
    """Share of the target probability spread over all labels."""


@dataclass(frozen=True)
class Evaluate(Table, EvaluateFlags):
    """The metrics of an exported model on a split."""

    dataset: str | None = None
    """Data set. Default: the one that the model was trained on."""


@dataclass(frozen=True)
class Predict(PredictFlags):
    """A label and a score for each text: `label<TAB>score<TAB>text`, a line each."""

    inputs: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Texts. None, or a single `-`: the lines of standard input."""
    file: Path | None = None
    """A file with one text a line."""
    words: bool = False
    """Show which words moved the score: a heat map in a terminal, numbers elsewhere."""


def csv_options(flags: Table) -> dict[str, Any]:
    """The options of `csv` that were given."""
    given = {name: getattr(flags, name) for name in CSV_OPTIONS}
    return {name: value for name, value in given.items() if value is not None}


# Flags that there are no more, at the values at which they did nothing.
FORMER = {
    "pretrain_epochs": 0,
    "pretrain_learning_rate": 2e-3,
    "negatives": 1024,
    "pretrained": None,
    "frozen_epochs": 0,
    "pairs": 0,
    "pair_units": 16,
    "pair_dropout": 0.5,
    "contractive": False,
}

DEMO = Train()
IMDB = replace(
    DEMO,
    dataset="imdb",
    vocabulary_size=14_000,  # 29 MB, in 16 bits
    min_count=3,
    max_length=400,
    units=128,
    embedding_units=0,
    word_dropout=0.05,
    embedding_dropout=0.3,
    output_dropout=0.2,
    dropout=0.5,
    batch_size=48,
    epochs=9,
    learning_rate=8e-3,
    weight_decay=0.05,
    # Adam takes steps of one size for all words, rare ones too, and so learns reviews by heart.
    # This is above the gradients of rare words, and so keeps their steps small.
    epsilon=1e-6,
    label_smoothing=0.05,
    keep=5,
)
CSV = replace(
    IMDB,
    dataset="csv",
    vocabulary_size=30_000,
    min_count=1,
    units=64,
    embedding_units=64,
    word_dropout=0.1,
    embedding_dropout=0.5,
    input_dropout=0.3,
    output_dropout=0.3,
    batch_size=32,
    epochs=10,
    learning_rate=2e-3,
    epsilon=1e-5,
)
PRESETS = {
    "demo": DEMO,
    "imdb": IMDB,
    "imdb_reviews": replace(IMDB, dataset="imdb_reviews"),
    "csv": CSV,
}
