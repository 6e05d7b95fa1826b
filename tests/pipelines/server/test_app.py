"""TF Serving's REST interface, path by path, over a real SavedModel in this process."""

import ast
import gzip
import json
import sys
import zlib
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from pipelines.server import app
from pipelines.server.batching import BatchingParameters
from pipelines.server.engine import Engine
from pipelines.server.errors import RequestError
from pipelines.server.flags import ServeFlags
from pipelines.server.servable import Signature

MODEL = "/v1/models/tiny"
MOST = 100_000  # bytes of a body
FLAGS = ServeFlags(max_request_bytes=MOST)


@pytest.fixture(scope="module", params=["alone", "batched"])
def client(models, request):
    batching = BatchingParameters(8, 0, 100, 2) if request.param == "batched" else None
    engine = Engine(threads=2, max_waiting=8, timeout=60.0, batching=batching)
    with TestClient(app.build(models, {"tiny": engine}, FLAGS)) as client:
        yield client
    engine.close()


def ask(client, document, path=f"{MODEL}:predict"):
    """(status, answer) of a request, either of which must be JSON."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    answer = client.post(path, content=body)
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, answer.json()


# Predict.


def test_rows(client):
    expected = [
        {"length": 1, "upper": "A", "version": 1},
        {"length": 2, "upper": "É", "version": 1},
    ]
    assert ask(client, {"instances": ["a", "É"]}) == (200, {"predictions": expected})


def test_columns(client):
    expected = {"length": [1], "upper": ["A"], "version": [1]}
    for inputs in (["a"], {"text": ["a"]}):
        assert ask(client, {"inputs": inputs}) == (200, {"outputs": expected})


@pytest.mark.parametrize("path", [f"{MODEL}:predict", f"{MODEL}/versions/1:predict"])
def test_signatures_and_versions(client, path):
    document = {"signature_name": "double", "instances": [1, 2.5]}
    assert ask(client, document, path) == (200, {"predictions": [2.0, 5.0]})


def test_several_inputs(client):
    rows = [{"x": 1, "pair": [2, 3]}, {"x": 0.5, "pair": [0, 1]}]
    columns = {"x": [1, 0.5], "pair": [[2, 3], [0, 1]]}
    document = {"signature_name": "two", "instances": rows}
    assert ask(client, document) == (200, {"predictions": [6.0, 1.5]})
    document = {"signature_name": "two", "inputs": columns}
    assert ask(client, document) == (200, {"outputs": [6.0, 1.5]})


def test_bytes_in_and_out(client):
    document = {"signature_name": "copy", "instances": [{"b64": "YQD/"}, "é"]}
    assert ask(client, document)[1]["predictions"] == [
        {"copy": "a\0\ufffd", "copy_bytes": {"b64": "YQD/"}},
        {"copy": "é", "copy_bytes": {"b64": "w6k="}},
    ]


def test_scalars_in_and_out(client):
    document = {"signature_name": "cut", "inputs": {"prompt": ["abc", "d"], "length": 2}}
    assert ask(client, document) == (200, {"outputs": {"text": ["ab", "d"], "length": 2}})


def test_rows_padded_to_the_longest_of_their_own_request(client):
    document = {"signature_name": "words", "instances": ["a b", "c"]}
    assert ask(client, document) == (200, {"predictions": [["a", "b"], ["c", ""]]})


def test_an_error_of_the_graph_is_an_answer(client):
    status, answer = ask(client, {"signature_name": "small", "instances": [3, 30]})
    assert status == 400
    assert "`x` must be below 10" in answer["error"]
    assert "Detected at node" not in answer["error"]
    document = {"signature_name": "small", "instances": [3]}
    assert ask(client, document) == (200, {"predictions": [4]})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", "JSON Parse error: Expecting value"),
        (b"{", "JSON Parse error"),
        ({"instances": [1]}, "not of expected type: string"),
        ({"signature_name": "none", "instances": ["a"]}, '"none" not found in signature def'),
        ({"signature_name": "__init__", "instances": ["a"]}, "not found in signature def"),
        ({"signature_name": "about", "inputs": {}}, "Failed to get input map for signature: about"),
    ],
)
def test_wrong_bodies(client, document, message):
    status, answer = ask(client, document)
    assert status == 400
    assert message in answer["error"]


def test_a_body_too_large(client):
    document = {"instances": ["a" * MOST]}
    assert ask(client, document)[0] == 413
    small = {"instances": ["a" * (MOST - 100)]}
    assert ask(client, small)[0] == 200

    def parts():
        for _ in range(100):
            yield b"a" * (MOST // 10)

    answer = client.post(f"{MODEL}:predict", content=parts())  # of no stated length
    assert answer.status_code == 413
    assert str(MOST) in answer.json()["error"]


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("Deflate", zlib.compress)])
def test_a_packed_body(client, coding, pack):
    headers = {"Content-Encoding": coding}
    answer = client.post(f"{MODEL}:predict", content=pack(b'{"instances": ["a"]}'), headers=headers)
    assert answer.json()["predictions"][0]["upper"] == "A"
    answer = client.post(f"{MODEL}:predict", content=pack(b" " * (MOST + 1)), headers=headers)
    assert answer.status_code == 413
    assert str(MOST) in answer.json()["error"]
    answer = client.post(f"{MODEL}:predict", content=b"{}", headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize("method", ["classify", "regress"])
def test_classify_and_regress_of_a_predict_signature(client, method):
    path = f"{MODEL}:{method}"
    status, answer = ask(client, {"examples": [{"x": 1}]}, path)
    assert status == 400
    assert f"method_name to be tensorflow/serving/{method}" in answer["error"]
    assert "Was: tensorflow/serving/predict" in answer["error"]
    for document in ({}, {"examples": []}, {"examples": 1}):
        assert ask(client, document, path)[0] == 400


def test_classify_of_a_signature_for_it_is_what_the_server_lacks():
    class Classifier:
        def signature(self, name):
            return Signature(None, {}, {}, "tensorflow/serving/classify")

    with pytest.raises(RequestError, match="predict alone") as caught:
        app._decode(Classifier(), "classify", b"{}", "", FLAGS)
    assert caught.value.status == 501


# Status and metadata.


@pytest.mark.parametrize("path", [MODEL, f"{MODEL}/versions/1", "/V1/Models/tiny"])
def test_status(client, path):
    expected = {
        "version": "1",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    assert client.get(path).json() == {"model_version_status": [expected]}


@pytest.mark.parametrize("path", [f"{MODEL}/metadata", f"{MODEL}/versions/1/metadata"])
def test_metadata(client, path):
    metadata = client.get(path).json()
    assert metadata["model_spec"] == {"name": "tiny", "signature_name": "", "version": "1"}
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    cut = signatures["cut"]
    assert cut["method_name"] == "tensorflow/serving/predict"
    assert cut["inputs"]["prompt"]["dtype"] == "DT_STRING"
    assert cut["inputs"]["prompt"]["tensor_shape"] == {
        "dim": [{"size": "-1", "name": ""}],
        "unknown_rank": False,
    }
    assert cut["inputs"]["length"]["tensor_shape"] == {"dim": [], "unknown_rank": False}


# Who may ask.


@pytest.fixture(scope="module")
def asked(models):
    """Who asks -> the status and the headers of the answer, JSON whatever it says."""
    flags = ServeFlags(allow_origin=("http://page.example:3000",), host="here.example")
    engine = Engine(threads=1, max_waiting=8, timeout=60.0)
    application = app.build(models, {"tiny": engine}, flags, loopback=True)
    with TestClient(application, "http://localhost") as client:

        def ask(method="POST", path=f"{MODEL}:predict", **headers):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            answer = client.request(method, path, json={"instances": ["a"]}, headers=named)
            return answer.status_code, answer.headers

        yield ask
    engine.close()


def test_a_page_that_is_allowed_reads_the_answer(asked):
    status, headers = asked(Origin="http://page.example:3000")
    assert status == 200
    assert headers["Access-Control-Allow-Origin"] == "http://page.example:3000"
    ask_first = {"Access_Control_Request_Method": "POST", "Origin": "http://page.example:3000"}
    status, headers = asked("OPTIONS", **ask_first)
    assert status == 200
    assert headers["Access-Control-Allow-Origin"] == "http://page.example:3000"
    assert "POST" in headers["Access-Control-Allow-Methods"]
    assert {"Content-Type", "Content-Encoding"} <= set(
        headers["Access-Control-Allow-Headers"].split(", ")
    )


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("origin", ["http://page.example", "https://page.example:3000", "null"])
def test_other_pages_are_refused(asked, method, origin):
    status, headers = asked(method, Origin=origin)
    assert status == 403
    assert headers["content-type"] == "application/json"
    assert "Access-Control-Allow-Origin" not in headers
    ask_first = {"Access_Control_Request_Method": method, "Origin": origin}
    status, headers = asked("OPTIONS", **ask_first)
    assert status == 400
    assert "Access-Control-Allow-Origin" not in headers


def test_the_name_that_the_server_was_given_is_a_host(asked):
    assert asked(Host="here.example:8501")[0] == 200
    assert asked(Host="there.example:8501")[0] == 403


def test_options(client):
    for path in (MODEL, f"{MODEL}:predict", f"{MODEL}/metadata"):
        answer = client.options(path)
        assert answer.status_code == 200
        assert answer.headers["Allow"] == "GET, POST, OPTIONS"
        assert answer.json() == {}
    assert client.options("/v1/models/tiny/").status_code == 400


# Paths.


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("POST", "/v1/models/half:predict", 404, "Servable not found for request: Latest(half)"),
        ("POST", f"{MODEL}/versions/7:predict", 404, "Specific(tiny, 7)"),
        ("GET", "/v1/models/half", 404, "Could not find any versions of model half"),
        ("GET", f"{MODEL}/versions/7", 404, "Could not find version 7 of model tiny"),
        ("GET", "/v1/models/half/metadata", 404, "Latest(half)"),
        ("GET", "/v1/models/..%2F..%2Fetc", 404, "model ../../etc"),
        ("GET", f"{MODEL}/labels/stable", 400, "Unrecognized servable version label: stable"),
        ("POST", f"{MODEL}/labels/stable:predict", 400, "label: stable"),
        ("GET", f"{MODEL}/versions/{2**63}", 400, "Malformed request: GET"),
        ("GET", f"{MODEL}/versions/{'9' * 5000}", 400, "Malformed request: GET"),
        ("GET", f"{MODEL}/versions/two", 400, "Malformed request: GET"),
        ("GET", f"{MODEL}:predict", 400, "Malformed request: GET"),
        ("POST", MODEL, 400, "Malformed request: POST"),
        ("PUT", f"{MODEL}:predict", 400, "Malformed request: PUT"),
        ("DELETE", MODEL, 400, "Malformed request: DELETE"),
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", "/v1/models/tiny/", 400, "Malformed request"),
        ("GET", "/v1/", 400, "Malformed request"),
        ("GET", "/x", 404, "Not Found"),
        ("GET", "/v2/models/tiny", 404, "Not Found"),
        ("GET", "/v1/models/a%0Ab", 404, "model a\nb"),
        ("GET", "/%0A", 404, "Not Found"),
    ],
)
def test_other_paths(client, method, path, status, message):
    answer = client.request(method, path, content=b'{"instances": ["a"]}')
    assert answer.status_code == status
    assert message in answer.json()["error"]


def test_a_fault_of_the_server_is_an_answer_too(client, monkeypatch, capsys):
    def fail(*args):
        raise KeyError("a bug")

    monkeypatch.setattr(app, "_decode", fail)
    status, answer = ask(client, {"instances": ["a"]})
    assert (status, answer) == (500, {"error": "Internal error; the server's log has the details"})
    assert "a bug" in capsys.readouterr().err


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(["inputs", "instances", "signature_name", "x", "text"])
NAMES = st.sampled_from(["serving_default", "double", "two", "copy", "cut", "small", "words"])
DOCUMENTS = st.builds(
    lambda name, document: {"signature_name": name, **document},
    NAMES,
    st.dictionaries(KEYS, JSON | st.lists(st.dictionaries(KEYS, JSON), max_size=2), max_size=3),
)


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(DOCUMENTS | JSON, st.sampled_from(["predict", "classify", "regress"]))
def test_any_json_gets_an_answer_or_a_clear_refusal(client, document, method):
    status, answer = ask(client, document, f"{MODEL}:{method}")
    assert status in (200, 400)
    if status == 400:
        assert answer["error"]


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_path_gets_an_answer(client, path):
    answer = client.get(f"/v1/models/{quote(path, safe='/:')}")
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]


def test_the_server_needs_tensorflow_alone():
    """Not Keras, nor this project's models: what is imported, function bodies included."""
    allowed = {"tensorflow", "tensorflow_serving", "numpy", "starlette", "uvicorn", "grpc", "h11"}
    allowed |= {"google", "prometheus_client", "swagger_ui_bundle", *sys.stdlib_module_names}
    for path in Path(app.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module]
            for name in names:
                own = name == "pipelines.server" or name.startswith("pipelines.server.")
                shared = name in ("pipelines.cli", "pipelines.flags")
                assert own or shared or name.partition(".")[0] in allowed, f"{path}: {name}"
