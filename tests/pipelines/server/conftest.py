"""Two versions of a tiny model, made once for all tests of the server."""

import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from pipelines.server.models import Models


class Tiny(tf.Module):
    """Signatures of every form; `number` tells one version from another."""

    def __init__(self, number: int):
        super().__init__()
        self.number = tf.Variable(number, trainable=False)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def serving_default(self, text):
        rows = tf.shape(text)
        return {
            "upper": tf.strings.upper(text),
            "length": tf.strings.length(text),
            "version": tf.fill(rows, self.number),
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def double(self, x):
        return {"y": 2.0 * x}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32, name="x"),
            tf.TensorSpec([None, 2], tf.int64, name="pair"),
        ]
    )
    def two(self, x, pair):
        return {"total": x + tf.cast(tf.reduce_sum(pair, axis=1), tf.float32)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def copy(self, image_bytes):
        return {"copy": image_bytes, "copy_bytes": image_bytes}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="prompt"),
            tf.TensorSpec([], tf.int32, name="length"),
        ]
    )
    def cut(self, prompt, length):
        return {"text": tf.strings.substr(prompt, 0, length), "length": length}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="x")])
    def small(self, x):
        check = tf.debugging.assert_less(x, 10, message="`x` must be below 10")
        with tf.control_dependencies([check]):
            return {"y": x + 1}

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32, name="steps")])
    def spin(self, steps):
        """Takes about 10 microseconds a step, of one core."""
        return {"done": tf.while_loop(lambda i: i < steps, lambda i: i + 1, [0])[0]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def words(self, text):
        return {"words": tf.strings.split(text).to_tensor("")}

    @tf.function(input_signature=[])
    def about(self):
        return {"language": tf.constant("en")}


NAMES = ("serving_default", "double", "two", "copy", "cut", "small", "spin", "words", "about")


def save(folder: Path, number: int) -> None:
    module = Tiny(number)
    signatures = {name: getattr(module, name) for name in NAMES}
    tf.saved_model.save(module, str(folder / str(number)), signatures)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with versions 1 and 2, to copy from."""
    folder = tmp_path_factory.mktemp("made")
    for number in (1, 2):
        save(folder, number)
    return folder


@pytest.fixture(scope="session")
def put(made):
    """Copies a version into a model's folder, and renames it into place when it is whole."""

    def copy(folder, number, broken=False):
        folder.mkdir(parents=True, exist_ok=True)
        staging = folder / f".writing-{number}"
        shutil.copytree(made / str(min(number, 2)), staging)
        if broken:
            path = staging / "saved_model.pb"
            path.write_bytes(path.read_bytes()[:1000])
        staging.rename(folder / str(number))
        return folder / str(number)

    return copy


@pytest.fixture(scope="module")
def models(put, tmp_path_factory):
    """The first version, served in this process."""
    root = tmp_path_factory.mktemp("served")
    put(root / "tiny", 1)
    served = Models(root, ["tiny"])
    served.poll()
    return served
