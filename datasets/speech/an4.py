"""CMU AN4: spoken letters, numbers, dates and commands; census data of 1991, 16 kHz.

Acero, "Acoustical and Environmental Robustness in Automatic Speech Recognition", CMU, 1990.

    an4/etc/an4_train.{fileids,transcription}   948 utterances of 74 speakers, a line each
    an4/etc/an4_test.{fileids,transcription}    130 utterances of 10 other speakers
    an4/wav/an4_clstk/SPEAKER/*.sph             or .flac, .wav: what the fileids name
"""

import re
from collections.abc import Iterable
from pathlib import Path

from datasets.faults import Faults
from datasets.files import check_place, read_lines
from datasets.inspection import share_of
from datasets.speech.audio import ENDINGS
from datasets.speech.utterances import NO_FILE, NO_LINE, Utterance, recording

HELD_OUT = 8  # speakers of dev, and of test where the published test is not there

_LINE = re.compile(r"(?:<s>)?(.*?)(?:</s>)?\s*\(([^()]*)\)\s*")
_HINT = (
    "the folder that holds an4/etc and an4/wav, as an4_sphere.tar.gz unpacks "
    "(http://www.speech.cs.cmu.edu/databases/an4/)"
)


def utterances(split: str, data_dir: Path | str | None, faults: Faults) -> list[Utterance]:
    """The utterances of a split in the order of the fileids; the source's capitals lower-cased.

    test is the published test part where it is there. dev, and test where it is not, are `HELD_OUT`
    speakers each of the published training part: the first by the sha256 of their names (dev, then
    test); train has the others. Folders whose names differ in a digit at the end alone (mdcs,
    mdcs2) are taken for one speaker's.

    Raises:
        ValueError: a file is not there or has another layout.
    """
    root = _root(data_dir)
    published = _table(root, "test", "fileids").is_file()
    if split == "test" and published:
        return _recordings(root, _lines(root, "test"), faults)
    lines = _lines(root, "train")
    people = sorted({_person(fileid) for fileid, _ in lines}, key=share_of)
    bounds = {"dev": (0, HELD_OUT), "test": (HELD_OUT, 2 * HELD_OUT), "train": (2 * HELD_OUT, None)}
    if published:
        bounds["train"] = (HELD_OUT, None)
    members = people[slice(*bounds[split])]
    return _recordings(root, [line for line in lines if _person(line[0]) in members], faults)


def raw_files(data_dir: Path | str | None) -> list[Path]:
    """The fileids and transcriptions, and each recording that they name."""
    root = _root(data_dir)
    parts = [part for part in ("train", "test") if _table(root, part, "fileids").is_file()]
    tables = [_table(root, part, kind) for part in parts for kind in ("fileids", "transcription")]
    files = [_audio_file(root, fileid) for part in parts for fileid, _ in _lines(root, part)]
    return [*tables, *filter(None, files)]


def _root(data_dir: Path | str | None) -> Path:
    """The folder an4/, which `data_dir` is or holds."""
    place = check_place(data_dir, _HINT)
    for root in (place / "an4", place):
        if _table(root, "train", "fileids").is_file():
            return root
    raise ValueError(f"`data_dir` must be {_HINT}. Not in {place}: an4/etc/an4_train.fileids.")


def _table(root: Path, part: str, kind: str) -> Path:
    return root / "etc" / f"an4_{part}.{kind}"


def _lines(root: Path, part: str) -> list[tuple[str, str | None]]:
    """(fileid, its words or None) in the order of the fileids."""
    texts: dict[str, str] = {}
    table = _table(root, part, "transcription")
    if not table.is_file():
        raise ValueError(f"`data_dir` must be {_HINT}. Not there: {table}.")
    for number, line in enumerate(read_lines(table), start=1):
        if not (match := _LINE.fullmatch(line)):
            raise ValueError(f"{table}, line {number}, must be `WORDS (ID)`. Got {line[:80]!r}.")
        texts[match[2]] = match[1].lower()
    fileids = [line.strip() for line in read_lines(_table(root, part, "fileids"))]
    return [(fileid, texts.get(fileid.rpartition("/")[2])) for fileid in fileids if fileid]


def _person(fileid: str) -> str:
    """The speaker of `an4_clstk/mdcs2/cen1-mdcs2-b`: mdcs."""
    return Path(fileid).parent.name.rstrip("0123456789")


def _audio_file(root: Path, fileid: str) -> Path | None:
    paths = (root / "wav" / f"{fileid}{ending}" for ending in ENDINGS)
    return next((path for path in paths if path.is_file()), None)


def _recordings(root: Path, lines: Iterable[tuple[str, str | None]], faults: Faults) -> list:
    recordings = []
    for fileid, text in lines:
        path = _audio_file(root, fileid)
        if path is None or text is None:
            faults.add(NO_FILE if path is None else NO_LINE, fileid)
            continue
        name = fileid.rpartition("/")[2]
        recordings.append(recording(path, name, text, Path(fileid).parent.name))
    return recordings
