"""What recognisers understand of eSpeak's speech."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines import audio
from pipelines.text_to_speech import metrics
from pipelines.text_to_speech.ears import ear

TEXTS = ["turn the light on", "open the door", "good morning"]


def test_pocketsphinx_chooses_the_text_that_was_said():
    pytest.importorskip("pocketsphinx")
    espeak = pytest.importorskip("datasets.speech.espeak")
    pytest.importorskip("espeakng_loader")
    hear = ear("pocketsphinx", None, [*TEXTS, "xqzzt"])
    wavs = [audio.wav_bytes(*espeak.speak(text)).numpy() for text in TEXTS]
    silence = audio.wav_bytes(tf.zeros([8000]), 8000).numpy()
    rng = np.random.default_rng(0)
    noise = audio.wav_bytes(rng.normal(scale=0.1, size=8000).astype(np.float32), 8000).numpy()
    heard = hear([*wavs, silence, noise, b""])
    assert metrics.word_error(TEXTS, heard[:3]) <= 1 / 3
    assert heard[-1] == ""


def test_an_ear_that_knows_no_word_and_one_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="`--ear` must name"):
        ear("speech_to_text", tmp_path, [])
    pytest.importorskip("pocketsphinx")
    with pytest.raises(ValueError, match="`ears` must know a word"):
        ear("pocketsphinx", None, ["xqzzt"])
