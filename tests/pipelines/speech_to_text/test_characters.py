"""Transcripts: what is cleaned, what is refused, and how many frames CTC needs for one."""

import pytest

from pipelines.speech_to_text.characters import (
    CHARACTERS,
    TranscriptError,
    clean,
    least_frames,
    to_labels,
)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("GO", "go"),
        ("  Well-known:  it’s “so”. ", "well known it's so"),
        ("yes/no\tmaybe\n", "yes no maybe"),
        ("O'Neil (of A.B.)", "o'neil of a b"),
        ("rock ‘n’ roll", "rock 'n' roll"),
    ],
)
def test_clean(text, cleaned):
    assert clean(text) == cleaned
    assert {*cleaned} <= {*CHARACTERS}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("room 1905", "digits"),
        ("m²", "digits"),
        ("café", "letters other than"),
        ("привет", "letters other than"),
        ("you & me", "signs"),
        ("5%", "digits"),
        ("a \ufffd b", "signs"),
        ("", "no transcript"),
        (" ... ", "no transcript"),
        ("'", "no transcript"),
    ],
)
def test_what_could_be_read_in_several_ways_is_refused(text, kind):
    with pytest.raises(TranscriptError, match=kind):
        clean(text)


def test_labels_are_classes_after_the_blank():
    assert to_labels(" 'az") == [1, 2, 3, 28]
    assert [CHARACTERS[label - 1] for label in to_labels("it's")] == list("it's")


@pytest.mark.parametrize(
    ("text", "frames"), [("", 0), ("a", 1), ("abc", 3), ("see", 4), ("aaa", 5)]
)
def test_a_repeated_character_needs_a_blank_between(text, frames):
    assert least_frames(to_labels(text)) == frames
