"""Utterances: what a source lists of a split, which of them can be used, and what is told of it."""

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from datasets.faults import Faults
from datasets.files import broken_letters
from datasets.inspection import Unusable, share_of, usable
from datasets.speech.audio import Audio, check_audio, clipped_share, read_audio

CLIPPED = 0.001  # share of samples at full scale from which a recording counts as clipped

# An utterance is counted under one of these at most, or under one of audio.py's.
NO_TEXT = "recording whose transcript is empty"
NO_LINE = "audio file without a transcript"
NO_FILE = "transcript without an audio file"
REPEATED = "further transcript of a recording"
NOT_UTF8 = "line that is not UTF-8"
_RECORD = {
    "id": tf.TensorSpec([], tf.string),
    "waveform": tf.TensorSpec([None], tf.float32),
    "rate": tf.TensorSpec([], tf.int32),
    "text": tf.TensorSpec([], tf.string),
    "speaker": tf.TensorSpec([], tf.string),
}


class Utterance(NamedTuple):
    """One recording and its text; `audio()` decodes or makes the sound."""

    id: str
    text: str
    speaker: str  # "" if unknown
    audio: Callable[[], Audio]


def stream(utterances: Sequence[Utterance]) -> tf.data.Dataset:
    """Records, as `datasets.speech.load` has them; the sound is decoded or made in each pass."""

    def records() -> Iterator[dict]:
        for utterance in utterances:
            waveform, rate = utterance.audio()
            fields = (utterance.id, waveform, rate, utterance.text, utterance.speaker)
            yield dict(zip(_RECORD, fields, strict=True))

    dataset = tf.data.Dataset.from_generator(records, output_signature=_RECORD)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(utterances)))


class Survey(NamedTuple):
    """What can be used of a split, in its order, and what was found in a pass over the sound."""

    usable: tuple[Utterance, ...]
    faults: Faults
    lengths: tuple[float, ...]  # seconds of each utterance
    rates: tuple[int, ...]  # Hz, of each utterance
    clipped: tuple[str, ...]  # ids of recordings with many samples at full scale; they stay


def survey(utterances: Sequence[Utterance], faults: Faults, limit: int | None) -> Survey:
    """Decodes each utterance once, until `limit` of them can be used; the others go to `faults`."""
    found = list(usable(utterances, _check, faults, limit))
    return Survey(
        tuple(utterance for utterance, _ in found),
        faults,
        tuple(seconds for _, (seconds, _, _) in found),
        tuple(rate for _, (_, rate, _) in found),
        tuple(utterance.id for utterance, (*_, share) in found if share >= CLIPPED),
    )


def _check(utterance: Utterance) -> tuple[float, int, float]:
    """Seconds, rate and the share of samples at full scale.

    Raises:
        Unusable: the utterance is left out.
    """
    if broken_letters(utterance.text):
        raise Unusable(NOT_UTF8)
    if not utterance.text:
        raise Unusable(NO_TEXT)
    waveform, rate = utterance.audio()
    check_audio(waveform, rate)
    return len(waveform) / rate, rate, clipped_share(waveform)


def recording(path: Path, name: str, text: str, speaker: str = "") -> Utterance:
    """An utterance that lies in an audio file."""
    return Utterance(name, tidy(text), speaker, functools.partial(read_audio, path))


def tidy(text: str) -> str:
    """Unicode NFC, stripped, each run of white space one space."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip()


def split_of(key: str) -> str:
    """The split that a speaker (or, of unknown speakers, a recording) hashes to: 80/10/10."""
    share = share_of(key)
    return "train" if share < 0.8 else "dev" if share < 0.9 else "test"
