"""What is counted, described and shown beside TF Serving's interface."""

import re
from urllib.parse import urljoin

import jsonschema
import numpy as np
import pytest
from openapi_spec_validator import validate
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from pipelines.exporting import WARMUP, write_warmup
from pipelines.server import app
from pipelines.server.engine import Engine
from pipelines.server.flags import ServeFlags
from pipelines.server.models import Models

MODEL = "/v1/models/tiny"
METRICS = "/monitoring/prometheus/metrics"


@pytest.fixture
def client(models):
    engine = Engine(threads=1, max_waiting=8, timeout=60.0)
    flags = ServeFlags(access_log=True)
    with TestClient(app.build(models, {"tiny": engine}, flags)) as client:
        yield client
    engine.close()


# Counts.


def counted(client):
    """(name, labels without le) -> value, of counts and not of buckets."""
    answer = client.get(METRICS)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = [
        sample
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if "le" not in sample.labels
    ]
    return {(s.name, *sorted(s.labels.items())): s.value for s in samples}


def test_requests_are_counted_as_tf_serving_counts_them(client):
    for document in ({"instances": ["a"]}, {"instances": ["b"]}, {"instances": [1]}):
        client.post(f"{MODEL}:predict", json=document)
    client.post("/v1/models/none:predict", json={"instances": ["a"]})  # anybody's name: no label
    client.get(MODEL)
    found = counted(client)
    name = ("model_name", "tiny")
    count = ":tensorflow:serving:request_count"
    assert found.pop((count, name, ("status", "OK"))) == 2
    assert found.pop((count, name, ("status", "INVALID_ARGUMENT"))) == 1
    labels = ("API", "predict"), ("entrypoint", "REST"), name
    assert found.pop((":tensorflow:serving:request_latency_count", *labels)) == 3
    request = found.pop((":tensorflow:serving:request_latency_sum", *labels))
    labels = ("API", "predict"), name, ("runtime", "TF1")
    assert found.pop((":tensorflow:serving:runtime_latency_count", *labels)) == 2
    runtime = found.pop((":tensorflow:serving:runtime_latency_sum", *labels))
    assert 0 < runtime < request < 60e6  # microseconds
    assert not found


def test_the_log_has_a_line_for_each_request(client, capsys):
    client.post(f"{MODEL}:predict?x=1", json={"instances": ["a"]})
    client.get("/v1/models/a%0Ab%22")
    lines = capsys.readouterr().out.splitlines()
    when = r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
    assert re.fullmatch(
        rf'testclient - - {when} "POST {MODEL}:predict HTTP/1.1" 200 \d+ \d+\.\d{{4}}', lines[0]
    )
    assert re.fullmatch(
        rf'testclient - - {when} "GET /v1/models/a%0Ab%22 HTTP/1.1" 404 \d+ \d+\.\d{{4}}', lines[1]
    )
    assert len(lines) == 2


# The description.


@pytest.fixture
def described(client):
    answer = client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def test_the_description_is_openapi_of_every_model(described):
    validate(described)
    assert list(described["paths"]) == [f"{MODEL}:predict"]


@pytest.mark.parametrize(
    "document",
    [
        {"instances": ["a", "é"]},
        {"signature_name": "two", "instances": [{"x": 1, "pair": [2, 3]}]},
        {"signature_name": "copy", "instances": [{"b64": "YQ=="}]},
        {"signature_name": "cut", "inputs": {"prompt": ["abc"], "length": 2}},
        {"signature_name": "words", "instances": ["a b", "c"]},
    ],
)
def test_requests_and_answers_are_as_described(client, described, document):
    operation = described["paths"][f"{MODEL}:predict"]["post"]
    answer = client.post(f"{MODEL}:predict", json=document)
    assert answer.status_code == 200
    asked = operation["requestBody"]["content"]["application/json"]["schema"]
    told = operation["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(document, asked)
    jsonschema.validate(answer.json(), {"anyOf": told["oneOf"]})  # alike answers may be two's
    title = document.get("signature_name", "serving_default")
    own = [schema for schema in told["oneOf"] if schema["title"] == title]
    jsonschema.validate(answer.json(), own[0])


@pytest.mark.parametrize(
    "document", [{"instances": [3]}, {"signature_name": "cut", "inputs": {"prompt": ["abc"]}}]
)
def test_what_the_server_refuses_is_not_described(client, described, document):
    assert client.post(f"{MODEL}:predict", json=document).status_code == 400
    asked = described["paths"][f"{MODEL}:predict"]["post"]["requestBody"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, asked["content"]["application/json"]["schema"])


def test_examples_are_the_warm_up_requests(tmp_path, put):
    put(tmp_path / "tiny", 1)
    requests = [
        ("serving_default", {"text": ["a"]}),
        ("cut", {"prompt": ["abc"], "length": np.int32(2)}),
        ("copy", {"image_bytes": [b"\xff"]}),
    ]
    write_warmup(tmp_path / "tiny" / "1" / "assets.extra" / WARMUP, "tiny", requests)
    served = Models(tmp_path, ["tiny"])
    served.poll()
    engine = Engine(threads=1, max_waiting=8, timeout=60.0)
    with TestClient(app.build(served, {"tiny": engine}, ServeFlags())) as client:
        described = client.get("/openapi.json").json()
        body = described["paths"][f"{MODEL}:predict"]["post"]["requestBody"]["content"]
        examples = body["application/json"]["examples"]
        assert list(examples) == ["serving_default", "cut", "copy"]
        for example in examples.values():
            assert client.post(f"{MODEL}:predict", json=example["value"]).status_code == 200
    assert examples["copy"]["value"]["inputs"] == {"image_bytes": [{"b64": "/w=="}]}
    validate(described)
    engine.close()


# Pages.


@pytest.mark.parametrize(("path", "count"), [("/", 2), ("/docs", 3)])
def test_a_page_loads_nothing_from_elsewhere(client, path, count):
    page = client.get(path)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "set-cookie" not in page.headers
    files = re.findall(r'<(?:script|link)[^>]* (?:src|href)="([^"]+)"', page.text)
    assert len(files) == count
    for file in files:
        answer = client.get(urljoin(path, file))
        assert answer.status_code == 200
        assert len(answer.content) > 50


def test_files_that_are_no_pages_are_not_there(client):
    for path in ("/docs/index.html", "/page/", "/page/..%2Fpages.py", "/docs/..%2Fx"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "Not Found" in answer.json()["error"]
