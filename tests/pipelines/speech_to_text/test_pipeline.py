"""Speech to text end to end, small: from recordings of tones to a SavedModel that answers."""

import io
import re
import sys

import numpy as np
import pytest
import tensorflow as tf

import pipelines
from datasets.speech import DATASETS
from pipelines import exporting, runs
from pipelines.speech_to_text import card
from pipelines.speech_to_text.card import measured_split
from pipelines.speech_to_text.flags import Evaluate, Train
from pipelines.speech_to_text.pipeline import PIPELINE
from tests.pipelines import verb_checks
from tests.pipelines.speech_to_text.small import wav_of, write_an4

SIZES = {"rate": 8000, "mels": 20, "filters": 16, "units": 16, "batch_size": 8, "epochs": 2}
SIZES |= {"keep": 2, "max_seconds": 5.0}


def flags_of(folder):
    sizes = [f"--{name.replace('_', '-')}={value}" for name, value in SIZES.items()]
    return ["--dataset=an4", f"--data-dir={folder}", *sizes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_an4(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """Where one small training ended."""
    return verb_checks.train(PIPELINE, tmp_path_factory.mktemp("speech"), *flags_of(folder))


@pytest.fixture(scope="module")
def model(run):
    return exporting.load_saved_model(run / "saved_model")[0]


def main(*arguments):
    return verb_checks.main(PIPELINE, *arguments)


# What every task's verbs do.


def test_inspect_says_what_train_kept(run, folder, capsys):
    verb_checks.check_inspect(PIPELINE, run, capsys, *flags_of(folder))
    description = runs.read_json(run / "description.json")
    assert description["lengths"]["unit"] == "frames of 10 ms"
    assert {*description["examples"][0]["text"]} <= {*"abc "}


def test_the_run_folder_has_all_that_made_the_run(run):
    verb_checks.check_run_folder(PIPELINE, run)
    names = {path.name for path in (run / "kept").iterdir()}
    assert names == {"characters.json", "data.json"}
    assert "".join(runs.kept(run, "characters")) == " 'abcdefghijklmnopqrstuvwxyz"


def test_evaluate_gives_the_metrics_of_train(run, folder):
    verb_checks.check_evaluate(PIPELINE, run, "--split", "dev", "--data-dir", folder)


def test_export_gives_a_version_that_answers_the_same(run):
    def answer(model):
        found = model.signatures["serving_default"](audio_bytes=tf.constant([wav_of("abc")]))
        return {name: value.numpy() for name, value in found.items()}

    verb_checks.check_export(PIPELINE, run, answer)


@pytest.mark.slow
def test_killed_training_ends_as_an_unbroken_one(run, folder, tmp_path):
    verb_checks.check_killed(PIPELINE, "pipelines.speech_to_text", run, tmp_path, *flags_of(folder))


def test_metrics_and_the_sections_of_the_report(run):
    measured = runs.read_json(run / "metrics.json")["metrics"]
    assert list(measured) == [
        *("wer", "cer", "wer_at_20_db", "cer_at_20_db", "wer_at_10_db", "cer_at_10_db")
    ]
    page = (run / "report.html").read_text()
    for heading in ("Recordings at random", "Confusions", "By speaker", "By length", "By noise"):
        assert heading in page
    assert 'src="data:audio/wav;base64,' in page
    assert "Real-time factor" in page


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--units=0", "`units` must be at least 1. Got 0."),
        ("--tempo=0.6", "`tempo` must be from 0 to 0.5. Got 0.6."),
        ("--noise=1.5", "`noise` must be from 0 to 1. Got 1.5."),
        ("--max-seconds=0", "`max_seconds` must be above 0. Got 0.0."),
        ("--dataset=an5", "Did you mean 'an4'?"),
        ("--unheard=jackson", "`unheard` must be left out"),
    ],
)
def test_bad_flags_are_errors_before_work_starts(folder, tmp_path, capsys, flag, message):
    verb_checks.check_bad_flag(PIPELINE, tmp_path, capsys, flag, message, *flags_of(folder))


# predict.


