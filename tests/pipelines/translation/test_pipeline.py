"""Translation end to end, small: from dates to a SavedModel that answers, and back again."""

import io
import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import keras
import pytest
import tensorflow as tf

from pipelines import exporting, runs
from pipelines.translation.card import model_card
from pipelines.translation.flags import PRESETS, Evaluate, Predict, Train
from pipelines.translation.pipeline import PIPELINE, trainer
from pipelines.translation.subwords import SPECIAL
from tests.pipelines import verb_checks
from tests.pipelines.verb_checks import main

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


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Where one small training ended: the run translation/demo."""
    return verb_checks.train(PIPELINE, tmp_path_factory.mktemp("translation"), *FLAGS)


@pytest.fixture(scope="module")
def model(run):
    return exporting.load_saved_model(run / "saved_model")[0]


# What `train` leaves.


def test_inspect_says_what_train_kept(run, capsys):
    verb_checks.check_inspect(PIPELINE, run, capsys, *FLAGS)


def test_the_run_folder_has_all_that_made_the_run(run):
    verb_checks.check_run_folder(PIPELINE, run)
    config = json.loads((run / "config.json").read_text())
    assert {name: config[name] for name in SIZES} == SIZES
    vocabulary = runs.kept(run, "vocabulary")
    assert tuple(vocabulary[:4]) == SPECIAL
    assert len(vocabulary) == SIZES["vocabulary_size"]
    metrics = json.loads((run / "metrics.json").read_text())["metrics"]
    assert set(metrics) == {"exact", "bleu", "chrf", "bleu_lower", "length_ratio"}
    assert "# Translation model, en to de" in (run / "saved_model" / "README.md").read_text()


def test_the_report_has_the_sections_of_translation(run):
    page = (run / "report.html").read_text()
    assert "case:mixed" in page
    assert "BLEU by length" in page
    assert 'class="heat"' in page


# The verbs again.


def test_evaluate_gives_the_metrics_of_train(run, capsys):
    verb_checks.check_evaluate(PIPELINE, run, "--limit", SIZES["limit"])
    assert "bleu: nrefs:1|case:mixed" in capsys.readouterr().out


def test_evaluate_tells_the_bleu_of_each_of_several_sources(run, tmp_path):
    for name in ("tatoeba", "pairs"):
        (tmp_path / name).mkdir()
        lines = [f"{name} {i} is a number.\t{name} {i} ist eine Zahl." for i in range(400)]
        (tmp_path / name / "deu-eng.tsv").write_text("\n".join(lines) + "\n")
    output = tmp_path / "metrics.json"

    def metrics(dataset, *data):
        data = ("--dataset", dataset, "--limit", "4", *data)
        arguments = ("--model", run / "saved_model", *data, "--output", output)
        assert main(PIPELINE, "evaluate", *arguments) == 0
        return json.loads(output.read_text())["metrics"]

    several = metrics("demo+tatoeba+pairs", "--data-dir", tmp_path)
    assert several["bleu_demo"] == metrics("demo")["bleu"]
    for name in ("tatoeba", "pairs"):
        assert several[f"bleu_{name}"] == metrics(name, "--data-dir", tmp_path / name)["bleu"]
    assert several["bleu_tatoeba"] != several["bleu_pairs"]


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
    assert (
        main(PIPELINE, "predict", *given, "--model", run / "saved_model", "--batch-size", "2") == 0
    )
    assert capsys.readouterr().out.split("\n") == [*wanted, ""]


def test_predict_wants_sentences_or_a_file(run, tmp_path, capsys):
    arguments = ["predict", "Hi.", "--file", tmp_path / "x", "--model", run / "saved_model"]
    assert main(PIPELINE, *arguments) == 2
    assert "`inputs` must be left out with `--file`. Got 1." in capsys.readouterr().err


def answers(model):
    """A model's answers to `LINES`."""
    return model.signatures["serving_default"](text=tf.constant(LINES))["translation"].numpy()


def test_export_gives_a_version_that_answers_alike(run):
    verb_checks.check_export(PIPELINE, run, answers, "--length-penalty", "1.0")


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--epochs=0", "`epochs` must be at least 1. Got 0."),
        ("--word-dropout=1.5", "`word_dropout` must be from 0 to 1. Got 1.5."),
        ("--subword-dropout=1", "`subword_dropout` must be at least 0 and below 1. Got 1.0."),
        ("--limit=0", "`limit` must be at least 1. Got 0."),
        ("--dropout=1.5", "`dropout` must be at least 0 and below 1. Got 1.5."),
        ("--vocabulary-size=100", "`vocabulary_size` must be above"),
        ("--dataset=multi30", "Did you mean 'multi30k'?"),
        ("--target=xx", "`target` must be a locale of CLDR"),
    ],
)
def test_bad_flags_are_errors_before_work_starts(tmp_path, capsys, flag, message):
    verb_checks.check_bad_flag(PIPELINE, tmp_path, capsys, flag, message, *FLAGS)


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


def test_card_of_several_sources_names_each_with_its_terms_and_examples():
    flags = replace(PRESETS["tatoeba"], dataset="tatoeba+multi30k+multi30k", source="de")
    card = model_card(replace(flags, target="en"), {})
    assert "* Tatoeba's" in card
    assert "* Multi30k" in card
    assert "come the pairs of multi30k 2 times" in card
    assert "CC BY 2.0" in card
    assert 'predict --source de --target en "Wo ist der nächste Bahnhof?"' in card


# Killed, and learning.


@pytest.mark.slow
def test_killed_training_ends_as_an_unbroken_one(run, tmp_path):
    verb_checks.check_killed(PIPELINE, "pipelines.translation", run, tmp_path, *FLAGS)


def test_every_pair_counts_once(tmp_path):
    made = trainer(Train(**SIZES, cache_dir=tmp_path / "cache"), tmp_path / "run")
    fitting = int((made.lengths <= SIZES["max_length"]).sum())
    for epoch in range(2):
        verb_checks.check_every_record_counts_once(made, fitting, epoch)


def test_learns_a_few_dozen_pairs_by_heart(tmp_path):
    sizes = {"limit": 40, "vocabulary_size": 400, "units": 48, "batch_size": 20, "epochs": 30}
    flags = Train(**sizes, encoder_units=24, embedding_units=32, dropout=0.0, learning_rate=1e-2)
    keras.utils.set_random_seed(0)
    made = trainer(replace(flags, cache_dir=tmp_path / "cache"), tmp_path / "run")
    made.compile("train")
    fits = [
        made.model.fit(
            made.dataset(epoch), steps_per_epoch=made.steps(epoch), shuffle=False, verbose=0
        )
        for epoch in range(flags.epochs)
    ]
    losses = [fit.history["loss"][0] for fit in fits]
    assert losses[0] > 3  # it knew nothing
    assert losses[-1] < losses[0] / 4
