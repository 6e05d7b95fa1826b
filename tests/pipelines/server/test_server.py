"""A server process over a real socket: its life, its limits, and both of its interfaces."""

import contextlib
import json
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tests.pipelines.server.process import Server, ask, listens, until

WAITING, THREADS = 6, 2
TIMEOUT = 8  # seconds
MOST = 10_000_000  # bytes of a body, the default


@pytest.fixture(scope="module")
def folder(put, tmp_path_factory):
    root = tmp_path_factory.mktemp("life")
    put(root / "tiny", 1)
    return root


@pytest.fixture(scope="module")
def server(folder):
    """One process for all tests of this file, in their order."""
    limits = ["--threads", str(THREADS), "--max-waiting", str(WAITING)]
    limits += ["--timeout-seconds", str(TIMEOUT)]
    with contextlib.closing(Server(folder, *limits)) as running:
        yield running


def test_it_is_for_this_machine_alone(server):
    assert server.url.startswith("http://127.0.0.1:")
    listening = Path("/proc/net/tcp").read_text().splitlines()
    (line,) = [line for line in listening if f":{server.port:04X} 00000000:0000 0A" in line]
    assert "0100007F:" in line  # 127.0.0.1
    assert server.ask({"instances": ["a"]})[0] == 200


def test_a_new_version_is_picked_up_without_one_failed_request(server, folder, put):
    until(lambda: 1 in server.states())
    stop, answers = threading.Event(), []

    def load():
        with server.connect() as connection:
            while not stop.is_set():
                status, answer = ask(connection, {"instances": ["a"]})
                answers.append((status, answer.get("predictions", [{}])[0].get("version")))

    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(load) for _ in range(4)]
        until(lambda: len(answers) > 20)
        put(folder / "tiny", 2)
        until(lambda: answers[-1][1] == 2)
        before = len(answers)
        until(lambda: len(answers) > before + 20)
        stop.set()
        for client in clients:
            client.result()
    assert {status for status, _ in answers} == {200}
    assert {version for _, version in answers} == {1, 2}
    until(lambda: server.states()[1]["state"] == "END")
    assert server.states()[2]["state"] == "AVAILABLE"
    assert server.ask({"instances": ["a"]}, path="tiny/versions/1:predict")[0] == 404


def test_a_broken_version_is_told_and_the_old_one_stays(server, folder, put):
    put(folder / "tiny", 3, broken=True)
    server.wait_for("tiny, version 3, does not load, version 2 stays")
    states = server.states()
    assert states[3]["state"] == "END"
    assert states[3]["status"]["error_code"] != "OK"
    assert states[3]["status"]["error_message"]
    assert states[2]["state"] == "AVAILABLE"
    assert server.version() == 2


def test_ten_times_what_it_can_serve(server):
    """Those who find no place are told so at once; the others are served; it stays up."""
    steps = 20_000
    started = time.monotonic()
    assert server.spin(steps)[0] == 200
    alone = time.monotonic() - started
    crowd = 10 * (WAITING + THREADS)

    def come(_):
        started = time.monotonic()
        with server.connect() as connection:
            document = json.dumps({"signature_name": "spin", "inputs": steps})
            connection.request("POST", "/v1/models/tiny:predict", document)
            answer = connection.getresponse()
            answer.read()
        return answer.status, answer.headers.get("Retry-After"), time.monotonic() - started

    with ThreadPoolExecutor(crowd) as pool:
        answers = list(pool.map(come, range(crowd)))
    statuses = [status for status, _, _ in answers]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= WAITING + THREADS
    assert {after for status, after, _ in answers if status == 503} == {"1"}
    slowest = max(seconds for status, _, seconds in answers if status == 503)
    served = max(seconds for status, _, seconds in answers if status == 200)
    assert slowest < max(served, 10 * alone, 2.0)
    assert server.version() == 2


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_ten_megabytes_is_refused(server, chunked):
    body = b'{"instances": ["' + b"a" * MOST + b'"]}'
    parts = (body[i : i + 2**16] for i in range(0, len(body), 2**16)) if chunked else body
    with server.connect() as connection:
        connection.request("POST", "/v1/models/tiny:predict", parts, encode_chunked=chunked)
        answer = connection.getresponse()
        assert answer.status == 413
        assert str(MOST) in json.loads(answer.read())["error"]
        # What was left of the body is read past, and the connection goes on.
        assert ask(connection, {"instances": ["a"]})[0] == 200


