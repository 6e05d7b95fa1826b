"""Server-sent events: the pieces are together the answer, errors are told, others come between."""

import json

import numpy as np
import pytest
import tensorflow as tf
from starlette.testclient import TestClient

from pipelines.server import app
from pipelines.server.engine import Engine
from pipelines.server.flags import ServeFlags
from pipelines.server.models import Models

ASKED = {"prompt": ["ab"], "length": 40, "temperature": 0.5, "seed": 3}


class Counting(tf.Module):
    """Writes how many characters were read and written, modulo 10: its state is that number."""

    texts = tf.TensorSpec([None], tf.string, name="prompt")
    state = tf.TensorSpec([None, 1], tf.float32, name="state")

    @staticmethod
    def number(name, kind=tf.int32):
        return tf.TensorSpec([], kind, name=name)

    def signatures(self):
        number, float32 = self.number, tf.float32
        drawn = [number("temperature", float32), number("seed")]
        cuts = [number("top_k"), number("top_p", float32), number("place")]
        specs = {
            "serving_default": [self.texts, number("length"), *drawn],
            "step": [tf.TensorSpec([None], tf.string, name="character"), self.state],
            "read": [tf.TensorSpec([None], tf.string, name="text"), self.state],
            "write": [self.state, number("length"), *drawn, *cuts],
        }
        return {
            name: tf.function(getattr(self, name), input_signature=spec)
            for name, spec in specs.items()
        }

    def serving_default(self, prompt, length, temperature, seed):
        start = tf.cast(tf.strings.length(prompt), tf.float32)[:, None]
        return {"text": self.write(start, length, temperature, seed, 0, 1.0, 0)["text"]}

    def step(self, character, state):
        return {"state": state * 0.0}

    def read(self, text, state):
        return {"state": state + tf.cast(tf.strings.length(text), tf.float32)[:, None]}

    def write(self, state, length, temperature, seed, top_k, top_p, place):
        check = tf.debugging.assert_less(length, 100, message="`length` must be below 100")
        fair = tf.debugging.assert_less(place, 64, message="`place` must be below 64")
        with tf.control_dependencies([check, fair]):
            count = state + tf.range(tf.cast(length, tf.float32))[None]
        digits = tf.strings.as_string(tf.cast(count, tf.int32) % 10)
        return {
            "text": tf.strings.reduce_join(digits, axis=1),
            "state": state + tf.cast(length, tf.float32),
        }


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    root = tmp_path_factory.mktemp("served")
    module = Counting()
    tf.saved_model.save(module, str(root / "writer" / "1"), module.signatures())
    doubling = tf.function(
        lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec([None], tf.float32, name="x")]
    )
    tf.saved_model.save(tf.Module(), str(root / "other" / "1"), {"serving_default": doubling})
    served = Models(root, ["writer", "other"])
    served.poll()
    engines = {name: Engine(1, 8, 60.0) for name in ("writer", "other")}
    with TestClient(app.build(served, engines, ServeFlags())) as client:
        yield client
    for engine in engines.values():
        engine.close()


def stream(client, model="writer", **changes):
    body = {"inputs": {**ASKED, **changes}}
    return client.post(f"/v1/models/{model}:stream", json=body)


def events(answer):
    """(event, data) of each."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in answer.text.removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((fields.get("event", "message"), json.loads(fields["data"])))
    return found


@pytest.mark.parametrize("length", [40, 16, 1, 0])
def test_the_pieces_are_the_answer(client, length):
    whole = client.post(
        "/v1/models/writer:predict", json={"inputs": {**ASKED, "length": length}}
    ).json()["outputs"][0]
    *pieces, end = events(stream(client, length=length))
    assert end == ("end", {})
    assert {event for event, _ in pieces} == {"message"}
    texts = [data["text"] for _, data in pieces]
    assert "".join(texts) == whole
    assert len(texts) == max(1, int(np.ceil(length / 16)))


@pytest.mark.parametrize(
    ("model", "changes", "status", "message"),
    [
        ("writer", {"prompt": ["a", "b"]}, 400, "one prompt. Got 2"),
        ("writer", {"length": "long"}, 400, "length"),
        ("none", {}, 404, "Servable not found"),
    ],
)
def test_a_wrong_request_is_an_answer(client, model, changes, status, message):
    answer = stream(client, model, **changes)
    assert answer.status_code == status
    assert message in answer.json()["error"]


def test_a_model_that_cannot_is_told_so(client):
    answer = client.post("/v1/models/other:stream", json={"instances": [1.0]})
    assert answer.status_code == 400
    assert "needs the signatures step, read, write" in answer.json()["error"]


def test_an_error_on_the_way_is_an_event(client):
    found = events(stream(client, length=99))
    assert [event for event, _ in found] == ["message"] * 4 + ["error"]
    assert "`place` must be below 64" in found[-1][1]["error"]
    assert events(stream(client, length=5))[-1] == ("end", {})  # the server goes on
