"""The trainings that are compared can be given, and their epochs are read as they were written."""

import sys
from importlib import import_module

import pytest

from benchmarks import throughput
from pipelines import cli

# Stands for a training: an epoch every moment, and it never ends by itself.
TRAINING = """
import json, os, pathlib, sys, time
state = pathlib.Path(sys.argv[1])
state.parent.mkdir(parents=True)
history = []
for seconds in map(float, sys.argv[2:]):
    history.append(seconds)
    beside = state.with_suffix(".new")
    beside.write_text(json.dumps({"history": {"train_seconds": history, "loss": [0.5]}}))
    os.replace(beside, state)
print("waiting", os.getcwd(), flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("case", throughput.CASES, ids=lambda case: case.name)
def test_the_command_line_of_a_case_is_one_that_train_takes(case, tmp_path):
    _, _, module, verb, *flags = case.command(tmp_path / "data", tmp_path, "round-0", epochs=3)
    assert verb == "train"
    pipeline = import_module(f"{module}.pipeline").PIPELINE
    given = cli.parse(pipeline.flags()["train"], flags, module, pipeline.presets("train"))
    assert (given.dataset, given.limit, given.epochs) == (case.dataset, case.limit, 3)
    assert given.runs_dir == tmp_path / "runs"
    assert given.data_dir == (tmp_path / "data" / case.folder if case.folder else None)


def test_cases_are_the_demo_and_a_real_data_set_of_every_task():
    tasks = {"sentiment", "translation", "captioning", "charlm"}
    assert {case.task for case in throughput.CASES if case.folder is None} == tasks
    assert {case.task for case in throughput.CASES if case.folder is not None} == tasks


def test_epochs_but_the_first_are_read_and_the_process_is_ended(tmp_path):
    state, log = tmp_path / "runs" / "state.json", tmp_path / "log"
    command = [sys.executable, "-c", TRAINING, str(state), "9.0", "2.0", "3.0"]
    assert throughput.train_seconds(tmp_path, command, state, log, epochs=3) == [2.0, 3.0]


def test_a_training_that_ends_early_is_an_error_with_its_last_lines(tmp_path):
    command = [sys.executable, "-c", "print('the reason')"]
    with pytest.raises(RuntimeError, match="did not train 3 epochs:\\nthe reason"):
        throughput.train_seconds(tmp_path, command, tmp_path / "state.json", tmp_path / "log", 3)


def test_processes_alternate_and_the_table_has_medians_and_their_ratio(monkeypatch, tmp_path):
    asked, seconds = [], iter([[4.0, 2.0], [1.0, 3.0], [4.0], [2.0], [1.0], [2.0]])

    def trained(tree, command, state, log, epochs):
        asked.append((tree.name, state.parent.name))
        assert f"--run={state.parent.name}" in command
        assert f"--runs-dir={state.parents[2]}" in command
        return next(seconds)

    monkeypatch.setattr(throughput, "train_seconds", trained)
    trees = {"before": tmp_path / "old", "after": tmp_path / "new"}
    case = throughput.Case("sentiment", "demo", 12)
    rates = throughput.compare(case, trees, None, rounds=3, epochs=3)
    assert asked == [(tree, f"round-{n}") for n in range(3) for tree in ("old", "new")]
    assert rates == {"before": [6, 3, 12], "after": [12, 6, 6]}
    assert (
        throughput.row(case, rates) == "| sentiment demo | 6.0 | 6.0 | 1.00 | 0.50 to 2.00 | 1.00 |"
    )


def test_one_epoch_is_too_few(tmp_path):
    with pytest.raises(ValueError, match="`epochs` must be at least 2"):
        throughput.main(tmp_path, epochs=1)
