"""The exported recogniser, loaded by a process that has TensorFlow alone, and the Keras model."""

from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines import audio
from pipelines.exporting import WARMUP, write_saved_model
from pipelines.speech_to_text.data import Front, join, padded
from pipelines.speech_to_text.signatures import speech_export
from tests.pipelines.fresh_process import client_answers
from tests.pipelines.speech_to_text.small import RATE, sound_of, wav_of
from zoo.decoding.ctc import ctc_beam_search, ctc_greedy
from zoo.models.recognizer import REDUCTION, Recognizer

MELS = 10
TEXTS = ["abc", "c", "ba ab", "cabbac"]
WAVS = [wav_of(text, seed) for seed, text in enumerate(TEXTS)]
OTHER_RATE = audio.wav_bytes(sound_of("abca"), 11_025).numpy()
LOUD = audio.wav_bytes(sound_of("abca") * 3, RATE).numpy()
BATCH = [WAVS[0], b"", WAVS[1], b"no recording", WAVS[2][:60], WAVS[3], OTHER_RATE, LOUD, WAVS[2]]
SIZES = ("all", "none", "one", "turned")  # of batches
BAD = {1, 3, 4}  # places of what cannot be read, or holds no frame

# The other process: no import of ours, and the project is not on its path.
CLIENT = """
import sys
import numpy as np
import tensorflow as tf

folder, problem, answers = sys.argv[1:]
model = tf.saved_model.load(folder)
problem = np.load(problem, allow_pickle=True)
files, found = problem["files"].tolist(), {}

def keep(name, answer):
    for key, value in answer.items():
        value = value.numpy()
        found[f"{name}/{key}"] = value.astype("S") if value.dtype == object else value

batches = {"all": files, "none": [], "one": files[:1], "bad": files[1:2], "turned": files[::-1]}
for name in ("serving_default", "align", "hypotheses"):
    for size, batch in batches.items():
        keep(f"{name}/{size}", model.signatures[name](audio_bytes=tf.constant(batch, tf.string)))
for rate in (8000, 16000, 0):
    keep(f"waveform/{rate}", model.signatures["waveform"](
        waveform=tf.constant(problem["waveform"]), lengths=tf.constant(problem["lengths"]),
        rate=tf.constant(rate)))
if "stream" in model.signatures:
    stream = model.signatures["stream"]
    size = stream.structured_input_signature[1]["state"].shape[1]
    for steps in (1, 3, 7):
        state, texts, place = tf.zeros([2, size]), [b"", b""], 0
        while place < problem["sound"].shape[1]:
            chunk = tf.constant(problem["sound"][:, place : place + 320 * steps])
            answer = stream(chunk=chunk, state=state)
            state, place = answer["state"], place + 320 * steps
            texts = [one + other for one, other in zip(texts, answer["text"].numpy())]
        found[f"stream/{steps}"] = np.array(texts)
    try:
        stream(chunk=tf.zeros([2, 100]), state=state)
    except tf.errors.InvalidArgumentError as error:
        found["stream/error"] = np.array(str(error)[:400])
ours = [m for m in sys.modules if m.split(".")[0] in ("zoo", "pipelines", "datasets")]
if ours:
    raise ValueError(f"The client must import nothing of the project. Got {ours}.")
np.savez(answers, **found)
"""


class Exported(NamedTuple):
    model: Recognizer
    front: Front
    beams: int
    answers: dict[str, np.ndarray]


@pytest.fixture(scope="module", params=["both", "one", "beams"])
def exported(request, tmp_path_factory) -> Exported:
    """A recogniser of random weights, and what the other process was answered."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("export")
    both, beams = request.param != "one", 4 if request.param == "beams" else 1
    model = Recognizer(29, MELS, filters=8, units=6, bidirectional=both)
    model.build()
    rng = np.random.default_rng(5)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    model.centre.set_statistics(np.full(MELS, -4.0), np.full(MELS, 3.0))
    front = Front(RATE, MELS, causal=not both)
    about = folder / "about.json"
    about.write_text("{}")
    export = speech_export(model, front, {"about": about}, beam_size=beams)
    target = write_saved_model(
        export.module, export.signatures, folder / "speech", card="", warmup=export.warmup
    )
    assert (target / "assets.extra" / WARMUP).is_file()
    for variable in model.variables:
        if variable.dtype == "float32":
            variable.assign(variable.numpy().astype(np.float16))
    return Exported(model, front, beams, client_answers(CLIENT, target, folder, **problem()))


def waveforms():
    """Two sounds as one padded batch, with noise behind the first's end."""
    first, second = sound_of("ab", 3), sound_of("caab", 4)
    batch = np.random.default_rng(0).normal(size=(2, len(second))).astype(np.float32)
    batch[0, : len(first)], batch[1] = first, second
    return batch, np.array([len(first), len(second)], np.int32)


def streamed():
    """Two sounds of a multiple of 40 ms, as long as the other."""
    size = 320 * 21
    return np.stack([np.resize(sound_of("abcab", 5), size), np.resize(sound_of("cbbac", 6), size)])


