"""Captioning end to end, small: from drawn scenes to a SavedModel that answers, and back again."""

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
from PIL import Image

from datasets.captioning import demo
from pipelines import cli, exporting, runs, training, verbs
from pipelines.captioning import data, image_inputs
from pipelines.captioning.data import SPECIAL
from pipelines.captioning.flags import Train
from pipelines.captioning.pipeline import PIPELINE, trainer

ROOT = Path(__file__).parents[3]
SIZES = {
    "limit": 60,
    "units": 16,
    "embedding_units": 16,
    "attention_units": 8,
    "image_size": 32,
    "batch_size": 20,
    "epochs": 2,
    "self_critical_epochs": 1,
    "max_length": 12,
    "beam_size": 2,
    "keep": 2,
}
FLAGS = [f"--{name.replace('_', '-')}={value}" for name, value in SIZES.items()]


def main(*arguments):
    try:
        return cli.main(PIPELINE, [str(argument) for argument in arguments])
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    """Where one small training ended: the run captioning/demo."""
    folder = tmp_path_factory.mktemp("runs")
    assert main("train", *FLAGS, *placed(folder)) == 0
    return folder


def placed(folder):
    return ["--runs-dir", folder, "--cache-dir", folder / "cache"]


@pytest.fixture(scope="module")
def run(runs_dir):
    return runs_dir / "captioning" / "demo"


@pytest.fixture(scope="module")
def model(run):
    return exporting.load_saved_model(run / "saved_model")[0]


def _picture(seed=0):
    rng = np.random.default_rng(seed)
    return demo.draw(demo.compose(rng), rng)


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
    assert names == {
        "config.json",
        "state.json",
        "checkpoints",
        "kept",
        "vocabulary.txt",
        "tensorboard",
        "metrics.json",
        "report.html",
        "saved_model",
    }
    config = json.loads((run / "config.json").read_text())
    assert {name: config[name] for name in SIZES} == SIZES
    vocabulary = runs.kept(run, "vocabulary")
    assert vocabulary[:4] == list(SPECIAL)
    assert "red" in vocabulary
    assert set(runs.kept(run, "data")) == {"train", "dev"}
    assert list((run / "tensorboard").iterdir())
    assert len(_history(run)["val_cider_d"]) == 3


def test_metrics_say_what_was_measured_where(run):
    found = json.loads((run / "metrics.json").read_text())
    assert found["dataset"] == "demo"
    assert {"exact", "bleu_1", "bleu_4", "cider_d", "rouge_l"} <= set(found["metrics"])
    assert 0 <= found["metrics"]["exact"] <= 1
    assert f"TensorFlow {tf.__version__}" in found["machine"]
    assert found["train_seconds"] > 0


def test_the_models_card_shows_the_same_metrics(run):
    found = json.loads((run / "metrics.json").read_text())["metrics"]
    card = (run / "saved_model" / "README.md").read_text()
    for name, value in found.items():
        assert f"| {name} | {value:.4f} |" in card


def test_the_report_stands_alone(run):
    page = (run / "report.html").read_text()
    assert "data:image/" in page
    assert not re.search(r"(src|href)=[\"']?https?:", page)
    assert "cider" in page.lower()


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


# The verbs again.


def test_second_train_says_complete_and_changes_nothing(runs_dir, run, capsys):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    assert main("train", *FLAGS, *placed(runs_dir)) == 0
    said = capsys.readouterr().out
    assert f"{run} is complete" in said
    assert "bleu_4" in said
    assert before == {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}


def test_train_with_other_flags_names_them(runs_dir, capsys):
    assert main("train", *FLAGS, *placed(runs_dir), "--units", "17") == 2
    assert "--units was 16, is 17" in capsys.readouterr().err


def test_evaluate_gives_the_metrics_of_train(run, tmp_path, capsys):
    output = tmp_path / "found" / "metrics.json"
    arguments = ["--model", run / "saved_model", "--limit", "60", "--output", output]
    assert main("evaluate", *arguments) == 0
    found = json.loads(output.read_text())["metrics"]
    assert found == json.loads((run / "metrics.json").read_text())["metrics"]
    assert f"{found['bleu_4']:.4f}" in capsys.readouterr().out


def test_predict_prints_a_line_for_each_file_in_order(run, tmp_path, capsys, model):
    files = [tmp_path / name for name in ("b.png", "broken.jpg", "a.png")]
    for file, content in zip(files, (_picture(1), b"no image", _picture(2)), strict=True):
        file.write_bytes(content)
    assert main("predict", *files, "--model", run / "saved_model") == 0
    lines = capsys.readouterr().out.splitlines()
    images = tf.constant([_picture(1), _picture(2)])
    first, last = model.signatures["serving_default"](image_bytes=images)["caption"].numpy()
    assert lines == [
        f"{files[0]}\t{first.decode()}",
        f"{files[1]}\t(not a JPEG or PNG image that can be read)",
        f"{files[2]}\t{last.decode()}",
    ]


def test_predict_names_the_files_that_are_not_there(run, tmp_path, capsys):
    (tmp_path / "there.png").write_bytes(_picture())
    files = [tmp_path / "there.png", tmp_path / "gone.png", tmp_path]
    assert main("predict", *files, "--model", run / "saved_model") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"Not found: {tmp_path / 'gone.png'}, {tmp_path}." in said.err


