"""Text to speech end to end, small: from recordings of tones to a SavedModel that speaks."""

import numpy as np
import pytest
import tensorflow as tf

import pipelines
from datasets.speech.sentences import cardinal
from datasets.speech.utterances import split_of
from pipelines import exporting, runs
from pipelines.audio import read_wav
from pipelines.text_to_speech import card, sources
from pipelines.text_to_speech.card import measured_split
from pipelines.text_to_speech.flags import Predict, Train
from pipelines.text_to_speech.pipeline import PIPELINE
from tests.pipelines import verb_checks
from tests.pipelines.text_to_speech.small import write_folder

SIZES = {"rate": 8000, "mels": 12, "units": 12, "encoder_units": 6, "embedding_units": 6}
SIZES |= {"attention_units": 6, "prenet_units": 6, "postnet_filters": 6, "batch_size": 8}
SIZES |= {"epochs": 2, "keep": 2}


def flags_of(folder, **sizes):
    sizes = [f"--{name.replace('_', '-')}={value}" for name, value in {**SIZES, **sizes}.items()]
    return ["--dataset=folder", f"--data-dir={folder}", *sizes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data"), 36)


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """Where one small training ended."""
    return verb_checks.train(PIPELINE, tmp_path_factory.mktemp("voice"), *flags_of(folder))


@pytest.fixture(scope="module")
def model(run):
    return exporting.load_saved_model(run / "saved_model")[0]


def main(*arguments):
    return verb_checks.main(PIPELINE, *arguments)


# What every task's verbs do.


def test_inspect_says_what_train_kept(run, folder, capsys):
    verb_checks.check_inspect(PIPELINE, run, capsys, *flags_of(folder))
    description = runs.read_json(run / "description.json")
    assert description["lengths"]["unit"] == "frames of 12.5 ms"
    assert {*description["examples"][0]["text"]} <= {*"abc"}


def test_the_run_folder_has_all_that_made_the_run(run):
    verb_checks.check_run_folder(PIPELINE, run)
    names = {path.name for path in (run / "kept").iterdir()}
    assert names == {"characters.json", "data.json"}


def test_evaluate_gives_the_metrics_of_train(run, folder):
    verb_checks.check_evaluate(PIPELINE, run, "--split", "test", "--data-dir", folder)


def test_export_gives_a_version_that_answers_the_same(run):
    def answer(model):
        found = model.signatures["serving_default"](text=tf.constant(["abc", "cab"]))
        return {name: value.numpy() for name, value in found.items()}

    verb_checks.check_export(PIPELINE, run, answer)


@pytest.mark.slow
def test_killed_training_ends_as_an_unbroken_one(run, folder, tmp_path):
    verb_checks.check_killed(PIPELINE, "pipelines.text_to_speech", run, tmp_path, *flags_of(folder))


def test_metrics_and_the_sections_of_the_report(run):
    measured = runs.read_json(run / "metrics.json")["metrics"]
    assert {"mcd", "mcd_shuffled", "score", "ended", "aligned", "skipped"} <= {*measured}
    assert {"wer_speech_to_text", "wer_speech_to_text_silence"} <= {*measured}
    assert measured["wer_speech_to_text_silence"] == 1
    page = (run / "report.html").read_text()
    for heading in ("Lowest scores", "At random", "All texts", "Real-time factor"):
        assert heading in page
    assert 'src="data:audio/wav;base64,' in page


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--units=0", "`units` must be at least 1. Got 0."),
        ("--guidance=-1", "`guidance` must be at least 0. Got -1.0."),
        ("--frame-dropout=1", "`frame_dropout` must be at least 0 and below 1. Got 1.0."),
        ("--max-seconds=0", "`max_seconds` must be above 0. Got 0.0."),
        ("--dataset=asterix", "Did you mean 'asterisk'?"),
        ("--voice=asterisk", "`voice` must be one of"),
    ],
)
def test_bad_flags_are_errors_before_work_starts(folder, tmp_path, capsys, flag, message):
    verb_checks.check_bad_flag(PIPELINE, tmp_path, capsys, flag, message, *flags_of(folder))


# predict.


