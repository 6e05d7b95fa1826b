"""The inputs are what they are said to be, and a training is stopped and measured at its step."""

import csv
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from benchmarks import data

TRAINING = """
import keras, numpy as np, time
from benchmarks.data import StopAtStep
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
time.sleep(1)
data = np.zeros((90, 1))
try:
    model.fit(data, data, batch_size=3, epochs=9, callbacks=[StopAtStep()], verbose=0)
finally:
    print("steps", int(model.optimizer.iterations), flush=True)
print("not stopped", flush=True)
"""

# A process whose child holds 100 MB.
PARENT = """
import subprocess, sys
code = "held = b'x' * 100_000_000; print(flush=True); input()"
child = subprocess.Popen([sys.executable, "-c", code])
child.wait()
"""


@pytest.fixture
def _small_chunks(monkeypatch):
    monkeypatch.setattr(data, "CHUNK", 500)


def test_words_differ_and_are_drawn_by_zipfs_law():
    for language in data.SYLLABLES:
        assert len(set(data.word_list(language))) == data.WORDS
    numbers = data.draw(np.random.default_rng(0), 400_000)
    assert numbers.min() == 0
    assert numbers.max() == data.WORDS - 1
    shares = np.bincount(numbers)[:4] / len(numbers)
    ranks = np.arange(4)
    expected = np.log((ranks + 2) / (ranks + 1)) / np.log(data.WORDS + 1)
    np.testing.assert_allclose(shares, expected, rtol=0.03)


@pytest.mark.usefixtures("_small_chunks")
def test_pairs_are_aligned_and_as_many_as_asked_for(tmp_path):
    folder = data.write_pairs(tmp_path / "pairs", 1234)
    texts = [(folder / f"train.{side}").read_text() for side in ("en", "de")]
    assert all(text.endswith("\n") for text in texts)
    sources, targets = (text.splitlines() for text in texts)
    assert len(sources) == len(targets) == 1234
    assert len(set(sources)) > 1200
    words = dict(zip(data.word_list("en"), data.word_list("de"), strict=True))
    for source, target in zip(sources, targets, strict=True):
        assert 4 <= len(source.split()) <= 20
        assert " ".join(words[word] for word in source.split()) == target


@pytest.mark.usefixtures("_small_chunks")
def test_csv_has_a_text_and_a_label_in_every_row(tmp_path):
    folder = data.write_csv(tmp_path / "csv", 50_000)
    size = (folder / "reviews.csv").stat().st_size
    assert 50_000 <= size < 51_500
    with open(folder / "reviews.csv", newline="") as file:
        names, *found = list(csv.reader(file, strict=True))
    assert names == ["text", "label"]
    assert all(len(row) == 2 and 20 <= len(row[0].split()) <= 160 for row in found)
    counts = Counter(label for _, label in found)
    assert set(counts) == {"negative", "positive"}
    assert min(counts.values()) > len(found) / 4
    first = {"negative": "ba", "positive": "be"}
    assert all(text.split()[0] == first[label] for text, label in found)


@pytest.mark.usefixtures("_small_chunks")
def test_text_is_sentences_to_its_size_and_the_same_each_time(tmp_path):
    text, again = (
        (data.write_text(tmp_path / name, 20_000) / "text.txt").read_text() for name in "ab"
    )
    assert text == again
    assert 20_000 <= len(text) < 20_300
    lines = text.splitlines()
    assert all(line.endswith(".") and 4 <= len(line.split()) <= 28 for line in lines)
    assert len(set(lines)) == len(lines)


def test_a_training_is_stopped_after_its_step_and_measured(tmp_path):
    command = [sys.executable, "-c", TRAINING]
    found = data.watch(command, tmp_path / "log", seconds=120)
    assert 1 < found["first_step"] <= found["step_100"] < 120
    assert found["memory"] > 100e6
    log = (tmp_path / "log").read_text()
    assert "steps 100\n" in log
    assert "not stopped" not in log


def test_memory_is_that_of_a_process_and_its_children():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", PARENT], **pipes) as parent:
        parent.stdout.readline()  # the child's
        pids = list(data.tree(parent.pid))
        alone, both = data.held(parent.pid), sum(map(data.held, pids))
        parent.communicate(b"\n")
    assert len(pids) == 2
    assert 1e6 < alone < 90e6
    assert both > 100e6
    assert data.held(parent.pid) == 0  # it has ended


@pytest.mark.parametrize("code", ["print('the reason')", "print('the reason'); while 1: pass"])
def test_a_training_that_does_not_come_to_the_step_is_an_error_with_its_last_lines(code, tmp_path):
    command = [sys.executable, "-uc", code.replace("; ", "\n")]
    with pytest.raises(RuntimeError, match="step 100:\nthe reason"):
        data.watch(command, tmp_path / "log", seconds=2)


def test_the_table_has_what_was_measured(monkeypatch, tmp_path):
    def watched(command, log, seconds):
        assert "--callback=benchmarks.data:StopAtStep" in command
        assert (tmp_path / "pairs-50" / "train.en").is_file()
        runs = next(flag for flag in command if flag.startswith("--runs-dir=")).partition("=")[2]
        run = data.Path(runs) / "translation" / "pairs"
        run.mkdir(parents=True)
        (run / "config.json").write_text('{"batch_size": 128}')
        return {"first_step": 10.0, "step_100": 43.0, "memory": 1_500_000_000}

    monkeypatch.setattr(data, "watch", watched)
    row = data.measure("translation", tmp_path, scale=1e-5, seconds=1)
    assert row == "| translation, 50 sentence pairs | 10.0 | 43.0 | 1.50 | 384.0 |"
    assert not list(tmp_path.glob("tmp*"))  # neither run nor cache is kept
