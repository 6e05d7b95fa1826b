"""Sentiment end to end, small: from composed reviews to a SavedModel that answers, and back."""

import io
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
import pytest
import tensorflow as tf

from datasets.sentiment import load
from pipelines import cli, exporting, runs
from pipelines.sentiment import evaluation
from pipelines.sentiment.data import SPECIAL
from pipelines.sentiment.evaluation import about_model, evaluate
from pipelines.sentiment.flags import Evaluate, Train
from pipelines.sentiment.pipeline import PIPELINE, trainer
from tests.pipelines.sentiment.small import records_of

ROOT = Path(__file__).parents[3]
SIZES = {
    "limit": 48,
    "units": 6,
    "embedding_units": 6,
    "batch_size": 16,
    "epochs": 2,
    "keep": 2,
    "max_length": 32,
    "vocabulary_size": 150,
    "pairs": 40,
    "pair_units": 3,
}
FLAGS = [f"--{name.replace('_', '-')}={value}" for name, value in SIZES.items()]


def main(*arguments):
    try:
        return cli.main(PIPELINE, [str(argument) for argument in arguments])
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    """Where one small training ended: the run sentiment/demo."""
    folder = tmp_path_factory.mktemp("runs")
    assert main("train", *FLAGS, "--runs-dir", folder, "--cache-dir", folder / "cache") == 0
    return folder


@pytest.fixture(scope="module")
def run(runs_dir):
    return runs_dir / "sentiment" / "demo"


@pytest.fixture(scope="module")
def model(run):
    return exporting.load_saved_model(run / "saved_model")[0]


def _history(run):
    """The numbers of every epoch, without the seconds."""
    history = json.loads((run / "state.json").read_text())["history"]
    return {name: series for name, series in history.items() if "seconds" not in name}


# What `train` leaves.


def test_the_run_folder_has_all_that_made_the_run(run):
    names = {path.name for path in run.iterdir() if path.name != ".lock"}
    assert names == {
        "config.json",
        "state.json",
        "checkpoints",
        "kept",
        "vocabulary.txt",
        "about.json",
        "tensorboard",
        "metrics.json",
        "report.html",
        "saved_model",
    }
    names = {path.name for path in (run / "kept").iterdir()}
    assert names == {"vocabulary.json", "labels.json", "data.json", "dev.npz"}
    config = json.loads((run / "config.json").read_text())
    assert {name: config[name] for name in SIZES} == SIZES
    vocabulary = runs.kept(run, "vocabulary")
    assert vocabulary[:2] == list(SPECIAL)
    assert len(vocabulary) == SIZES["vocabulary_size"]
    assert (run / "vocabulary.txt").read_text().splitlines() == vocabulary
    assert runs.kept(run, "labels") == ["negative", "positive"]
    assert set(runs.kept(run, "data")) == {"train", "dev"}
    assert len(runs.kept(run, "dev")["labels"]) == SIZES["limit"]
    assert len(_history(run)["val_accuracy"]) == 2


def test_metrics_card_and_report_show_the_same(run):
    found = json.loads((run / "metrics.json").read_text())
    names = ["accuracy", "macro_f1", "loss", "ece", "ece_uncalibrated", "auc"]
    assert list(found["metrics"]) == names
    card = (run / "saved_model" / "README.md").read_text()
    for name, value in found["metrics"].items():
        assert f"| {name} | {value:.4f} |" in card
    page = (run / "report.html").read_text()
    assert not re.search(r"(src|href)=[\"']?https?:", page)
    for heading in ("Confusion", "Calibration and ROC", "Curves", "Texts at random"):
        assert heading in page
    assert "rgba(" in page  # words on coloured grounds


# The SavedModel.


