"""Action recognition end to end, small: from clips of a moving square to a SavedModel."""

import numpy as np
import pytest
import tensorflow as tf

import pipelines
from datasets.actions import DATASETS
from pipelines import exporting, runs
from pipelines.action_recognition import card, frame_encoder
from pipelines.action_recognition.card import measured_split
from pipelines.action_recognition.flags import PRESETS, Evaluate, Predict, Train, folder_of
from pipelines.action_recognition.pipeline import PIPELINE
from tests.pipelines import verb_checks
from tests.pipelines.action_recognition.small import (
    LABELS,
    clip_of,
    gif_of,
    small_encoder,
    write_folder,
)

SIZES = {"frames": 6, "size": 16, "filters": 4, "units": 16, "batch_size": 8, "epochs": 2}
SIZES |= {"keep": 2, "dropout": 0.0}


def flags_of(folder):
    sizes = [f"--{name.replace('_', '-')}={value}" for name, value in SIZES.items()]
    return ["--dataset=folder", f"--data-dir={folder}", *sizes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "clips")


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """Where one small training ended."""
    return verb_checks.train(PIPELINE, tmp_path_factory.mktemp("action"), *flags_of(folder))


def main(*arguments):
    return verb_checks.main(PIPELINE, *arguments)


# What every task's verbs do.


def test_inspect_says_what_train_kept(run, folder, capsys):
    verb_checks.check_inspect(PIPELINE, run, capsys, *flags_of(folder))
    description = runs.read_json(run / "description.json")
    assert description["examples"][0]["each"] == "16 x 16 x 3"
    assert description["lengths"]["max"] == 6


def test_the_run_folder_has_all_that_made_the_run(run):
    verb_checks.check_run_folder(PIPELINE, run)
    names = {path.name for path in (run / "kept").iterdir()}
    assert names == {"labels.json", "watched.json", "data.json", "dev.npz"}
    assert runs.kept(run, "labels") == list(LABELS)
    assert not runs.kept(run, "watched")["grey"]


def test_evaluate_gives_the_metrics_of_train(run, folder):
    verb_checks.check_evaluate(PIPELINE, run, "--split", "test", "--data-dir", folder)


def test_export_gives_a_version_that_answers_the_same(run):
    def answer(model):
        found = model.signatures["belief"](clip_bytes=tf.constant([gif_of("left", 99)]))
        return {name: value.numpy() for name, value in found.items()}

    verb_checks.check_export(PIPELINE, run, answer)


def test_a_frozen_encoder_goes_into_the_export_with_the_weights_of_the_training(
    folder, tmp_path, monkeypatch, capsys
):
    def build(seed):
        frame_encoder.frame_encoder.cache_clear()
        encoder = small_encoder(seed)
        monkeypatch.setattr(frame_encoder, "build_encoder", lambda name, image_size: encoder)

    build(0)
    run = verb_checks.train(PIPELINE, tmp_path, *flags_of(folder), "--encoder=small", "--epochs=1")
    assert runs.kept(run, "dev")["clips"].dtype == np.float16
    model, _ = exporting.load_saved_model(run / "saved_model")
    answer = model.signatures["serving_default"](clip_bytes=tf.constant([gif_of("left", 99)]))
    assert answer["label"].numpy()[0].decode() in LABELS
    assert "small, frozen" in (run / "saved_model/README.md").read_text()
    build(1)
    places = ("--runs-dir", run.parents[1], "--saved-models", tmp_path / "models")
    assert main("export", "--run", run.name, *places) == 2
    assert "`encoder` must have the weights of the training" in capsys.readouterr().err
    frame_encoder.frame_encoder.cache_clear()


@pytest.mark.parametrize(("name", "rule"), [("small_cnn", "pretrained"), ("mobile", "exists")])
def test_an_encoder_must_be_pretrained_and_watch_frames(folder, tmp_path, capsys, name, rule):
    check, flags = verb_checks.check_bad_flag, flags_of(folder)
    check(PIPELINE, tmp_path, capsys, f"--encoder={name}", rule, *flags)
    joints = ("--dataset=utd_mhad", "--view=joints", f"--data-dir={folder}")
    told = "`encoder` must be left out where `view` is joints"
    check(PIPELINE, tmp_path, capsys, f"--encoder={name}", told, *joints)


@pytest.mark.slow
def test_killed_training_ends_as_an_unbroken_one(run, folder, tmp_path):
    flags = flags_of(folder)
    verb_checks.check_killed(PIPELINE, "pipelines.action_recognition", run, tmp_path, *flags)


