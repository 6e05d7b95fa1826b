"""The benchmark asks a server's models as their warm-up records do, and tells what it met."""

import http.server
import json
import threading

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from benchmarks import serving
from pipelines.server import servable


@pytest.fixture
def model(tmp_path):
    """A model's folder with warm-up requests, of which the second is that of serving_default."""
    path = tmp_path / "m" / "10" / servable.WARMUP
    path.parent.mkdir(parents=True)
    (tmp_path / "m" / "9").mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name in ("other", "serving_default"):
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.signature_name = name
            request.inputs["text"].CopyFrom(tf.make_tensor_proto([b"\xff", b"a"]))
            request.inputs["length"].CopyFrom(tf.make_tensor_proto(np.int32(7)))
            writer.write(log.SerializeToString())
    return tmp_path / "m"


def test_the_warmup_request_as_json(model):
    inputs = {"text": [{"b64": "/w=="}, {"b64": "YQ=="}], "length": 7}
    assert json.loads(serving.warmup_body(model)) == {"inputs": inputs}


@pytest.fixture
def answering():
    """A server that answers everything, and the paths and bodies that it was asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200 if "/m:" in self.path else 404)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1], asked
        server.shutdown()
        thread.join()


def test_load_from_several_clients(answering):
    port, asked = answering
    measured = serving.load(port, "m", b"[1]", clients=3, seconds=0.1)
    assert 0 < measured.p50 <= measured.p99
    assert measured.rate > 3 / (3 * measured.p99)
    assert len(asked) >= 6  # one that is not counted and one that is, of each client
    assert set(asked) == {("/v1/models/m:predict", b"[1]")}
    with pytest.raises(RuntimeError, match=r"404"):
        serving.load(port, "other", b"[1]", clients=2, seconds=0.1)


def test_report():
    loads = {1: serving.Load(10.0, 0.1, 0.2), 16: serving.Load(40.0, 0.4, 0.9)}
    text = serving.report({("m", "batching"): loads}, "This machine.", 3)
    assert "| model | | 1 client | 16 clients |" in text
    assert "| m | batching | 10.0 (100, 200) | 40.0 (400, 900) |" in text
    assert "This machine." in text
