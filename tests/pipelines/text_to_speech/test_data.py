"""Which recordings are learnt from, and what a batch of training holds."""

import numpy as np
import pytest

from datasets.speech import one_voice
from datasets.speech.utterances import split_of
from pipelines import runs
from pipelines.text_to_speech import data, vocoder
from pipelines.text_to_speech.characters import text_of
from pipelines.text_to_speech.flags import Train
from pipelines.text_to_speech.pipeline import trainer
from tests.pipelines import verb_checks
from tests.pipelines.text_to_speech.small import sound_of, write_folder


@pytest.fixture(scope="module")
def flags(tmp_path_factory):
    place = tmp_path_factory.mktemp("data")
    sizes = {"mels": 8, "units": 4, "encoder_units": 3, "batch_size": 5}
    folder = write_folder(place / "data", 30)
    return Train(dataset="folder", data_dir=folder, cache_dir=place / "cache", **sizes)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Press 1, please.", ""),
        ("Dial 500.", "number that is read in several ways (write it as words)"),
        ("[a beep]", "text with letters or signs that the model does not read"),
        ("...", "text without a letter"),
        ("word " * 30, "text of more than 120 characters"),
        ("on 3/4/25", "number that is read in several ways (write it as words)"),
    ],
)
def test_usable_texts(text, fault):
    found, numbers = data.usable_text(text)
    assert found == fault
    assert bool(numbers) == (not fault)


def test_a_number_becomes_its_word():
    assert text_of(data.usable_text("Press 1, please.")[1]) == "press one, please."


def test_columns_of_a_split(flags):
    store, left_out = data.encode_split(flags, "train")
    assert len(store) == 20
    assert left_out == {}
    for record in range(3):
        text = text_of(store.row("characters", record))
        mel, linear = store.row("mel", record), store.row("linear", record)
        assert len(mel) == len(linear)
        seconds = 0.2 * len(text) + 2 * vocoder.MARGIN * vocoder.HOP
        assert len(mel) * vocoder.HOP == pytest.approx(seconds, abs=0.08)
        assert mel.shape[1:] == (8,)
        assert linear.shape[1:] == (257,)
        assert 0 <= mel.min() <= mel.max() < 1.4


def test_a_recording_longer_than_an_answer_may_be_is_left_out(flags):
    front = data.front_of(flags)
    sound = len(sound_of("abcabc")) / 8000 / vocoder.HOP
    assert data._usable_sound(front, 7, int(sound), 10) == ""
    assert data._usable_sound(front, 1, int(sound), 10).startswith("longer than an answer")
    assert data._usable_sound(front, 7, 900, 10).startswith("longer than 10 s")
    assert data._usable_sound(front, 7, 0, 10) == "recording without sound"


def test_batches_hold_every_record_once_and_end_in_silence(flags, tmp_path):
    runs_folder = tmp_path / "run"
    runs_folder.mkdir()
    task = trainer(flags, runs_folder)
    verb_checks.check_every_record_counts_once(task, 20)
    for inputs, linear, weights in task.dataset(0).as_numpy_iterator():
        assert inputs["mel"].shape[1] % flags.frames == 0
        assert inputs["mel"].shape[:2] == linear.shape[:2]
        for row, length in enumerate(inputs["lengths"]):
            assert length % flags.frames == 0
            assert length <= inputs["mel"].shape[1]
            assert not inputs["mel"][row, length - 1 :].any()
            if weights[row]:
                assert inputs["mel"][row, : length - flags.frames].any()
    assert runs.kept(runs_folder, "data")["train"] == task.train.digest
    numbers = task.validate()
    assert -max(numbers["mcd"], 20) <= numbers["nearness"] <= -min(numbers["mcd"], 20)
    assert 0 <= numbers["aligned"] <= numbers["score"] <= 1


# Speech of one voice.


def test_the_demos_splits_share_no_sentence():
    pytest.importorskip("espeakng_loader")
    texts = {
        split: [u.text for u in one_voice.utterances(split, None, None)]
        for split in one_voice.SPLITS
    }
    assert {split: len({*rows}) for split, rows in texts.items()} == one_voice.COUNTS
    assert not {*texts["train"]} & {*texts["dev"], *texts["test"]}
    assert not {*texts["dev"]} & {*texts["test"]}


def test_lines_of_text_are_spoken_in_the_split_that_they_hash_to(tmp_path):
    pytest.importorskip("espeakng_loader")
    lines = [f"line number {word}" for word in ("one", "two", "three", "four", "five", "six")]
    (tmp_path / "a.txt").write_text("\n".join([*lines, "", "...", lines[0]]))
    train = one_voice.load("train", tmp_path)
    records = list(train.as_numpy_iterator())
    assert len(records) == int(train.cardinality())
    assert {r["text"].decode() for r in records} == {x for x in lines if split_of(x) == "train"}
    assert all(r["rate"] == 22050 and np.abs(r["waveform"]).max() > 0.05 for r in records)
    with pytest.raises(ValueError, match="must be a folder with text files"):
        one_voice.load("train", tmp_path / "none")


def test_letters_are_said_by_their_names():
    assert [one_voice._is_letter(word, "a b c") for word in ("a", "b")] == [True, True]
    assert not one_voice._is_letter("a", "a cat")
    assert not one_voice._is_letter("I", "I see a cat")
    assert one_voice._is_letter("a", "a")