def test_the_refusal_comes_before_the_body(server):
    """A stated length is enough."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        head = "POST /v1/models/tiny:predict HTTP/1.1\r\nHost: localhost\r\n"
        connection.sendall(f"{head}Content-Length: {MOST + 1}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_who_hangs_up_halfway_takes_no_place(server):
    for _ in range(3 * (WAITING + THREADS)):
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        connection.sendall(b"POST /v1/models/tiny:predict HTTP/1.1\r\nHost: localhost\r\n")
        connection.sendall(b'Content-Length: 100\r\n\r\n{"inst')
        connection.close()
    until(lambda: server.ask({"instances": ["a"]})[0] == 200)


# gRPC.


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as opened:
        yield opened


def predict(channel, signature="", name="tiny", version=None, **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(
            value if hasattr(value, "dtype") else tf.make_tensor_proto(value)
        )
    return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)


def test_grpc_predict(channel):
    answer = predict(channel, text=[b"a", b"bc"])
    assert tf.make_ndarray(answer.outputs["upper"]).tolist() == [b"A", b"BC"]
    assert answer.model_spec.version.value == 2
    assert answer.model_spec.signature_name == "serving_default"
    answer = predict(channel, "about")  # of no inputs, which REST cannot ask
    assert tf.make_ndarray(answer.outputs["language"]) == b"en"


def bomb():
    """A tensor of 4 GB in a few bytes."""
    proto = tf.make_tensor_proto(np.float32([1]))
    proto.tensor_shape.dim[0].size = 10**9
    return proto


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ({"name": "half", "text": ["a"]}, "NOT_FOUND", "Latest(half)"),
        ({"version": 7, "text": ["a"]}, "NOT_FOUND", "Specific(tiny, 7)"),
        ({"signature": "none", "text": ["a"]}, "INVALID_ARGUMENT", "not found in signature def"),
        ({"txt": ["a"]}, "INVALID_ARGUMENT", "Inputs must be ['text']. Got ['txt']"),
        ({"text": [1]}, "INVALID_ARGUMENT", "must be of type string"),
        ({"text": [["a"]]}, "INVALID_ARGUMENT", "expecting shape (None,)"),
        ({"signature": "small", "x": [30]}, "INVALID_ARGUMENT", "`x` must be below 10"),
        ({"signature": "double", "x": bomb()}, "INVALID_ARGUMENT", "at most 10000000"),
    ],
)
def test_grpc_errors(channel, arguments, code, message):
    with pytest.raises(grpc.RpcError) as caught:
        predict(channel, **arguments)
    assert caught.value.code() is grpc.StatusCode[code]
    assert message in caught.value.details()


def test_grpc_status_and_metadata(channel):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "tiny"
    answer = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=60)
    states = {version.version: version.state for version in answer.model_version_status}
    assert states[2] == get_model_status_pb2.ModelVersionStatus.AVAILABLE
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "tiny"
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    answer = stub.GetModelMetadata(request, timeout=60)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    assert signatures.signature_def["cut"].method_name == "tensorflow/serving/predict"


# The end. After this test that server is gone.


def test_sigterm_drains(server):
    """Requests that are inside are answered, new ones are not taken, and the status is 0."""
    # A request that would take hours is stopped when its time is over.
    status, answer = server.spin(10**9)
    assert status == 504
    assert f"more than {TIMEOUT} s" in answer["error"]
    with ThreadPoolExecutor(4) as pool:
        inside = [pool.submit(server.spin, 40_000) for _ in range(4)]
        time.sleep(0.5)
        os.kill(server.process.pid, signal.SIGTERM)
        until(lambda: not listens(server.port))
        assert [answer.result()[0] for answer in inside] == [200] * 4
    assert server.process.wait(timeout=60) == 0
