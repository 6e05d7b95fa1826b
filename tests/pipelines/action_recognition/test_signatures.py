"""The exported recogniser, loaded by a process that has TensorFlow alone, and the Keras model."""

from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from datasets.actions import sample_places
from pipelines.action_recognition.data import inputs_of, watch
from pipelines.action_recognition.frame_encoder import encode, pooled
from pipelines.action_recognition.signatures import Front, action_export
from pipelines.exporting import WARMUP, write_saved_model
from tests.pipelines.action_recognition.small import SIZE, clip_of, gif_of, small_encoder
from tests.pipelines.fresh_process import client_answers
from zoo.models.action_recognizer import ActionRecognizer

FRAMES, JOINTS, TEMPERATURE = 6, 5, 1.7
NAMES = ("left", "right", "none")
GIFS = [gif_of("left", 1), gif_of("right", 2, 4), gif_of("left", 3, 20)]
BATCH = [GIFS[0], b"", GIFS[1], b"no clip", GIFS[2][:-1], GIFS[2]]
BAD = [1, 3, 4]  # places of what cannot be read

# The other process: no import of ours, and the project is not on its path.
CLIENT = """
import sys
import numpy as np
import tensorflow as tf

folder, problem, answers = sys.argv[1:]
model = tf.saved_model.load(folder)
problem = np.load(problem, allow_pickle=True)
found = {}

def keep(name, answer):
    for key, value in answer.items():
        value = value.numpy()
        found[f"{name}/{key}"] = value.astype("S") if value.dtype == object else value

files, clips, lengths = (problem[name] for name in ("files", "clips", "lengths"))
inputs = model.signatures["belief"].structured_input_signature[1]
array = "joints" if "joints" in inputs else "frames"
arrays = ("serving_default", "belief") if array == "joints" else ("frames", "frames_belief")
for name in arrays:
    sizes = {"all": slice(None), "none": slice(0), "turned": slice(None, None, -1)}
    for size, rows in sizes.items():
        keep(f"{name}/{size}", model.signatures[name](**{
            array: tf.constant(clips[rows]), "lengths": tf.constant(lengths[rows])}))
if array == "frames":
    batches = {"all": files, "none": files[:0], "one": files[:1], "turned": files[::-1]}
    for name in ("serving_default", "belief"):
        for size, batch in batches.items():
            contents = tf.constant(batch.tolist(), tf.string)
            keep(f"{name}/{size}", model.signatures[name](clip_bytes=contents))
if "stream" in model.signatures:
    stream = model.signatures["stream"]
    size = stream.structured_input_signature[1]["state"].shape[1]
    for step in (1, 2, 6):
        state, beliefs = tf.zeros([len(clips), size]), []
        for start in range(0, 6, step):
            piece = tf.constant(clips[:, start : start + step])
            answer = stream(**{array: piece, "state": state})
            state = answer["state"]
            beliefs.append(answer["probabilities"].numpy())
        found[f"stream/{step}"] = np.concatenate(beliefs, axis=1)
ours = [m for m in sys.modules if m.split(".")[0] in ("zoo", "pipelines", "datasets")]
if ours:
    raise ValueError(f"The client must import nothing of the project. Got {ours}.")
np.savez(answers, **found)
"""


class Exported(NamedTuple):
    model: ActionRecognizer
    front: Front
    clips: np.ndarray
    lengths: np.ndarray
    answers: dict[str, np.ndarray]

    def probabilities(self, clip: np.ndarray) -> np.ndarray:
        """What the Keras model says of a whole clip, as training reads it."""
        watched = watch(tf.constant(clip), FRAMES, SIZE, self.front.shuffled).numpy()
        if self.front.encoder:
            watched = encode(self.front.encoder, watched)
        logits = self.model(inputs_of([watched], FRAMES, self.model.place))
        return keras.ops.convert_to_numpy(keras.ops.softmax(logits / TEMPERATURE))[0]


