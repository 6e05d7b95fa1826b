"""One training in two processes: the result of one process, also where one was killed."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines import distribution
from pipelines.runs import read_json

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "pipelines" / "shared_training.py"
needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs JAX")


def test_a_strategy_that_there_is_not_is_an_error():
    with pytest.raises(ValueError, match=r"`strategy` must be one of .* Got 'mirrored'."):
        distribution.start("mirrored")


def test_tensorflow_is_no_backend_for_it():
    with pytest.raises(ValueError, match=r"needs KERAS_BACKEND=jax. Got 'tensorflow'."):
        distribution.start("data_parallel")


def test_one_process_alone_is_the_chief_and_reads_all_rows():
    distribution.start("none")
    assert distribution.process() == (0, 1)
    assert distribution.is_chief()
    assert distribution.rows(32) == slice(0, 32)


def start(run: Path, strategy: str, **environment: str) -> subprocess.Popen:
    own = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(run), strategy],
        env={**os.environ, **own, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def start_two(run: Path) -> list[subprocess.Popen]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    return [
        start(
            run,
            "data_parallel",
            KERAS_DISTRIBUTION_JOB_ADDRESSES=address,
            KERAS_DISTRIBUTION_NUM_PROCESSES="2",
            KERAS_DISTRIBUTION_PROCESS_ID=str(number),
        )
        for number in range(2)
    ]


def finish(*processes: subprocess.Popen) -> None:
    for process in processes:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output


def last_weights(run: Path) -> list[np.ndarray]:
    state = read_json(run / "state.json")
    with np.load(run / "checkpoints" / state["last"]["file"]) as arrays:
        return [arrays[name] for name in sorted(arrays.files)]


@needs_jax
@pytest.mark.slow
def test_two_processes_train_what_one_does_though_one_is_killed(tmp_path):
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    finish(start(alone, "none"))

    chief, other = start_two(shared)
    for line in chief.stdout:
        if line.startswith("epoch 1/"):
            break
    other.send_signal(signal.SIGKILL)
    output, _ = chief.communicate(timeout=300)
    other.communicate()
    assert chief.returncode != 0
    assert "another process of it ended" in output
    done = read_json(shared / "state.json")["epochs_done"]
    assert 1 <= done < 3

    finish(*start_two(shared))
    assert read_json(shared / "state.json")["epochs_done"] == 3
    for found, expected in zip(last_weights(shared), last_weights(alone), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
