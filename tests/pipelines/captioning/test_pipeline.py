"""Captioning end to end, small: from drawn scenes to a SavedModel that answers, and back again."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from datasets.captioning import demo
from pipelines import exporting, runs, training, verbs
from pipelines.captioning import data, image_inputs
from pipelines.captioning.data import SPECIAL
from pipelines.captioning.flags import Predict, Train
from pipelines.captioning.pipeline import PIPELINE, trainer
from tests.pipelines import verb_checks
from tests.pipelines.verb_checks import ROOT

SIZES = {
    "limit": 60,
    "units": 16,
    "embedding_units": 16,
    "attention_units": 8,
    "dropout": 0.1,
    "word_dropout": 0.2,
    "image_size": 32,
    "batch_size": 20,
    "captions_per_image": 5,
    "epochs": 2,
    "self_critical_epochs": 1,
    "max_length": 12,
    "beam_size": 2,
    "keep": 2,
}
FLAGS = [f"--{name.replace('_', '-')}={value}" for name, value in SIZES.items()]


def main(*arguments):
    return verb_checks.main(PIPELINE, *arguments)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where one small training had its runs and its cache."""
    return tmp_path_factory.mktemp("captioning")


@pytest.fixture(scope="module")
def run(folder):
    """Where that training ended."""
    return verb_checks.train(PIPELINE, folder, *FLAGS)


@pytest.fixture(scope="module")
def model(run):
    return exporting.load_saved_model(run / "saved_model")[0]


def _picture(seed=0):
    rng = np.random.default_rng(seed)
    return demo.draw(demo.compose(rng), rng)


# What every task's verbs do.


def test_inspect_says_what_train_kept(run, capsys):
    verb_checks.check_inspect(PIPELINE, run, capsys, *FLAGS)


def test_the_run_folder_has_all_that_made_the_run(run):
    verb_checks.check_run_folder(PIPELINE, run)
    assert {path.name for path in (run / "kept").iterdir()} == {"vocabulary.json", "data.json"}
    vocabulary = runs.kept(run, "vocabulary")
    assert vocabulary[:4] == list(SPECIAL)
    assert "red" in vocabulary
    assert set(runs.kept(run, "data")) == {"train", "dev"}
    metrics = runs.read_json(run / "metrics.json")["metrics"]
    assert {"exact", "bleu_1", "bleu_4", "cider_d", "rouge_l"} <= set(metrics)
    assert {"confidence_ece", "confidence_auroc", "coverage", "elsewhere_unsure"} <= set(metrics)
    assert 0 <= metrics["exact"] <= 1
    page = (run / "report.html").read_text()
    assert "data:image/" in page
    assert "CIDEr-D is on the published scale" in page
    assert "What the model does not know" in page
    card = (run / "saved_model" / "README.md").read_text()
    assert "Not for photographs" in card
    assert "`threshold`" in card
    assert len(verb_checks.outcome(run)["history"]["val_cider_d"]) == 3


def test_evaluate_gives_the_metrics_of_train(run):
    verb_checks.check_evaluate(PIPELINE, run, "--limit", SIZES["limit"])


def test_export_gives_a_version_that_answers_the_same(run):
    images = tf.constant([_picture(seed) for seed in range(4)])

    def answer(model):
        answers = model.signatures["serving_default"](image_bytes=images)
        return {name: value.numpy() for name, value in answers.items()}

    verb_checks.check_export(PIPELINE, run, answer)


@pytest.mark.slow
def test_export_with_another_search(run, tmp_path):
    places = ("--runs-dir", run.parent.parent, "--saved-models", tmp_path)
    assert main("export", *places, "--beam-size", "1") == 0
    made = runs.read_json(tmp_path / "captioning" / "1" / exporting.RUN)
    assert made["flags"]["beam_size"] == 1


def test_export_wants_a_complete_run(tmp_path, capsys):
    assert main("export", "--runs-dir", tmp_path) == 2
    assert "`--run` must name a complete run" in capsys.readouterr().err


def test_second_train_says_complete_and_changes_nothing(run, folder, capsys):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    verb_checks.train(PIPELINE, folder, *FLAGS)
    output = capsys.readouterr().out
    assert f"{run} is complete" in output
    assert "bleu_4" in output
    assert before == {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_killed_training_ends_as_an_unbroken_one(run, tmp_path):
    verb_checks.check_killed(PIPELINE, "pipelines.captioning", run, tmp_path, *FLAGS)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--epochs=0", "`epochs` must be at least 1. Got 0."),
        ("--batch-size=-3", "`batch_size` must be at least 1. Got -3."),
        ("--captions-per-image=1", "`captions_per_image` must be at least 2 for self-critical"),
        ("--self-critical-epochs=-1", "`self_critical_epochs` must be at least 0. Got -1."),
        ("--limit=0", "`limit` must be at least 1. Got 0."),
        ("--dropout=1.5", "`dropout` must be at least 0 and below 1. Got 1.5."),
        ("--fine-tune-epochs=2", "`fine_tune_epochs` above 0 and `fine_tune_from` must come"),
        ("--encoder=efficientnet_lite9", "efficientnet_lite"),
    ],
)
def test_bad_flags_are_errors_before_work_starts(tmp_path, capsys, flag, message):
    verb_checks.check_bad_flag(PIPELINE, tmp_path, capsys, flag, message, *FLAGS)


