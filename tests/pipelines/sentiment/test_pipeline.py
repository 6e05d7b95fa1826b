"""Sentiment end to end, small: from composed reviews to a SavedModel that answers, and back."""

import io
import json
import re
import shutil
import sys

import numpy as np
import pytest
import tensorflow as tf

from datasets.sentiment import load
from pipelines import exporting, runs
from pipelines.sentiment import evaluation
from pipelines.sentiment.data import SPECIAL
from pipelines.sentiment.evaluation import about_model, evaluate
from pipelines.sentiment.flags import Evaluate, Train
from pipelines.sentiment.pipeline import PIPELINE, classifier, fit_calibration, trainer
from pipelines.sentiment.trainer import logits
from tests.pipelines import verb_checks
from tests.pipelines.sentiment.small import records_of, store_of

SIZES = {
    "limit": 48,
    "units": 6,
    "embedding_units": 6,
    "batch_size": 16,
    "epochs": 2,
    "keep": 2,
    "max_length": 32,
    "vocabulary_size": 150,
}
FLAGS = [f"--{name.replace('_', '-')}={value}" for name, value in SIZES.items()]


def main(*arguments):
    return verb_checks.main(PIPELINE, *arguments)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Where one small training ended."""
    return verb_checks.train(PIPELINE, tmp_path_factory.mktemp("sentiment"), *FLAGS)


@pytest.fixture(scope="module")
def model(run):
    return exporting.load_saved_model(run / "saved_model")[0]


# What every task's verbs do.


def test_inspect_says_what_train_kept(run, capsys):
    verb_checks.check_inspect(PIPELINE, run, capsys, *FLAGS)


def test_the_run_folder_has_all_that_made_the_run(run):
    verb_checks.check_run_folder(PIPELINE, run)
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


def test_evaluate_gives_the_metrics_of_train(run):
    verb_checks.check_evaluate(PIPELINE, run, "--limit", SIZES["limit"])


def test_export_gives_a_version_that_answers_the_same(run):
    def answer(model):
        answers = model.signatures["serving_default"](text=["The film was good.", "never dull"])
        return {name: value.numpy() for name, value in answers.items()} | about_model(model)

    verb_checks.check_export(PIPELINE, run, answer)


@pytest.mark.slow
def test_killed_training_ends_as_an_unbroken_one(run, tmp_path):
    verb_checks.check_killed(PIPELINE, "pipelines.sentiment", run, tmp_path, *FLAGS)


def test_metrics_and_the_sections_of_the_report(run):
    measured = runs.read_json(run / "metrics.json")["metrics"]
    names = ["accuracy", "macro_f1", "loss", "ece", "ece_uncalibrated", "auc"]
    assert list(measured) == names
    card = (run / "saved_model" / "README.md").read_text()
    for name, value in measured.items():
        assert f"| {name} | {value:.4f} |" in card
    page = (run / "report.html").read_text()
    for heading in ("Confusion", "Calibration and ROC", "Texts at random"):
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


# Measuring.


def test_labels_are_matched_by_name(model, monkeypatch):
    """A model whose labels are in the other order: each text's label is still its own."""
    about = {**about_model(model), "labels": ["positive", "negative"]}
    monkeypatch.setattr(evaluation, "about_model", lambda model: about)
    answers = evaluate(model, Evaluate(dataset="demo", split="test", limit=20)).details
    records = list(load("demo", "test", limit=20).as_numpy_iterator())
    assert answers.truths.sum() == 20 - sum(record["label"] for record in records)
    labels = {record["text"]: 1 - record["label"] for record in records}
    shown = [*answers.mistakes, *answers.others]
    assert [text.label for text in shown] == [labels[text.text] for text in shown]


def test_a_mixture_is_measured_by_source_too(model):
    flags = Evaluate(dataset="demo+phrases", split="test", limit=20)
    found = evaluate(model, flags)
    names = ["accuracy_demo", "ece_demo", "accuracy_phrases", "ece_phrases"]
    assert list(found.metrics)[-4:] == names
    halves = [found.metrics[name] for name in (names[0], names[2])]
    assert found.metrics["accuracy"] == pytest.approx(np.mean(halves))
    demo = evaluate(model, Evaluate(dataset="demo", split="test", limit=20))
    assert demo.metrics["accuracy"] == halves[0]


def test_what_train_measures_follows_from_all_sources():
    splits = {"demo": "test", "demo+phrases": "test", "phrases+sst2": "dev", "imdb": "dev"}
    for dataset, split in splits.items():
        assert PIPELINE.test_split(Train(dataset=dataset)) == split


