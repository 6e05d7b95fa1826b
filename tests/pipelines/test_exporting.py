"""SavedModels: whole versions only, never overwritten, floats in 16 bits, answers that hold."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines import exporting

EXAMPLE = ("serving_default", {"text": [b"warm up"]})


class Answerer(tf.Module):
    """text -> text with a suffix, and a float32 variable."""

    def __init__(self, suffix="!"):
        super().__init__()
        self.suffix = tf.Variable(suffix)
        self.number = tf.Variable(np.arange(1000, dtype="float32"))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def answer(self, text):
        return {"answer": tf.strings.join([text, self.suffix])}


def export(folder, suffix="!", warmup=(EXAMPLE,), **options):
    module = Answerer(suffix)
    signatures = {"serving_default": module.answer}
    return exporting.write_saved_model(
        module, signatures, folder, card=f"# Card of {suffix}\n", warmup=warmup, **options
    )


def ask(model, text="yes"):
    return model.signatures["serving_default"](text=tf.constant([text]))["answer"].numpy()[0]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder with one version; tests that change it take a copy."""
    folder = tmp_path_factory.mktemp("models") / "answers"
    export(folder, extra={"task": "answers", "flags": {"dataset": "demo"}})
    return folder


@pytest.fixture
def copy(exported, tmp_path):
    return Path(shutil.copytree(exported, tmp_path / "answers"))


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_version_has_all_its_parts(exported):
    assert _names(exported) == ["1", "README.md"]
    assert (exported / "README.md").read_text() == "# Card of !\n"
    assert {"saved_model.pb", "variables", "assets.extra"} <= set(_names(exported / "1"))
    made_from = json.loads((exported / "1" / "assets.extra" / "run.json").read_text())
    assert made_from == {"task": "answers", "flags": {"dataset": "demo"}}
    model, folder = exporting.load_saved_model(exported)
    assert folder == exported / "1"
    assert ask(model) == b"yes!"


def test_version_numbers_rise_and_none_is_overwritten(copy):
    first = (copy / "1" / "saved_model.pb").read_bytes()
    (copy / "7").mkdir()
    (copy / "notes").mkdir()
    assert export(copy, "?") == copy / "8"
    assert _names(copy) == ["1", "7", "8", "README.md", "notes"]
    assert (copy / "1" / "saved_model.pb").read_bytes() == first
    assert (copy / "README.md").read_text() == "# Card of ?\n"
    assert ask(exporting.load_saved_model(copy)[0]) == b"yes?"
    assert ask(exporting.load_saved_model(copy / "1")[0]) == b"yes!"


def test_version_that_another_process_wrote_meanwhile_stays(copy, monkeypatch):
    """Both took the number 2; the second to finish must not replace the first."""

    def slow(folder, warmup):
        shutil.copytree(copy / "1", copy / "2")
        monkeypatch.setattr(exporting, "latest_version", lambda folder, default: 1)

    monkeypatch.setattr(exporting, "_answers", slow)
    with pytest.raises(OSError, match="not empty"):
        export(copy, "?")
    assert ask(exporting.load_saved_model(copy / "2")[0]) == b"yes!"
    assert _names(copy) == ["1", "2", "README.md"]


class Stop(BaseException):
    """An interruption that is no Exception."""


@pytest.mark.parametrize("part", ["write_warmup", "write_json", "_answers"])
def test_failure_while_saving_leaves_nothing(copy, monkeypatch, part):
    def fail(*args):
        raise Stop

    monkeypatch.setattr(exporting, part, fail)
    with pytest.raises(Stop):
        export(copy, "?")
    assert _names(copy) == ["1", "README.md"]
    assert (copy / "README.md").read_text() == "# Card of !\n"


def test_model_that_does_not_answer_its_warmup_gets_no_version(tmp_path):
    wrong = ("serving_default", {"text": [1.0]})
    with pytest.raises((TypeError, ValueError, tf.errors.OpError)):
        export(tmp_path / "new", warmup=[wrong])
    assert _names(tmp_path / "new") == []


def test_leftovers_of_dead_processes_go_and_those_of_living_ones_stay(copy):
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()  # its number is free from here on
    living = os.getppid()
    for name in (process.pid, os.getpid(), living, "strange"):
        (copy / f".writing-{name}").mkdir()
        (copy / f".writing-{name}" / "half").write_text("x")
    for name, age in (("young111", 1), ("older222", 100)):  # cards, half-written
        (copy / f".README.md-{name}").write_text("x")
        os.utime(copy / f".README.md-{name}", (time.time() - age,) * 2)
    version = export(copy)
    left = [".README.md-young111", f".writing-{living}"]
    assert _names(copy) == [*left, "1", "2", "README.md"]
    assert not (version / "half").exists()