def test_export_gives_version_1_then_2(runs_dir, run, tmp_path, model):
    arguments = ["--runs-dir", runs_dir, "--saved-models", tmp_path]
    assert main("export", *arguments) == 0
    assert main("export", *arguments, "--beam-size", "1") == 0
    folder = tmp_path / "captioning"
    assert sorted(path.name for path in folder.iterdir()) == ["1", "2", "README.md"]
    images = tf.constant([_picture(seed) for seed in range(4)])
    wanted = model.signatures["serving_default"](image_bytes=images)
    found = exporting.load_saved_model(folder / "1")[0].signatures["serving_default"](
        image_bytes=images
    )
    assert found["caption"].numpy().tolist() == wanted["caption"].numpy().tolist()
    np.testing.assert_allclose(found["score"], wanted["score"], rtol=1e-5)
    made_from = json.loads((folder / "2" / "assets.extra" / "run.json").read_text())
    assert made_from["flags"]["beam_size"] == 1


def test_export_wants_a_complete_run(tmp_path, capsys):
    assert main("export", "--runs-dir", tmp_path) == 2
    assert "`--run` must name a complete run" in capsys.readouterr().err


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
    assert main("train", *FLAGS, *placed(tmp_path), flag) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob("checkpoints"))


# Killed, and learning.


def test_killed_training_ends_as_an_unbroken_one(run, tmp_path):
    """SIGKILL once the first checkpoint is on the disk, then the same command again."""
    command = [sys.executable, "-m", "pipelines.captioning", "train", *FLAGS]
    killed = tmp_path / "captioning" / "demo"
    with subprocess.Popen(
        [*command, *placed(tmp_path)], cwd=ROOT, stdout=subprocess.DEVNULL
    ) as process:
        try:
            while not (killed / "state.json").exists():
                assert process.poll() is None
                time.sleep(0.01)
        finally:
            os.kill(process.pid, signal.SIGKILL)
    assert 1 <= json.loads((killed / "state.json").read_text())["epochs_done"] < 3
    assert not (killed / "metrics.json").exists()
    assert main("train", *FLAGS, *placed(tmp_path)) == 0
    np.testing.assert_equal(_history(killed), _history(run))
    np.testing.assert_equal(_checkpoints(killed), _checkpoints(run))
    wanted = json.loads((run / "metrics.json").read_text())["metrics"]
    assert json.loads((killed / "metrics.json").read_text())["metrics"] == wanted


def test_training_goes_on_within_an_epoch(run, tmp_path, monkeypatch):
    """A checkpoint after each step, and an end after the second step of the self-critical epoch."""
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0)
    step = training._Steps.__call__

    def fail_in_the_last_epoch(steps, number, logs):
        step(steps, number, logs)
        if steps.epoch == 2 and number == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training._Steps, "__call__", fail_in_the_last_epoch)
        assert main("train", *FLAGS, *placed(tmp_path)) == 130
    broken = tmp_path / "captioning" / "demo"
    assert json.loads((broken / "state.json").read_text())["partial"]["step"] == 2
    assert main("train", *FLAGS, *placed(tmp_path)) == 0
    numbers, wanted = _history(broken), _history(run)
    assert set(numbers) == set(wanted)
    for name, series in numbers.items():
        np.testing.assert_allclose(series, wanted[name], rtol=1e-5)
    np.testing.assert_equal(_checkpoints(broken), _checkpoints(run))


def test_second_start_reads_no_record(runs_dir, tmp_path, monkeypatch):
    """All of the data is in the cache: neither records nor encoder are asked again."""

    def never(*arguments, **options):
        raise RuntimeError("computed again")

    monkeypatch.setattr(data, "load", never)
    monkeypatch.setattr(image_inputs, "decode_batch", never)
    flags = Train(**SIZES, cache_dir=runs_dir / "cache")
    assert len(trainer(flags, tmp_path).words) == SIZES["limit"]
    with pytest.raises(RuntimeError, match="computed again"):
        trainer(Train(**{**SIZES, "image_size": 40}, cache_dir=runs_dir / "cache"), tmp_path)


def test_flags_of_the_shipped_model_read():
    made = runs.read_json(ROOT / "saved_models" / "captioning" / "1" / "assets.extra" / "run.json")
    flags = verbs.from_json(PIPELINE, made["flags"])
    assert (flags.encoder, flags.fine_tune_epochs, flags.keep) == ("efficientnet_lite2", 5, 8)


def test_the_training_loss_falls_by_half_on_a_few_dozen_scenes(tmp_path):
    epochs = 20
    sizes = {**SIZES, "limit": 40, "units": 32, "embedding_units": 32, "self_critical_epochs": 0}
    sizes |= {"epochs": epochs, "keep": 1, "batch_size": 10}
    flags = Train(**sizes, learning_rate=1e-2, word_dropout=0.0, cache_dir=tmp_path / "cache")
    small = trainer(flags, tmp_path / "run")
    progress = training.fit(small, tmp_path / "run")
    losses = progress.history["loss"]
    assert losses[0] > 2  # near the log of the vocabulary's size: it knew nothing
    assert losses[-1] < losses[0] / 2
