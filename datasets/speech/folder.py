"""The user's own recordings, nested as they like, and a table of their transcripts beside them.

transcripts.tsv (or any single .tsv, .txt)     NAME<TAB>TEXT, with a header or not
metadata.csv, wavs/                            LJSpeech's ID|RAW|NORMALISED
train.tsv, dev.tsv, test.tsv, clips/           Common Voice's, with client_id, path, sentence
"""

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from datasets.faults import Faults
from datasets.files import check_place, find_files, find_splits
from datasets.speech.audio import ENDINGS
from datasets.speech.tables import Row, read_rows
from datasets.speech.utterances import (
    NO_FILE,
    NO_LINE,
    REPEATED,
    Utterance,
    recording,
    split_of,
)

AMBIGUOUS = "name that several audio files share"

_TABLES = (".tsv", ".txt", ".csv")
_USUAL = ("transcripts", "metadata")
_HINT = "a folder of audio files with a table of their transcripts (transcripts.tsv, NAME<TAB>TEXT)"
_SHARED = ""  # stands for a name that several files share


def utterances(split: str, data_dir: Path | str | None, faults: Faults) -> list[Utterance]:
    """The recordings of a split, in the order of the table; ids are paths below the folder.

    Where there are tables of splits (train.tsv, dev.tsv, test.tsv), they say what is in each, and
    recordings that none of them names are passed over. Else a speaker is in the split that the name
    hashes to, all together; so is each recording where speakers are not known: about 80, 10 and 10
    of a hundred. Texts of a table without a small letter are lower-cased.

    Raises:
        ValueError: there is no such folder, no table or several; a table that can be read in two
            ways; a recording, or a speaker, in two splits' tables; an empty split.
    """
    root = check_place(data_dir, _HINT)
    files = _audio_files(root)
    index = _index(files)
    tables = find_splits(root, [".tsv"])
    if tables:
        found = _of_tables(split, root, tables, index, faults)
    else:
        found = _of_hash(split, _rows(_table(root), index, faults), files, index, faults)
    if not found and not faults.counts:
        raise ValueError(
            f"`split` must hold a recording. {root} has none of `{split}`: it has too few speakers "
            "(or recordings) for three splits by hash; train.tsv, dev.tsv and test.tsv name others."
        )
    return [recording(files[name], name, text, speaker) for name, text, speaker in found]


def raw_files(data_dir: Path | str | None) -> list[Path]:
    """The tables that are read, and all recordings."""
    root = check_place(data_dir, _HINT)
    tables = find_splits(root, [".tsv"]).values() or [_table(root)]
    return [*tables, *_audio_files(root).values()]


def _table(root: Path) -> Path:
    """transcripts or metadata (.tsv, .txt, .csv), else the only such file of any name."""
    files = find_files(root, _TABLES)
    usual = [path for name, path in files.items() if Path(name).stem.lower() in _USUAL]
    candidates = usual or list(files.values())
    if len(candidates) == 1:
        return candidates[0]
    raise ValueError(
        f"`data_dir` must be {_HINT}: one table, or train.tsv, dev.tsv and test.tsv. Got "
        f"{', '.join(path.name for path in candidates) or 'none'} in {root}."
    )


def _audio_files(root: Path) -> dict[str, Path]:
    """Every audio file below `root`, hidden ones aside, by its path there (`/`, NFC), sorted."""
    files = {}
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if not name.startswith((".", "__MACOSX"))]
        for name in names:
            path = Path(folder, name)
            if path.suffix.lower() in ENDINGS and not name.startswith("."):
                files[unicodedata.normalize("NFC", path.relative_to(root).as_posix())] = path
    return dict(sorted(files.items()))


def _index(files: Iterable[str]) -> dict[str, str]:
    """What a table may call a recording -> its path: the path or the file's name, ending or not.

    `_SHARED` stands where several recordings share a name.
    """
    index: dict[str, str] = {}
    for path in files:
        stem = path.rpartition(".")[0]
        for name in {path, path.rpartition("/")[2], stem, stem.rpartition("/")[2]}:
            index[name] = _SHARED if index.get(name, path) != path else path
    return index | {path: path for path in files}


def _rows(table: Path, index: dict[str, str], faults: Faults) -> list[Row]:
    """The rows of a table, in lower case where no text has a small letter."""
    rows = list(read_rows(table, lambda name: _plain(name) in index, faults))
    if any(letter.islower() for row in rows for letter in row.text):
        return rows
    return [row._replace(text=row.text.lower()) for row in rows]


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).replace("\\", "/").removeprefix("./")


def _resolved(rows: Iterable[Row], index: dict[str, str], faults: Faults) -> list[Row]:
    """Rows with the paths of their recordings, each once; what has none goes to `faults`."""
    found: dict[str, Row] = {}
    for row in rows:
        path = index.get(_plain(row.name))
        if not path:
            faults.add(NO_FILE if path is None else AMBIGUOUS, row.name)
        elif path in found:
            faults.add(REPEATED, path)
        else:
            found[path] = row._replace(name=path)
    return list(found.values())


def _of_hash(split, rows: list[Row], files: Iterable[str], index, faults: Faults) -> list[Row]:
    """The rows of a split by hash of the speaker, or of the recording where none is known."""

    def path_of(row: Row) -> str:
        return index.get(_plain(row.name)) or row.name

    named = {path_of(row) for row in rows}
    for path in files:
        if path not in named and split_of(path) == split:
            faults.add(NO_LINE, path)
    members = [row for row in rows if split_of(row.speaker or path_of(row)) == split]
    return _resolved(members, index, faults)


def _of_tables(split, root: Path, tables: dict[str, Path], index, faults: Faults) -> list[Row]:
    """The rows of a split's own table, once no other table has its recordings or speakers."""
    if split not in tables:
        there = ", ".join(path.name for path in tables.values())
        raise ValueError(f"{root} must hold {split}.tsv, the table of `{split}`. Got {there}.")
    members = _resolved(_rows(tables[split], index, faults), index, faults)
    for other, table in tables.items():
        if other == split:
            continue
        rows = _resolved(_rows(table, index, Faults()), index, Faults())
        for what, place in (("recording", 0), ("speaker", 2)):
            shared = {row[place] for row in members} & {row[place] for row in rows} - {""}
            if shared:
                raise ValueError(
                    f"A {what} must be in one split only. Got {min(shared)!r} in "
                    f"{tables[split].name} and {table.name} of {root}."
                )
    return members