def test_latest_version_is_the_largest_number(tmp_path):
    for name in ("2", "10", "9", "x11", ".writing-12", "²", "٣٣"):  # digits, but no numbers
        (tmp_path / name).mkdir()
    (tmp_path / "99").write_text("a file is no version")
    assert exporting.latest_version(tmp_path) == 10


@pytest.mark.parametrize("exists", [True, False])
def test_folder_without_a_version_is_an_error(tmp_path, exists):
    folder = tmp_path / "models"
    if exists:
        (folder / "notes").mkdir(parents=True)
    assert exporting.latest_version(folder, default=0) == 0
    for function in (exporting.latest_version, exporting.load_saved_model):
        with pytest.raises(
            ValueError, match=f"`--model` must name .* Got {folder}, which has none"
        ):
            function(folder)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("saved_model.pb", "cut off"),
        ("saved_model.pb", "empty"),
        ("variables/variables.index", "cut off"),
        ("variables/variables.index", "missing"),
        ("variables/variables.data-00000-of-00001", "cut off"),
        ("variables/variables.data-00000-of-00001", "missing"),
    ],
)
def test_damaged_model_is_an_error_that_names_it(copy, name, damage):
    path = copy / "1" / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 3] if damage == "cut off" else b"")
    with pytest.raises(ValueError, match=f"`--model` must name a whole SavedModel. {copy / '1'}"):
        exporting.load_saved_model(copy)


def test_warmup_records_are_tf_servings(exported):
    from tensorflow_serving.apis import prediction_log_pb2

    path = exported / "1" / "assets.extra" / "tf_serving_warmup_requests"
    records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    assert len(records) == 1
    request = prediction_log_pb2.PredictionLog.FromString(records[0]).predict_log.request
    assert request.model_spec.name == "answers"
    assert request.model_spec.signature_name == "serving_default"
    assert list(request.inputs) == ["text"]
    assert tf.make_ndarray(request.inputs["text"]).tolist() == [b"warm up"]


# Floats in 16 bits.


def _layer(kernel):
    layer = keras.layers.Dense(1, use_bias=False, name="dense")
    layer.build((None, len(kernel)))
    layer.kernel.assign(np.reshape(kernel, (-1, 1)).astype("float32"))
    return layer


def test_stored_values_are_the_nearest_in_16_bits_and_only_inside_the_scope():
    kernel = np.array([1 / 3, 1000.1, -65504.0])
    layer, counter = _layer(kernel), keras.Variable(np.int32(2**24 + 1), dtype="int32")
    stored, scope = exporting.stored_in_half([layer.kernel, counter])
    assert [variable.dtype for variable in stored] == [tf.float16, tf.int32]
    with scope():
        inside = layer(np.eye(3, dtype="float32")).numpy()[:, 0]
        assert int(keras.ops.convert_to_numpy(counter.value)) == 2**24 + 1
    assert inside.dtype == np.float32  # the arithmetic stays in 32 bits
    np.testing.assert_array_equal(inside, kernel.astype("float16").astype("float32"))
    assert inside[0] != np.float32(1 / 3)
    own = layer.kernel.numpy()[:, 0]
    np.testing.assert_array_equal(own, kernel.astype("float32"))
    after = layer(np.eye(3, dtype="float32")).numpy()[:, 0]
    np.testing.assert_array_equal(after, kernel.astype("float32"))


def test_scope_leaves_nothing_behind_after_an_error():
    layer = _layer([1 / 3])
    _, scope = exporting.stored_in_half([layer.kernel])
    with pytest.raises(Stop), scope():
        raise Stop
    assert layer(np.ones((1, 1), "float32")).numpy()[0, 0] == np.float32(1 / 3)


@pytest.mark.parametrize("value", [65520.0, -1e6, np.inf, np.nan])
def test_weight_that_16_bits_cannot_hold_is_named(value):
    layer = _layer([1.0, value])
    with pytest.raises(ValueError, match="`dense/kernel` must fit 16 bits"):
        exporting.stored_in_half([layer.kernel])


def test_saved_model_answers_with_the_values_of_16_bits_on_half_the_bytes(tmp_path):
    kernel = np.linspace(-3, 3, 20_000)
    layer = _layer(kernel)
    module = tf.Module()
    module.stored, scope = exporting.stored_in_half(layer.variables)

    @tf.function(input_signature=[tf.TensorSpec([None, len(kernel)], tf.float32, name="x")])
    def answer(x):
        with scope():
            return {"y": layer(x)}

    exporting.write_saved_model(module, {"serving_default": answer}, tmp_path / "m", card="")
    model, folder = exporting.load_saved_model(tmp_path / "m")
    x = np.zeros((1, len(kernel)), "float32")
    x[0, 7] = 1
    found = model.signatures["serving_default"](x=tf.constant(x))["y"].numpy()
    assert found[0, 0] == np.float32(np.float16(kernel[7]))
    weights = sum(path.stat().st_size for path in (folder / "variables").iterdir())
    assert 2 * len(kernel) <= weights < 3 * len(kernel)
