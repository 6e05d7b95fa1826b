"""Texts composed in a graph are those that `unicodedata` composes."""

import unicodedata

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from pipelines.unicode import compose, compositions

SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")


def letters():
    """All precomposed and plain letters of the three scripts."""
    named = ((chr(code), unicodedata.name(chr(code), "")) for code in range(0x2FFFF))
    return [letter for letter, name in named if name.startswith(SCRIPTS) and letter.isalpha()]


graph = tf.function(compose, input_signature=[tf.TensorSpec([None], tf.string)])


def composed(*texts):
    return [text.decode() for text in graph(tf.constant(texts, tf.string)).numpy()]


def test_every_letter_of_three_scripts_is_composed():
    all_letters = letters()
    assert len(all_letters) > 1500
    expected = [unicodedata.normalize("NFC", letter) for letter in all_letters]
    decomposed = [unicodedata.normalize("NFD", letter) for letter in all_letters]
    assert sum(map(len, decomposed)) > len(all_letters) + 500
    assert composed(*decomposed) == expected
    assert composed("".join(decomposed)) == ["".join(expected)]


@hypothesis.given(
    st.lists(st.text(st.sampled_from("aeoiusncAE αωυβ ие.1")), min_size=1, max_size=4),
    st.sampled_from(["", "\u0301", "\u0308", "\u0313\u0300\u0345", "\u0327"]),
)
@hypothesis.settings(deadline=None, max_examples=50)
def test_texts_with_marks_are_composed(texts, marks):
    texts = [unicodedata.normalize("NFD", (marks + " ").join([*text, ""])) for text in texts]
    assert composed(*texts) == [unicodedata.normalize("NFC", text) for text in texts]


@pytest.mark.parametrize("text", ["", "plain", "é", "क्षि", "\u0301", "👩‍👩‍👧", "cliché"])
def test_other_texts_stay(text):
    assert composed(text, "e\u0301") == [text, "é"]


def test_no_text_at_all():
    assert composed() == []


def test_marks_do_not_reach_the_next_text():
    assert composed("e", "\u0301") == ["e", "\u0301"]


def test_no_composed_pair_overlaps_with_the_next():
    """A second code point that begins another pair would be taken twice."""
    keys, _ = compositions()
    assert not {key & 0xFFFFFFFF for key in keys.tolist()} & {key >> 32 for key in keys.tolist()}
    assert np.all(np.diff(keys) > 0)
