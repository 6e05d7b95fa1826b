"""What a translation run is made of, and the presets."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from pipelines.flags import (
    EvaluateFlags,
    ExportFlags,
    Positive,
    PredictFlags,
    Rate,
    Share,
    TrainFlags,
)


@dataclass(frozen=True)
class Train(TrainFlags):
    """Data to model to metrics to SavedModel, in one go; goes on where it was cut off."""

    dataset: str = "demo"
    """demo (dates, numbers), multi30k, tatoeba, bcontrast, pairs (yours), ted_hrlr_translate, or a
    tfds NAME/CONFIG; several with + between, each in its folder (twice: of twice the weight)."""
    source: str = "en"
    """Language to translate from, as the data set names it; for demo any locale, such as pt-BR."""
    target: str = "de"
    """Language to translate into."""
    vocabulary_size: Positive = 600  # tokens
    """Subwords of both languages together, with 4 special tokens and 256 bytes among them."""
    max_length: Positive = 60  # tokens
    """Longest sentence, with its end: longer pairs are not trained on, longer input is cut."""
    attention: Literal["additive", "multiplicative", "none"] = "additive"
    """How words look at the source sentence; none: only at a summary of it."""
    encoder_layers: Positive = 1
    """Layers of the encoder, each in both directions."""
    encoder_units: Positive = 64
    """Size of the encoder's states in each direction."""
    embedding_units: Positive = 64
    """Size of the embeddings."""
    attention_units: Positive = 64
    """Size of the additive attention's hidden layer."""
    embedding_dropout: Rate = 0.0
    """Share of the embeddings dropped in training, the same ones at all steps."""
    dropout: Rate = 0.1
    """Share of memory, states and readout dropped in training, the same ones at all steps."""
    word_dropout: Share = 0.0
    """Share of the subwords read in training replaced by the unknown word, on both sides."""
    subword_dropout: Rate = 0.0
    """Probability that a longest match is passed over when training text is cut into subwords."""
    other_names: Share = 0.0
    """Share of the training pairs whose names and digits are replaced by others, on both sides."""
    lower_cased: Share = 0.0
    """Share of the training pairs whose source is read in lower case."""
    label_smoothing: Rate = 0.0
    """Share of the target probability spread over all subwords."""
    batch_size: Positive = 64
    """Sentence pairs a step."""
    epochs: Positive = 12
    """Passes over the training pairs."""
    jit_compile: bool = False
    """Compile training steps by XLA."""
    beam_size: Positive = 5
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


@dataclass(frozen=True)
class Export(ExportFlags):
    """A finished run as a new version under saved_models/."""

    beam_size: Positive | None = None
    """Width of the beam search. Default: the run's."""
    length_penalty: float | None = None
    """Exponent of the length that a log probability is divided by. Default: the run's."""


# Flags that there are no more, at the values at which they did nothing.
FORMER = {
    "input_feeding": False,
    "constant_feature": True,
    "tied": "all",
    "scheduled_sampling": 0.0,
    "validation_beam": 1,
}

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
TATOEBA = replace(  # for two hours of two cores: many pairs, each of them met a few times
    MULTI30K,
    dataset="tatoeba",
    attention="multiplicative",
    encoder_units=160,
    units=320,
    embedding_units=160,
    embedding_dropout=0.05,
    dropout=0.15,
    word_dropout=0.02,
    subword_dropout=0.05,
    other_names=0.25,
    lower_cased=0.08,
    batch_size=128,
    epochs=5,
    learning_rate=3e-3,
    keep=3,
)
PRESETS = {
    "demo": DEMO,
    "multi30k": MULTI30K,
    "tatoeba": TATOEBA,
    "bcontrast": replace(TATOEBA, dataset="bcontrast"),
    "pairs": replace(LARGE, dataset="pairs"),
    "ted_hrlr_translate": replace(LARGE, dataset="ted_hrlr_translate", source="pt", target="en"),
}
