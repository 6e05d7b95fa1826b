"""What a translation run is made of, and the presets."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from pipelines.flags import EvaluateFlags, ExportFlags, PredictFlags, TrainFlags


@dataclass(frozen=True)
class Train(TrainFlags):
    """Data to model to metrics to SavedModel, in one go; goes on where it was cut off."""

    dataset: str = "demo"
    """demo (dates, numbers), multi30k, pairs (yours), ted_hrlr_translate, or a tfds NAME/CONFIG."""
    source: str = "en"
    """Language to translate from, as the data set names it; for demo any locale, such as pt-BR."""
    target: str = "de"
    """Language to translate into."""
    vocabulary_size: int = 600  # tokens
    """Subwords of both languages together, with 4 special tokens and 256 bytes among them."""
    max_length: int = 60  # tokens
    """Longest sentence, with its end: longer pairs are not trained on, longer input is cut."""
    attention: Literal["additive", "multiplicative", "none"] = "additive"
    """How words look at the source sentence; none: only at a summary of it."""
    cell: Literal["lstm", "lstm_tanh", "simple_rnn"] = "lstm"
    """The lecture's LSTM, the same with the usual tanh candidate, or the lecture's SimpleRNN."""
    encoder_layers: int = 1
    """Layers of the encoder, each in both directions."""
    encoder_units: int = 64
    """Size of the encoder's states in each direction."""
    units: int = 128
    """Size of the decoder's states."""
    embedding_units: int = 64
    """Size of the embeddings."""
    attention_units: int = 64
    """Size of the additive attention's hidden layer."""
    embedding_dropout: float = 0.0
    """Share of the embeddings dropped in training, the same ones at all steps."""
    dropout: float = 0.1
    """Share of memory, states and readout dropped in training, the same ones at all steps."""
    word_dropout: float = 0.0
    """Share of the subwords read in training replaced by the unknown word, on both sides."""
    subword_dropout: float = 0.0
    """Probability that a longest match is passed over when training text is cut into subwords."""
    label_smoothing: float = 0.0
    """Share of the target probability spread over all subwords."""
    batch_size: int = 64  # pairs
    """Sentence pairs a step."""
    epochs: int = 12
    """Passes over the training pairs."""
    learning_rate: float = 4e-3
    """Largest learning rate; rises over the first twentieth of the steps, then falls to 0."""
    keep: int = 3
    """Best epochs to keep; a mean of their weights is used where it validates better."""
    jit_compile: bool = False
    """Compile training steps by XLA."""
    beam_size: int = 5
    """Width of the exported model's beam search."""
    length_penalty: float = 1.0
    """Exponent of the length that a translation's log probability is divided by."""


@dataclass(frozen=True)
class Evaluate(EvaluateFlags):
    """The metrics of an exported model on a split, free-running."""

    source: str = "en"
    """Language that the shipped model translates from, where --model names none."""
    target: str = "de"
    """Language that the shipped model translates into, where --model names none."""
    batch_size: int = 64  # sentences
    """Sentences a call."""


@dataclass(frozen=True)
class Predict(PredictFlags):
    """Translations of sentences, of a file's lines, or of standard input's."""

    inputs: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Sentences, each in quotation marks. Without any, and no --file: standard input."""
    file: Path | None = None
    """Text file, UTF-8, a sentence a line."""
    source: str = "en"
    """Language that the shipped model translates from, where --model names none."""
    target: str = "de"
    """Language that the shipped model translates into, where --model names none."""
    batch_size: int = 64  # sentences
    """Sentences a call."""


@dataclass(frozen=True)
class Export(ExportFlags):
    """A finished run as a new version under saved_models/."""

    beam_size: int | None = None
    """Width of the beam search. Default: the run's."""
    length_penalty: float | None = None
    """Exponent of the length that a log probability is divided by. Default: the run's."""


def check(flags: Train) -> None:
    """Raises ValueError for sizes that no run can have, before anything is loaded."""
    sizes = "vocabulary_size max_length encoder_layers encoder_units units embedding_units"
    for name in (*sizes.split(), "attention_units", "batch_size", "epochs", "keep", "beam_size"):
        if getattr(flags, name) < 1:
            raise ValueError(f"`{name}` must be at least 1. Got {getattr(flags, name)}.")
    for name in ("word_dropout", "subword_dropout"):
        if not 0 <= getattr(flags, name) <= 1:
            raise ValueError(f"`{name}` must be from 0 to 1. Got {getattr(flags, name)}.")
    if flags.subword_dropout == 1:
        raise ValueError("`subword_dropout` must be below 1. Got 1.0.")


DEMO = Train()
MULTI30K = replace(
    DEMO,
    dataset="multi30k",
    vocabulary_size=8000,
    max_length=64,
    encoder_units=256,
    units=512,
    embedding_units=256,
    attention_units=256,
    embedding_dropout=0.3,
    dropout=0.4,
    word_dropout=0.1,
    subword_dropout=0.1,
    label_smoothing=0.1,
    batch_size=96,
    epochs=30,
    learning_rate=2e-3,
    keep=5,
)
LARGE = replace(MULTI30K, dropout=0.3, embedding_dropout=0.2, epochs=15, batch_size=128)
PRESETS = {
    "demo": DEMO,
    "multi30k": MULTI30K,
    "pairs": replace(LARGE, dataset="pairs"),
    "ted_hrlr_translate": replace(LARGE, dataset="ted_hrlr_translate", source="pt", target="en"),
}