def test_predict_gives_a_line_a_recording(run, tmp_path, capsys, monkeypatch):
    (tmp_path / "a.wav").write_bytes(wav_of("abc"))
    (tmp_path / "b.wav").write_bytes(b"nothing")
    shared = ("--model", run / "saved_model")
    assert main("predict", tmp_path, *shared) == 0
    first, second = capsys.readouterr().out.splitlines()
    hear = pipelines.load(run / "saved_model")
    answer = hear(tmp_path / "a.wav")
    assert first == f"{tmp_path / 'a.wav'}\t{answer.text}\t{answer.score:.4f}"
    assert second.startswith(f"{tmp_path / 'b.wav'}\t(not a recording that can be read")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(wav_of("abc"))))
    assert main("predict", "-", *shared) == 0
    assert capsys.readouterr().out == f"-\t{answer.text}\t{answer.score:.4f}\n"


def test_predict_names_what_is_wrong(run, tmp_path, capsys):
    (tmp_path / "a.wav").write_bytes(wav_of("abc"))
    (tmp_path / "b.wav").write_bytes(wav_of("c"))
    shared = ("--model", run / "saved_model")
    for arguments, message in (
        (["/no/such.wav"], "Not found: /no/such.wav"),
        ([], "`inputs` must be files"),
        ([tmp_path, "--srt"], "`srt` must come with one recording"),
    ):
        assert main("predict", *arguments, *shared) == 2
        assert message in capsys.readouterr().err


# Learning.


@pytest.mark.slow
def test_learns_to_read_tones(tmp_path_factory, capsys):
    """Other speakers' tones are read right, and words have their moments."""
    place = tmp_path_factory.mktemp("learnt")
    easy = ["--noise=0", "--warp=0.02", "--frequency-mask=2", "--time-mask=4", "--dropout=0"]
    fast = ["--epochs=25", "--learning-rate=0.02", "--layers=1", "--no-bidirectional", "--gain=1"]
    flags = [*flags_of(write_an4(place / "data", speakers=36)), *easy, *fast]
    run = verb_checks.train(PIPELINE, place, *flags)
    measured = runs.read_json(run / "metrics.json")["metrics"]
    assert measured["cer"] < 0.15
    capsys.readouterr()
    file = place / "a.wav"
    file.write_bytes(wav_of("ab c"))
    assert main("predict", file, "--times", "--model", run / "saved_model") == 0
    line, *words = capsys.readouterr().out.splitlines()
    text = line.split("\t")[1]
    assert text.replace(" ", "") == "abc"  # the space is silence, which hardly differs from none
    spoken = [word.split("\t") for word in words]
    assert [word for _, _, word in spoken] == text.split()
    moments = [float(moment) for begin, end, _ in spoken for moment in (begin, end)]
    assert moments == sorted(moments)
    assert 0 <= moments[0] < 0.4
    assert 0.7 < moments[-1] < 1.1
    assert main("predict", file, "--srt", "--model", run / "saved_model") == 0
    subtitle = r"1\n00:00:00,\d{3} --> 00:00:0[01],\d{3}\n" + text + r"\n\n"
    assert re.fullmatch(subtitle, capsys.readouterr().out)


def test_what_train_measures_follows_from_the_sources():
    for dataset, split in {"demo": "test", "an4": "dev", "fsdd+an4": "dev", "fsdd": "test"}.items():
        assert measured_split(Train(dataset=dataset)) == split


def test_every_source_has_its_words_in_the_card():
    assert {*card.DATA} == {*card.WORLD} == {*DATASETS}


def test_the_demo_can_be_looked_at(tmp_path, capsys):
    pytest.importorskip("espeakng_loader")
    assert main("inspect", "--limit=3", "--cache-dir", tmp_path) == 0
    assert "train: utterances: 3" in capsys.readouterr().out


def test_a_split_without_transcripts_cannot_be_measured(model, folder, monkeypatch):
    from pipelines.speech_to_text import evaluation, sources

    found = sources.load(Evaluate(dataset="an4", data_dir=folder, unheard=None), "dev").take(3)
    digits = found.map(lambda record: {**record, "text": "1905"})
    monkeypatch.setattr(sources, "load", lambda flags, split: digits)
    with pytest.raises(ValueError, match="digits in the transcript"):
        evaluation.evaluate(model, Evaluate(dataset="an4"))


def test_noise_is_drawn_once_for_each_recording():
    from pipelines.speech_to_text.evaluation import Recording, noisy

    recording = Recording(3, "a", "", "abc", 1.0, wav_of("abc"))
    assert noisy(recording, 10.0) == noisy(recording, 10.0)
    one, other = (
        tf.audio.decode_wav(wav).audio.numpy() for wav in (recording.wav, noisy(recording, 10.0))
    )
    level = 10 * np.log10(np.mean(one**2) / np.mean((other - one) ** 2))
    assert level == pytest.approx(10.0, abs=0.3)