def problem():
    batch, lengths = waveforms()
    files = np.array(BATCH, object)
    return {"files": files, "waveform": batch, "lengths": lengths, "sound": streamed()}


def found_by_keras(exported: Exported, frames: np.ndarray):
    """The best text, its score, characters and times, of one recording's frames."""
    lengths = np.array([len(frames)])
    logits = exported.model({"features": padded([frames], len(frames), MELS), "lengths": lengths})
    search = ctc_greedy if exported.beams == 1 else lambda *a: ctc_beam_search(*a, exported.beams)
    found = search(logits, lengths // REDUCTION)
    count = int(found.lengths[0, 0])
    tokens, times = np.asarray(found.tokens)[0, 0, :count], np.asarray(found.frames)[0, 0, :count]
    text = " ".join(join(tokens).split())
    score = float(np.exp(found.log_probs[0, 0] / (count + 1))) if text else 0.0
    return text, score, join(tokens), (times + 0.5) * 0.04


def frames_of(exported: Exported, contents: bytes) -> np.ndarray:
    return exported.front(*audio.read_wav(tf.constant(contents))).numpy()


def test_equals_the_keras_model(exported):
    texts = exported.answers["serving_default/all/text"]
    scores = exported.answers["serving_default/all/score"]
    assert len(set(texts)) > 3
    for place, contents in enumerate(BATCH):
        if place in BAD:
            assert (texts[place], scores[place]) == (b"", 0.0)
            continue
        text, score, *_ = found_by_keras(exported, frames_of(exported, contents))
        assert texts[place].decode() == text
        assert scores[place] == pytest.approx(score, rel=1e-3)


def test_characters_have_the_times_of_their_frames(exported):
    answers = exported.answers
    for place, contents in enumerate(BATCH):
        row = [c.decode() for c in answers["align/all/characters"][place] if c]
        times = answers["align/all/times"][place]
        if place in BAD:
            assert not row
            continue
        *_, characters, seconds = found_by_keras(exported, frames_of(exported, contents))
        assert "".join(row) == characters
        np.testing.assert_allclose(times[: len(row)], seconds, rtol=1e-5)
        assert not times[len(row) :].any()
    for name in ("text", "score"):
        found = answers[f"align/all/{name}"]
        np.testing.assert_array_equal(found, answers[f"serving_default/all/{name}"])


def test_no_recording_touches_another(exported):
    texts, scores = (
        {size: exported.answers[f"serving_default/{size}/{name}"] for size in SIZES}
        for name in ("text", "score")
    )
    np.testing.assert_array_equal(texts["one"], texts["all"][:1])
    np.testing.assert_array_equal(texts["turned"][::-1], texts["all"])
    np.testing.assert_allclose(scores["one"], scores["all"][:1], rtol=1e-4)
    np.testing.assert_allclose(scores["turned"][::-1], scores["all"], rtol=1e-4)
    assert texts["none"].shape == scores["none"].shape == (0,)
    assert exported.answers["serving_default/bad/text"].tolist() == [b""]


def test_hypotheses_are_the_search_with_more_beams(exported):
    texts = exported.answers["hypotheses/all/texts"]
    log_probs = exported.answers["hypotheses/all/log_probs"]
    assert texts.shape == log_probs.shape == (len(BATCH), 16)
    assert (np.diff(log_probs, axis=1) <= 1e-6).all()
    for place in set(range(len(BATCH))) - BAD:
        frames = frames_of(exported, BATCH[place])
        lengths = np.array([len(frames)])
        logits = exported.model({"features": frames[None], "lengths": lengths})
        found = ctc_beam_search(logits, lengths // REDUCTION, 16)
        np.testing.assert_allclose(log_probs[place], found.log_probs[0], rtol=1e-3)
        spelt = " ".join(join(np.asarray(found.tokens)[0, 0]).split())
        assert texts[place, 0].decode() == spelt


def test_waveforms_are_heard_up_to_their_lengths_at_their_rate(exported):
    batch, lengths = waveforms()
    for rate in (8000, 16_000):
        for row, length in enumerate(lengths):
            frames = exported.front(tf.constant(batch[row, :length]), tf.constant(rate)).numpy()
            text, score, *_ = found_by_keras(exported, frames)
            assert exported.answers[f"waveform/{rate}/text"][row].decode() == text
            assert exported.answers[f"waveform/{rate}/score"][row] == pytest.approx(score, rel=1e-3)
    assert exported.answers["waveform/0/text"].tolist() == [b"", b""]


def test_a_stream_says_what_the_whole_says(exported):
    if exported.model.bidirectional:
        assert "stream/1" not in exported.answers
        return
    texts = []
    for row, sound in enumerate(streamed()):
        frames = exported.front(tf.constant(sound), tf.constant(RATE)).numpy()
        text, *_ = found_by_keras(exported, frames)
        texts.append(text)
        for steps in (1, 3, 7):
            said = exported.answers[f"stream/{steps}"][row].decode()
            assert " ".join(said.split()) == text
    assert len("".join(texts)) >= 3  # weights are random: one text may be empty
    assert "`chunk` must have a multiple of 320 samples" in str(exported.answers["stream/error"])
