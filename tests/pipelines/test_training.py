"""The loop over epochs: whatever kills a run, it goes on to the very same end."""

import importlib.util
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import keras
import numpy as np
import pytest

from pipelines import training

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("tiny_training.py")


def _load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_TINY = _load(SCRIPT)
TinyTraining, EXAMPLES, BATCH = _TINY.TinyTraining, _TINY.EXAMPLES, _TINY.BATCH


class Killed(BaseException):
    """In the place of a SIGKILL: nothing in the code under test catches it."""


def outcome(run, model):
    """All that a run ends with, without the seconds that it took."""
    state = json.loads((run / "state.json").read_text())
    files = {}
    for path in sorted((run / "checkpoints").iterdir()):
        with np.load(path) as arrays:
            # By number: names of layers count on within a process.
            files[path.name] = [arrays[name] for name in sorted(arrays.files)]
    return {
        "epochs": state["epochs_done"],
        "history": {k: v for k, v in state["history"].items() if "seconds" not in k},
        "best": [(entry["epoch"], entry["value"], entry["file"]) for entry in state["best"]],
        "last": state["last"]["file"],
        "averaged": state["averaged"],
        "files": files,
        "model": [np.asarray(variable) for variable in model.variables],
    }


def train(run, epochs=4):
    tiny = TinyTraining(epochs)
    training.fit(tiny, run)
    return outcome(run, tiny.model)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return train(tmp_path_factory.mktemp("unbroken"))


def test_history_has_every_epoch_and_nan_before_a_late_number_begins(unbroken):
    history = unbroken["history"]
    assert set(history) == {"loss", "late", "val_score"}
    assert all(len(series) == 4 for series in history.values())
    assert [math.isnan(value) for value in history["late"]] == [True, True, False, False]
    assert unbroken["epochs"] == 4
    assert history["val_score"][-1] > history["val_score"][0]  # it learned


def test_random_state_matters_here(unbroken, monkeypatch, tmp_path):
    """Without the saved seeds of dropout a resumed run would differ: the check can fail."""
    only_weights = training._variables
    monkeypatch.setattr(
        training,
        "_variables",
        lambda model, with_optimizer: {
            **only_weights(model, with_optimizer),
            "model": model.weights,
        },
    )
    with pytest.raises(Killed):
        kill_in(monkeypatch, "write_json", 1, after=True, run=tmp_path)
    assert train(tmp_path)["history"]["loss"] != unbroken["history"]["loss"]


def kill_in(monkeypatch, name, count, after, run, owner=training):
    """Trains until the call number `count` (from 0) of `name`, and dies before or after it."""
    with monkeypatch.context() as patch:
        real, calls = getattr(owner, name), iter(range(10_000))

        def dying(*args, **kwargs):
            if next(calls) != count:
                return real(*args, **kwargs)
            if after:
                real(*args, **kwargs)
            raise Killed

        patch.setattr(owner, name, dying)
        train(run)


MOMENTS = [
    ("run_epoch", 0, False),  # before anything was written
    ("run_epoch", 1, True),
    ("run_epoch", 2, True),  # the first epoch of the second phase, not on the disk yet
    ("run_epoch", 3, True),  # within the second phase
    ("validate", 1, True),
    ("save_variables", 0, True),  # weights on the disk, no state.json at all
    ("save_variables", 2, True),  # between the files of one checkpoint
    ("write_json", 1, False),  # all weights of an epoch on the disk, its state.json not
    ("write_json", 1, True),  # state.json on the disk, old files not yet removed
    ("write_json", 3, True),
    ("load_variables", 1, True),  # while averaging
    ("write_json", 4, False),  # the average on the disk, not in state.json
    ("write_json", 4, True),
]


@pytest.mark.parametrize(("name", "count", "after"), MOMENTS)
def test_killed_run_ends_as_an_unbroken_one(
    unbroken, monkeypatch, tmp_path, capsys, name, count, after
):
    owner = TinyTraining if hasattr(TinyTraining, name) else training
    with pytest.raises(Killed):
        kill_in(monkeypatch, name, count, after, tmp_path, owner)
    np.testing.assert_equal(train(tmp_path), unbroken)


