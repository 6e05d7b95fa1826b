"""Clips as a few frames or poses and a label, by TensorFlow functions that the graph shares."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from datasets import actions
from pipelines.action_recognition.flags import Train, view_of
from pipelines.action_recognition.frame_encoder import encode, encoder_of
from pipelines.cache import digest_of, with_progress
from pipelines.inspection import lengths_of
from pipelines.store import Store, cached_store
from zoo.encoders import weights_digest

BATCH = 32  # clips that are written at a time
GREY = 0.06  # of the light of a grey clip: what its channels differ by, at most
VERSION = 1  # of the transform: another one makes caches anew


def places(count: tf.Tensor, frames: int) -> tf.Tensor:
    """Which frames of a clip are taken: `<int32>[min(count, frames)]`.

    The middle of each of `frames` equal parts, floor((2 i + 1) count / (2 frames)), so that the
    rate of a clip does not matter; all frames of a clip of no more. As
    `datasets.actions.sample_places`, in the graph.

    Args:
        count: `<int32>[]`, frames of the clip.
        frames: to take.
    """
    taken = tf.cast(tf.minimum(count, frames), tf.int64)
    parts = 2 * tf.range(taken) + 1
    return tf.cast(parts * tf.cast(count, tf.int64) // tf.maximum(2 * taken, 1), tf.int32)


def fit(frames: tf.Tensor, size: int) -> tf.Tensor:
    """Frames scaled to lie whole in a black square, aspect kept, in the middle of it.

    `<uint8>[time, height, width, 3]` -> `<uint8>[time, size, size, 3]`; bilinear, smoothed where a
    frame shrinks.
    """
    height, width = tf.shape(frames)[1], tf.shape(frames)[2]
    longer = tf.maximum(tf.maximum(height, width), 1)
    new = [tf.maximum(1, side * size // longer) for side in (height, width)]
    scaled = tf.image.resize(frames, new, method="bilinear", antialias=True)
    scaled = tf.saturate_cast(tf.round(scaled), tf.uint8)
    top, left = ((size - side) // 2 for side in new)
    square = tf.image.pad_to_bounding_box(scaled, top, left, size, size)
    return tf.ensure_shape(square, [None, size, size, 3])


def watch(clip: tf.Tensor, frames: int, size: int, shuffled: bool = False) -> tf.Tensor:
    """The frames or poses that the model watches of a clip: at most `frames`, evenly over it.

    Args:
        clip: `<uint8>[time, height, width, 3]`, or `<float32>[time, joints, 3]`.
        frames: to take.
        size: pixels of a frame's side; without a meaning for joints.
        shuffled: whether their order is lost: an order by chance, the same for all clips.
    """
    taken = places(tf.shape(clip)[0], frames)
    if shuffled:
        draws = tf.random.stateless_uniform([frames], [0, 0])[: tf.size(taken)]
        taken = tf.gather(taken, tf.argsort(draws))
    clip = tf.gather(clip, taken)
    return fit(clip, size) if clip.shape.rank == 4 else clip


def is_grey(clip: tf.Tensor) -> tf.Tensor:
    """Whether a clip `<uint8>[..., 3]` has no colour: red, green and blue are nearly the same."""
    values = tf.cast(clip, tf.float32)
    most, least = tf.reduce_max(values, axis=-1), tf.reduce_min(values, axis=-1)
    return tf.reduce_sum(most - least) <= GREY * tf.reduce_sum(most)


# Reading: from raw clips to numbers on the disk, a few clips in the memory at a time.


def source_options(flags: Any) -> dict[str, Any]:
    """What the loader is told of a data set beside its name."""
    options: dict[str, Any] = {"view": view_of(flags), "limit": flags.limit}
    return options | ({} if flags.heldout is None else {"heldout": flags.heldout})


def describe(flags: Train, splits: Sequence[str]) -> dict[str, Any]:
    """What the loader understands of the clips, and how many frames the model watches.

    Raises:
        ValueError: a split cannot be used.
    """
    found = actions.describe(flags.dataset, splits, flags.data_dir, **source_options(flags))
    stores = {split: encode_split(flags, split) for split in splits}
    train, names = stores["train"], read_labels(flags)
    examples = [
        {
            "label": names[int(train.columns["label"].values[row])],
            "frames": int(train.lengths("clip")[row]),
            "each": " x ".join(map(str, train.columns["clip"].values.shape[1:])),
        }
        for row in range(min(3, len(train)))
    ]
    # What the source does not tell, such as subjects, is left out.
    sizes = {
        split: {name: size for name, size in numbers.items() if size is not None}
        for split, numbers in found["splits"].items()
    }
    lengths = lengths_of(train.lengths("clip"), "frames")
    return {**found, "splits": sizes, "examples": examples, "lengths": lengths}


def read_labels(flags: Any) -> tuple[str, ...]:
    """The labels' names in the order of their numbers."""
    names = actions.label_names(flags.dataset, flags.data_dir)
    return tuple(spelt(name.encode("utf-8", "surrogateescape")) for name in names)


