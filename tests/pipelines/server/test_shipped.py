"""The shipped models under TensorFlow's own tool, and every curl line of the README."""

import contextlib
import http.client
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
README = ROOT / "pipelines" / "server" / "README.md"
LINES = [line.strip() for line in README.read_text().splitlines() if re.match("    .*curl ", line)]
QUIET = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}

pytestmark = pytest.mark.slow


def cli(*arguments):
    tool = "from tensorflow.python.tools import saved_model_cli; saved_model_cli.main()"
    command = [sys.executable, "-c", tool, *arguments]
    process = subprocess.run(command, cwd=ROOT, env=QUIET, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_saved_model_cli_shows_the_signatures():
    text = cli("show", "--dir", "saved_models/sentiment/2", "--all")
    assert "signature_def['serving_default']" in text
    assert "inputs['text'] tensor_info:\n        dtype: DT_STRING\n        shape: (-1)" in text
    assert "Method name is: tensorflow/serving/predict" in text


def test_saved_model_cli_runs_a_signature():
    arguments = ["--tag_set", "serve", "--signature_def", "serving_default"]
    arguments += ["--input_exprs", 'text=[b"I loved it, wonderful.", b"Dull and awful."]']
    answer = cli("run", "--dir", "saved_models/sentiment/2", *arguments)
    assert re.search(r"key label:\n\[b'positive' b'negative'\]", answer)


@pytest.fixture(scope="module")
def served():
    """(URL, process) of a server of all shipped models."""
    command = [sys.executable, "-m", "pipelines.server", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, env=QUIET, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            if line.startswith("Serving "):
                yield re.search("http://[^/]*", line)[0], process
                break
        process.terminate()


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_curl_lines_of_the_readme(served, line):
    model = re.search("/v1/models/([a-z_]+)", line)[1]
    if not (ROOT / "saved_models" / model).is_dir():
        pytest.skip(f"{model} is not exported")
    line = line.replace("http://localhost:8501", served[0]).replace(
        "curl ", "curl --silent --fail "
    )
    process = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout
    answer = json.loads(process.stdout)
    assert len(answer) in (1, 2)
    assert {"predictions", "outputs", "model_version_status", "metadata"} & set(answer)


def _resident(pid):
    """Bytes of memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])


def test_memory_is_bounded_over_ten_thousand_requests(served):
    """Right and wrong ones, of several sizes, over several connections.

    A leak grows in every stretch; caches and the heap's arenas grow in some, and then no more.
    """
    url, process = served
    good = [{"instances": [f"{'so good ' * n}{n}."]} for n in (1, 20, 100)]
    bad = [{"instances": [1]}, {"inputs": {"x": ["a"]}}, {"instances": ["a" * 100_000, None]}]
    bodies = [json.dumps(document) for document in [*good, *good, *bad]]

    def ask(requests):
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
        with contextlib.closing(connection):
            for index in range(requests):
                connection.request(
                    "POST", "/v1/models/sentiment:predict", bodies[index % len(bodies)]
                )
                answer = connection.getresponse()
                answer.read()
                assert answer.status == (200 if index % len(bodies) < 6 else 400)

    def crowd(requests):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ask, [requests // 4] * 4))
        return _resident(process.pid)

    sizes = [crowd(2500) for _ in range(5)]
    growths = [after - before for before, after in itertools.pairwise(sizes)]
    assert min(growths) < 5e6


def test_the_readme_asks_every_model():
    in_readme = set(re.findall("/v1/models/([a-z_]+)", "\n".join(LINES)))
    exported = {path.parent.parent.name for path in ROOT.glob("saved_models/*/*/saved_model.pb")}
    assert exported <= in_readme