def test_predict_writes_what_the_model_says(run, model, tmp_path, capsys):
    place = tmp_path / "one.wav"
    assert main("predict", "abc", "--wav", place, "--model", run / "saved_model") == 0
    answer = model.signatures["serving_default"](text=tf.constant(["abc"]))
    assert place.read_bytes() == answer["audio_bytes"].numpy()[0]
    assert capsys.readouterr().out == f"{place}\t{float(answer['score'][0]):.4f}\tabc\n"
    texts = ("a cab, 2 cabs ☎", "...")
    lines = list(PIPELINE.predict(model, Predict(inputs=texts, wav=tmp_path / "both", speed=2.0)))
    assert lines[1] == "(nothing to say)\t0.0000\t..."
    errors = capsys.readouterr().err
    assert f"Said for {texts[0]!r}: a cab, two cabs ☎" in errors
    assert f"Left out of {texts[0]!r}: ☎" in errors
    assert [path.name for path in (tmp_path / "both").iterdir()] == ["1.wav"]
    _, rate = read_wav(tf.constant((tmp_path / "both" / "1.wav").read_bytes()))
    assert rate == 8000


@pytest.mark.parametrize(
    ("inputs", "wav", "message"),
    [
        ((), "x.wav", "`inputs` must be texts"),
        (("abc",), None, "`wav` the file"),
        (("a", "b"), "x.wav", "`wav` must be a folder for several texts"),
        (("on 3/4/2025",), "x.wav", "with two readings"),
    ],
)
def test_predict_names_what_is_wrong(model, tmp_path, inputs, wav, message):
    flags = Predict(inputs=inputs, wav=wav and tmp_path / wav)
    with pytest.raises(ValueError, match=message):
        list(PIPELINE.predict(model, flags))
    assert not list(tmp_path.iterdir())


# Sources.


def test_the_voice_is_the_last_named_source_and_measured_on_its_own_split():
    flags = Train(dataset="demo+asterisk+asterisk")
    assert sources.voice_of(flags) == ("asterisk", 1)
    assert measured_split(flags) == "dev"
    flags = Train(dataset="asterisk+demo")
    assert sources.voice_of(flags) == ("demo", 1)
    assert measured_split(flags) == "test"
    assert sources.voice_of(Train(dataset="asterisk+demo", voice="asterisk")) == ("asterisk", 0)


def test_every_source_has_its_words_in_the_card():
    assert {*card.DATA} == {*sources.SOURCES}


def test_the_demo_and_lines_of_text_can_be_looked_at(tmp_path, capsys):
    pytest.importorskip("espeakng_loader")
    assert main("inspect", "--limit=3", "--cache-dir", tmp_path / "cache") == 0
    assert "train: utterances: 3" in capsys.readouterr().out
    (tmp_path / "texts").mkdir()
    lines = [" ".join(cardinal(number)) for number in range(1, 41)]
    (tmp_path / "texts" / "lines.txt").write_text("\n".join(lines * 2))
    flags = ("--dataset=espeak", "--data-dir", tmp_path / "texts")
    assert main("inspect", *flags, "--cache-dir", tmp_path / "cache") == 0
    tenth = sum(split_of(line) == "dev" for line in lines)
    assert f"dev: utterances: {tenth}" in capsys.readouterr().out


# Learning.


@pytest.mark.slow
def test_learns_to_say_tones(tmp_path_factory):
    """Texts that were in no training are read to their end, and each letter has its tone."""
    place = tmp_path_factory.mktemp("learnt")
    sizes = {"units": 48, "encoder_units": 24, "attention_units": 24, "prenet_units": 24}
    # At a rate of 0.01 the units of the convolutions to linear frames die, and the sound is noise.
    sizes |= {"embedding_units": 24, "postnet_filters": 96, "epochs": 90, "learning_rate": 0.005}
    folder = write_folder(place / "data", 180)
    run = verb_checks.train(PIPELINE, place, *flags_of(folder, **sizes))
    measured = runs.read_json(run / "metrics.json")["metrics"]
    assert measured["ended"] > 0.9
    assert measured["aligned"] > 0.8
    assert measured["mcd"] < 0.6 * measured["mcd_shuffled"]
    wav = pipelines.load(run / "saved_model")("aaaccc").audio_bytes
    sound = read_wav(tf.constant(wav))[0].numpy()
    halves = sound[1600:3200], sound[6400:8000]
    hertz = [np.abs(np.fft.rfft(half)).argmax() * 8000 / len(half) for half in halves]
    assert hertz == pytest.approx([500, 2000], rel=0.2)
