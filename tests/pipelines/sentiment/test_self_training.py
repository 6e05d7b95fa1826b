"""Self-training end to end, small: one model labels the unlabelled reviews, another learns them."""

import json

import keras
import numpy as np
import pytest

from datasets.sentiment import read
from pipelines import cli, exporting
from pipelines.sentiment import measuring, self_training
from pipelines.sentiment.flags import Train
from pipelines.sentiment.pipeline import PIPELINE, prepare

SIZES = {
    "dataset": "imdb",
    "units": 4,
    "batch_size": 8,
    "epochs": 1,
    "vocabulary_size": 50,
    "min_count": 1,
    "max_length": 16,
}
UNLABELLED = 11


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """An aclImdb of twenty films for train, each with three reviews of either kind."""
    folder = tmp_path_factory.mktemp("data")
    train = folder / "aclImdb" / "train"
    for part, words in (("pos", "good fine"), ("neg", "bad poor"), ("unsup", "good poor")):
        (train / part).mkdir(parents=True)
        count = UNLABELLED if part == "unsup" else 60
        urls = "".join(f"http://film/{i // 3}\n" for i in range(count))
        (train / f"urls_{part}.txt").write_text(urls)
        for i in range(count):
            (train / part / f"{i}_{'2' if part == 'neg' else '9'}.txt").write_text(f"{words} {i}")
    (train / "unsup" / "3_9.txt").write_text("")  # no words, no label
    return folder


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory, data_dir):
    folder = tmp_path_factory.mktemp("runs")
    assert train(folder, data_dir, "--run=teacher") == 0
    return folder


def train(runs_dir, data_dir, *flags):
    sizes = [f"--{name.replace('_', '-')}={value}" for name, value in SIZES.items()]
    places = [f"--runs-dir={runs_dir}", f"--data-dir={data_dir}"]
    try:
        return cli.main(PIPELINE, ["train", *sizes, *places, *flags])
    finally:
        keras.config.set_dtype_policy("float32")


def test_a_run_learns_what_its_teacher_finds_likely(runs_dir, data_dir, capsys):
    assert train(runs_dir, data_dir, "--run=student", "--teacher=teacher") == 0
    assert f"labels {UNLABELLED} texts" in capsys.readouterr().out
    teacher, _ = exporting.load_saved_model(runs_dir / "sentiment/teacher/saved_model")
    texts = read("imdb", "unlabelled", data_dir).texts
    wanted = measuring.answer_all(teacher, texts, 64)
    with np.load(runs_dir / "sentiment/student/taught.npz") as arrays:
        np.testing.assert_allclose(arrays["probabilities"], wanted, atol=1e-6)
    losses = [
        json.loads((runs_dir / "sentiment" / run / "state.json").read_text())["history"]["loss"]
        for run in ("teacher", "student")
    ]
    assert losses[0] != losses[1]


def test_texts_without_words_teach_nothing(runs_dir, data_dir, tmp_path):
    flags = Train(**SIZES, data_dir=data_dir, runs_dir=runs_dir, teacher="teacher")
    alone, taught = (
        prepare(given, tmp_path / name).train_epoch.__self__
        for name, given in (("a", Train(**SIZES, data_dir=data_dir)), ("b", flags))
    )
    assert len(taught.rows) == len(taught.targets) == len(alone.rows) + UNLABELLED - 1
    np.testing.assert_array_equal(taught.targets[: len(alone.rows)], alone.targets)
    soft = taught.targets[len(alone.rows) :]
    np.testing.assert_allclose(soft.sum(axis=1), 1, atol=1e-5)
    assert np.all(soft > 0)  # probabilities, not choices


def test_a_run_that_goes_on_learns_from_the_same_answers(runs_dir, data_dir, tmp_path):
    texts = read("imdb", "unlabelled", data_dir).texts
    labels = ["negative", "positive"]
    folder = runs_dir / "sentiment/teacher/saved_model"
    first = self_training.taught(folder, texts, labels, tmp_path)
    again = self_training.taught(tmp_path / "gone", texts, labels, tmp_path)
    np.testing.assert_array_equal(first, again)


def test_a_teacher_of_other_labels_is_an_error(runs_dir, tmp_path):
    folder = runs_dir / "sentiment/teacher/saved_model"
    with pytest.raises(ValueError, match=r"`teacher` must tell the labels bad, good. .* negative"):
        self_training.taught(folder, ["fine"], ["bad", "good"], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_teacher_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"`teacher` must name a run that has ended.* Got 'gone'"):
        self_training.source(Train(teacher="gone", runs_dir=tmp_path))


def test_data_without_unlabelled_texts_are_an_error(runs_dir, tmp_path):
    flags = Train(teacher="teacher", runs_dir=runs_dir)
    with pytest.raises(ValueError, match="`demo` has no split `unlabelled`"):
        prepare(flags, tmp_path)
