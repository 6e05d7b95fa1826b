"""Images as a captioner reads them: features of a frozen encoder, or pixels, kept on the disk."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from pipelines.cache import with_progress
from pipelines.captioning.data import Records
from pipelines.captioning.flags import Train
from pipelines.images import decode_batch
from pipelines.store import Store, cached_store
from zoo.encoders import build_encoder, split_encoder, weights_digest

BATCH = 50  # images a call of the encoder


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

    def input_shape(self) -> dict[str, tuple[int, ...]]:
        """What the captioner reads of one image: `images` where a part of the encoder is in it."""
        if self.learnt is None:
            return {"features": self.frozen.output_shape[1:]}
        return {"images": self.learnt.input_shape[1:]}


def build_encoders(flags: Train) -> Encoders:
    """The run's encoder, pretrained where there are weights for it."""
    weights = None if flags.encoder == "small_cnn" else "imagenet"
    encoder = build_encoder(flags.encoder, image_size=flags.image_size, weights=weights)
    if flags.train_encoder:
        return Encoders(None, encoder)
    encoder.trainable = False
    if flags.fine_tune_from is None:
        return Encoders(encoder, None)
    return Encoders(*split_encoder(encoder, flags.fine_tune_from))


class ImageInputs(NamedTuple):
    """What the model reads of each image of a split.

    name: "features", or "images" for a captioner that has the rest of the encoder, or all of it.
    store: see `image_store`.
    """

    name: str
    store: Store

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image."""
        return self.store.columns["plain"].values.shape[1:]

    def read(
        self, images: Sequence[int], mirrored: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """The model's input for some images `<float32>[images, ...]`.

        Args:
            images: their numbers.
            mirrored: `<bool>[images]`, which of them are mirrored; None for none.
        """
        values = self.store.dense("plain", images)
        if mirrored is not None and "mirrored" in self.store.columns:
            values[mirrored] = self.store.dense("mirrored", np.asarray(images)[mirrored])
        elif mirrored is not None:
            values[mirrored] = values[mirrored][:, :, ::-1]
        return {self.name: values.astype(np.float32)}


def open_inputs(
    flags: Train,
    split: str,
    key: Mapping[str, Any],
    records: Records,
    count: int,
    encoders: Encoders,
) -> ImageInputs:
    """The images of a split, from the cache or computed now.

    Column `plain` has pixels `<uint8>[size, size, 3]` where all of the encoder is in the captioner,
    else the grid `<float16>[cells, channels]` of its frozen part; with `--flip`, `mirrored` has the
    grids of the mirrored training images.

    Args:
        flags: of the run.
        split: its name.
        key: of the data, see `data.data_key`.
        records: gives the split's records.
        count: how many they are.
        encoders: of the run.
    """
    key = {**key, "kind": "captioning images", "split": split, "image_size": flags.image_size}
    batches = _decoded(records, flags.image_size)
    if encoders.frozen is None:
        batches = ({"plain": np.rint(images).astype(np.uint8)} for images in batches)
    else:
        flip = flags.flip and split == "train"
        weights = weights_digest(encoders.frozen)
        key |= {"encoder": flags.encoder, "weights": weights, "flip": flip}
        key |= {"layer": flags.fine_tune_from}
        batches = (_encoded(encoders.frozen, images, flip) for images in batches)
    (name,) = encoders.input_shape()
    return ImageInputs(name, cached_store(flags.cache_dir, key, batches, count))


def _decoded(records: Records, size: int) -> Iterator[np.ndarray]:
    """Pixels `<float32>[batch, size, size, 3]`; an image that cannot be decoded is black."""
    files = records().map(lambda record: record["image_bytes"]).batch(BATCH)
    batches = files.map(lambda image_bytes: decode_batch(image_bytes, size)[0]).prefetch(1)
    yield from with_progress(batches.as_numpy_iterator(), len, "images encoded")


def _encoded(encoder: keras.Model, images: np.ndarray, flip: bool) -> dict[str, np.ndarray]:
    """Grids of images, and of the mirrored images, in 16 bits."""
    columns = {"plain": images, "mirrored": images[:, :, ::-1]} if flip else {"plain": images}
    # A number beyond the range of 16 bits becomes infinite, and the store refuses it.
    with np.errstate(over="ignore"):
        return {
            name: np.asarray(encoder.predict_on_batch(part)).astype(np.float16)
            for name, part in columns.items()
        }
