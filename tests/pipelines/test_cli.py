"""The command line: verbs, flags, presets, and errors that a person can act on."""

import importlib.util
import os
import runpy
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pipelines import cli, verbs
from pipelines.contract import Pipeline
from pipelines.flags import TrainFlags
from pipelines.server.flags import ServeFlags


@dataclass(frozen=True)
class Train(TrainFlags):
    """Trains it."""

    units: int = 8
    """Size of the state."""
    flip: bool = False
    """Mirror."""


PRESETS = {
    "demo": Train(),
    "photos": replace(Train(), dataset="photos", units=64, flip=True),
}


def _unused(*args):
    raise AssertionError("no verb may reach this")


VERBS = ("train", "evaluate", "predict", "export", "serve", "inspect")
PIPELINE = Pipeline(
    name="counting",
    summary="Counts things.",
    train_flags=Train,
    train_presets=PRESETS,
    describe=_unused,
    trainer=_unused,
    export=_unused,
    evaluate=_unused,
    predict=_unused,
    report=_unused,
    card=_unused,
)


@pytest.fixture
def called(monkeypatch):
    """Verb -> the flags that it was called with."""
    found = {}
    for verb in VERBS:
        monkeypatch.setattr(
            verbs, verb, lambda pipeline, flags, verb=verb: found.update({verb: flags})
        )
    return found


def test_no_flags_at_all_give_the_demo(called):
    assert cli.main(PIPELINE, ["train"]) == 0
    assert called == {"train": PRESETS["demo"]}
    assert cli.main(PIPELINE, ["evaluate"]) == 0
    assert called["evaluate"] == verbs.EvaluateFlags()
    assert cli.main(PIPELINE, ["export"]) == 0
    assert called["export"] == verbs.ExportFlags()


def test_flags_of_other_verbs(called):
    cli.main(PIPELINE, ["predict", "a b.jpg", "c.png", "--model", "some/where"])
    assert called["predict"] == verbs.PredictFlags(("a b.jpg", "c.png"), Path("some/where"))
    cli.main(PIPELINE, ["evaluate", "--split", "dev", "--limit", "7"])
    assert called["evaluate"] == verbs.EvaluateFlags(split="dev", limit=7)
    cli.main(PIPELINE, ["export", "--run", "best"])
    assert called["export"] == verbs.ExportFlags(run="best")
    cli.main(PIPELINE, ["serve", "--models", "captioning", "sentiment", "--port", "80"])
    assert called["serve"] == ServeFlags(models=("captioning", "sentiment"), port=80)


@pytest.mark.parametrize(
    "arguments",
    [["--dataset", "photos"], ["--dataset=photos"], ["--dataset", "demo", "--dataset", "photos"]],
)
def test_dataset_picks_its_preset(called, arguments):
    assert cli.main(PIPELINE, ["train", *arguments]) == 0
    assert called["train"] == PRESETS["photos"]


@pytest.mark.parametrize("order", [1, -1])
def test_explicit_flags_override_the_preset(called, order):
    flags = ["--units=5", "--dataset=photos", "--no-flip"][::order]
    assert cli.main(PIPELINE, ["train", *flags]) == 0
    assert called["train"] == replace(PRESETS["photos"], units=5, flip=False)


def test_inspect_has_the_flags_and_presets_of_train_and_an_output(called):
    flags = ["--dataset=photos", "--units=5", "--output=what.json"]
    assert cli.main(PIPELINE, ["inspect", *flags]) == 0
    assert isinstance(called["inspect"], Train)
    given = vars(called["inspect"])
    assert given == {**vars(replace(PRESETS["photos"], units=5)), "output": Path("what.json")}