@pytest.mark.slow
def test_run_killed_by_the_system_ends_as_an_unbroken_one(tmp_path):
    epochs, started = 40, time.monotonic()
    wanted = train(tmp_path / "unbroken", epochs)
    killed = tmp_path / "killed"
    delay = random.SystemRandom().uniform(0.0, 0.5) * (time.monotonic() - started)
    with subprocess.Popen(
        [sys.executable, SCRIPT, killed, str(epochs)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert any(line.startswith("epoch 1/") for line in process.stdout)
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
    done = json.loads((killed / "state.json").read_text())["epochs_done"]
    print(f"Killed after {delay:.3f} s, {done} epochs on the disk.")
    assert 1 <= done < epochs
    np.testing.assert_equal(train(killed, epochs), wanted)


def test_finished_run_changes_no_more(unbroken, tmp_path, monkeypatch):
    train(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    monkeypatch.setattr(TinyTraining, "run_epoch", None)
    monkeypatch.setattr(TinyTraining, "validate", None)
    np.testing.assert_equal(train(tmp_path), unbroken)
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}


def test_only_the_named_files_stay(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / ".epoch-0003.npz-x7").write_bytes(b"half of a file")
    found = train(tmp_path)
    assert set(found["files"]) == {found["last"], *(file for _, _, file in found["best"])}


def test_files_that_a_killed_process_left_go_when_the_finished_run_is_opened(tmp_path):
    wanted = train(tmp_path)
    (tmp_path / "checkpoints" / ".epoch-0004.npz-x7").write_bytes(b"half of a file")
    np.testing.assert_equal(train(tmp_path), wanted)


@pytest.mark.parametrize("damage", ["cut off", "altered", "missing"])
@pytest.mark.parametrize("which", ["last", "best"])
def test_damaged_checkpoint_is_an_error_that_names_it(tmp_path, damage, which):
    found = train(tmp_path)
    path = tmp_path / "checkpoints" / (found["last"] if which == "last" else found["best"][0][2])
    content = path.read_bytes()
    middle = len(content) // 2
    if damage == "cut off":
        path.write_bytes(content[:middle])
    elif damage == "altered":
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    else:
        path.unlink()
    with pytest.raises(ValueError, match=f"{path}.*missing, cut off or altered"):
        train(tmp_path)


def test_state_that_is_not_json_is_an_error_that_names_it(tmp_path):
    train(tmp_path, epochs=1)
    (tmp_path / "state.json").write_bytes((tmp_path / "state.json").read_bytes()[:40])
    with pytest.raises(ValueError, match=f"{tmp_path / 'state.json'} is not JSON"):
        train(tmp_path, epochs=1)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("method", ["run_epoch", "validate"])
def test_number_that_is_not_finite_stops_the_run_and_keeps_its_checkpoint(
    unbroken, tmp_path, monkeypatch, method, value
):
    real, calls = getattr(TinyTraining, method), iter(range(10))

    def bad(self, *args):
        numbers = real(self, *args)
        return dict.fromkeys(numbers, value) if next(calls) == 2 else numbers

    with monkeypatch.context() as patch:
        patch.setattr(TinyTraining, method, bad)
        with pytest.raises(ValueError, match="numbers of epoch 3 must be finite"):
            train(tmp_path)
    assert json.loads((tmp_path / "state.json").read_text())["epochs_done"] == 2
    np.testing.assert_equal(train(tmp_path), unbroken)


@pytest.mark.parametrize(("name", "value"), [("epochs", 0), ("keep", 0)])
def test_nothing_to_train_or_keep_is_an_error(tmp_path, name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be at least 1. Got 0"):
        training.fit(TinyTraining(**{name: value}), tmp_path)


class Walk(training.Trainer):
    """One weight that takes the values of `path`; best is the epoch nearest to `target`."""

    monitor = "nearness"

    def __init__(self, path, target, keep):
        self.path, self.target, self.keep, self.epochs = path, target, keep, len(path)
        self.model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        self.weight = self.model.trainable_variables[0]
        self.validated = []

    def compile(self, phase):
        self.model.compile("sgd", "mse")

    def steps(self, epoch):
        return 1

    def run_epoch(self, epoch, start, callbacks):
        self.weight.assign([[self.path[epoch]]])
        return {"loss": 0.0}

    def validate(self):
        self.validated.append(float(self.weight.value[0, 0]))
        return {"nearness": -abs(self.validated[-1] - self.target)}


def _end(path, target, keep, run):
    walk = Walk(path, target, keep)
    progress = training.fit(walk, run)
    return float(walk.weight.value[0, 0]), progress, walk.validated


def test_best_epoch_is_used_and_the_earlier_of_equals(tmp_path):
    value, progress, _ = _end([5.0, 1.0, 3.0, 9.0], target=2.0, keep=1, run=tmp_path)
    assert value == 1.0
    assert [entry["epoch"] for entry in progress.best] == [2]
    assert progress.averaged is None


def test_average_is_used_where_it_is_better(tmp_path):
    value, progress, validated = _end([5.0, 1.0, 3.0, 9.0], target=2.0, keep=2, run=tmp_path)
    assert value == 2.0  # of 1 and 3
    assert validated == [5.0, 1.0, 3.0, 9.0, 2.0]
    assert [(entry["epoch"], entry["value"]) for entry in progress.best] == [
        (0, 0.0),
        (2, -1.0),
        (3, -1.0),
    ]
    # Started once more it finds the average; nothing is validated again.
    value, progress, validated = _end([5.0, 1.0, 3.0, 9.0], target=2.0, keep=2, run=tmp_path)
    assert (value, validated, progress.averaged) == (2.0, [], 0.0)


def test_average_is_left_where_it_is_worse(tmp_path):
    value, progress, validated = _end([5.0, 1.0, 3.0, 9.0], target=1.0, keep=3, run=tmp_path)
    assert value == 1.0
    assert validated[-2:] == [2.0, 3.0]  # of 1 and 3; of 1 and 5, as 3 was left out
    assert progress.averaged == 0.0
    assert [entry["epoch"] for entry in progress.best] == [2, 3, 1]
    value, _, validated = _end([5.0, 1.0, 3.0, 9.0], target=1.0, keep=3, run=tmp_path)
    assert (value, validated) == (1.0, [])


def test_epoch_that_makes_the_mean_worse_is_left_out(tmp_path):
    path = [0.0, 20.0, -6.0, 30.0]
    value, progress, validated = _end(path, target=4.6, keep=4, run=tmp_path)
    # From 0 on: -6 (10.6 away) makes it worse, 20 (15.4 away) does too, 30 as well ...
    assert validated[-3:] == [-3.0, 10.0, 15.0]
    assert (value, len(progress.best)) == (0.0, 4)
    (tmp_path / "other").mkdir()
    value, progress, validated = _end(path, target=8.0, keep=4, run=tmp_path / "other")
    # ... but from 0 on, 20 makes it better: 10; then -6 (14 away) and 30 (22 away) do not.
    assert validated[-3:] == pytest.approx([10.0, 14 / 3, 50 / 3])
    assert value == 10.0
    assert progress.best[0]["epochs"] == [1, 2]


def test_load_best_gives_the_chosen_weights_to_another_model(tmp_path):
    _end([5.0, 1.0, 3.0], target=2.0, keep=2, run=tmp_path)
    walk = Walk([0.0], target=0.0, keep=1)
    progress = training.load_best(walk.model, tmp_path)
    assert float(walk.weight.value[0, 0]) == 2.0
    assert progress.epochs_done == 3


def test_load_best_of_a_folder_without_a_checkpoint(tmp_path):
    with pytest.raises(
        ValueError, match=f"`--run` must name a run with a checkpoint. Got {tmp_path}"
    ):
        training.load_best(Walk([0.0], 0.0, 1).model, tmp_path)


def test_a_graph_gives_what_the_function_gives_whatever_the_size():
    double = training.as_graph(lambda x: 2 * x)
    for size in (1, 2, 5):
        np.testing.assert_array_equal(double(np.ones(size, "float32")), np.full(size, 2.0))


# Checkpoints within an epoch.


@pytest.fixture
def checkpoint_every_step(monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_run_killed_within_an_epoch_ends_as_an_unbroken_one(
    unbroken, monkeypatch, tmp_path, checkpoint_every_step, epoch, step, capsys
):
    """The second phase's optimizer, dropout's random state and the epoch's mean loss come back."""
    stem = f"epoch-{epoch:04d}-step-{step:07d}.npz"
    real = training._commit

    def dying(run, progress):
        real(run, progress)
        if progress.last["file"] == stem:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(training, "_commit", dying)
        with pytest.raises(Killed):
            train(tmp_path)
    state = json.loads((tmp_path / "state.json").read_text())
    assert (state["epochs_done"], state["partial"]["step"]) == (epoch, step)
    resumed = train(tmp_path)
    resumed["history"].pop("late", None)  # of the last stretch alone
    assert f"Going on after {epoch} of 4 epochs and {step} steps" in capsys.readouterr().out
    for name in ("loss", "val_score"):  # a mean of two means is rounded otherwise
        series = unbroken["history"][name]
        np.testing.assert_allclose(resumed["history"].pop(name), series, rtol=1e-6)
    np.testing.assert_equal(resumed, {**unbroken, "history": {}})


# Callbacks.


class StopAtSecond(keras.callbacks.EarlyStopping):
    def __init__(self):
        super().__init__("val_score", mode="min")  # it rises, so there is no improvement


LOG = Path("never set")


class Log(keras.callbacks.CSVLogger):
    def __init__(self):
        super().__init__(LOG)


class Calls(keras.callbacks.Callback):
    """Every call, in order."""

    made: ClassVar[list] = []

    def on_train_begin(self, logs=None):
        self.made.append("train begins")

    def on_train_end(self, logs=None):
        self.made.append("train ends")

    def on_epoch_begin(self, epoch, logs=None):
        self.made.append(f"epoch {epoch} begins")

    def on_epoch_end(self, epoch, logs=None):
        self.made.append((f"epoch {epoch} ends", sorted(logs)))

    def on_train_batch_end(self, batch, logs=None):
        self.made.append((batch, sorted(logs)))


def test_early_stopping_on_a_validated_number_stops_and_stays_stopped(tmp_path):
    name = f"{__name__}:StopAtSecond"
    progress = training.fit(TinyTraining(), tmp_path, [name])
    assert progress.epochs_done == 2
    assert progress.stopped
    assert training.fit(TinyTraining(), tmp_path, [name]).epochs_done == 2
    assert len(progress.best) >= 1


def test_csv_logger_has_every_epoch_with_its_validation(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "LOG", tmp_path / "log.csv")
    training.fit(TinyTraining(), tmp_path / "run", [f"{__name__}:Log"])
    header, *rows = (tmp_path / "log.csv").read_text().splitlines()
    assert {"epoch", "loss", "val_score"} <= set(header.split(","))
    assert [row.split(",")[0] for row in rows] == ["0", "1", "2", "3"]


def test_callbacks_hear_one_training_with_all_its_epochs(tmp_path, monkeypatch):
    monkeypatch.setattr(Calls, "made", [])
    training.fit(TinyTraining(epochs=2), tmp_path, [f"{__name__}:Calls"])
    steps = [(step, ["loss"]) for step in range(EXAMPLES // BATCH)]
    numbers = ["loss", "seconds", "train_seconds", "val_score"]
    assert Calls.made == [
        "train begins",
        *("epoch 0 begins", *steps, ("epoch 0 ends", numbers)),
        *("epoch 1 begins", *steps, ("epoch 1 ends", numbers)),
        "train ends",
    ]


@pytest.mark.parametrize(
    "name", ["keras", "no.such:Class", "keras.callbacks:EarlyStoping", "keras.layers:Layer", "a:b"]
)
def test_callback_that_is_none_is_named(tmp_path, name):
    with pytest.raises(ValueError, match=f"`callback` must .*Got '{name}'"):
        training.fit(TinyTraining(), tmp_path, [name])


def test_state_of_another_version_names_it(tmp_path):
    train(tmp_path, epochs=1)
    state = json.loads((tmp_path / "state.json").read_text())
    del state["version"]
    (tmp_path / "state.json").write_text(json.dumps(state))
    with pytest.raises(ValueError, match=r"must be of version .* Got one of version 0\.1"):
        train(tmp_path, epochs=1)
