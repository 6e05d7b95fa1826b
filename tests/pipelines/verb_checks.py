"""What the verbs of every task must do, checked on a small run of the task.

A test module makes one run with `train` and hands it to each check.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np

from pipelines import cli, exporting, runs

ROOT = Path(__file__).parents[2]


def main(pipeline, *arguments) -> int:
    """The exit status of a command line."""
    try:
        return cli.main(pipeline, [str(argument) for argument in arguments])
    finally:
        keras.config.set_dtype_policy("float32")


def train(pipeline, folder: Path, *flags) -> Path:
    """Trains under `folder`/runs; the run's folder."""
    places = ("--runs-dir", folder / "runs", "--cache-dir", folder / "cache")
    assert main(pipeline, "train", *flags, *places) == 0
    (run,) = (folder / "runs" / pipeline.name).iterdir()
    return run


def outcome(run: Path) -> dict:
    """All that a run ends with, but for times, the machine and names of layers."""
    state = runs.read_json(run / "state.json")
    checkpoints = {}
    for path in sorted((run / "checkpoints").iterdir()):
        with np.load(path, allow_pickle=False) as arrays:
            checkpoints[path.name] = [arrays[name] for name in sorted(arrays.files)]
    return {
        "epochs": state["epochs_done"],
        "history": {k: v for k, v in state["history"].items() if "seconds" not in k},
        "best": [(entry["epoch"], entry["value"]) for entry in state["best"]],
        "kept": {k: v for k, v in state["kept"].items() if k != "config.json"},
        "checkpoints": checkpoints,
        "metrics": runs.read_json(run / "metrics.json")["metrics"],
    }


def check_run_folder(pipeline, run: Path) -> None:
    """The folder has all that made the run; card, report and metrics say the same."""
    names = {path.name for path in run.iterdir()}
    assert names >= {
        *("config.json", "description.json", "kept", "state.json", "checkpoints", "metrics.json"),
        *("report.html", "saved_model", "tensorboard"),
    }
    state, metrics = outcome(run), runs.read_json(run / "metrics.json")
    assert all(len(series) == state["epochs"] for series in state["history"].values())
    assert {"dataset", "train_seconds", "peak_memory", "machine"} <= set(metrics)
    card = (run / "saved_model" / "README.md").read_text()
    page = (run / "report.html").read_text()
    for name, value in metrics["metrics"].items():
        assert name in card
        assert f"{value:.4g}" in page
    assert "Configuration" in page
    assert "<svg" in page  # the curves
    assert not re.search(r"(src|href)=[\"']?https?:", page)


def check_inspect(pipeline, run: Path, capsys, *flags) -> None:
    """`inspect` prints, and writes, what the run has kept of its data."""
    output = run.parent.parent / "inspected.json"
    cache = run.parents[2] / "cache"
    capsys.readouterr()
    arguments = ("--cache-dir", cache, "--output", output, *flags)
    assert main(pipeline, "inspect", *arguments) == 0
    description = runs.read_json(output)
    assert description == runs.read_json(run / "description.json")
    assert {"dataset", "splits", "examples"} <= set(description)
    printed = capsys.readouterr().out
    assert f"dataset: {description['dataset']}" in printed
    for split, sizes in description["splits"].items():
        assert f"{split}:" in printed
        assert all(count for count in sizes.values())


def check_evaluate(pipeline, run: Path, *flags) -> None:
    """The exported model on the split that `train` measured has the metrics that it told."""
    output = run.parent.parent / "evaluated.json"
    arguments = ("--model", run / "saved_model", "--output", output, *flags)
    assert main(pipeline, "evaluate", *arguments) == 0
    measured = json.loads(output.read_text())["metrics"]
    assert measured == runs.read_json(run / "metrics.json")["metrics"]


def check_export(pipeline, run: Path, answer, *flags) -> None:
    """Exported again, the run answers the same; the next export is the next version.

    Args:
        answer: loaded SavedModel -> its answer to a fixed input, as arrays.
    """
    served = run.parent.parent / "served"
    arguments = ("--run", run.name, "--runs-dir", run.parent.parent, "--saved-models", served)
    for version in (1, 2):
        assert main(pipeline, "export", *arguments, *flags) == 0
        (folder,) = served.iterdir()
        assert exporting.latest_version(folder) == version
    again, _ = exporting.load_saved_model(folder)
    first, _ = exporting.load_saved_model(run / "saved_model")
    np.testing.assert_equal(answer(again), answer(first))
    graph = (folder / "2" / "saved_model.pb").read_bytes()
    assert str(run.parent.parent).encode() not in graph


def check_killed(pipeline, module: str, run: Path, folder: Path, *flags) -> None:
    """SIGKILL once a checkpoint is on the disk, then the same command: the same end."""
    places = ("--runs-dir", folder / "runs", "--cache-dir", folder / "cache")
    command = [sys.executable, "-m", module, "train", *map(str, (*flags, *places))]
    killed = folder / "runs" / pipeline.name / run.name
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            while not (killed / "state.json").exists():
                assert process.poll() is None
                time.sleep(0.01)
        finally:
            os.kill(process.pid, signal.SIGKILL)
    assert not (killed / "metrics.json").exists()
    train(pipeline, folder, *flags)
    np.testing.assert_equal(outcome(killed), outcome(run))


def check_bad_flag(pipeline, folder: Path, capsys, flag: str, message: str, *flags) -> None:
    """A flag that cannot be is an error before anything is trained."""
    places = ("--runs-dir", folder / "runs", "--cache-dir", folder / "cache")
    assert main(pipeline, "train", *flags, *places, flag) == 2
    assert message in capsys.readouterr().err
    assert not list(folder.rglob("checkpoints"))


def check_every_record_counts_once(trainer, count: int, epoch: int = 0) -> None:
    """The weights of an epoch's batches, rows of records and blank ones, sum to the records.

    Args:
        trainer: gives (inputs, answers, weights).
        count: records of the training split.
    """
    batches = [weights for *_, weights in trainer.dataset(epoch).as_numpy_iterator()]
    assert len(batches) == trainer.steps(epoch)
    rows = [weights.reshape(len(weights), -1).any(axis=1) for weights in batches]
    assert sum(int(real.sum()) for real in rows) == count
