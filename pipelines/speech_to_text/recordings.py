"""The recordings that `predict` is given: as files, folders or standard input, and as subtitles."""

import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import soundfile
import tensorflow as tf

from datasets.files import read_small
from datasets.speech.audio import ENDINGS, check_whole
from pipelines.audio import read_wav, wav_bytes

LARGEST = 2**30  # bytes of a file
PAUSE, LONGEST = 1.0, 6.0  # seconds: a subtitle ends before such a pause, or when it is so long


class Recording(NamedTuple):
    """A recording as a WAV file; of what cannot be read b"" and the fault."""

    name: str
    wav: bytes
    fault: str = ""


class Word(NamedTuple):
    """A word, and the seconds at which it begins and ends."""

    text: str
    start: float
    end: float


def read_inputs(inputs: Sequence[str]) -> Iterator[Recording]:
    """Each recording, in the order given, read when it is its turn.

    Raises:
        ValueError: no inputs, or an input is neither a file, nor a folder with recordings, nor `-`.
    """
    if not inputs:
        raise ValueError("`inputs` must be files, folders, or `-` for standard input. Got none.")
    return map(_read, [path for name in inputs for path in _paths(name)])


def _read(path: Path | None) -> Recording:
    name = "-" if path is None else str(path)
    try:
        contents = sys.stdin.buffer.read() if path is None else read_small(path, LARGEST)
        return Recording(name, as_wav(contents))
    except (ValueError, OSError) as error:
        return Recording(name, b"", str(error))


def _paths(name: str) -> list[Path | None]:
    if name == "-":
        return [None]
    path = Path(name)
    if not path.is_dir():
        if not path.is_file():
            raise ValueError(f"`inputs` must be files, folders, or `-`. Not found: {name}.")
        return [path]
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in ENDINGS)
    if not files:
        raise ValueError(f"`inputs` must hold recordings ({', '.join(ENDINGS)}). {name} has none.")
    return files


def as_wav(contents: bytes) -> bytes:
    """A file's content as the exported graph reads it: WAV as it is, other formats decoded.

    Raises:
        ValueError: neither WAV nor a format that libsndfile reads, or cut off.
    """
    if int(read_wav(tf.constant(contents))[1]):
        return contents
    check_whole(contents)
    try:  # of any length: `datasets.speech` reads utterances, and cuts what is longer
        samples, rate = soundfile.read(io.BytesIO(contents), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"not a recording that can be read: {error.error_string}") from error
    return wav_bytes(samples.mean(axis=1), rate).numpy()


def words_of(characters: Iterable[str], times: Sequence[float], step: float) -> list[Word]:
    """Characters and the seconds at which they appear as words.

    A word begins one step before its first character and ends with its last: ["h", "i", " ", "u"]
    at 0.1, 0.2, 0.3, 0.5 with step 0.04 -> hi from 0.06 to 0.2, u from 0.46 to 0.5.

    Args:
        characters, times: of the signature `align`.
        step: seconds between two frames of the model.
    """
    words: list[Word] = []
    inside = False
    for character, moment in zip(characters, map(float, times), strict=True):
        if character == " ":
            inside = False
        elif inside:
            words[-1] = Word(words[-1].text + character, words[-1].start, moment)
        else:
            inside = True
            words.append(Word(character, max(0.0, moment - step), moment))
    return words


def subtitles(words: Iterable[Word]) -> Iterator[str]:
    """Lines of a SubRip file (.srt), a subtitle for each stretch without a longer pause."""
    groups: list[list[Word]] = []
    for word in words:
        last = groups[-1] if groups else None
        if last and word.start - last[-1].end < PAUSE and word.end - last[0].start <= LONGEST:
            last.append(word)
        else:
            groups.append([word])
    for number, group in enumerate(groups, start=1):
        yield str(number)
        yield f"{_clock(group[0].start)} --> {_clock(group[-1].end)}"
        yield " ".join(word.text for word in group)
        yield ""


def _clock(seconds: float) -> str:
    """3661.5 -> "01:01:01,500"."""
    whole = round(seconds * 1000)
    minutes, thousandths = divmod(whole, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{thousandths // 1000:02d},{thousandths % 1000:03d}"
