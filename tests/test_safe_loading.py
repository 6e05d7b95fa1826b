"""Nothing that is loaded runs code: no pickles, no Lambda layers, nothing unpacked to the disk."""

import ast
import io
import json
import pickle
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from pipelines import cache, exporting, runs, store
from zoo.encoders.torch_pickle import read_state_dict
from zoo.models.char_lm import CharLM

ROOT = Path(__file__).parents[1]
SOURCES = [
    path
    for part in ("datasets", "zoo", "pipelines")
    for path in sorted((ROOT / part).rglob("*.py"))
]
# Calls that run, or unpack to the disk, what a file says, by their last names.
FORBIDDEN_CALLS = {
    "eval", "exec", "compile_command", "__import__", "extractall", "extract", "unpack_archive",
    "load_model", "load_weights", "get_file", "enable_unsafe_deserialization", "model_from_json",
    "Unpickler", "py_function", "numpy_function", "system", "popen",
}  # fmt: skip
FORBIDDEN_MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "yaml",
}
# Its unpickler refuses all names and most opcodes: tests/zoo/encoders/test_torch_pickle.py.
ALLOWED = {"zoo/encoders/torch_pickle.py": ["pickle"]}


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
            yield ast.unparse(node.func), name, node


def dangers(code):
    """What a source does that could run code out of data."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        modules = (
            [alias.name for alias in getattr(node, "names", [])]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        yield from (m for m in modules if m.partition(".")[0] in FORBIDDEN_MODULES)
    for whole, name, node in calls(tree):
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if name in FORBIDDEN_CALLS:
            yield whole
        if options.get("allow_pickle", "False") != "False" or options.get("safe_mode") == "False":
            yield f"{whole} with {options}"
        if options.get("shell", "False") != "False":
            yield f"{whole} with a shell"
        if whole == "np.load" and "allow_pickle" not in options and "mmap_mode" not in options:
            yield "np.load that does not say allow_pickle"


def test_the_walk_sees_what_it_looks_for():
    code = (
        "import pickle\nfrom yaml import load\nnp.load(x, allow_pickle=True)\nnp.load(y)\n"
        "keras.models.load_model(p, safe_mode=False)\nt.extractall()\neval(x)\nrun(a, shell=True)"
    )
    assert len(list(dangers(code))) == 9


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_source_runs_what_it_loads(path):
    name = path.relative_to(ROOT).as_posix()
    assert list(dangers(path.read_text())) == ALLOWED.get(name, [])


# A file that runs code where it is loaded in earnest.


class Harm:
    """Makes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture
def evidence(tmp_path):
    """A file that is there if code ran; the pickle that makes it does so when it is let."""
    path = tmp_path / "it ran"
    pickle.loads(pickle.dumps(Harm(path))).close()  # noqa: S301
    assert path.exists()
    path.unlink()
    return path


def hostile_array(path):
    file = io.BytesIO()
    np.save(file, np.array([Harm(path)], dtype=object), allow_pickle=True)
    return file.getvalue()


def test_pickle_in_a_checkpoint_is_refused(tmp_path, evidence):
    for name in ("epoch.npz", "epoch.npy"):
        (tmp_path / name).write_bytes(hostile_array(evidence))
        with pytest.raises((ValueError, TypeError, AttributeError)):
            runs.load_variables(tmp_path / name, {"model": [keras.Variable([1.0])]})
    (tmp_path / "epoch.npz").write_bytes(pickle.dumps(Harm(evidence)))
    with pytest.raises(ValueError, match="pickle"):
        runs.load_variables(tmp_path / "epoch.npz", {"model": [keras.Variable([1.0])]})
    assert not evidence.exists()


def test_pickle_in_a_cached_store_is_refused(tmp_path, evidence):
    """With a manifest that believes it: not the check sums, NumPy's own rule stops it."""
    batch = {"words": (np.arange(3), [1, 2])}
    read = lambda: store.cached_store(tmp_path / "cache", {"k": 1}, [batch])  # noqa: E731
    read()
    (folder,) = (path for path in (tmp_path / "cache").iterdir() if path.is_dir())
    (folder / "words.offsets.npy").write_bytes(hostile_array(evidence))
    (folder / "manifest.json").unlink()
    cache._write_manifest(folder, {"k": 1})
    with pytest.raises(ValueError, match="allow_pickle"):
        read()
    assert not evidence.exists()


def test_pickle_for_encoder_weights_is_refused(tmp_path, evidence):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        (tmp_path / "weights.pth").write_bytes(pickle.dumps(Harm(evidence), protocol))
        with pytest.raises(ValueError, match=r"weights\.pth"):
            read_state_dict(tmp_path / "weights.pth")
    assert not evidence.exists()


def test_keras_file_is_no_model_to_export_from(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"PK\3\4")
    with pytest.raises(ValueError, match="`--model` must name"):
        exporting.load_saved_model(tmp_path / "model.keras")


# Models of ours may be kept as .keras files by those who use zoo/ alone: Keras' safe mode is on.


def lambda_model(path):
    """A model whose Lambda layer makes a file when it is called."""
    inputs = keras.Input((1,))
    code = f"lambda x: [open({str(path)!r}, 'w').close(), x][1]"
    outputs = keras.layers.Lambda(eval(code), output_shape=(1,))(inputs)  # noqa: S307
    return keras.Model(inputs, outputs)


def test_lambda_in_a_keras_file_is_refused(tmp_path):
    evidence = tmp_path / "it ran"
    lambda_model(evidence).save(tmp_path / "model.keras")
    evidence.unlink(missing_ok=True)
    with pytest.raises(ValueError, match=r"Lambda|lambda"):
        keras.models.load_model(tmp_path / "model.keras")
    assert not evidence.exists()


def changed(path, change):
    """A .keras file with another config.json."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change(config)
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


HARMFUL = {
    "a function of Python": ("builtins", "eval"),
    "a command": ("os", "system"),
    "a process": ("subprocess", "run"),
    "a download": ("keras.utils", "get_file"),
}


@pytest.mark.parametrize("what", HARMFUL)
def test_keras_file_that_names_a_function_is_refused(tmp_path, what):
    module, function = HARMFUL[what]
    path = tmp_path / "model.keras"
    model = CharLM(7, units=4, embedding_units=3)
    model(np.zeros((1, 5), np.int32))
    model.save(path)
    keras.models.load_model(path)  # as it was saved it loads

    def change(config):
        config.update({"module": module, "class_name": function, "registered_name": function})

    changed(path, change)
    with pytest.raises((TypeError, ValueError), match=f"{function}|deserialize|class"):
        keras.models.load_model(path)


def test_importing_the_project_leaves_the_safe_mode_on():
    from keras.src.saving import serialization_lib

    assert serialization_lib.in_safe_mode() is not False