CASES = {
    "frames": (0, {}, Front(FRAMES)),
    "one_way": (0, {"bidirectional": False, "pooling": "last"}, Front(FRAMES)),
    "grey": (0, {}, Front(FRAMES, grey=True)),
    "shuffled": (0, {}, Front(FRAMES, shuffled=True)),
    "joints": (JOINTS, {"bidirectional": False}, Front(FRAMES)),
    "encoder": (
        0,
        {"bidirectional": False, "features": 5},
        Front(FRAMES, encoder=pooled(small_encoder())),
    ),
}


@pytest.fixture(scope="module", params=CASES)
def exported(request, tmp_path_factory) -> Exported:
    """A recogniser of random weights, and what the other process was answered."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("export")
    joints, options, front = CASES[request.param]
    model = ActionRecognizer(len(NAMES), joints, SIZE, filters=2, units=5, **options)
    model.build()
    rng = np.random.default_rng(5)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=0.7, size=weight.shape))
    about = folder / "about.json"
    about.write_text("{}")
    export = action_export(model, NAMES, front, {"about": about}, temperature=TEMPERATURE)
    target = write_saved_model(
        export.module, export.signatures, folder / "action", card="", warmup=export.warmup
    )
    assert (target / "assets.extra" / WARMUP).is_file()
    encoded = front.encoder.variables if front.encoder else []
    for variable in [*encoded, *model.variables]:
        if variable.dtype == "float32":
            variable.assign(variable.numpy().astype(np.float16))
    clips, lengths = problem(joints)
    arrays = {"files": np.array(BATCH, object), "clips": clips, "lengths": lengths}
    answers = client_answers(CLIENT, target, folder, **arrays)
    return Exported(model, front, clips, lengths, answers)


def problem(joints: int) -> tuple[np.ndarray, np.ndarray]:
    """Four clips as a padded batch, with noise behind their ends; one is grey, one is empty."""
    rng = np.random.default_rng(0)
    lengths = np.array([9, 4, 6, 0], np.int32)
    if joints:
        return rng.normal(size=(4, 9, joints, 3)).astype(np.float32), lengths
    clips = rng.integers(0, 256, (4, 9, 20, 12, 3)).astype(np.uint8)
    clips[2] = clips[2, ..., :1]
    return clips, lengths


def numbers(exported: Exported, name: str) -> tuple[np.ndarray, ...]:
    return tuple(exported.answers[f"{name}/{key}"] for key in ("label", "score", "probabilities"))


def arrays(exported: Exported) -> tuple[str, str]:
    """The signatures that take arrays."""
    return ("serving_default", "belief") if exported.model.joints else ("frames", "frames_belief")


def test_arrays_are_answered_as_the_keras_model_does(exported):
    label, score, probabilities = numbers(exported, f"{arrays(exported)[0]}/all")
    for row, (clip, length) in enumerate(zip(exported.clips, exported.lengths, strict=True)):
        if not length or (exported.front.grey and row != 2):
            assert (label[row], score[row]) == (b"", 0.0)
            assert not probabilities[row].any()
            continue
        expected = exported.probabilities(clip[:length])
        np.testing.assert_allclose(probabilities[row], expected, rtol=1e-3, atol=1e-5)
        assert score[row] == probabilities[row].max()
        assert label[row].decode() == NAMES[probabilities[row].argmax()]


def test_files_are_answered_as_the_keras_model_does(exported):
    if exported.model.joints:
        return
    label, score, probabilities = numbers(exported, "serving_default/all")
    for place, contents in enumerate(BATCH):
        if place in BAD or exported.front.grey:
            assert (label[place], score[place]) == (b"", 0.0)
            continue
        expected = exported.probabilities(tf.io.decode_gif(contents).numpy())
        np.testing.assert_allclose(probabilities[place], expected, rtol=1e-3, atol=1e-5)
        assert label[place].decode() == NAMES[expected.argmax()]


def test_no_clip_touches_another(exported):
    names = [arrays(exported)[0], *([] if exported.model.joints else ["serving_default"])]
    for name in dict.fromkeys(names):
        sizes = {size: numbers(exported, f"{name}/{size}") for size in ("all", "none", "turned")}
        assert sizes["none"][0].shape == (0,)
        assert sizes["none"][2].shape == (0, len(NAMES))
        assert sizes["turned"][0][::-1].tolist() == sizes["all"][0].tolist()
        for turned, whole in zip(sizes["turned"][1:], sizes["all"][1:], strict=True):
            np.testing.assert_allclose(turned[::-1], whole, rtol=1e-4, atol=1e-6)


def test_the_last_belief_is_the_answer(exported):
    answer, belief = arrays(exported)
    for name, other in ((belief, answer), ("belief", "serving_default")):
        label, _, probabilities = numbers(exported, f"{name}/all")
        expected = numbers(exported, f"{other}/all")
        assert label.tolist() == expected[0].tolist()
        np.testing.assert_allclose(probabilities, expected[2], rtol=1e-3, atol=1e-5)
        beliefs = exported.answers[f"{name}/all/beliefs"]
        shares = exported.answers[f"{name}/all/shares"]
        assert beliefs.shape == (len(label), FRAMES, len(NAMES))
        np.testing.assert_array_equal(beliefs[:, -1], probabilities)
        assert ((shares > 0) & (shares <= 1)).all()
    shares = exported.answers[f"{belief}/all/shares"]
    np.testing.assert_allclose(shares[1], [0.25, 0.5, 0.75, 1, 1, 1])


def test_a_belief_is_of_the_beginning_alone(exported):
    if exported.front.grey or exported.front.shuffled:
        return
    beliefs = exported.answers[f"{arrays(exported)[1]}/all/beliefs"][0]
    watched = exported.clips[0, sample_places(9, FRAMES)]
    for seen in range(1, FRAMES + 1):
        expected = exported.probabilities(watched[:seen])
        np.testing.assert_allclose(beliefs[seen - 1], expected, rtol=2e-3, atol=1e-5)


def test_a_stream_believes_what_the_whole_does(exported):
    if exported.model.bidirectional:
        assert "stream/1" not in exported.answers
        return
    for row in range(3):
        clip = exported.clips[row, :FRAMES]
        expected = [exported.probabilities(clip[:seen]) for seen in range(1, FRAMES + 1)]
        for step in (1, 2, 6):
            found = exported.answers[f"stream/{step}"][row]
            np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-5)


def test_joints_that_are_no_numbers_are_refused():
    model = ActionRecognizer(2, JOINTS, units=4)
    model.build()
    export = action_export(model, ("a", "b"), Front(FRAMES), {}, temperature=1.0)
    joints = np.random.default_rng(0).normal(size=(3, 4, JOINTS, 3)).astype(np.float32)
    joints[0, 1, 2, 0] = np.nan
    joints[1, 3, 2, 0] = np.inf  # behind the end
    lengths = np.array([4, 3, 4], np.int32)
    answer = export.signatures["serving_default"](joints, lengths)
    assert [bool(label) for label in answer["label"].numpy()] == [False, True, True]
    assert np.isfinite(answer["probabilities"]).all()


def test_a_clip_is_a_clip_whatever_file_it_was(tmp_path):
    """A GIF is answered as its own frames are."""
    model = ActionRecognizer(2, 0, SIZE, filters=2, units=4)
    model.build()
    export = action_export(model, ("a", "b"), Front(FRAMES), {}, temperature=1.0)
    frames = tf.io.decode_gif(gif_of("left", 4)).numpy()[None]
    assert np.abs(frames[0].astype(int) - clip_of("left", 4)).max() <= 4
    lengths = np.array([frames.shape[1]], np.int32)
    one = export.signatures["frames"](frames, lengths)["probabilities"]
    other = export.signatures["serving_default"]([gif_of("left", 4)])["probabilities"]
    np.testing.assert_allclose(one, other, rtol=1e-5)
