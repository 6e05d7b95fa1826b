"""An exported model's answers in a process that has TensorFlow alone."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np


def client_answers(client: str, model: Path, folder: Path, **problem) -> dict[str, np.ndarray]:
    """What a client's code finds, by name.

    Args:
        client: Python code that is given the model, a file of the problem's arrays to read and a
            file to write its answers to.
        model: a version's folder.
        folder: where the code runs; nothing of the project is on its path.
        problem: arrays by name.
    """
    np.savez(folder / "problem.npz", **problem)
    run = subprocess.run(
        [sys.executable, "-c", client, model, "problem.npz", "answers.npz"],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr
    return dict(np.load(folder / "answers.npz"))