def test_misspelt_flag_names_the_nearest(called, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(PIPELINE, ["train", "--unitz", "5"])
    assert caught.value.code == 2
    assert "--units" in capsys.readouterr().err
    assert called == {}


@pytest.mark.parametrize("arguments", [["--units", "many"], ["--units"], ["--dataset"], ["stray"]])
def test_value_that_a_flag_cannot_have(called, arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(PIPELINE, ["train", *arguments])
    assert caught.value.code == 2
    assert arguments[0] in capsys.readouterr().err
    assert called == {}


def test_unknown_verb_names_the_nearest(called, capsys):
    assert cli.main(PIPELINE, ["trian", "--units", "5"]) == 2
    message = capsys.readouterr().err
    assert (
        "must be one of train, evaluate, predict, export, serve, inspect. Got 'trian'." in message
    )
    assert "Did you mean 'train'?" in message
    assert cli.main(PIPELINE, ["zzzz"]) == 2
    assert "Did you mean" not in capsys.readouterr().err
    assert called == {}


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), (["-h"], 0), ([], 2)])
def test_usage_lists_the_verbs(arguments, status, capsys):
    assert cli.main(PIPELINE, arguments) == status
    text = capsys.readouterr().out
    assert "Counts things." in text
    assert "python -m pipelines.counting <verb>" in text
    assert all(f"\n  {verb} " in text for verb in VERBS)
    assert "Trains it." in text


def test_help_of_a_verb_shows_flags_with_the_presets_values(called, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(PIPELINE, ["train", "--dataset", "photos", "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "--units" in text
    assert "Size of the state." in text
    assert "64" in text
    assert called == {}


@pytest.mark.parametrize("error", [ValueError, OSError, ImportError])
def test_wrong_input_is_a_message_and_status_2(monkeypatch, capsys, error):
    monkeypatch.delenv("UNFOLD_TRACEBACK", raising=False)

    def fail(pipeline, flags):
        raise error("`units` must be a positive integer. Got -3.")

    monkeypatch.setattr(verbs, "train", fail)
    assert cli.main(PIPELINE, ["train"]) == 2
    message = capsys.readouterr().err
    assert "error: `units` must be a positive integer. Got -3." in message
    assert "Traceback" not in message
    monkeypatch.setenv("UNFOLD_TRACEBACK", "1")
    with pytest.raises(error):
        cli.main(PIPELINE, ["train"])


def test_fault_of_the_code_keeps_its_traceback(monkeypatch):
    def fail(pipeline, flags):
        raise KeyError("a bug")

    monkeypatch.setattr(verbs, "train", fail)
    with pytest.raises(KeyError):
        cli.main(PIPELINE, ["train"])


@pytest.mark.parametrize(("verb", "resumes"), [("train", True), ("evaluate", False)])
def test_interrupt_says_whether_the_command_goes_on(monkeypatch, capsys, verb, resumes):
    def stop(pipeline, flags):
        raise KeyboardInterrupt

    monkeypatch.setattr(verbs, verb, stop)
    assert cli.main(PIPELINE, [verb]) == 130
    assert ("goes on from the last checkpoint" in capsys.readouterr().err) is resumes


# The tasks' own command lines.


def test_captioning_without_a_verb(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["captioning"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("pipelines.captioning", run_name="__main__")
    assert caught.value.code == 2
    assert "python -m pipelines.captioning <verb> --help" in capsys.readouterr().out


def test_captioning_presets_and_flags(called):
    from pipelines.captioning.flags import DEMO, FLICKR8K
    from pipelines.captioning.pipeline import PIPELINE

    assert cli.main(PIPELINE, ["train"]) == 0
    assert called["train"] == DEMO
    assert cli.main(PIPELINE, ["train", "--dataset", "flickr8k", "--epochs", "3"]) == 0
    assert called["train"] == replace(FLICKR8K, epochs=3)


def test_captioning_unknown_dataset_lists_the_known(called, capsys):
    from pipelines.captioning.pipeline import PIPELINE

    with pytest.raises(SystemExit) as caught:
        cli.main(PIPELINE, ["train", "--dataset", "flicker8k"])
    assert caught.value.code == 2
    assert "flickr8k" in capsys.readouterr().err
    assert called == {}


FAILS = """
import sys, time
import keras, numpy as np, tensorflow as tf
from pipelines import cli, epochs

class Broken(keras.Model):
    def call(self, x):
        raise ValueError("broken")

def read(step):
    time.sleep(0.3)
    return np.zeros((4, 3), "float32"), np.zeros((4, 1), "float32")

def work():
    model = Broken()
    model.compile("sgd", "mse")
    spec = (tf.TensorSpec([4, 3], tf.float32), tf.TensorSpec([4, 1], tf.float32))
    model.fit(epochs.generated(read, range(9), spec), steps_per_epoch=9, shuffle=False)

sys.exit(cli.guarded(work, "Stopped."))
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_a_training_that_fails_on_jax_ends():
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", FAILS],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "broken" in done.stderr
