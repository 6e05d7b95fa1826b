"""What one client can do to the others: little requests that cost much, slow ones, wrong HTTP."""

import contextlib
import gzip
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests.pipelines.server.process import Server, ask

THREADS, WAITING, TIMEOUT = 2, 3, 3
HOURS = {"signature_name": "spin", "inputs": 10**9}
POST = b"POST /v1/models/tiny:predict HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def server(put, tmp_path_factory):
    root = tmp_path_factory.mktemp("attacked")
    for name in ("tiny", "other"):
        put(root / name, 1)
    limits = ["--threads", str(THREADS), "--max-waiting", str(WAITING)]
    limits += ["--timeout-seconds", str(TIMEOUT), "--max-request-bytes", "1000000"]
    with contextlib.closing(Server(root, *limits)) as running:
        yield running


@pytest.fixture
def connect(server):
    """Opens sockets that the test's end closes."""
    with contextlib.ExitStack() as stack:

        def opened(data=b""):
            address = ("127.0.0.1", server.port)
            connection = stack.enter_context(socket.create_connection(address, timeout=30))
            connection.sendall(data)
            return connection

        yield opened


def answer_of(connection):
    """(status, content type, JSON) of an answer after which the server closes."""
    data = bytearray()
    while part := connection.recv(65536):
        data += part
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    (kind,) = [line.partition(": ")[2] for line in lines if line.startswith("content-type")]
    return int(lines[0].split()[1]), kind, json.loads(body)


def quick(server, model="other"):
    """(status, seconds) of a request that costs nothing."""
    started = time.monotonic()
    status, _ = server.ask({"instances": ["a"]}, f"{model}:predict")
    return status, time.monotonic() - started


def test_a_model_that_is_busy_takes_neither_threads_nor_places_of_another(server):
    crowd = THREADS + WAITING + 3
    with ThreadPoolExecutor(crowd) as pool:
        stalls = [pool.submit(server.ask, HOURS) for _ in range(crowd)]
        time.sleep(1)
        status, seconds = quick(server)
        statuses = sorted(stall.result()[0] for stall in stalls)
    assert status == 200
    assert seconds < 1
    assert statuses == [503] * 3 + [504] * (THREADS + WAITING)


def test_a_call_whose_time_is_over_is_stopped_and_leaves_its_thread(server):
    with ThreadPoolExecutor(THREADS) as pool:
        statuses = [status for status, _ in pool.map(server.ask, [HOURS] * THREADS)]
    assert statuses == [504] * THREADS
    status, seconds = quick(server, "tiny")
    assert status == 200
    assert seconds < 2


@pytest.mark.parametrize(
    "document",
    [
        {"signature_name": "cut", "inputs": {"prompt": ["a"] * 300, "length": 10_000}},
        {"signature_name": "cut", "inputs": {"prompt": ["a" * 500_000], "length": 1}},
        {"instances": ["a" * 500_000]},
        {"instances": ["a" * 1000] * 500},
    ],
)
def test_work_is_bounded_before_it_begins(server, document):
    status, answer = server.ask(document)
    assert status == 400
    assert "must be at most 200000 together (`--max-text-bytes`). Got " in answer["error"]


def test_work_is_bounded_over_grpc_too(server):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "tiny", "cut"
    request.inputs["prompt"].CopyFrom(tf.make_tensor_proto([b"a"] * 300))
    request.inputs["length"].CopyFrom(tf.make_tensor_proto(np.int32(10_000)))
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError, match="Got 3000300"):
            stub.Predict(request, timeout=60)


def test_bytes_that_are_no_text_are_bounded_by_the_body_alone(server):
    document = {"signature_name": "copy", "instances": [{"b64": "YWFh" * 100_000}]}
    assert server.ask(document)[0] == 200


