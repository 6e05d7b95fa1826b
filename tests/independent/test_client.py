"""Every signature of every shipped model through TensorFlow's C library, without Python.

`client.c` loads the SavedModel by itself: what it answers shows that nothing of a model lives in
Python. The requests are the models' own warm-up requests, alone and as a batch of three.
"""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from pipelines.exporting import latest_version, load_saved_model
from pipelines.server.requests import DEFAULT_SIGNATURE
from pipelines.server.servable import warmup_requests

ROOT = Path(__file__).parents[2]
LIBRARY = Path(tf.sysconfig.get_lib())
COMPILER = shutil.which("cc") or shutil.which("gcc")
MODELS = sorted(path.name for path in (ROOT / "saved_models").iterdir() if path.is_dir())
TYPES = {np.dtype(kind): number for kind, number in ((object, 7), ("f4", 1), ("i4", 3), ("u1", 4))}
READ = {1: np.float32, 3: np.int32, 7: bytes.fromhex, 10: lambda word: word == "1"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COMPILER is None, reason="no C compiler on the PATH"),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    program = tmp_path_factory.mktemp("client") / "client"
    include = f"-I{tf.sysconfig.get_include()}"
    libraries = ["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"]
    source = str(Path(__file__).with_name("client.c"))
    command = [COMPILER, "-O1", include, source, "-o", str(program), f"-L{LIBRARY}", *libraries]
    subprocess.run([*command, f"-Wl,-rpath,{LIBRARY}"], check=True)
    return program


def definitions(folder):
    """Signature -> the names of its inputs' and outputs' tensors in the graph."""
    content = (folder / "saved_model.pb").read_bytes()
    (graph,) = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    return {
        name: (
            {key: info.name for key, info in definition.inputs.items()},
            {key: info.name for key, info in sorted(definition.outputs.items())},
        )
        for name, definition in graph.signature_def.items()
        if definition.method_name
    }


def request(inputs, names):
    """A request in the words that `client.c` reads."""
    words = ["inputs", len(inputs)]
    for key, array in inputs.items():
        words += [*names[0][key].split(":"), TYPES[array.dtype], array.ndim, *array.shape]
        for value in array.flat:
            words.append(f"x{value.hex()}" if array.dtype == object else value)
    words += ["outputs", len(names[1])]
    for name in names[1].values():
        words += name.split(":")
    return " ".join(map(str, words)) + "\n"


def read_tensor(line):
    kind, rank, *words = line.split(" ")
    shape, values = [int(word) for word in words[: int(rank)]], words[int(rank) :]
    values = [READ[int(kind)](word[1:] if kind == "7" else word) for word in values]
    return np.array(values, object if kind == "7" else None).reshape(shape)


def asked(folder):
    """(signature, inputs): the warm-up requests, and three of their rows as a batch."""
    seen = {}
    for name, inputs in warmup_requests(folder):
        seen.setdefault(name or DEFAULT_SIGNATURE, inputs)
    for name, inputs in seen.items():
        yield name, inputs
        if any(array.ndim for array in inputs.values()):
            yield (
                name,
                {
                    key: np.concatenate([array] * 3) if array.ndim else array
                    for key, array in inputs.items()
                },
            )


@pytest.mark.parametrize("name", MODELS)
def test_answers_are_those_of_python(client, name):
    model, folder = load_saved_model(ROOT / "saved_models" / name)
    assert folder.name == str(latest_version(ROOT / "saved_models" / name))
    known, requests = definitions(folder), list(asked(folder))
    assert {signature for signature, _ in requests} == set(known)
    text = "".join(request(inputs, known[signature]) for signature, inputs in requests)
    run = subprocess.run(
        [client, folder], input=text, capture_output=True, text=True, timeout=600, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    answers = run.stdout.split("end\n")
    assert len(answers) == len(requests) + 1
    for (signature, inputs), answer in zip(requests, answers, strict=False):
        expected = model.signatures[signature](**dict(map(as_tensor, inputs.items())))
        for key, line in zip(known[signature][1], answer.splitlines(), strict=True):
            found, wanted = read_tensor(line), np.asarray(expected[key].numpy())
            if wanted.dtype.kind in "OS":
                assert found.tolist() == wanted.tolist()
            else:
                np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def as_tensor(item):
    key, array = item
    return key, tf.constant(array)
