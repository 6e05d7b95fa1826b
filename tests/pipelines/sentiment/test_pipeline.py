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
from pipelines.sentiment.measuring import about_model, as_labelled, evaluate
from pipelines.sentiment.tokens import SPECIAL

from datasets.sentiment import read
from pipelines import cli, exporting
from pipelines.sentiment.flags import Evaluate, Train
from pipelines.sentiment.pipeline import PIPELINE, prepare

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
    "pretrain_epochs": 1,
    "negatives": 20,
    "frozen_epochs": 1,
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
    assert main("train", *FLAGS, "--runs-dir", folder) == 0
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
        "vocabulary.json",
        "vocabulary.txt",
        "labels.json",
        "about.json",
        "dev.npz",
        "pretraining",
        "tensorboard",
        "metrics.json",
        "report.html",
        "saved_model",
    }
    config = json.loads((run / "config.json").read_text())
    assert {name: config[name] for name in SIZES} == SIZES
    vocabulary = json.loads((run / "vocabulary.json").read_text())
    assert vocabulary[:2] == list(SPECIAL)
    assert len(vocabulary) == SIZES["vocabulary_size"]
    assert len(_history(run)["val_accuracy"]) == 2
    assert _history(run / "pretraining")["val_perplexity"][0] < 2 * SIZES["vocabulary_size"]


def test_metrics_card_and_report_show_the_same(run):
    found = json.loads((run / "metrics.json").read_text())
    names = ["accuracy", "macro_f1", "loss", "ece", "ece_uncalibrated", "auc"]
    assert list(found["metrics"]) == names
    card = (run / "saved_model" / "README.md").read_text()
    for name, value in found["metrics"].items():
        assert f"| {name} | {value:.4f} |" in card
    page = (run / "report.html").read_text()
    assert not re.search(r"(src|href)=[\"']?https?:", page)
    for heading in ("Confusion", "Calibration and ROC", "Pre-training", "Texts at random"):
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


def test_labels_are_matched_by_name(model):
    reviews = read("demo", "test", limit=20)
    turned = type(reviews)(reviews.texts, 1 - reviews.labels, reviews.names[::-1], reviews.ids)
    found = as_labelled(turned, about_model(model)["labels"])
    np.testing.assert_array_equal(found.labels, reviews.labels)
    with pytest.raises(ValueError, match=r"must be among the model's: .* Got positive"):
        as_labelled(reviews, ["negative", "neutral"])
    nothing = type(reviews)(reviews.texts, np.full(20, -1), reviews.names, reviews.ids)
    with pytest.raises(ValueError, match="with a label"):
        as_labelled(nothing, ["negative", "positive"])


def test_evaluate_names_a_bad_batch_size(model):
    with pytest.raises(ValueError, match=r"`batch_size` must be at least 1. Got 0"):
        evaluate(model, Evaluate(dataset="demo", batch_size=0))


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


def test_a_run_starts_from_anothers_language_model(runs_dir, tmp_path):
    flags = Train(**{**SIZES, "pretrain_epochs": 0}, pretrained="demo", runs_dir=runs_dir)
    task = prepare(flags, tmp_path)
    other = prepare(Train(**{**SIZES, "pretrain_epochs": 0, "frozen_epochs": 0}), tmp_path / "b")
    state = json.loads((runs_dir / "sentiment/demo/pretraining/state.json").read_text())
    path = runs_dir / "sentiment/demo/pretraining/checkpoints" / state["best"][0]["file"]
    with np.load(path) as arrays:
        saved = {v.shape: v for name, v in arrays.items() if name.endswith("embeddings")}
    embeddings = task.model.reader.embedding.embeddings.numpy()
    np.testing.assert_array_equal(embeddings, saved[embeddings.shape])
    assert np.abs(embeddings - other.model.reader.embedding.embeddings.numpy()).max() > 0


def test_frozen_epochs_leave_the_reader_alone(runs_dir, tmp_path):
    flags = Train(**{**SIZES, "pretrain_epochs": 0}, pretrained="demo", runs_dir=runs_dir)
    task = prepare(flags, tmp_path)
    before = [weight.numpy() for weight in task.model.reader.trainable_weights]
    moved = []
    for epoch in range(2):
        task.begin(epoch)
        task.train_epoch(epoch)
        after = [weight.numpy() for weight in task.model.reader.trainable_weights or []]
        moved.append([np.abs(a - b).max() for a, b in zip(after, before, strict=False)])
    assert moved[0] == []  # nothing of it is trainable
    assert min(moved[1]) > 0


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--epochs=0", "`epochs` must be at least 1. Got 0."),
        ("--max-length=3", "`max_length` must be at least 4. Got 3."),
        ("--dropout=1", "`dropout` must be a number in [0, 1). Got 1.0."),
        ("--learning-rate=0", "`learning_rate` must be above 0. Got 0.0."),
        ("--pooling=sum", "`pooling` must be of"),
        ("--pretrain-epochs=-1", "`pretrain_epochs` must be at least 0. Got -1."),
        ("--pretrained=gone", "`pretrain_epochs` must be 0 where `pretrained` names"),
        ("--embedding-units=0", "`embedding_units` must be at least 1 for a language model"),
        ("--frozen-epochs=3", "at most `epochs`. Got 3 of 2."),
        ("--limit=0", "`limit`"),
    ],
)
def test_bad_flags_are_errors_before_work_starts(tmp_path, capsys, flag, message):
    assert main("train", *FLAGS, "--runs-dir", tmp_path, flag) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob("checkpoints"))


def test_pretrained_must_name_a_language_model(tmp_path, capsys):
    flags = ["--pretrain-epochs=0", "--pretrained=gone", "--runs-dir", tmp_path]
    assert main("train", *FLAGS, *flags) == 2
    assert "no language model in gone" in capsys.readouterr().err


# Killed, and learning.


def test_killed_training_ends_as_an_unbroken_one(run, tmp_path):
    """SIGKILL once the language model's checkpoint is on the disk, then the same command again."""
    command = [sys.executable, "-m", "pipelines.sentiment", "train", *FLAGS]
    killed = tmp_path / "sentiment" / "demo"
    with subprocess.Popen(
        [*command, "--runs-dir", tmp_path], cwd=ROOT, stdout=subprocess.DEVNULL
    ) as process:
        try:
            while not (killed / "pretraining" / "state.json").exists():
                assert process.poll() is None
                time.sleep(0.01)
        finally:
            os.kill(process.pid, signal.SIGKILL)
    assert not (killed / "metrics.json").exists()
    assert main("train", *FLAGS, "--runs-dir", tmp_path) == 0
    np.testing.assert_equal(_history(killed), _history(run))
    wanted = json.loads((run / "metrics.json").read_text())["metrics"]
    assert json.loads((killed / "metrics.json").read_text())["metrics"] == wanted


def test_learns_who_said_it_where_words_alone_do_not_tell(tmp_path):
    """On few reviews, by heart: dev is not asked, the demo run is for that."""
    sizes = {**SIZES, "pretrain_epochs": 0, "frozen_epochs": 0, "units": 16, "embedding_units": 16}
    rates = dict.fromkeys(("word_dropout", "input_dropout", "output_dropout", "dropout"), 0.0)
    flags = Train(**{**sizes, "epochs": 25}, **rates, learning_rate=2e-2)
    task = prepare(flags, tmp_path)
    task.begin(0)
    losses = [task.train_epoch(epoch)["loss"] for epoch in range(25)]
    assert 0.6 < losses[0] < 0.9
    assert losses[-1] < 0.2
