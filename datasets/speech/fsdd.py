"""The Free Spoken Digit Dataset: English digits, 50 of each by each speaker, 8 kHz.

https://github.com/Jakobovski/free-spoken-digit-dataset

    recordings/DIGIT_SPEAKER_INDEX.wav      or recordings.tar.xz (.tar.gz) with that folder
"""

import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.arguments import check_choice, check_seed
from datasets.files import check_place, stamps, tar_members
from datasets.speech.audio import Audio, read_audio
from datasets.speech.sentences import DIGITS
from datasets.speech.utterances import Utterance

STRINGS = {"train": 4000, "dev": 300, "test": 300}
LONGEST_STRING = 7  # digits
GAPS = (0.02, 0.4)  # seconds between two digits, before the first and after the last

_NUMBERS = {"train": 0, "dev": 1, "test": 2}
_NAME = re.compile(r"(?:.*/)?(([0-9])_([^/_]+)_(\d+))\.wav")
_ARCHIVES = ("recordings.tar.xz", "recordings.tar.gz", "recordings.tar")
_LARGEST = 2**22  # bytes of a recording; the longest published one has 37 kB
_HINT = "the folder that holds recordings/, or recordings.tar.xz (or .tar.gz) with that folder"


class _Clip(NamedTuple):
    speaker: str
    index: int
    digit: int
    name: str
    file: Path | bytes


def utterances(
    split: str, data_dir: Path | str | None, unheard: str | None = None
) -> list[Utterance]:
    """Single digits in words, sorted by speaker, index and digit.

    By the publisher's rule the indices 0 to 4 of every speaker are test; dev is 5 to 9 here, and
    train the rest: each speaker is in all three. With `unheard`, test is all of that speaker, dev
    all of the next one (in the alphabet, the first after the last), and train the others.

    Raises:
        ValueError: the folder has no recordings; `unheard` is none of the speakers, or there are
            fewer than three.
    """
    clips = _clips(data_dir)
    if unheard is None:
        members = [clip for clip in clips if _official(clip.index) == split]
    else:
        speakers = _speakers(clips, unheard, split)
        members = [clip for clip in clips if clip.speaker in speakers]
    return [
        Utterance(
            clip.name, DIGITS[clip.digit], clip.speaker, functools.partial(read_audio, clip.file)
        )
        for clip in members
    ]


def strings(
    digits: Sequence[Utterance], split: str, seed: int, limit: int | None
) -> list[Utterance]:
    """Strings of 1 to 7 of a split's digits, each of one speaker, with random gaps between them.

    The i-th depends on the digits, the seed, the split and i alone.
    """
    check_seed(seed)
    by_speaker: dict[str, list[Utterance]] = {}
    for digit in digits:
        by_speaker.setdefault(digit.speaker, []).append(digit)
    count = STRINGS[split] if limit is None else min(limit, STRINGS[split])
    return [_string(by_speaker, split, seed, i) for i in range(count)]


def raw_files(data_dir: Path | str | None) -> list[Path]:
    """The archive, or the recordings where they are unpacked."""
    root, archive = _source(data_dir)
    if archive:
        return [archive]
    return sorted(path for path in root.iterdir() if _NAME.fullmatch(path.name))


def _official(index: int) -> str:
    return "test" if index < 5 else "dev" if index < 10 else "train"


def _speakers(clips: Sequence[_Clip], unheard: str, split: str) -> list[str]:
    """The speakers of a split where test is one that training does not hear."""
    speakers = sorted({clip.speaker for clip in clips})
    check_choice("unheard", unheard, speakers)
    if len(speakers) < 3:
        raise ValueError(
            "`unheard` must be one of three speakers or more: one for each split. Got "
            f"{', '.join(speakers)}."
        )
    following = speakers[(speakers.index(unheard) + 1) % len(speakers)]
    others = [speaker for speaker in speakers if speaker not in (unheard, following)]
    return {"train": others, "dev": [following], "test": [unheard]}[split]


def _source(data_dir: Path | str | None) -> tuple[Path, Path | None]:
    """The folder recordings/ (which `data_dir` may be) and None; or `data_dir` and the archive."""
    place = check_place(data_dir, _HINT)
    for root in (place / "recordings", place):
        if root.is_dir() and any(_NAME.fullmatch(path.name) for path in root.iterdir()):
            return root, None
    for name in _ARCHIVES:
        if (place / name).is_file():
            return place, place / name
    raise ValueError(f"`data_dir` must be {_HINT}. Got {str(place)!r}, which holds neither.")


def _clips(data_dir: Path | str | None) -> Sequence[_Clip]:
    _, archive = _source(data_dir)
    if archive:
        return _unpacked(archive, stamps(archive))
    return sorted(_clip(_NAME.fullmatch(path.name), path) for path in raw_files(data_dir))


@functools.lru_cache(maxsize=1)
def _unpacked(archive: Path, state: tuple) -> Sequence[_Clip]:
    """The recordings of an archive, in the memory: all 3,000 have 20 MB."""
    members = tar_members(archive, lambda name: _LARGEST if _NAME.fullmatch(name) else 0)
    return sorted(_clip(_NAME.fullmatch(name), data) for name, data in members)


def _clip(name: re.Match, file: Path | bytes) -> _Clip:
    return _Clip(name[3], int(name[4]), int(name[2]), name[1], file)


def _string(by_speaker: dict[str, list[Utterance]], split: str, seed: int, i: int) -> Utterance:
    rng = np.random.default_rng((seed, _NUMBERS[split], i))
    speaker = list(by_speaker)[rng.integers(len(by_speaker))]
    choices = by_speaker[speaker]
    digits = [
        choices[k] for k in rng.integers(len(choices), size=rng.integers(1, 1 + LONGEST_STRING))
    ]
    sound = functools.partial(_joined, digits, (seed, _NUMBERS[split], i, 1))
    text = " ".join(digit.text for digit in digits)
    return Utterance(f"strings-{seed}-{split}-{i:05d}", text, speaker, sound)


def _joined(digits: Sequence[Utterance], seed: tuple[int, ...]) -> Audio:
    """Digits with gaps between them, which hold noise as quiet as the recordings' quiet parts.

    Raises:
        ValueError: the recordings have several rates.
    """
    rng = np.random.default_rng(seed)
    sounds = [digit.audio() for digit in digits]
    rates = {rate for _, rate in sounds}
    if len(rates) > 1:
        raise ValueError(f"The recordings of {digits[0].speaker} must have one rate. Got {rates}.")
    rate = rates.pop()
    level = np.mean([np.quantile(np.abs(waveform), 0.1) for waveform, _ in sounds])
    gaps = [
        level * rng.standard_normal(int(seconds * rate))
        for seconds in rng.uniform(*GAPS, len(sounds) + 1)
    ]
    pieces = [gaps[0]]
    for (waveform, _), gap in zip(sounds, gaps[1:], strict=True):
        pieces += [waveform, gap]
    return np.clip(np.concatenate(pieces), -1, 1).astype(np.float32), rate
