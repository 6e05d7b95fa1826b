"""Transcripts as the characters that the model writes: a to z, the space and the apostrophe."""

import itertools
import re

CHARACTERS = " 'abcdefghijklmnopqrstuvwxyz"  # of the classes 1, 2, ...; class 0 is CTC's blank
_APOSTROPHES = str.maketrans("’‘ʼ`´", "'''''")
_SILENT = re.compile(r'[.,;:!?"“”„«»…¿¡()\[\]{}]')  # signs that nobody reads aloud
_BREAKS = re.compile(r"[\s\-‐‑‒–—/_]+")  # what stands between words
_NUMBERS = {character: number for number, character in enumerate(CHARACTERS, start=1)}


class TranscriptError(ValueError):
    """A transcript that cannot be spelt; its text is the kind of fault."""


def clean(text: str) -> str:
    """A transcript in small letters, without punctuation, one space between words.

        "Well-known: it’s  GO." -> "well known it's go"

    Raises:
        TranscriptError: digits or signs that are read aloud, in more than one way (1905, &), or
            letters other than a to z; or nothing is left.
    """
    text = _SILENT.sub(" ", text.translate(_APOSTROPHES).lower())
    text = _BREAKS.sub(" ", text).strip()
    others = sorted({*text} - {*CHARACTERS})
    if any(character.isdigit() for character in others):
        raise TranscriptError("digits in the transcript (write them as words)")
    if any(character.isalpha() for character in others):
        raise TranscriptError("letters other than a to z in the transcript")
    if others:
        raise TranscriptError("signs in the transcript that are read aloud or unknown")
    if not text.strip("' "):
        raise TranscriptError("no transcript")
    return text


def to_labels(text: str) -> list[int]:
    """The classes of a cleaned transcript: "a b" -> [3, 1, 4]."""
    return [_NUMBERS[character] for character in text]


def least_frames(labels: list[int]) -> int:
    """Frames without which CTC has no path: one for each label, and a blank between equal ones.

    "see" -> 4
    """
    repeats = sum(one == next_one for one, next_one in itertools.pairwise(labels))
    return len(labels) + repeats
