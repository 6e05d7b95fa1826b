"""Utterances: what a source lists of a split, which of them can be used, and what is told of it."""

import functools
import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from datasets.faults import Faults
from datasets.files import broken_letters
from datasets.speech.audio import Audio, Unusable, check_audio, clipped_share, read_audio

CLIPPED = 0.001  # share of samples at full scale from which a recording counts as clipped

# An utterance is counted under one of these at most, or under one of audio.py's.
NO_TEXT = "recording whose transcript is empty"
NO_LINE = "audio file without a transcript"
NO_FILE = "transcript without an audio file"
REPEATED = "further transcript of a recording"
NOT_UTF8 = "line that is not UTF-8"

_CHUNK = 256  # utterances that threads check at a time


class Utterance(NamedTuple):
    """One recording and its text; `audio()` decodes or makes the sound."""

    id: str
    text: str
    speaker: str  # "" if unknown
    audio: Callable[[], Audio]


class Survey(NamedTuple):
    """What can be used of a split, in its order, and what was found in a pass over the sound."""

    usable: tuple[Utterance, ...]
    faults: Faults
    lengths: tuple[float, ...]  # seconds of each utterance
    rates: tuple[int, ...]  # Hz, of each utterance
    clipped: tuple[str, ...]  # ids of recordings with many samples at full scale; they stay


def survey(utterances: Sequence[Utterance], faults: Faults, limit: int | None) -> Survey:
    """Decodes each utterance once, until `limit` of them can be used; the others go to `faults`."""
    usable, lengths, rates, clipped = [], [], [], []
    waiting = iter(utterances)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while (limit is None or len(usable) < limit) and (chunk := list(islice(waiting, _CHUNK))):
            for utterance, result in zip(chunk, pool.map(_check, chunk), strict=True):
                if isinstance(result, str):
                    faults.add(result, utterance.id)
                elif limit is None or len(usable) < limit:
                    usable.append(utterance)
                    lengths.append(result[0])
                    rates.append(result[1])
                    clipped += [utterance.id] * (result[2] >= CLIPPED)
    return Survey(tuple(usable), faults, tuple(lengths), tuple(rates), tuple(clipped))


def _check(utterance: Utterance) -> str | tuple[float, int, float]:
    """The kind of fault, or (seconds, rate, share of samples at full scale)."""
    if broken_letters(utterance.text):
        return NOT_UTF8
    if not utterance.text:
        return NO_TEXT
    try:
        waveform, rate = utterance.audio()
        check_audio(waveform, rate)
    except Unusable as error:
        return error.kind
    return len(waveform) / rate, rate, clipped_share(waveform)


def recording(path: Path, name: str, text: str, speaker: str = "") -> Utterance:
    """An utterance that lies in an audio file."""
    return Utterance(name, tidy(text), speaker, functools.partial(read_audio, path))


def tidy(text: str) -> str:
    """Unicode NFC, stripped, each run of white space one space."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip()


def share_of(key: str) -> float:
    """A number of [0, 1) that depends on `key` alone and is the same on every machine."""
    digest = sha256(key.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def split_of(key: str) -> str:
    """The split that a speaker (or, of unknown speakers, a recording) hashes to: 80/10/10."""
    share = share_of(key)
    return "train" if share < 0.8 else "dev" if share < 0.9 else "test"