# The SavedModel.


def test_saved_model_answers_image_files_of_any_size(model, run):
    large, jpeg = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (400, 150), "red").save(large, "PNG")
    Image.new("L", (40, 90), 120).save(jpeg, "JPEG")
    images = tf.constant([_picture(), large.getvalue(), jpeg.getvalue()])
    found = model.signatures["serving_default"](image_bytes=images)
    vocabulary = set(runs.kept(run, "vocabulary"))
    for caption in found["caption"].numpy():
        words = caption.decode().split()
        assert 1 <= len(words) <= SIZES["max_length"]
        assert set(words) <= vocabulary - set(SPECIAL)
    assert np.all((found["score"].numpy() > 0) & (found["score"].numpy() <= 1))


def test_bad_image_gets_an_empty_caption_and_touches_no_neighbour(model):
    answer = model.signatures["serving_default"]
    alone = answer(image_bytes=tf.constant([_picture()]))
    batch = answer(image_bytes=tf.constant([b"", _picture(), _picture()[:200]]))
    assert batch["caption"].numpy()[[0, 2]].tolist() == [b"", b""]
    assert batch["score"].numpy()[[0, 2]].tolist() == [0.0, 0.0]
    assert batch["caption"].numpy()[1] == alone["caption"].numpy()[0]
    np.testing.assert_allclose(batch["score"].numpy()[1], alone["score"].numpy()[0], rtol=1e-5)


def test_attention_sums_to_one_for_each_word_and_says_the_same(model):
    images = tf.constant([_picture(), b"broken"])
    found = model.signatures["attention"](image_bytes=images)
    served = model.signatures["serving_default"](image_bytes=images)
    assert found["caption"].numpy().tolist() == served["caption"].numpy().tolist()
    words = found["words"].numpy()
    assert b" ".join(word for word in words[0] if word) == found["caption"].numpy()[0]
    sums = found["attention"].numpy().sum(axis=(2, 3))
    np.testing.assert_allclose(sums, words != b"", atol=1e-5)
    assert found["attention"].shape[2:] == (4, 4)  # 32 pixels, one cell for 8


def test_features_are_the_encoders_grid(model):
    found = model.signatures["features"](image_bytes=tf.constant([_picture(), b""]))["features"]
    assert found.shape == (2, 16, 128)
    assert np.ptp(found[0]) > 0
    assert not np.any(found[1])


# Prediction.


def test_predict_prints_a_line_for_each_file_in_order(run, tmp_path, capsys, model):
    files = [tmp_path / name for name in ("b.png", "broken.jpg", "a.png")]
    for file, content in zip(files, (_picture(1), b"no image", _picture(2)), strict=True):
        file.write_bytes(content)
    assert main("predict", *files, "--model", run / "saved_model") == 0
    lines = capsys.readouterr().out.splitlines()
    images = tf.constant([_picture(1), _picture(2)])
    answer = model.signatures["serving_default"](image_bytes=images)
    first, last = (caption.decode() for caption in answer["caption"].numpy())
    unsure = answer["confidence"].numpy() < answer["threshold"].numpy()
    marks = [" (unsure)" if one else "" for one in unsure]
    shown = [f"{value:.2f}" for value in answer["confidence"].numpy()]
    assert lines == [
        f"{files[0]}\t{first}{marks[0]}\t{shown[0]}",
        f"{files[1]}\t(not an image that can be read)",
        f"{files[2]}\t{last}{marks[1]}\t{shown[1]}",
    ]


class Answering:
    """In place of a SavedModel: gives a fixed answer."""

    def __init__(self, **answer):
        self.signatures = {"serving_default": lambda image_bytes: answer}


def test_predict_says_unsure_below_the_threshold_alone(tmp_path):
    files = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    for file in files:
        file.write_bytes(_picture())
    captions = tf.constant(["a ring", "a cross", "a star"])
    confidence, threshold = tf.constant([0.51, 0.5, 0.49]), tf.fill([3], 0.5)
    model = Answering(caption=captions, confidence=confidence, threshold=threshold)
    lines = list(PIPELINE.predict(model, Predict(inputs=tuple(map(str, files)))))
    assert [line.split("\t")[1:] for line in lines] == [
        ["a ring", "0.51"],
        ["a cross", "0.50"],
        ["a star (unsure)", "0.49"],
    ]


