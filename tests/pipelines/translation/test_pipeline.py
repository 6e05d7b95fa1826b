"""Translation end to end, small: from dates to a SavedModel that answers, and back again."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines import cli, exporting, training
from pipelines.translation.card import model_card
from pipelines.translation.flags import PRESETS, Evaluate, Predict, Train
from pipelines.translation.pipeline import PIPELINE, prepare
from pipelines.translation.subwords import SPECIAL

ROOT = Path(__file__).parents[3]
SIZES = {
    "limit": 60,
    "vocabulary_size": 400,
    "units": 16,
    "encoder_units": 8,
    "embedding_units": 16,
    "attention_units": 8,
    "batch_size": 20,
    "epochs": 2,
    "max_length": 40,
    "beam_size": 2,
    "keep": 2,
    "subword_dropout": 0.1,
    "word_dropout": 0.1,
}
FLAGS = [f"--{name.replace('_', '-')}={value}" for name, value in SIZES.items()]
LINES = ["May 7, 2015", "", "9:09 AM", "  ", "12 kilograms"]


def main(*arguments):
    """One verb, as from the command line."""
    return cli.main(PIPELINE, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    """Where one small training ended: the run translation/demo."""
    folder = tmp_path_factory.mktemp("runs")
    assert main("train", *FLAGS, "--runs-dir", folder) == 0
    return folder


@pytest.fixture(scope="module")
def run(runs_dir):
    return runs_dir / "translation" / "demo"


@pytest.fixture(scope="module")
def model(run):
    return exporting.load_saved_model(run / "saved_model")[0]


def _history(run):
    """The numbers of every epoch, without the seconds."""
    history = json.loads((run / "state.json").read_text())["history"]
    return {name: series for name, series in history.items() if "seconds" not in name}


def _checkpoints(run):
    """File -> its arrays, by number: names of layers count on within a process."""
    found = {}
    for path in (run / "checkpoints").iterdir():
        with np.load(path) as arrays:
            found[path.name] = [arrays[name] for name in sorted(arrays.files)]
    return found


# What `train` leaves.


def test_the_run_folder_has_all_that_made_the_run(run):
    names = {path.name for path in run.iterdir() if path.name != ".lock"}
    assert names >= {"config.json", "state.json", "checkpoints", "vocabulary.json"}
    assert names >= {"vocabulary.txt", "metrics.json", "report.html", "saved_model", "tensorboard"}
    config = json.loads((run / "config.json").read_text())
    assert {name: config[name] for name in SIZES} == SIZES
    vocabulary = json.loads((run / "vocabulary.json").read_text())
    assert tuple(vocabulary[:4]) == SPECIAL
    assert len(vocabulary) == SIZES["vocabulary_size"]
    assert len(_history(run)["val_bleu"]) == 2


def test_metrics_and_card_say_what_was_measured(run):
    found = json.loads((run / "metrics.json").read_text())
    assert set(found["metrics"]) == {"exact", "bleu", "chrf", "bleu_lower", "length_ratio"}
    card = (run / "saved_model" / "README.md").read_text()
    for name, value in found["metrics"].items():
        assert f"| {name} | {value:.4f} |" in card
    assert "# Translation model, en to de" in card


def test_the_report_stands_alone(run):
    page = (run / "report.html").read_text()
    assert "case:mixed" in page
    assert "BLEU by length" in page
    assert 'class="heat"' in page
    assert not re.search(r"(src|href)=[\"']?https?:", page)


# The verbs again.


def test_evaluate_gives_the_metrics_of_train(run, tmp_path, capsys):
    output = tmp_path / "metrics.json"
    arguments = ["--model", run / "saved_model", "--limit", "60", "--output", output]
    assert main("evaluate", *arguments, "--batch-size", "7") == 0
    found = json.loads(output.read_text())["metrics"]
    wanted = json.loads((run / "metrics.json").read_text())["metrics"]
    assert found == pytest.approx(wanted)
    assert "bleu: nrefs:1|case:mixed" in capsys.readouterr().out


@pytest.mark.parametrize("way", ["arguments", "file", "standard input"])
def test_predict_keeps_the_order_and_the_blank_lines(
    run, tmp_path, capsys, monkeypatch, model, way
):
    text = tf.constant(LINES)
    wanted = [
        t.decode() for t in model.signatures["serving_default"](text=text)["translation"].numpy()
    ]
    assert [bool(line) for line in wanted] == [True, False, True, False, True]
    given = {"arguments": LINES, "file": ["--file", tmp_path / "lines"], "standard input": []}[way]
    content = ("\r\n" if way == "file" else "\n").join(LINES).encode()
    (tmp_path / "lines").write_bytes(content)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert main("predict", *given, "--model", run / "saved_model", "--batch-size", "2") == 0
    assert capsys.readouterr().out.split("\n") == [*wanted, ""]


def test_predict_wants_sentences_or_a_file(run, tmp_path, capsys):
    arguments = ["predict", "Hi.", "--file", tmp_path / "x", "--model", run / "saved_model"]
    assert main(*arguments) == 2
    assert "`inputs` must be left out with `--file`. Got 1." in capsys.readouterr().err


def test_export_gives_a_version_that_answers_alike(runs_dir, tmp_path, model):
    arguments = ["--runs-dir", runs_dir, "--saved-models", tmp_path]
    assert main("export", *arguments, "--length-penalty", "1.0") == 0
    again, version = exporting.load_saved_model(tmp_path / "translation_en_de")
    text = tf.constant(LINES)
    wanted, found = (m.signatures["serving_default"](text=text) for m in (model, again))
    np.testing.assert_array_equal(found["translation"], wanted["translation"])
    made_from = json.loads((version / "assets.extra" / "run.json").read_text())
    assert made_from["flags"]["source"] == "en"


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--epochs=0", "`epochs` must be at least 1. Got 0."),
        ("--word-dropout=1.5", "`word_dropout` must be from 0 to 1. Got 1.5."),
        ("--subword-dropout=1", "`subword_dropout` must be below 1. Got 1.0."),
        ("--limit=0", "`limit` must be a positive integer or None. Got 0."),
        ("--dropout=1.5", "`dropout` must be a number in [0, 1). Got 1.5."),
        ("--vocabulary-size=100", "`vocabulary_size` must be above"),
        ("--dataset=multi30", "Did you mean 'multi30k'?"),
        ("--target=xx", "`target` must be a locale of CLDR"),
    ],
)
def test_bad_flags_are_errors_before_work_starts(tmp_path, capsys, flag, message):
    assert main("train", *FLAGS, "--runs-dir", tmp_path, flag) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob("checkpoints"))


def test_each_direction_is_a_model_of_its_own():
    assert PIPELINE.model_folder(Predict()) == "translation_en_de"
    assert PIPELINE.model_folder(Evaluate(source="de", target="en")) == "translation_de_en"
    assert PIPELINE.model_folder(Train(source="pt-BR")) == "translation_pt-BR_de"


def test_every_preset_is_of_its_data_set_and_has_a_card():
    for name, flags in PRESETS.items():
        assert flags.dataset == name
        card = model_card(flags, {"train_seconds": 60.0, "metrics": {"bleu": 1.5}, "machine": "x"})
        assert "| bleu | 1.5000 |" in card
        assert "Not measured." in model_card(flags, {})
        assert "`attention`" not in model_card(replace(flags, attention="none"), {})


# Killed, and learning.


def test_killed_training_ends_as_an_unbroken_one(run, tmp_path):
    """SIGKILL once the first checkpoint is on the disk, then the same command again."""
    command = [sys.executable, "-m", "pipelines.translation", "train", *FLAGS]
    killed = tmp_path / "translation" / "demo"
    with subprocess.Popen(
        [*command, "--runs-dir", tmp_path], cwd=ROOT, stdout=subprocess.DEVNULL
    ) as process:
        try:
            while not (killed / "state.json").exists():
                assert process.poll() is None
                time.sleep(0.01)
        finally:
            os.kill(process.pid, signal.SIGKILL)
    assert not (killed / "metrics.json").exists()
    keras.utils.set_random_seed(0)  # as the verb does; export and report are tested above
    training.fit(prepare(Train(**SIZES), killed), killed)
    np.testing.assert_equal(_history(killed), _history(run))
    np.testing.assert_equal(_checkpoints(killed), _checkpoints(run))


def test_learns_a_few_dozen_pairs_by_heart(tmp_path):
    sizes = {"limit": 40, "vocabulary_size": 400, "units": 48, "batch_size": 20, "epochs": 30}
    flags = Train(**sizes, encoder_units=24, embedding_units=32, dropout=0.0, learning_rate=1e-2)
    keras.utils.set_random_seed(0)
    task = prepare(flags, tmp_path)
    task.begin(0)
    losses = [task.train_epoch(epoch)["loss"] for epoch in range(flags.epochs)]
    assert losses[0] > 3  # it knew nothing
    assert losses[-1] < losses[0] / 4
