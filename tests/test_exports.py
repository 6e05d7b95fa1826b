"""The shipped models in one fresh process that imports TensorFlow alone.

Each answers its warm-up records there, the same as here, and its memory stays bounded.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from pipelines import exporting, runs
from tests.hostile import shipped

ROOT = Path(__file__).parents[1] / "saved_models"
MODELS = sorted(path.parent for path in ROOT.glob("*/*/saved_model.pb"))
# Requests to `serving_default` by task: a caption and a translation take longer than the others.
MANY = {"sentiment": 10_000, "charlm": 10_000, "captioning": 500, "translation": 500}
MANY |= {"speech_to_text": 500, "action_recognition": 500}
MEGABYTES = 40  # that a process may grow after its first requests: the allocator's own wavering

# Run as a file, so that nothing of the project is on the path.
CLIENT = """
import json, os, sys
import numpy as np
import tensorflow as tf

problem, answers = sys.argv[1:3]
models = json.loads(sys.argv[3])
inputs, found = np.load(problem), {}

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

def tensors(place, number, signature):
    start = f"{place}/{number}/{signature}/"
    named = {key[len(start):]: inputs[key] for key in inputs.files if key.startswith(start)}
    named.pop("", None)
    return {name: tf.constant(value) for name, value in named.items()}

for place, (folder, requests) in enumerate(models):
    model = tf.saved_model.load(folder)
    asked = {tuple(key.split("/")[:3]) for key in inputs.files}
    for number, signature in sorted(key[1:] for key in asked if key[0] == str(place)):
        batch = tensors(place, number, signature)
        for name, value in model.signatures[signature](**batch).items():
            value = np.asarray(value.numpy())  # a scalar string comes as bytes
            value = value.astype("S") if value.dtype == object else value
            found[f"{place}/{number}/{signature}/{name}"] = value
    batch = tensors(place, 0, "serving_default")  # each model's first record
    def ask(count):
        for _ in range(count):
            model.signatures["serving_default"](**batch)
    ask(requests // 10)
    before = resident()
    ask(requests)
    found[f"{place}/grown"] = resident() - before
    del model
ours = [m for m in sys.modules if m.split(".")[0] in ("zoo", "pipelines", "datasets")]
if ours:
    raise SystemExit(f"The client must import nothing of the project. Got {ours}.")
np.savez(answers, **found)
"""


@pytest.fixture(autouse=True)
def _seed():
    """Nothing here is drawn at random, and a new seed makes TensorFlow build each graph anew."""


def name(path):
    return path.relative_to(ROOT).as_posix()


def warmup_of(folder):
    """The records as TF Serving's own protocol reads them: (signature, inputs)."""
    path = folder / "assets.extra" / exporting.WARMUP
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        yield request.model_spec, inputs


def as_stored(value):
    """Strings of NumPy's own kind, which need no pickle. An image may hold zero bytes."""
    return value.astype("S") if value.dtype == object else value


def ask_elsewhere(folder, requests):
    """What a fresh process is answered, by "model/record/signature/output", and how it grows."""
    problem = {}
    for place, model in enumerate(MODELS):
        for number, (spec, inputs) in enumerate(warmup_of(model)):
            start = f"{place}/{number}/{spec.signature_name}/"
            problem[start] = np.zeros(0)  # a signature may have no inputs
            problem |= {start + key: as_stored(value) for key, value in inputs.items()}
    np.savez(folder / "problem.npz", **problem)
    counts = [requests[runs.read_json(model / exporting.RUN)["task"]] for model in MODELS]
    models = list(zip(map(str, MODELS), counts, strict=True))
    (folder / "client.py").write_text(CLIENT)
    files = [folder / "client.py", folder / "problem.npz", folder / "answers.npz"]
    done = subprocess.run(
        [sys.executable, *files, json.dumps(models)],
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    with np.load(folder / "answers.npz") as answers:
        return dict(answers)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    return ask_elsewhere(tmp_path_factory.mktemp("client"), dict.fromkeys(MANY, 0))


@pytest.mark.parametrize("place", range(len(MODELS)), ids=map(name, MODELS))
def test_answers_of_a_fresh_process_are_those_of_this_one(elsewhere, place):
    folder = MODELS[place]
    model = shipped.load(folder)
    asked = set()
    for number, (spec, inputs) in enumerate(warmup_of(folder)):
        asked.add(spec.signature_name)
        tensors = {key: tf.constant(value) for key, value in inputs.items()}
        for key, value in model.signatures[spec.signature_name](**tensors).items():
            found = elsewhere[f"{place}/{number}/{spec.signature_name}/{key}"]
            if value.dtype == tf.string:
                assert found.tolist() == as_stored(np.asarray(value.numpy())).tolist()
            else:
                assert np.isfinite(found).all()
                np.testing.assert_allclose(found, value.numpy(), rtol=1e-5, atol=1e-5)
    assert asked == set(model.signatures)  # every signature is warmed up


@pytest.mark.parametrize("folder", MODELS, ids=name)
def test_warmup_is_for_this_model_and_fits_its_signatures(folder):
    """TF Serving refuses more than 1,000 records, and warms up under the name of the folder."""
    records = list(warmup_of(folder))
    assert 0 < len(records) <= 1000
    # A run's own export is called saved_model; it is copied into its place when it is shipped.
    assert {spec.name for spec, _ in records} <= {folder.parent.name, "saved_model"}
    assert all(len(spec.signature_name) for spec, _ in records)


@pytest.mark.parametrize("folder", MODELS, ids=name)
def test_every_file_is_listed_with_its_sha256(folder):
    listed = runs.read_json(folder / exporting.DIGESTS)
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert set(listed) == files - {exporting.DIGESTS}
    exporting.check_digests(folder)


@pytest.mark.slow
def test_memory_is_bounded_over_many_requests(tmp_path):
    found = ask_elsewhere(tmp_path, MANY)
    grown = {name(model): float(found[f"{place}/grown"]) for place, model in enumerate(MODELS)}
    print(grown)
    assert max(grown.values()) < MEGABYTES