def test_a_model_of_version_01_predicts_as_it_did(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(_picture())
    model = Answering(caption=tf.constant(["a ring"]), score=tf.constant([0.5]))
    assert list(PIPELINE.predict(model, Predict(inputs=(str(file),)))) == [f"{file}\ta ring"]


@pytest.mark.slow
def test_an_export_of_the_same_search_needs_no_data(run, tmp_path, monkeypatch, capsys):
    """The fit is kept with the run; another search is fitted anew, on the data."""

    def never(*arguments, **options):
        raise ValueError("read again")

    monkeypatch.setattr(data, "load", never)
    places = ("--runs-dir", run.parent.parent, "--saved-models", tmp_path)
    assert main("export", *places) == 0
    assert main("export", *places, "--length-penalty", "0.1") == 2
    assert "read again" in capsys.readouterr().err


def test_predict_names_the_files_that_are_not_there(run, tmp_path, capsys):
    (tmp_path / "there.png").write_bytes(_picture())
    files = [tmp_path / "there.png", tmp_path / "gone.png", tmp_path]
    assert main("predict", *files, "--model", run / "saved_model") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"Not found: {tmp_path / 'gone.png'}, {tmp_path}." in said.err


# Going on, and learning.


@pytest.mark.slow
def test_training_goes_on_within_an_epoch(run, tmp_path, monkeypatch):
    """A checkpoint after each step, and an end after the second step of the self-critical epoch."""
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0)
    step = training._Steps.__call__

    def stop_in_the_last_epoch(steps, number, logs):
        step(steps, number, logs)
        if steps.epoch == 2 and number == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training._Steps, "__call__", stop_in_the_last_epoch)
        places = ("--runs-dir", tmp_path / "runs", "--cache-dir", tmp_path / "cache")
        assert main("train", *FLAGS, *places) == 130
    state = runs.read_json(tmp_path / "runs" / "captioning" / "demo" / "state.json")
    assert state["partial"]["step"] == 2
    broken = verb_checks.outcome(verb_checks.train(PIPELINE, tmp_path, *FLAGS))
    wanted = verb_checks.outcome(run)
    for name, series in broken.pop("history").items():  # means of means: equal but for rounding
        np.testing.assert_allclose(series, wanted["history"][name], rtol=1e-5)
    np.testing.assert_equal(broken, {name: wanted[name] for name in broken})


def test_second_start_reads_no_record(run, folder, tmp_path, monkeypatch):
    """All of the data is in the cache: neither records nor encoder are asked again."""

    def never(*arguments, **options):
        raise RuntimeError("computed again")

    monkeypatch.setattr(data, "load", never)
    monkeypatch.setattr(image_inputs, "decode_batch", never)
    flags = Train(**SIZES, cache_dir=folder / "cache")
    assert len(trainer(flags, tmp_path).words) == SIZES["limit"]
    with pytest.raises(RuntimeError, match="computed again"):
        trainer(Train(**{**SIZES, "image_size": 40}, cache_dir=folder / "cache"), tmp_path)


def test_flags_of_the_shipped_model_read():
    folder = ROOT / "saved_models" / "captioning"
    made = runs.read_json(folder / str(exporting.latest_version(folder)) / exporting.RUN)
    flags = verbs.from_json(PIPELINE, made["flags"])
    assert (flags.encoder, flags.fine_tune_epochs, flags.keep) == ("efficientnet_lite2", 5, 8)


@pytest.mark.slow
def test_the_demo_names_pairs_of_colour_and_shape_that_it_never_saw(tmp_path):
    """The first command of the README, as it is; it takes about two minutes."""
    run = verb_checks.train(PIPELINE, tmp_path)
    assert runs.read_json(run / "metrics.json")["metrics"]["exact"] >= 0.8


@pytest.mark.slow
def test_the_training_loss_falls_by_half_on_a_few_dozen_scenes(tmp_path):
    epochs = 20
    sizes = {**SIZES, "limit": 40, "units": 32, "embedding_units": 32, "self_critical_epochs": 0}
    sizes |= {"epochs": epochs, "keep": 1, "batch_size": 5, "dropout": 0.0, "word_dropout": 0.0}
    flags = Train(**sizes, learning_rate=1e-2, cache_dir=tmp_path / "cache")
    small = trainer(flags, tmp_path / "run")
    progress = training.fit(small, tmp_path / "run")
    losses = progress.history["loss"]
    assert losses[0] > 2  # near the log of the vocabulary's size: it knew nothing
    assert losses[-1] < losses[0] / 2
