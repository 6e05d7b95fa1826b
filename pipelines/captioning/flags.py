"""What a captioning run is made of, and the presets that were measured."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import tyro

from pipelines.flags import (
    AboveZero,
    Count,
    EvaluateFlags,
    ExportFlags,
    NotNegative,
    Positive,
    PredictFlags,
    Rate,
    Share,
    TrainFlags,
)

Name = Literal["demo", "flickr8k", "coco_captions", "folder"]


@dataclass(frozen=True)
class Train(TrainFlags):
    """Data to model to metrics to SavedModel, in one go; goes on where it was cut off."""

    dataset: Name = "demo"
    """Data set: demo (drawn scenes), flickr8k, coco_captions, folder (your own images)."""
    encoder: str = "small_cnn"
    """small_cnn, efficientnet_lite0|1|2, or a network of keras.applications by class name."""
    train_encoder: bool = True
    """Train the encoder, too. Off: its features are computed once and cached."""
    image_size: Positive = 48  # pixels
    """Side that images are resized to, in pixels."""
    flip: bool = False
    """Mirror images at random in training. Wrong where captions say left and right."""
    min_count: Positive = 1  # captions
    """Words seen less often in training become the unknown word."""
    max_length: Positive = 20  # words
    """Captions are cut after so many words."""
    attention: Literal["additive", "none"] = "additive"
    """How words look at the image: a look at the grid each word, or once at the start."""
    embedding_units: Positive = 128
    """Size of word embeddings and of the image's cells."""
    attention_units: Positive = 64
    """Size of the attention's hidden layer."""
    dropout: Rate = 0.0
    """Share of words' embeddings, image cells, states and readouts dropped in training."""
    word_dropout: Share = 0.0
    """Share of the words that the model reads in training replaced by the unknown word."""
    batch_size: Positive = 32  # images
    """Images a step."""
    captions_per_image: Positive = 2
    """Captions of each image in a step."""
    epochs: Positive = 6
    """Passes over the training images."""
    learning_rate: AboveZero = 2.5e-3
    """Largest learning rate; rises over the first twentieth of the steps, then falls to 0."""
    label_smoothing: Rate = 0.0
    """Share of the target probability spread over all words."""
    fine_tune_from: str | None = None
    """Layer of the frozen encoder behind which it learns, too, in the fine-tuning epochs."""
    fine_tune_epochs: Count = 0
    """Passes after the others in which that part of the encoder learns with the decoder."""
    fine_tune_learning_rate: AboveZero = 3e-4
    """Largest learning rate of those passes."""
    self_critical_epochs: Count = 0
    """Passes of self-critical training on CIDEr-D after the others."""
    self_critical_learning_rate: AboveZero = 1e-4
    """Learning rate of those passes, constant."""
    keep: Positive = 1
    """Best epochs to keep; a mean of their weights is used where it validates better."""
    beam_size: Positive = 3
    """Width of the exported model's beam search."""
    length_penalty: NotNegative = 0.7
    """Exponent of the length that a caption's log probability is divided by."""


@dataclass(frozen=True)
class Evaluate(EvaluateFlags):
    """The metrics of an exported model on a split, free-running."""

    dataset: Name | None = None
    """Data set. Default: the one that the model was trained on."""


@dataclass(frozen=True)
class Predict(PredictFlags):
    """A caption for each image file."""

    inputs: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Image files: JPEG or PNG."""


@dataclass(frozen=True)
class Export(ExportFlags):
    """A finished run as a new version under saved_models/."""

    beam_size: Positive | None = None
    """Width of the beam search. Default: the run's."""
    length_penalty: NotNegative | None = None
    """Exponent of the length that a log probability is divided by. Default: the run's."""


DEMO = Train()
FLICKR8K = replace(
    DEMO,
    dataset="flickr8k",
    encoder="efficientnet_lite2",
    train_encoder=False,
    image_size=260,
    flip=True,
    min_count=5,
    max_length=19,
    units=384,
    embedding_units=384,
    attention_units=256,
    dropout=0.3,
    word_dropout=0.1,
    captions_per_image=5,
    epochs=7,  # with the encoder frozen, dev gets no better after the fifth
    learning_rate=1e-3,
    label_smoothing=0.1,
    fine_tune_from="block5d_add",
    fine_tune_epochs=5,
    self_critical_epochs=3,  # the fourth falls apart at this learning rate
    keep=8,
    beam_size=5,
    length_penalty=1.2,
)
PRESETS = {
    "demo": DEMO,
    "flickr8k": FLICKR8K,
    "coco_captions": replace(FLICKR8K, dataset="coco_captions"),
    "folder": replace(FLICKR8K, dataset="folder", min_count=2),
}
