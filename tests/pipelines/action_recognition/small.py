"""Small clips for the tests: a bright square that moves to the right or to the left."""

from pathlib import Path

import keras
import numpy as np

from pipelines.action_recognition.signatures import gif_bytes

LABELS = ("left", "right")
SIZE = 16


def clip_of(label: str, seed: int = 0, frames: int = 8, size: int = SIZE) -> np.ndarray:
    """`<uint8>[frames, size, size, 3]`; forwards or backwards the frames are the same."""
    rng = np.random.default_rng([seed, frames])
    colour = rng.integers(120, 256, 3)
    edge = size // 4
    row = int(rng.integers(0, size - edge))
    clip = np.full((frames, size, size, 3), rng.integers(0, 40, 3), np.uint8)
    for index, column in enumerate(np.linspace(0, size - edge, frames).astype(int)):
        clip[index, row : row + edge, column : column + edge] = colour
    return clip if label == "right" else clip[::-1].copy()


def gif_of(label: str, seed: int = 0, frames: int = 8) -> bytes:
    return gif_bytes(clip_of(label, seed, frames), seconds=0.1 * frames)


def small_encoder(seed: int = 0, size: int = SIZE, features: int = 5) -> keras.Model:
    """An encoder to a grid `<float32>[batch, cells, features]`; the seed gives its weights."""
    inputs = keras.Input((size, size, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    initializer = keras.initializers.RandomNormal(stddev=0.3, seed=seed)
    x = keras.layers.Conv2D(features, 4, 4, kernel_initializer=initializer)(x)
    return keras.Model(inputs, keras.layers.Reshape((-1, features))(x))


def write_folder(folder: Path, sizes: dict[str, int] | None = None) -> Path:
    """A data set of a user: split/class/clip.gif."""
    seed = 0
    for split, count in (sizes or {"train": 16, "dev": 8, "test": 8}).items():
        for label in LABELS:
            (folder / split / label).mkdir(parents=True)
            for number in range(count // 2):
                seed += 1
                file = folder / split / label / f"{number}.gif"
                file.write_bytes(gif_of(label, seed, 6 + seed % 5))
    return folder
