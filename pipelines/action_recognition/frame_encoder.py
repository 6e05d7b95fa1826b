"""Frames through a frozen image encoder: pooled features, in training and in the exported graph."""

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipelines.action_recognition.flags import view_of
from zoo.encoders import build_encoder


def encoder_of(flags: Any) -> keras.Model | None:
    """The frozen encoder of a run; None of one that has none.

    Raises:
        ValueError: the run watches joints, or as `frame_encoder`.
        ImportError: as `frame_encoder`.
    """
    if flags.encoder is None:
        return None
    if view_of(flags) == "joints":
        raise ValueError(
            "`encoder` must be left out where `view` is joints: it reads frames. "
            f"Got {flags.encoder!r}."
        )
    return frame_encoder(flags.encoder, flags.size)


@functools.cache
def frame_encoder(name: str, size: int) -> keras.Model:
    """A pretrained encoder of `zoo.encoders`, frozen: frames to the mean of its grid.

    Args:
        name: as `zoo.encoders.build_encoder` has it.
        size: pixels of a frame's side.

    Returns:
        A model from `<float32>[batch, size, size, 3]`, RGB in 0..255, to `<float32>[batch,
        features]`.

    Raises:
        ValueError: there is no such encoder, or it has no pretrained weights.
        ImportError: the package that carries the weights is not installed.
    """
    if name == "small_cnn":
        raise ValueError("`encoder` must have pretrained weights. Got 'small_cnn', which has none.")
    return pooled(build_encoder(name, image_size=size))


def pooled(encoder: keras.Model) -> keras.Model:
    """An encoder whose grid becomes its mean, frozen."""
    mean = keras.layers.GlobalAveragePooling1D(name="mean_of_cells")(encoder.output)
    model = keras.Model(encoder.input, mean, name="frame_encoder")
    model.trainable = False
    return model


def encode(encoder: keras.Model, clip: np.ndarray) -> np.ndarray:
    """Features `<float16>[time, features]` of a clip `<uint8>[time, size, size, 3]`."""
    features = np.asarray(encoder.predict_on_batch(clip.astype(np.float32)))
    # A number beyond the range of 16 bits becomes infinite, and the store refuses it.
    with np.errstate(over="ignore"):
        return features.astype(np.float16)


def encode_in_graph(encoder: keras.Model, clips: tf.Tensor) -> tf.Tensor:
    """Features `<float32>[batch, time, features]` of `<uint8>[batch, time, size, size, 3]`.

    One clip at a time, which bounds the memory that a batch can take.
    """

    def features(clip):
        return tf.cast(encoder(tf.cast(clip, tf.float32), training=False), tf.float32)

    spec = tf.TensorSpec([None, encoder.output_shape[-1]], tf.float32)
    return tf.map_fn(features, clips, parallel_iterations=1, fn_output_signature=spec)