def test_answers_any_text(model):
    texts = ["The film was good.", "", "x" * 9999, "a b " * 5000, "\ud83d", "🙂<br />"]
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    found = model.signatures["serving_default"](text=tf.constant([*encoded, b"\xff"]))
    labels, scores = found["label"].numpy(), found["score"].numpy()
    probabilities = found["probabilities"].numpy()
    assert labels[1] == b""
    assert scores[1] == 0
    assert not probabilities[1].any()
    others = [0, 2, 3, 4, 5, 6]
    assert set(labels[others]) <= {b"negative", b"positive"}
    np.testing.assert_allclose(probabilities[others].sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(scores, probabilities[:, 1])
    np.testing.assert_array_equal(labels[others] == b"positive", scores[others] > 0.5)


def test_evaluate_gives_the_metrics_of_train(run, tmp_path):
    output = tmp_path / "metrics.json"
    arguments = ["--model", run / "saved_model", "--limit", SIZES["limit"], "--output", output]
    assert main("evaluate", *arguments) == 0
    found = json.loads(output.read_text())["metrics"]
    assert found == json.loads((run / "metrics.json").read_text())["metrics"]


@pytest.mark.parametrize("labels", [["negative", "positive"], ["positive", "odd", "negative"]])
def test_labels_are_matched_by_name(model, labels, monkeypatch):
    about = {**about_model(model), "labels": labels}
    monkeypatch.setattr(evaluation, "about_model", lambda model: about)
    _, numbers = evaluation._records(Evaluate(dataset="demo"), about)
    assert [labels[number] for number in numbers] == ["negative", "positive"]
    if len(labels) == 2:
        return
    monkeypatch.setitem(about, "labels", ["positive", "negative"])
    answers = evaluate(model, Evaluate(dataset="demo", split="test", limit=20)).details
    truths = [int(record["label"]) for record in load("demo", "test", limit=20)]
    assert sorted(1 - answers.truths) == sorted(truths)
    right = {text.text: text.label for text in [*answers.mistakes, *answers.others]}
    for record in load("demo", "test", limit=20).as_numpy_iterator():
        assert right.get(record["text"], 1 - record["label"]) == 1 - record["label"]


def test_labels_that_the_model_does_not_know(model, monkeypatch):
    about = {**about_model(model), "labels": ["negative", "neutral"]}
    monkeypatch.setattr(evaluation, "about_model", lambda model: about)
    with pytest.raises(ValueError, match=r"must be among the model's: .* Got positive"):
        evaluate(model, Evaluate(dataset="demo"))


def test_a_split_without_labels_cannot_be_measured(model, monkeypatch):
    monkeypatch.setattr(evaluation, "load", lambda *a, **k: records_of(["fine"] * 3, [-1] * 3))
    with pytest.raises(ValueError, match="with a label"):
        evaluate(model, Evaluate(dataset="demo"))


def test_texts_without_a_label_are_passed_over_and_without_words_are_guesses(model, monkeypatch):
    texts, labels = ["fine", "", "a bad one", "<br>"], [1, 1, -1, 0]
    monkeypatch.setattr(evaluation, "load", lambda *a, **k: records_of(texts, labels))
    answers = evaluate(model, Evaluate(dataset="demo", batch_size=2)).details
    assert sorted(answers.truths) == [0, 1, 1]
    assert sum(np.allclose(row, 0.5) for row in answers.probabilities) == 2
    assert {text.text for text in answers.others} == {b"fine", b"", b"<br>"}


def test_the_report_shows_the_surest_mistakes_and_texts_at_random(model, monkeypatch):
    monkeypatch.setattr(evaluation, "WINDOW", 7)  # several windows, and a rest
    answers = evaluate(model, Evaluate(dataset="demo", split="dev", batch_size=5)).details
    best = answers.probabilities.argmax(axis=1)
    sure = answers.probabilities.max(axis=1)[best != answers.truths]
    shown = [text.certainty_of_mistake for text in answers.mistakes]
    np.testing.assert_allclose(shown, np.sort(sure)[::-1][: len(shown)])
    assert len(shown) == evaluation.SHOWN
    ids = [int(text.id.rpartition("-")[2]) for text in answers.others]
    assert len(set(ids)) == evaluation.SHOWN
    assert max(ids) > 100  # not the first ones


def test_options_of_a_file_are_those_of_the_training(model, tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    rows = "\n".join(f"{i};nr {i} was so;{('negative', 'positive')[i % 2]}" for i in range(100))
    path.write_text(f"nr;satz;urteil\n{rows}\n")
    options = {"text_column": "satz", "label_column": "urteil", "delimiter": ";"}
    about = {**about_model(model), "dataset": "csv", "options": options}
    monkeypatch.setattr(evaluation, "about_model", lambda model: about)
    flags = Evaluate(dataset="csv", data_dir=path)
    assert b"was so" in evaluate(model, flags).details.others[0].text
    with pytest.raises(ValueError, match="`text_column` must be the name"):
        evaluate(model, Evaluate(dataset="csv", data_dir=path, text_column="other"))


# predict.


def test_predict_answers_arguments_a_file_and_standard_input_alike(
    run, tmp_path, capsys, monkeypatch, model
):
    texts = ["The film was good.", "", "bad\tor worse?"]
    wanted = model.signatures["serving_default"](text=tf.constant(texts))
    lines = [
        f"{label.decode()}\t{score:.4f}\t{' '.join(text.split())}"
        for label, score, text in zip(
            wanted["label"].numpy(), wanted["score"].numpy(), texts, strict=True
        )
    ]
    shared = ["--model", run / "saved_model", "--batch-size", "2"]
    file = tmp_path / "texts.txt"
    file.write_bytes("\ufeff".encode() + "\r\n".join(texts).encode() + b"\n")
    assert main("predict", *texts, *shared) == 0
    assert capsys.readouterr().out.splitlines() == lines
    assert main("predict", "--file", file, *shared) == 0
    assert capsys.readouterr().out.splitlines() == lines
    for inputs in ([], ["-"]):
        monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(texts) + "\n"))
        assert main("predict", *inputs, *shared) == 0
        assert capsys.readouterr().out.splitlines() == lines


