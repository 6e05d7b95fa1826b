"""Requests a second, and how long one takes, of served models: a Markdown table.

python -m benchmarks.serving [--models NAME ...] [--output benchmarks/results/serving.md]

Starts `python -m pipelines.server` without and with batching, and sends each model its own warm-up
request from 1, 4 and 16 clients at a time, over HTTP on this machine. A client is a thread with a
connection of its own that asks again as soon as it is answered; clients and server share the cores.
"""

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tyro

from benchmarks.timing import give, machine
from pipelines.exporting import latest_version
from pipelines.server.requests import DEFAULT_SIGNATURE
from pipelines.server.responses import BYTES, plain
from pipelines.server.servable import warmup_requests

ROOT = Path(__file__).parents[1]
PARAMETERS = ROOT / "pipelines" / "server" / "batching_parameters.txt"
WAYS = {"no batching": [], "batching": ["--batching-parameters", str(PARAMETERS)]}


@dataclass(frozen=True)
class Load:
    """The speed that a number of clients saw."""

    rate: float  # requests a second, of all clients together
    p50: float  # seconds
    p99: float  # seconds; of fewer than a hundred requests, the slowest

    def cell(self) -> str:
        """For the table."""
        return f"{self.rate:.1f} ({1000 * self.p50:.0f}, {1000 * self.p99:.0f})"


def warmup_body(model: Path) -> bytes:
    """The first warm-up request of the latest version's serving_default, as JSON in columns.

    Raises:
        ValueError: the version has no such request.
    """
    version = model / str(latest_version(model))
    for name, inputs in warmup_requests(version):
        if name == DEFAULT_SIGNATURE:
            # As bytes under any name: a warm-up text need not be UTF-8.
            named = {key: plain(BYTES, array) for key, array in inputs.items()}
            return json.dumps({"inputs": named}).encode()
    raise ValueError(
        f"`models` must have a warm-up request of {DEFAULT_SIGNATURE}. {version} has none."
    )


@contextlib.contextmanager
def served(saved_models: Path, models: Sequence[str], arguments: Sequence[str]) -> Iterator[int]:
    """The port of a server process with these models.

    Raises:
        RuntimeError: the server does not start.
    """
    command = [sys.executable, "-m", "pipelines.server", "--development", "--port", "0"]
    command += ["--saved-models", str(saved_models.resolve()), "--models", *models, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout:
                print(f"  {line}", end="", flush=True)
                if line.startswith("Serving "):
                    yield int(re.search(r":(\d+)/", line)[1])
                    return
            raise RuntimeError("The server did not start: see above.")
        finally:
            process.terminate()


def load(port: int, model: str, body: bytes, clients: int, seconds: float) -> Load:
    """Asks from so many clients for so long (and at least a request each).

    Raises:
        RuntimeError: a request fails.
    """
    times: list[float] = []
    failures: list[str] = []
    barrier = threading.Barrier(clients)

    def client():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        with contextlib.closing(connection):
            _ask(connection, model, body)  # not counted
            barrier.wait()
            started = time.perf_counter()
            end = started + seconds
            while started < end:
                _ask(connection, model, body)
                now = time.perf_counter()
                times.append(now - started)
                started = now

    def watched():
        try:
            client()
        except (RuntimeError, OSError, http.client.HTTPException) as error:
            failures.append(f"{error!r}")
            barrier.abort()  # clients that wait for this client end, too

    threads = [threading.Thread(target=watched) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(f"{model}: {failures[0]}")
    p50, p99 = np.percentile(times, [50, 99], method="higher")
    # Each client is busy all the time: the rate is a client's rate times their number.
    return Load(clients / float(np.mean(times)), float(p50), float(p99))


def _ask(connection: http.client.HTTPConnection, model: str, body: bytes) -> None:
    """Sends a request.

    Raises:
        RuntimeError: the answer's status is not 200.
    """
    connection.request("POST", f"/v1/models/{model}:predict", body)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status} {text[:200]!r}")


def measure(
    saved_models: Path, models: Sequence[str], clients: Sequence[int], seconds: float
) -> dict[tuple[str, str], dict[int, Load]]:
    """(model, way) -> number of clients -> their load."""
    bodies = {model: warmup_body(saved_models / model) for model in models}
    loads: dict[tuple[str, str], dict[int, Load]] = {}
    for way, arguments in WAYS.items():
        print(f"\n{way}", flush=True)
        with served(saved_models, models, arguments) as port:
            for model, body in bodies.items():
                for number in clients:
                    measured = load(port, model, body, number, seconds)
                    loads.setdefault((model, way), {})[number] = measured
                    print(f"  {model}, {number} clients: {measured.cell()}", flush=True)
    return {key: loads[key] for key in sorted(loads)}


def table(loads: dict[tuple[str, str], dict[int, Load]]) -> str:
    """Models and ways in rows, numbers of clients in columns."""
    clients = list(next(iter(loads.values())))
    heads = " | ".join(f"{number} client{'s' * (number > 1)}" for number in clients)
    lines = [f"| model | | {heads} |", "| --- | --- |" + " --- |" * len(clients)]
    for (model, way), by_clients in loads.items():
        cells = " | ".join(by_clients[number].cell() for number in clients)
        lines.append(f"| {model} | {way} | {cells} |")
    return "\n".join(lines)


def report(loads: dict[tuple[str, str], dict[int, Load]], about: str, seconds: float) -> str:
    """The report, as Markdown."""
    parts = [
        "# Speed of served models",
        about,
        "Requests a second, and in brackets the median and the 99th percentile of one request's "
        "time in milliseconds: the server for development, each model's own warm-up request to "
        f"`serving_default`, over HTTP on loopback, {seconds:g} s for each cell. Clients and "
        "server share the cores. Batching as in pipelines/server/batching_parameters.txt; "
        "signatures with scalar inputs are not batched.",
        table(loads),
    ]
    return "\n\n".join(parts) + "\n"


def main(
    models: tuple[str, ...] = (),
    saved_models: Path = ROOT / "saved_models",
    clients: tuple[int, ...] = (1, 4, 16),
    seconds: float = 10.0,
    output: Path | None = None,
) -> None:
    """Prints the report; with --output writes it, too."""
    about = machine()  # before the load of its own
    available = sorted(path.parent.parent.name for path in saved_models.glob("*/1/saved_model.pb"))
    text = report(measure(saved_models, models or available, clients, seconds), about, seconds)
    give(text, output)


if __name__ == "__main__":
    tyro.cli(main)
