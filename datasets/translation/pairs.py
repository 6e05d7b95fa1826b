"""Your own sentence pairs: two aligned files, or one tab-separated file (Tatoeba's layout, too)."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from datasets.translation.cleaning import RawPair, tidy
from datasets.translation.files import (
    check_folder,
    find_files,
    plain_name,
    read_aligned,
    read_lines,
)

SPLIT_NAMES = {
    "train": ("train", "training"),
    "dev": ("dev", "val", "valid", "validation"),
    "test": ("test",),
}
SHARES = {"dev": 5, "test": 5}  # percent of the sources, where a split has no files of its own
_ENGLISH = ("en", "eng", "english")
_TABLES = (".tsv", ".txt")
_HINT = (
    "a folder with two aligned text files (NAME.{source} and NAME.{target}), or one of either kind "
    "for each split (train, dev, test), or one tab-separated file (.tsv or .txt); all may be "
    "packed (.gz, .xz)."
)


def raw_pairs(
    split: str, data_dir: Path | str | None, *, source: str, target: str
) -> list[RawPair]:
    """(id, source, target) of each line of a split.

    A split with files of its own (train.en and train.de, or dev.tsv) has all their lines. Where
    there are no such files for dev or test, the split's pairs are those of train (or of the one
    file that there is) whose source sentence hashes to it, and train has the others.

    Raises:
        ValueError: the folder has no such files, or several that could be meant; two aligned files
            differ in length.
    """
    place = check_folder(data_dir, _HINT)
    given = _given_splits(place, source, target)
    own = given.get(split)
    if own is not None and (split != "train" or len(given) == len(SPLIT_NAMES)):
        return _read(own, source, target)
    held_out = [name for name in SHARES if name not in given]
    return [
        pair
        for pair in _read(given["train"], source, target)
        if split_of(pair[1] or "", held_out) == split
    ]


def split_of(sentence: str, held_out: Sequence[str] = ("dev", "test")) -> str:
    """The split that a source sentence is in, by a hash of it: the same on every machine.

    Case, white space and punctuation do not count, so that no source stands in two splits under
    two spellings; each of `held_out` gets 5 of 100 sentences.
    """
    key = re.sub(r"[\W_]+", " ", tidy(sentence).casefold()).strip() or tidy(sentence)
    digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
    place = int.from_bytes(digest[:8], "big") % 100
    for name in SHARES:  # in a fixed order: dev stays dev when test gets a file of its own
        if place < SHARES[name]:
            return name if name in held_out else "train"
        place -= SHARES[name]
    return "train"


def _given_splits(place: Path, source: str, target: str) -> dict[str, tuple[Path, ...]]:
    """Split -> its two aligned files, or its one table; "train" is always there."""
    if place.is_file():
        return {"train": (place,)}
    files = find_files(place)
    found = {}
    for split, names in SPLIT_NAMES.items():
        for name in names:
            aligned = (f"{name}.{source}", f"{name}.{target}")
            tables = [name + ending for ending in _TABLES if name + ending in files]
            if all(file in files for file in aligned):
                found.setdefault(split, tuple(files[file] for file in aligned))
            elif tables:
                found.setdefault(split, (files[tables[0]],))
    if "train" not in found:
        found["train"] = _only_files(files, place, source, target)
    return found


def _only_files(files: dict[str, Path], place: Path, source: str, target: str) -> tuple[Path, ...]:
    stems = [name.removesuffix(f".{source}") for name in files if name.endswith(f".{source}")]
    stems = [stem for stem in stems if f"{stem}.{target}" in files]
    if len(stems) == 1:
        return files[f"{stems[0]}.{source}"], files[f"{stems[0]}.{target}"]
    tables = [name for name in files if name.endswith(".tsv")] or [
        name for name in files if name.endswith(".txt") and not name.startswith(("_", "README"))
    ]
    if len(tables) > 1:  # such as deu-eng.tsv beside fra-eng.tsv, for "de" and "en"
        both = [name for name in tables if _names(name, source) and _names(name, target)]
        tables = both or tables
    if stems or len(tables) != 1:
        candidates = ", ".join(sorted([*stems, *tables])) or "none that fits"
        raise ValueError(
            f"`data_dir` must be {_HINT} Got {place} for source {source!r} and target {target!r}: "
            f"{candidates}. `data_dir` may also be the one file itself."
        )
    return (files[tables[0]],)


def _names(file: str, language: str) -> bool:
    """Whether a part of the file's name begins with the language: "de" in deu-eng.tsv."""
    parts = re.split(r"[^a-z]+", file.lower())
    return any(part.startswith(language.lower()) for part in parts)


def _read(files: tuple[Path, ...], source: str, target: str) -> list[RawPair]:
    if len(files) == 2:
        return read_aligned(*files)
    (table,) = files
    name = plain_name(table).rpartition(".")[0]
    rows = [line.split("\t") for line in read_lines(table)]
    first, columns = 0, _columns(source, target)
    if rows and {source.lower(), target.lower()} <= {cell.strip().lower() for cell in rows[0]}:
        header = [cell.strip().lower() for cell in rows[0]]
        first, columns = 1, (header.index(source.lower()), header.index(target.lower()))
    return [
        (f"{name}:{line}", *((row[c] for c in columns) if len(row) > max(columns) else (None,) * 2))
        for line, row in enumerate(rows[first:], start=first + 1)
    ]


def _columns(source: str, target: str) -> tuple[int, int]:
    """Of a table without a header: English is first, as in Tatoeba's; else the source is."""
    return (1, 0) if target.lower() in _ENGLISH and source.lower() not in _ENGLISH else (0, 1)
