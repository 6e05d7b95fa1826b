"""The exported synthesizer: what it answers, alone and beside others, and what it does not."""

import json

import numpy as np
import pytest
import tensorflow as tf

from pipelines.audio import read_wav
from pipelines.text_to_speech import signatures, vocoder
from pipelines.text_to_speech.characters import LONGEST, LONGEST_TEXT, NUMBERS
from pipelines.text_to_speech.data import Front
from zoo.models.synthesizer import Synthesizer

FRONT = Front(8000, 6, 4)
TEXTS = ["hello, world.", "a", "", "never. " * 20, "zoë 5", "..."]


@pytest.fixture(scope="module")
def parts():
    """Signatures of a model that is not trained; it ends as soon as it may."""
    sizes = {"mels": 6, "bins": FRONT.bins, "units": 5, "encoder_units": 3, "embedding_units": 4}
    sizes |= {"attention_units": 3, "prenet_units": 4, "postnet_filters": 4}
    model = Synthesizer(NUMBERS, 2, **sizes)
    model.build()
    rng = np.random.default_rng(3)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=0.3, size=weight.shape))
    stop = np.zeros(model.stop.kernel.shape)
    stop[-1] = 5.0
    model.stop.kernel.assign(stop)
    return signatures.Signatures(model, FRONT, 1)


@pytest.fixture(scope="module")
def speak(parts):
    spec = [tf.TensorSpec([None], tf.string), tf.TensorSpec([], tf.float32)]
    function = tf.function(parts.speak, input_signature=spec)

    def call(texts, speed=1.0):
        answer = function(tf.constant(texts, tf.string), tf.constant(speed, tf.float32))
        return {name: value.numpy() for name, value in answer.items()}

    return call


@pytest.fixture(scope="module")
def together(speak):
    return speak(TEXTS)


def samples(wav):
    waveform, rate = read_wav(tf.constant(wav))
    assert rate == FRONT.rate
    return waveform.numpy()


def test_each_text_has_a_sound_that_ends(together):
    bound = [0.25 * (len(text) + 2) + 1.2 * (len(text) // 60 + 1) for text in TEXTS]
    for text, wav, score, seconds in zip(
        TEXTS, together["audio_bytes"], together["score"], bound, strict=True
    ):
        if not any(map(str.isalpha, text)):
            assert (wav, score) == (b"", 0.0)
            continue
        sound = samples(wav)
        assert 0 < len(sound) / FRONT.rate <= seconds
        assert np.abs(sound).max() <= vocoder.PEAK + 1e-3
        assert 0 <= score <= 1


def test_neighbours_and_padding_have_no_part_and_the_bytes_are_the_same(speak, together):
    for row, text in enumerate(TEXTS):
        alone = speak([text])
        again = speak([text])
        for name, values in together.items():
            assert alone[name][0] == again[name][0]
            if name != "audio_bytes":
                assert alone[name][0] == pytest.approx(values[row], abs=1e-6)
        if alone["audio_bytes"][0]:
            one, other = samples(alone["audio_bytes"][0]), samples(together["audio_bytes"][row])
            assert len(one) == len(other)
            # Sums of another order in the last bits, and then rounding to 16.
            assert np.abs(one - other).max() < 0.02


def test_no_text_and_no_readable_text(speak):
    assert [len(values) for values in speak([]).values()] == [0, 0, 0]
    answer = speak(["", "Привет"])
    assert answer["audio_bytes"].tolist() == [b"", b""]
    assert answer["score"].tolist() == [0, 0]
    assert [left.decode() for left in answer["unread"]] == ["", "привет"]


def test_what_is_left_out_is_told_and_lowers_the_score(speak, together):
    assert together["unread"][4] == b"5"
    whole, part = speak(["zoe"]), speak(["zoë 5"])
    assert part["score"][0] == pytest.approx(whole["score"][0] * 3 / 4)


def test_speed(speak):
    lengths = [len(samples(speak(["hello, world."], speed)["audio_bytes"][0])) for speed in (1, 2)]
    pause = signatures.PAUSE * FRONT.rate
    assert lengths[1] - pause == pytest.approx((lengths[0] - pause) / 2, abs=100)
    for speed in (0.4, 2.1, float("nan")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"`speed` must be from 0\.5 to 2"):
            speak(["a"], speed)


def test_a_text_too_long_is_not_spoken(speak):
    long = "a" * (LONGEST_TEXT + 1)
    answer = speak([long, "a"])
    assert (answer["audio_bytes"][0], answer["score"][0]) == (b"", 0)
    assert answer["unread"][0].decode() == long
    assert answer["audio_bytes"][1]


def test_speech_that_never_ends_is_cut_at_the_bound_with_score_0(parts):
    model = parts.model
    stop = model.stop.kernel.numpy()
    model.stop.kernel.assign(-stop)
    try:
        endless = signatures.Signatures(model, FRONT, 0)
        answer = endless.serving_default(tf.constant(["abc"]))
    finally:
        model.stop.kernel.assign(stop)
    seconds = len(samples(answer["audio_bytes"].numpy()[0])) / FRONT.rate
    assert seconds == pytest.approx(0.25 * 4 + 1.0 + signatures.PAUSE, abs=0.06)
    assert answer["score"].numpy() == 0


def test_mel_gives_frames_and_alignment(parts):
    answer = parts.mel(tf.constant(["ab, c", "", "a" * (LONGEST + 1)]))
    assert answer["characters"].numpy()[0].tolist() == [b"a", b"b", b",", b" ", b"c", b""]
    frames = answer["frames"].numpy()
    assert frames[0] > 0 == frames[1] == frames[2]
    assert answer["mel"].shape == (3, frames[0], 6)
    assert answer["alignment"].shape == (3, frames[0] // 4, 6)
    np.testing.assert_allclose(answer["alignment"][0].numpy().sum(axis=1), 1, rtol=1e-5)
    assert answer["unread"].numpy()[2] == b"a" * (LONGEST + 1)
    assert not answer["score"].numpy()[1:].any()


def test_another_voice_sounds_otherwise(parts):
    sounds = [
        signatures.Signatures(parts.model, FRONT, voice).mel(tf.constant(["hello"]))["mel"].numpy()
        for voice in (0, 1)
    ]
    size = min(len(sounds[0][0]), len(sounds[1][0]))
    assert np.abs(sounds[0][0][:size] - sounds[1][0][:size]).max() > 1e-3


def test_the_export_says_what_it_is(parts, tmp_path):
    about = tmp_path / "about.json"
    about.write_text(json.dumps({"voice": "demo"}))
    exported = signatures.speech_export(parts.model, FRONT, 0, {"about": about})
    assert [name for name, _ in exported.warmup] == [*exported.signatures]
    assert {*exported.signatures} == {"serving_default", "speak", "mel"}