def test_predict_shows_words(run, capsys):
    assert main("predict", "--words", "Not good .", "", "--model", run / "saved_model") == 0
    answer, heat, empty = capsys.readouterr().out.splitlines()
    assert answer.endswith("\tNot good .")
    assert re.sub(r"\[[+-]\d+\.\d\]", "", heat) == "  not good ."
    assert empty == "\t0.0000\t"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["text", "--file", "x"], "`inputs` must be empty where `--file` is given"),
        (["--file", "/no/such"], "Not found: /no/such"),
        (["text", "--batch-size", "0"], "`batch_size` must be at least 1. Got 0"),
        (["text", "--file="], "`inputs` must be empty where `--file` is given"),
    ],
)
def test_predict_names_what_is_wrong(run, capsys, arguments, message):
    assert main("predict", *arguments, "--model", run / "saved_model") == 2
    assert message in capsys.readouterr().err


# The verbs again.


def test_export_gives_a_version_that_answers_the_same(runs_dir, tmp_path, model):
    assert main("export", "--runs-dir", runs_dir, "--saved-models", tmp_path) == 0
    again = exporting.load_saved_model(tmp_path / "sentiment" / "1")[0]
    texts = tf.constant(["The film was good.", "never dull"])
    wanted, found = (m.signatures["serving_default"](text=texts) for m in (model, again))
    np.testing.assert_array_equal(found["probabilities"], wanted["probabilities"])
    assert about_model(again) == about_model(model)
    assert str(tmp_path) not in (tmp_path / "sentiment/1/saved_model.pb").read_bytes().decode(
        "latin-1"
    )


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--epochs=0", "`epochs` must be at least 1. Got 0."),
        ("--max-length=3", "`max_length` must be at least 4. Got 3."),
        ("--min-count=0", "`min_count` must be at least 1. Got 0."),
        ("--pairs=-1", "`pairs` must be at least 0. Got -1."),
        ("--vocabulary-size=2", "`vocabulary_size` must be at least 3. Got 2."),
        ("--vocabulary-size=50000", "`vocabulary_size` must be at most 46340 with `pairs`."),
        ("--dropout=1", "`dropout` must be at least 0 and below 1. Got 1.0."),
        ("--word-dropout=1.1", "`word_dropout` must be from 0 to 1. Got 1.1."),
        ("--weight-decay=-1", "`weight_decay` must be at least 0. Got -1.0."),
        ("--epsilon=0", "`epsilon` must be above 0. Got 0.0."),
        ("--split-seed=-1", "`split_seed` must be from 0 to 2147483647. Got -1."),
        ("--learning-rate=0", "`learning_rate` must be above 0. Got 0.0."),
        ("--pooling=sum", "`pooling` must be of"),
        ("--limit=0", "`limit` must be at least 1. Got 0."),
    ],
)
def test_bad_flags_are_errors_before_work_starts(tmp_path, capsys, flag, message):
    folders = ["--runs-dir", tmp_path / "runs", "--cache-dir", tmp_path / "cache"]
    assert main("train", *FLAGS, *folders, flag) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_run_goes_on_with_its_own_data_alone(tmp_path):
    path = tmp_path / "a.csv"

    def start(word):
        rows = "".join(f"nr {i} was {word},{'ab'[i % 2]}\n" for i in range(100))
        path.write_text(f"text,label\n{rows}")
        flags = Train(
            dataset="csv", data_dir=path, units=3, embedding_units=3, cache_dir=tmp_path / "cache"
        )
        return trainer(flags, tmp_path / "run")

    first, again = start("so"), start("so")
    assert first.train.digest == again.train.digest
    with pytest.raises(ValueError, match=r"must be those that .*run was begun with\. Got another"):
        start("bad")


# Killed, and learning.


def test_killed_training_ends_as_an_unbroken_one(run, tmp_path):
    """SIGKILL once the first epoch's checkpoint is on the disk, then the same command again."""
    flags = [*FLAGS, "--runs-dir", str(tmp_path), "--cache-dir", str(tmp_path / "cache")]
    command = [sys.executable, "-m", "pipelines.sentiment", "train", *flags]
    killed = tmp_path / "sentiment" / "demo"
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            while not (killed / "state.json").exists():
                assert process.poll() is None
                time.sleep(0.01)
        finally:
            os.kill(process.pid, signal.SIGKILL)
    assert not (killed / "metrics.json").exists()
    assert main("train", *flags) == 0
    np.testing.assert_equal(_history(killed), _history(run))
    wanted = json.loads((run / "metrics.json").read_text())["metrics"]
    assert json.loads((killed / "metrics.json").read_text())["metrics"] == wanted
