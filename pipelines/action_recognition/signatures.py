"""The exported recogniser: clips or joints in, actions out, everything between inside the graph."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from pipelines.action_recognition import gif
from pipelines.action_recognition.data import fit, is_grey, watch
from pipelines.action_recognition.frame_encoder import encode_in_graph
from pipelines.contract import Export
from pipelines.exporting import signatures_of, stored_in_half
from zoo.models.action_recognizer import ActionRecognizer

LARGEST = 1e6  # of a joint's place: a larger one is no measurement


class Front(NamedTuple):
    """What a model watches: frames of a clip, whether they lose their order, and of grey alone.

    encoder: from frames to the features that the model reads, where it has no convolutions.
    """

    frames: int
    shuffled: bool = False
    grey: bool = False
    encoder: keras.Model | None = None


class Signatures:
    """The computation of each signature; `action_export` says what they are for."""

    def __init__(
        self, model: ActionRecognizer, labels: Sequence[str], front: Front, temperature: float
    ):
        encoded = front.encoder.variables if front.encoder else []
        self.stored, self.scope = stored_in_half([*encoded, *model.variables])
        self.model, self.front, self.temperature = model, front, temperature
        self.labels = tf.constant(list(labels))
        if not model.bidirectional:
            self.layout = StateLayout(model)

    # Of clips: `serving_default` takes files, of joints arrays.

    def clip_bytes(self, clip_bytes):
        return self._answer(*self._decoded(clip_bytes))

    def belief(self, clip_bytes):
        return self._beliefs(*self._decoded(clip_bytes))

    def frames(self, frames, lengths):
        return self._answer(*self._watched(frames, lengths))

    def frames_belief(self, frames, lengths):
        return self._beliefs(*self._watched(frames, lengths))

    def joints(self, joints, lengths):
        return self._answer(*self._watched(joints, lengths))

    def joints_belief(self, joints, lengths):
        return self._beliefs(*self._watched(joints, lengths))

    def stream(self, frames, state):
        if not self.model.joints:
            shape = tf.shape(frames)
            flat = tf.reshape(frames, tf.concat([[-1], shape[2:]], 0))
            size = self.model.size
            frames = tf.reshape(fit(flat, size), [shape[0], shape[1], size, size, 3])
        some = tf.shape(frames)[1] > 0
        rule = "`frames` must have at least one frame. Got none."
        with tf.control_dependencies([tf.debugging.Assert(some, [rule])]), self.scope():
            frames = self._encoded(tf.identity(frames))
            logits, states = self.model.stream(frames, self.layout.split(state))
        return {"probabilities": self._calibrated(logits), "state": self.layout.join(states)}

    # Between them.

    def _decoded(self, clip_bytes):
        size, front = self.model.size, self.front

        def prepare(clip):
            return watch(clip, front.frames, size, front.shuffled)

        return gif.decode_batch(clip_bytes, prepare, front.frames, size)

    def _watched(self, clips, lengths):
        """The frames that the model watches of each clip, and how many they are."""
        frames, size = self.front.frames, self.model.size
        shape = self.model.place if self.model.joints else (size, size, 3)
        lengths = tf.clip_by_value(lengths, 0, tf.shape(clips)[1])
        if self.model.joints:
            within = tf.sequence_mask(lengths, tf.shape(clips)[1])[..., None, None]
            good = tf.abs(clips) <= LARGEST  # nor not-a-number
            whole = tf.reduce_all(good | ~within, axis=[1, 2, 3])
            lengths = tf.where(whole, lengths, 0)
            clips = tf.where(good, clips, 0.0)

        def one(row):
            clip, length = row
            clip = clip[: tf.maximum(length, 1)]
            taken = watch(clip, frames, size, self.front.shuffled)
            return tf.pad(taken, [[0, frames - tf.shape(taken)[0]]] + [[0, 0]] * len(shape))

        # A map over nothing does not know its shape, and nothing cannot be scaled: one more row,
        # and one more frame.
        padding = [[0, 1], [0, 1]] + [[0, 0]] * len(shape)
        spec = tf.TensorSpec([frames, *shape], clips.dtype)
        pair = (tf.pad(clips, padding), tf.pad(lengths, [[0, 1]]))
        found = tf.map_fn(one, pair, fn_output_signature=spec)[:-1]
        return found, tf.minimum(lengths, frames)

    def _inputs(self, clips, lengths):
        return {self.model.input_name: self._encoded(clips), "lengths": lengths}

    def _encoded(self, clips):
        encoder = self.front.encoder
        return encode_in_graph(encoder, clips) if encoder else clips

    def _known(self, clips, lengths):
        """`<bool>[batch]`: of which clip the model has an opinion."""
        known = lengths > 0
        if not self.front.grey:
            return known
        rows = tf.pad(clips, [[0, 1]] + [[0, 0]] * 4)
        spec = tf.TensorSpec([], tf.bool)
        return known & tf.map_fn(is_grey, rows, fn_output_signature=spec)[:-1]

    def _calibrated(self, logits):
        return tf.nn.softmax(logits / self.temperature)

    def _answer(self, clips, lengths):
        rows = tf.shape(lengths)[0]
        with self.scope():
            inputs = self._inputs(*map(_some, (clips, lengths)))
            logits = self.model(inputs, training=False)[:rows]
        return self._named(self._calibrated(logits), self._known(clips, lengths))

    def _beliefs(self, clips, lengths):
        rows, known = tf.shape(lengths)[0], self._known(clips, lengths)
        with self.scope():
            logits = self.model.belief(self._inputs(*map(_some, (clips, lengths))))[:rows]
        beliefs = tf.where(known[:, None, None], self._calibrated(logits), 0.0)
        seen = tf.cast(tf.range(1, self.front.frames + 1), tf.float32)[None]
        shares = seen / tf.cast(tf.maximum(lengths, 1), tf.float32)[:, None]
        answer = self._named(beliefs[:, -1], known)
        return {"beliefs": beliefs, "shares": tf.minimum(shares, 1.0), **answer}

    def _named(self, probabilities, known):
        probabilities = tf.where(known[:, None], probabilities, 0.0)
        best = tf.argmax(probabilities, axis=1)
        return {
            "label": tf.where(known, tf.gather(self.labels, best), ""),
            "score": tf.reduce_max(probabilities, axis=1),
            "probabilities": probabilities,
        }


def _some(values):
    """A batch of at least one row: a convolution of no rows has the wrong shape."""
    blank = [[0, tf.maximum(1 - tf.shape(values)[0], 0)]]
    return tf.pad(values, blank + [[0, 0]] * (values.shape.rank - 1))


class StateLayout:
    """What a stream knows of its past, as one tensor `<float32>[batch, features]`, and back."""

    def __init__(self, model: ActionRecognizer):
        self.shapes = model.state_sizes()
        self.sizes = [math.prod(shape) for shape in self.shapes]
        self.features = sum(self.sizes)

    def split(self, state):
        parts = zip(tf.split(state, self.sizes, axis=1), self.shapes, strict=True)
        return [tf.reshape(part, [-1, *shape]) for part, shape in parts]

    def join(self, states):
        rows = tf.shape(states[0])[0]
        flat = [
            tf.reshape(tf.cast(part, tf.float32), [rows, size])
            for part, size in zip(states, self.sizes, strict=True)
        ]
        return tf.concat(flat, axis=1)


def action_export(
    model: ActionRecognizer,
    labels: Sequence[str],
    front: Front,
    files: Mapping[str, Path],
    *,
    temperature: float,
) -> Export:
    """The signatures of an exported recogniser.

    Of a model that watches frames:

    serving_default: clip_bytes `<string>[batch]`, GIF files -> label `<string>[batch]`, score
        `<float32>[batch]`, which is P(label), probabilities `<float32>[batch, labels]`.
    belief: clip_bytes -> the same, and beliefs `<float32>[batch, frames, labels]`, the
        probabilities once the first 1, 2, ... of the watched frames were seen, and shares
        `<float32>[batch, frames]`, the share of the clip that these are.
    frames: frames `<uint8>[batch, time, height, width, 3]`, lengths `<int32>[batch]` -> as
        serving_default.
    frames_belief: the same -> as belief.

    Of a model of joints: serving_default and belief take joints `<float32>[batch, time, joints, 3]`
    and lengths `<int32>[batch]`.

    stream, of `bidirectional=False`: frames or joints `[batch, time, ...]`, and state
        `<float32>[batch, features]`, zeros before the first -> probabilities `<float32>[batch,
        time, labels]`, what is believed after each frame, and state.

    A file that is no GIF, is cut off or too large (`gif.pixels_of`), a clip of no frames, of joints
    that are no numbers, and a clip in colour where the model knows grey alone, gets the label "",
    score 0 and probabilities 0, and does not touch the others.

    Args:
        model: trained.
        labels: name of each class.
        front: what the model watches.
        files: name -> file that is kept in assets/ and can be read as an attribute of the module.
        temperature: that logits are divided by.
    """
    parts = Signatures(model, labels, front, temperature)
    module = tf.Module()
    module.stored = parts.stored
    for name, file in files.items():
        setattr(module, name, tf.saved_model.Asset(str(file)))
    lengths = tf.TensorSpec([None], tf.int32, name="lengths")
    if model.joints:
        joints = tf.TensorSpec([None, None, *model.place], tf.float32, name="joints")
        parts.serving_default, parts.belief = parts.joints, parts.joints_belief
        inputs = {name: [joints, lengths] for name in ("serving_default", "belief")}
        frames = joints
    else:
        contents = [tf.TensorSpec([None], tf.string, name="clip_bytes")]
        frames = tf.TensorSpec([None, None, None, None, 3], tf.uint8, name="frames")
        parts.serving_default = parts.clip_bytes
        inputs = dict.fromkeys(("serving_default", "belief"), contents)
        inputs |= {name: [frames, lengths] for name in ("frames", "frames_belief")}
    if not model.bidirectional:
        state = tf.TensorSpec([None, parts.layout.features], tf.float32, name="state")
        inputs["stream"] = [frames, state]
    warmup = [(name, _warmup(model, front, specs)) for name, specs in inputs.items()]
    return Export(module, signatures_of(module, parts, inputs), warmup)


def _warmup(
    model: ActionRecognizer, front: Front, specs: Sequence[tf.TensorSpec]
) -> dict[str, Any]:
    """A request: a clip of all the frames that are watched, which get brighter."""
    levels = np.linspace(0, 255, front.frames).astype(np.uint8)
    clip = np.broadcast_to(levels[:, None, None, None], (front.frames, model.size, model.size, 3))
    if model.joints:
        clip = np.ones((front.frames, *model.place), np.float32)
    values = {
        "clip_bytes": [gif_bytes(clip)] if not model.joints else None,
        "frames": clip[None],
        "joints": clip[None],
        "lengths": np.array([front.frames], np.int32),
    }
    return {
        spec.name: np.zeros((1, spec.shape[1]), np.float32)
        if spec.name == "state"
        else values[spec.name]
        for spec in specs
    }


def gif_bytes(frames: np.ndarray, seconds: float = 0.0) -> bytes:
    """Frames `<uint8>[time, height, width, 3]` as a GIF of 256 colours that plays for ever.

    Args:
        frames: at least one.
        seconds: of the whole; 0: a tenth of a second a frame.
    """
    first, *rest = [Image.fromarray(frame).quantize(256) for frame in frames]
    duration = max(20, round(1000 * (seconds / len(frames) or 0.1)))
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=rest, duration=duration, loop=0)
    return buffer.getvalue()