def test_a_model_may_have_more_labels_than_the_data(model):
    about = {**about_model(model), "labels": ["positive", "odd", "negative"]}
    _, numbers = evaluation._records(Evaluate(dataset="demo"), about)
    assert numbers.tolist() == [2, 0]


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


# Before and between.


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--epochs=0", "`epochs` must be at least 1. Got 0."),
        ("--max-length=3", "`max_length` must be at least 4. Got 3."),
        ("--min-count=0", "`min_count` must be at least 1. Got 0."),
        ("--embedding-units=-1", "`embedding_units` must be at least 0. Got -1."),
        ("--vocabulary-size=2", "`vocabulary_size` must be at least 3. Got 2."),
        ("--dropout=1", "`dropout` must be at least 0 and below 1. Got 1.0."),
        ("--word-dropout=1.1", "`word_dropout` must be from 0 to 1. Got 1.1."),
        ("--weight-decay=-1", "`weight_decay` must be at least 0. Got -1.0."),
        ("--epsilon=0", "`epsilon` must be above 0. Got 0.0."),
        ("--split-seed=-1", "`split_seed` must be from 0 to 2147483647. Got -1."),
        ("--learning-rate=0", "`learning_rate` must be above 0. Got 0.0."),
        ("--pooling=sum", "`pooling` must be of"),
        (
            "--dataset=imbd",
            "`dataset` must be one of demo, phrases, imdb, imdb_reviews, sst2, csv.",
        ),
        ("--dataset=demo+phrase", "Got 'phrase'. Did you mean 'phrases'?"),
        ("--limit=0", "`limit` must be at least 1. Got 0."),
    ],
)
def test_bad_flags_are_errors_before_work_starts(tmp_path, capsys, flag, message):
    verb_checks.check_bad_flag(PIPELINE, tmp_path, capsys, flag, message, *FLAGS)
    assert not list(tmp_path.iterdir())


# A run of which a part is another.


@pytest.fixture
def altered(run, tmp_path, capsys):
    """Exports a copy of the run in which one file is other; the exit status and what was said."""

    def export(name, change):
        copy = tmp_path / "runs" / "sentiment" / "demo"
        shutil.copytree(run, copy, dirs_exist_ok=True)
        change(copy / name)
        places = ("--runs-dir", tmp_path / "runs", "--saved-models", tmp_path / "models")
        status = main("export", *places)
        assert not list(tmp_path.glob("models/sentiment/*"))
        return status, capsys.readouterr().err, copy / name

    return export


def test_exchanged_labels_are_not_exported(altered):
    """They would invert every answer."""
    status, told, path = altered(
        "kept/labels.json", lambda path: runs.write_json(path, ["positive", "negative"])
    )
    assert status == 2
    assert f"error: {path} must be what the run was begun with" in told


@pytest.mark.parametrize("place", [0.1, 0.5, 0.99])
def test_a_flipped_byte_of_dev_is_an_error_that_names_it(altered, place):
    def flip(path):
        raw = bytearray(path.read_bytes())
        raw[int(place * len(raw))] ^= 1
        path.write_bytes(raw)

    status, told, path = altered("kept/dev.npz", flip)
    assert status == 2
    assert f"error: {path} must be what the run was begun with" in told


@pytest.mark.parametrize(
    ("scale", "right", "told"),
    [
        (1.0, True, "one: 0.0"),
        (0.1, True, "one: 0.050.\nWarning"),
        (1.0, False, "one: 20.000.\nWarning"),
    ],
)
def test_a_temperature_at_the_bound_of_its_search_is_told(tmp_path, capsys, scale, right, told):
    """Of faint answers that are all right, of fainter ones, and of answers that are all wrong."""
    model = classifier(Train(units=3, embedding_units=3), words=20, classes=2)
    model.build((None, None))
    for variable in model.trainable_variables:
        variable.assign(scale * variable)
    store = store_of([[number, 5] for number in range(2, 20)] * 200, [0] * 3600)
    words, offsets = store.columns["tokens"]
    likeliest = logits(model, store).argmax(axis=1)
    labels = likeliest if right else 1 - likeliest
    runs.keep(tmp_path, "dev", {"words": words, "offsets": offsets, "labels": labels})
    fit_calibration(model, tmp_path)
    printed = capsys.readouterr().out
    assert told in printed
    assert ("Warning: the temperature is at the bound" in printed) is ("Warning" in told)


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