def test_unfinished_bodies_take_no_place_and_end_in_time(server, connect):
    started = time.monotonic()
    slow = [connect(POST + b"Content-Length: 100\r\n\r\n{") for _ in range(66)]
    time.sleep(0.5)
    assert quick(server, "tiny")[0] == 200
    status, kind, answer = answer_of(slow[-1])
    assert (status, kind) == (408, "application/json")
    assert f"more than {TIMEOUT} s" in answer["error"]
    assert TIMEOUT - 1 < time.monotonic() - started < TIMEOUT + 10


def test_bodies_that_arrive_are_bounded_together(server, connect):
    """Of the largest size, each without its last byte."""
    head = POST + b"Content-Length: 1000000\r\n\r\n"
    slow = [connect(head + b" " * 999_999) for _ in range(70)]
    statuses = {answer_of_first(connection) for connection in slow}
    assert statuses == {408, 503}
    assert quick(server, "tiny")[0] == 200


def answer_of_first(connection):
    return int(connection.recv(65536).split()[1])


@pytest.mark.parametrize("drip", [False, True])
def test_unfinished_headers_end_in_time(server, connect, drip):
    """Also where a byte comes now and then, and where a whole request came before."""
    body = b'{"instances": ["a"]}'
    connection = connect(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    started = time.monotonic()
    connection.sendall(POST)
    fresh = connect(POST)
    for waiting in (connection, fresh):
        waiting.settimeout(0.5)
        ended = False
        while not ended:
            assert time.monotonic() - started < 20
            try:
                if drip:
                    waiting.sendall(b"X")
                ended = waiting.recv(100) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                ended = True


@pytest.mark.parametrize(
    "data",
    [
        b"not HTTP\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # no Host
        POST + b"X: " + b"a" * 100_000,
        POST + b"Content-Length: -1\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nno size\r\n",
    ],
    ids=["no HTTP", "no Host", "endless headers", "negative length", "chunk without size"],
)
def test_wrong_http_is_answered_with_json(connect, data):
    status, kind, answer = answer_of(connect(data))
    assert (status, kind) == (400, "application/json")
    assert answer["error"]


# Who may ask.


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:8501", "[::1]:1", "[::1]", "LocalHost:80"]
)
def test_names_of_this_machine_are_taken_as_host(server, host):
    assert asked_of(server, Host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example:8501", "127.0.0.1.evil", "", "[::1", "a:b:c"]
)
def test_other_names_are_refused_where_only_this_machine_connects(server, host):
    """A page's own name may be made to mean 127.0.0.1."""
    status, answer = asked_of(server, Host=host)
    assert status == 403
    assert "Host must be one of 127.0.0.1, [::1], localhost. Got " in answer["error"]


def test_a_page_elsewhere_is_refused(server):
    for origin in ("http://evil.example", "null", "https://localhost", "http://localhost:3000"):
        status, answer = asked_of(server, Host="localhost", Origin=origin)
        assert status == 403
        assert "`--allow-origin`" in answer["error"]
    assert asked_of(server, Host="localhost:80", Origin="http://localhost:80")[0] == 200


def asked_of(server, **headers):
    with server.connect() as connection:
        connection.putrequest("POST", "/v1/models/tiny:predict", skip_host=True)
        body = b'{"instances": ["a"]}'
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_packed_body_over_a_socket(server):
    packed = gzip.compress(b'{"instances": ["a"]}')
    with server.connect() as connection:
        headers = {"Content-Encoding": "gzip"}
        connection.request("POST", "/v1/models/tiny:predict", packed, headers)
        assert connection.getresponse().status == 200
        # A thousandth of what it unpacks to.
        bomb = gzip.compress(b" " * 50_000_000)
        connection.close()
        connection.request("POST", "/v1/models/tiny:predict", bomb, headers)
        answer = connection.getresponse()
        assert answer.status == 413
        assert "1000000 bytes" in json.loads(answer.read())["error"]
    with server.connect() as connection:
        assert ask(connection, {"instances": ["a"]})[0] == 200
