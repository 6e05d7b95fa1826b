"""LibriSpeech: read books in English, 1,000 hours of 2,484 speakers, 16 kHz.

Panayotov, Chen, Povey and Khudanpur, "Librispeech: an ASR corpus based on public domain audio
books", ICASSP 2015; https://www.openslr.org/12.

    LibriSpeech/train-clean-100/SPEAKER/CHAPTER/SPEAKER-CHAPTER.trans.txt   ID TEXT, a line each
    LibriSpeech/train-clean-100/SPEAKER/CHAPTER/SPEAKER-CHAPTER-0000.flac
"""

from collections.abc import Iterator
from pathlib import Path

from datasets.faults import Faults
from datasets.files import check_place, read_lines
from datasets.speech.utterances import NO_FILE, NO_LINE, Utterance, recording

_HINT = (
    "the folder that holds LibriSpeech/, with train-*, dev-* and test-* as their archives unpack "
    "(https://www.openslr.org/12)"
)


def utterances(split: str, data_dir: Path | str | None, faults: Faults) -> list[Utterance]:
    """The utterances of all folders of a split that are there (dev-clean and dev-other, say).

    They are sorted by folder, speaker, chapter and number; the source's capitals are lower-cased.

    Raises:
        ValueError: there is no folder of the split, or none of transcripts in it.
    """
    root = _root(data_dir)
    found = []
    for part in _parts(root, split):
        for table in _tables(part):
            found += _chapter(table, faults)
    if not found:
        raise ValueError(f"`data_dir` must be {_HINT}. Got no {split}-*/*/*/*.trans.txt in {root}.")
    return found


def raw_files(data_dir: Path | str | None) -> list[Path]:
    """The transcripts and recordings of all parts that are there."""
    root = _root(data_dir)
    parts = [part for split in ("train", "dev", "test") for part in _parts(root, split)]
    tables = [table for part in parts for table in _tables(part)]
    return [path for table in tables for path in (table, *sorted(table.parent.glob("*.flac")))]


def _root(data_dir: Path | str | None) -> Path:
    place = check_place(data_dir, _HINT)
    return place / "LibriSpeech" if (place / "LibriSpeech").is_dir() else place


def _parts(root: Path, split: str) -> list[Path]:
    return sorted(path for path in root.glob(f"{split}-*") if path.is_dir())


def _tables(part: Path) -> list[Path]:
    return sorted(part.glob("*/*/*.trans.txt"))


def _chapter(table: Path, faults: Faults) -> Iterator[Utterance]:
    """The utterances of a chapter; lines and recordings that lack each other go to `faults`."""
    speaker = table.parent.parent.name
    files = {path.stem: path for path in table.parent.glob("*.flac")}
    for line in filter(str.strip, read_lines(table)):
        name, _, text = line.strip().partition(" ")
        if path := files.pop(name, None):
            yield recording(path, name, text.lower(), speaker)
        else:
            faults.add(NO_FILE, name)
    for name in sorted(files):
        faults.add(NO_LINE, name)