def spelt(name: bytes) -> str:
    """A label as a record has it, as text; bytes that are not UTF-8 as \\xff."""
    return name.decode("utf-8", "backslashreplace")


def records(flags: Any, split: str, frames: int, size: int) -> tf.data.Dataset:
    """The records of a split: `id`, `clip`, `label`, `subject`, `seconds`; `clip` may be joints.

    Args:
        flags: data set, folder, view, limit, subjects held out.
        split: of the data set.
        frames, size: of a clip of frames; a clip of joints is whole.
    """
    joints = view_of(flags) == "joints"
    options = {**source_options(flags), "frames": frames, "size": size}
    found = actions.load(flags.dataset, split, flags.data_dir, **options)
    if not joints:
        return found

    def renamed(record):
        return {("clip" if name == "joints" else name): value for name, value in record.items()}

    return found.map(renamed)


def encode_split(flags: Train, split: str) -> Store:
    """A split as columns `clip` (rows of frames or poses), `label`, `seconds` and `grey`.

    With `--encoder`, `clip` has the features of the frames, `<float16>[frames, features]`.

    Raises:
        ValueError: the data cannot be used, or nothing is left.
    """
    files = digest_of(actions.raw_files(flags.dataset, flags.data_dir))
    key = {
        "kind": "action_recognition records",
        "version": VERSION,
        "files": files,
        "dataset": flags.dataset,
        "split": split,
        **source_options(flags),
    }
    if view_of(flags) != "joints":
        key |= {"frames": flags.frames, "size": flags.size}
    encoder = encoder_of(flags)
    if encoder:
        key |= {"encoder": flags.encoder, "weights": weights_digest(encoder)}
    return cached_store(flags.cache_dir, key, _encoded(flags, split, encoder))


def _encoded(flags: Train, split: str, encoder: keras.Model | None) -> Iterator[dict[str, Any]]:
    joints = view_of(flags) == "joints"
    numbers = {name: number for number, name in enumerate(read_labels(flags))}

    def transform(record):
        clip = record["clip"]
        if joints:  # all poses are kept, as they are small: each epoch takes others
            return {**record, "grey": False}
        return {**record, "clip": watch(clip, flags.frames, flags.size), "grey": is_grey(clip)}

    found = records(flags, split, flags.frames, flags.size).map(transform).prefetch(8)
    rows: list[dict[str, Any]] = []
    for row in with_progress(found.as_numpy_iterator(), lambda row: 1, "clips read"):
        clip = encode(encoder, row["clip"]) if encoder else row["clip"]
        rows.append({**row, "clip": clip, "label": numbers[spelt(row["label"])]})
        if len(rows) == BATCH:
            yield _columns(rows)
            rows = []
    if rows:
        yield _columns(rows)


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    clips = [row["clip"] for row in rows]
    return {
        "clip": (np.concatenate(clips), np.array([len(clip) for clip in clips])),
        "label": np.array([row["label"] for row in rows], np.int32),
        "seconds": np.array([row["seconds"] for row in rows], np.float32),
        "grey": np.array([row["grey"] for row in rows], np.uint8),
    }


# Batches.


def padded(rows: Sequence[np.ndarray], frames: int, shape: Sequence[int]) -> np.ndarray:
    """Clips `[time, ...]` right-padded with 0: `[rows, frames, ...]`, in the rows' own type.

    Args:
        rows: of at most `frames` frames each.
        frames: to pad to.
        shape: of a frame.
    """
    dtype = rows[0].dtype if len(rows) else np.uint8
    batch = np.zeros((len(rows), frames, *shape), dtype)
    for place, row in zip(batch, rows, strict=True):
        place[: len(row)] = row
    return batch


def inputs_of(rows: Sequence[np.ndarray], frames: int, shape: Sequence[int]) -> dict[str, Any]:
    """What the model is called with: clips, under the name of their kind, and `lengths`."""
    lengths = np.array([len(row) for row in rows], np.int32)
    name = {3: "frames", 2: "joints", 1: "features"}[len(shape)]
    return {name: padded(rows, frames, shape), "lengths": lengths}
