"""Images as a captioner reads them: cached features of a frozen encoder, or pixels."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from datasets.captioning import load
from datasets.captioning.feature_cache import cached_features, data_key
from datasets.captioning.images import decode_batch
from pipelines.captioning.flags import Evaluate, Train
from zoo.encoders import build_encoder, split_encoder, weights_digest

BATCH = 50  # images a call of the encoder


class Split(NamedTuple):
    """One split in memory: everything but the images."""

    images: tf.data.Dataset
    ids: list[str]
    captions: list[list[str]]


class Inputs(NamedTuple):
    """What the model reads of each image of a split.

    read: rows, random generator or None -> {"features": ...}, or {"images": ...} for a captioner
        that has the rest of the encoder (or all of it) inside.
    shape: shape of that input for one image.
    """

    read: Callable[[np.ndarray, np.random.Generator | None], dict[str, np.ndarray]]
    shape: dict[str, tuple]


def read_split(flags: Train | Evaluate, split: str) -> Split:
    """Loads a split and reads through it once for its names and captions."""
    images = load(flags.dataset, split, data_dir=flags.data_dir, size=flags.limit)
    ids, captions = [], []
    for element in images.as_numpy_iterator():
        ids.append(element["image_id"].decode())
        captions.append([caption.decode() for caption in element["captions"]])
    return Split(images, ids, captions)


class Encoders(NamedTuple):
    """An encoder in the parts that a run has it in; the first or the second may be missing.

    frozen: computed once for each image and cached.
    learnt: a part of the captioner, which trains it.
    """

    frozen: keras.Model | None
    learnt: keras.Model | None

    def whole(self) -> keras.Model:
        """From pixels to the grid that the captioner looks at."""
        if self.frozen is None or self.learnt is None:
            return self.frozen or self.learnt
        return keras.Model(self.frozen.input, self.learnt(self.frozen.output), name="encoder")


def build_encoders(flags: Train) -> Encoders:
    """The run's encoder, pretrained where there are weights for it."""
    weights = None if flags.encoder == "small_cnn" else "imagenet"
    encoder = build_encoder(flags.encoder, image_size=flags.image_size, weights=weights)
    if flags.train_encoder:
        return Encoders(None, encoder)
    encoder.trainable = False
    if flags.fine_tune_from is None:
        return Encoders(encoder, None)
    trunk, top = split_encoder(encoder, flags.fine_tune_from)
    return Encoders(trunk, top)


def open_inputs(flags: Train, split: Split, encoders: Encoders, *, flip: bool = False) -> Inputs:
    """What the frozen part of the encoder makes of the images; pixels where nothing is frozen.

    With `flip`, half of the images that are read with a random generator are mirrored.
    """
    if encoders.frozen is None:
        return _pixels(flags, split, flip)
    name = "features" if encoders.learnt is None else "images"
    return _features(flags, split, encoders.frozen, name, flip)


def _pixels(flags: Train, split: Split, flip: bool) -> Inputs:
    batches = list(_decoded(split.images, flags.image_size))
    images = np.rint(np.concatenate(batches)).astype(np.uint8)

    def read(rows, rng=None):
        chosen = images[rows].astype(np.float32)
        if flip and rng is not None:
            mirrored = rng.random(len(rows)) < 0.5
            chosen[mirrored] = chosen[mirrored][:, :, ::-1]
        return {"images": chosen}

    return Inputs(read, {"images": images.shape[1:]})


def _features(flags: Train, split: Split, encoder: keras.Model, name: str, flip: bool) -> Inputs:
    encode = tf.function(lambda images: encoder(images, training=False))
    data = data_key(
        (element["image_id"].decode(), element["image_bytes"])
        for element in split.images.as_numpy_iterator()
    )
    key = {
        "data": data,
        "encoder": flags.encoder,
        "weights": weights_digest(encoder),
        "image_size": flags.image_size,
        **({"layer": flags.fine_tune_from} if flags.fine_tune_from else {}),
    }

    def cache(mirror):
        batches = _decoded(split.images, flags.image_size)
        if mirror:
            batches = (batch[:, :, ::-1] for batch in batches)
        return cached_features(
            batches,
            lambda batch: encode(tf.constant(batch)).numpy(),
            count=len(split.ids),
            key={**key, "flip": mirror},
            directory=flags.cache_dir,
        )

    plain = cache(mirror=False)
    mirrored = cache(mirror=True) if flip else plain

    def read(rows, rng=None):
        features = plain[rows]
        if flip and rng is not None:
            chosen = rng.random(len(rows)) < 0.5
            features[chosen] = mirrored[rows[chosen]]
        return {name: features.astype(np.float32)}

    return Inputs(read, {name: plain.shape[1:]})


def _decoded(images: tf.data.Dataset, size: int) -> Iterator[np.ndarray]:
    """Pixels `<float32>[batch, size, size, 3]`; an image that cannot be decoded is black."""
    decode = tf.function(lambda image_bytes: decode_batch(image_bytes, size)[0])
    batches = images.map(lambda element: element["image_bytes"]).batch(BATCH)
    for image_bytes in batches.prefetch(1):
        yield decode(image_bytes).numpy()