def test_metrics_and_the_sections_of_the_report(run):
    measured = runs.read_json(run / "metrics.json")["metrics"]
    assert list(measured) == [
        *("accuracy", "macro_f1", "top_3", "loss", "ece", "ece_uncalibrated"),
        *("accuracy_at_25_percent", "accuracy_at_50_percent", "accuracy_at_75_percent"),
    ]
    page = (run / "report.html").read_text()
    for heading in ("Clips at random", "Confusion", "By subject", "How early it knows"):
        assert heading in page
    assert 'src="data:image/gif;base64,' in page


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--units=0", "`units` must be at least 1. Got 0."),
        ("--frames=1", "`frames` must be at least 2. Got 1."),
        ("--size=8", "`size` must be at least 16. Got 8."),
        ("--rotation=200", "`rotation` must be from 0 to 180. Got 200.0."),
        ("--dataset=foldr", "Did you mean 'folder'?"),
        ("--view=joints", "`view` must be"),
        ("--heldout=7", "`heldout` must be"),
    ],
)
def test_bad_flags_are_errors_before_work_starts(folder, tmp_path, capsys, flag, message):
    verb_checks.check_bad_flag(PIPELINE, tmp_path, capsys, flag, message, *flags_of(folder))


# predict.


def test_predict_gives_a_line_a_clip(run, tmp_path, capsys):
    (tmp_path / "a.gif").write_bytes(gif_of("left", 99))
    (tmp_path / "b.gif").write_bytes(b"nothing")
    inputs = [str(tmp_path / name) for name in ("a.gif", "b.gif")]
    shared = ("--model", run / "saved_model")
    assert main("predict", *inputs, *shared) == 0
    first, second = capsys.readouterr().out.splitlines()
    watch = pipelines.load(run / "saved_model")
    answer = watch(tmp_path / "a.gif")
    name, label, score = first.split("\t")
    assert (name, label) == (inputs[0], answer.label)
    assert float(score) == pytest.approx(answer.score, abs=2e-3)
    assert second.startswith(f"{inputs[1]}\t(")
    assert main("predict", inputs[0], "--times", *shared) == 0
    line, *actions = capsys.readouterr().out.splitlines()
    assert line == first
    start, *_ = actions[0].split("\t")
    assert float(start) == 0.0
    assert float(actions[-1].split("\t")[1]) == pytest.approx(0.8, abs=0.01)


# Learning.


@pytest.mark.slow
def test_learns_which_way_a_square_goes(folder, tmp_path):
    """The frames of both classes are the same: their order alone tells."""
    fast = ["--epochs=30", "--learning-rate=0.01", "--run=learnt", "--no-bidirectional"]
    run = verb_checks.train(PIPELINE, tmp_path, *flags_of(folder), *fast)
    measured = runs.read_json(run / "metrics.json")["metrics"]
    assert measured["accuracy"] >= 7 / 8
    stream = pipelines.load(run / "saved_model", "stream")
    state = np.zeros(stream.inputs["state"].shape[1], np.float32)
    answer = stream(frames=clip_of("right", 500, 6), state=state)
    assert answer.probabilities.shape == (6, 2)
    assert answer.probabilities[-1].argmax() == LABELS.index("right")


# Names.


def test_every_source_has_its_words_in_the_card():
    assert {*card.DATA} == {*card.WORLD} == {*DATASETS}
    assert {*PRESETS} <= {*DATASETS}


def test_joints_and_frames_are_models_of_their_own():
    assert folder_of(Train()) == folder_of(Predict()) == "action_recognition"
    assert folder_of(Train(dataset="utd_mhad", view="depth")) == "action_recognition"
    for flags in (Train(dataset="utd_mhad"), Evaluate(dataset="utd_mhad"), Predict(view="joints")):
        assert folder_of(flags) == "action_recognition_joints"
    assert measured_split(Train(dataset="utd_mhad")) == "dev"
    assert measured_split(Train()) == "test"


def test_the_card_of_a_model_of_depth_says_what_it_refuses():
    text = card.model_card(Train(dataset="utd_mhad", view="depth"), {})
    assert "a clip in colour, and" in text
    assert "watches depth alone" in text
    joints = card.model_card(Train(dataset="utd_mhad", bidirectional=False), {})
    assert "GIF" not in joints
    assert "| stream |" in joints


def test_a_saved_model_is_there(run):
    model, _ = exporting.load_saved_model(run / "saved_model")
    assert {*model.signatures} == {"serving_default", "belief", "frames", "frames_belief"}
