"""The choice among texts by the sound and a language model, and language models that are none."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.speech_to_text.rescoring import best, language_model

TEXTS = np.array([[b"their", b"there", b"th"], [b"go", b"", b""]], object)
LOG_PROBS = np.array([[-1.0, -1.5, -1.4], [-0.1, -3.0, -1e9]])


def prefers(*words):
    """A language model that knows these words, with 1 nat a character, and others with 3."""

    def score(texts):
        characters = np.array([len(text) + 1.0 for text in texts])
        nats = np.array([1.0 if text in words else 3.0 for text in texts])
        return characters * nats, characters

    return score


def test_the_language_model_decides_as_much_as_it_weighs():
    assert best(TEXTS, LOG_PROBS, prefers(b"there"), 0.0).tolist() == [0, 0]
    assert best(TEXTS, LOG_PROBS, prefers(b"there"), 0.01).tolist() == [0, 0]
    assert best(TEXTS, LOG_PROBS, prefers(b"there"), 0.5).tolist() == [1, 0]


def test_a_model_that_knows_no_text_better_does_not_prefer_short_ones():
    assert best(TEXTS, LOG_PROBS, prefers(), 10.0).tolist() == [0, 0]


def test_beams_without_a_text_are_never_chosen():
    assert best(TEXTS[1:], LOG_PROBS[1:], prefers(b""), 1e3)[0] != 2


def export(folder, outputs):
    module = tf.Module()
    module.score = tf.function(outputs, input_signature=[tf.TensorSpec([None], tf.string, "text")])
    tf.saved_model.save(module, str(folder), signatures={"score": module.score})
    return folder


def test_it_is_reached_through_its_saved_model(tmp_path):
    def two_bits(text):
        characters = tf.strings.length(text)
        return {"bits_per_char": tf.fill(tf.shape(text), 2.0), "characters": characters}

    score = language_model(export(tmp_path / "1", two_bits))
    nats, characters = score([b"abc", b""])
    np.testing.assert_allclose(characters, [4, 1])  # with the end of the line
    np.testing.assert_allclose(nats, np.array([4, 1]) * 2 * np.log(2))


def test_another_model_is_refused(tmp_path):
    folder = export(tmp_path / "1", lambda text: {"length": tf.strings.length(text)})
    with pytest.raises(ValueError, match="`language_model` must be an export of charlm"):
        language_model(folder)
