"""Your own sentence pairs: two aligned files, or one tab-separated file (Tatoeba's layout, too)."""

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from datasets.files import SPLIT_NAMES, check_place, find_files, read_lines, stamps
from datasets.tabs import fields_of
from datasets.translation.cleaning import RawPair, tidy
from datasets.translation.tables import check_aligned, find_layout, stem

SHARES = {"dev": 5, "test": 5}  # percent of the sources, where a split has no files of its own
_TABLES = (".tsv", ".txt")
_HINT = (
    "a folder with two aligned text files (NAME.{source} and NAME.{target}), or one of either kind "
    "for each split (train, dev, test), or one tab-separated file (.tsv or .txt); all may be "
    "packed (.gz, .xz, .zip)"
)


def raw_pairs(
    split: str,
    data_dir: Path | str | None,
    *,
    source: str,
    target: str,
    shares: Mapping[str, int] = SHARES,
) -> Iterator[RawPair]:
    """(id, source, target) of each line of a split, one by one.

    A split with files of its own (train.en and train.de, or dev.tsv) has all their lines. Where
    there are no such files for dev or test, the split's pairs are those of train (or of the one
    file that there is) whose source sentence hashes to it, and train has the others.

    Args:
        split: `train`, `dev` or `test`.
        data_dir: the folder, or the one file.
        source, target: languages.
        shares: how many of 100 source sentences a split without files of its own gets.

    Raises:
        ValueError: the folder has no such files, or several that could be meant; two aligned files
            differ in length.
    """
    files = split_files(data_dir, source=source, target=target)
    pairs = _read(files.get(split, files["train"]), source, target)
    if split in files and (split != "train" or len(files) == len(SPLIT_NAMES)):
        return pairs
    held_out = [name for name in shares if name not in files]
    return (pair for pair in pairs if split_of(pair[1] or "", held_out, shares) == split)


def split_of(
    sentence: str,
    held_out: Sequence[str] = ("dev", "test"),
    shares: Mapping[str, int] = SHARES,
) -> str:
    """The split that a source sentence is in, by a hash of it: the same on every machine.

    Args:
        sentence: as it lies in the source; see `key_of`.
        held_out: the splits that are taken out of train.
        shares: how many of 100 sentences each split gets.
    """
    place = key_of(sentence) % 100
    for name, share in shares.items():  # in order: dev stays when test gets a file of its own
        if place < share:
            return name if name in held_out else "train"
        place -= share
    return "train"


def key_of(sentence: str) -> int:
    """A hash of 64 bits, the same for two spellings: case, spaces and punctuation do not count."""
    key = re.sub(r"[\W_]+", " ", tidy(sentence).casefold()).strip() or tidy(sentence)
    digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big")


def split_files(
    data_dir: Path | str | None, *, source: str, target: str
) -> dict[str, tuple[Path, ...]]:
    """Split -> its two aligned files, or its one table; "train" is always there."""
    place = check_place(data_dir, _HINT, folder=False)
    if place.is_file():
        return {"train": (place,)}
    files = find_files(place)
    splits: dict[str, tuple[Path, ...]] = {}
    for split, names in SPLIT_NAMES.items():
        for name in names:
            aligned = (f"{name}.{source}", f"{name}.{target}")
            tables = [name + ending for ending in _TABLES if name + ending in files]
            if all(file in files for file in aligned):
                splits.setdefault(split, tuple(files[file] for file in aligned))
            elif tables:
                splits.setdefault(split, (files[tables[0]],))
    if "train" not in splits:
        splits["train"] = _only_files(files, place, source, target)
    return splits


def layouts(data_dir: Path | str | None, *, source: str, target: str) -> dict[str, dict]:
    """By split, how its table is written; nothing of aligned files.

    Raises:
        ValueError: as `raw_pairs`.
    """
    files = split_files(data_dir, source=source, target=target)
    return {
        split: find_layout(*paths, source, target).describe()
        for split, paths in files.items()
        if len(paths) == 1
    }


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
            f"`data_dir` must be {_HINT}. Got {place} for source {source!r} and target {target!r}: "
            f"{candidates}. `data_dir` may also be the one file itself."
        )
    return (files[tables[0]],)


def _names(file: str, language: str) -> bool:
    """Whether a part of the file's name begins with the language: "de" in deu-eng.tsv."""
    parts = re.split(r"[^a-z]+", file.lower())
    return any(part.startswith(language.lower()) for part in parts)


def _read(files: tuple[Path, ...], source: str, target: str) -> Iterator[RawPair]:
    if len(files) == 2:
        check_aligned(files, source, target, stamps(*files))
        return read_aligned(*files)
    return _read_table(*files, source, target)


def read_aligned(source: Path, target: Path) -> Iterator[RawPair]:
    """(id, source, target) of each line of two files that belong together line by line.

    Raises:
        ValueError: the files have different numbers of lines; known at the end of the shorter.
    """
    name = stem(source)
    lines = itertools.zip_longest(read_lines(source), read_lines(target))
    pairs = enumerate(lines, start=1)
    for line, pair in pairs:
        if None in pair:
            longer = line + sum(1 for _ in pairs)
            counts = [line - 1 if side is None else longer for side in pair]
            raise ValueError(
                "Two aligned files must have the same number of lines. "
                f"Got {counts[0]:,} in {source} and {counts[1]:,} in {target}."
            )
        yield f"{name}:{line}", *pair


def _read_table(table: Path, source: str, target: str) -> Iterator[RawPair]:
    name, layout = stem(table), find_layout(table, source, target)
    skip = layout.header
    for line, text in enumerate(read_lines(table), start=1):
        row = fields_of(text, layout.quoted)
        if row and skip:
            skip = False
        elif row and len(row) > max(layout.columns):
            yield f"{name}:{line}", *(row[column] for column in layout.columns)
        else:
            yield f"{name}:{line}", None, None
