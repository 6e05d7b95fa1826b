"""The user's own texts and labels: one delimited file, or a folder with one for each split."""

import functools
import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.faults import Faults, printable
from datasets.files import Cache, check_place, find_files, find_splits
from datasets.sentiment import delimited
from datasets.sentiment.columns import Columns
from datasets.sentiment.labels import meaning, names_of, spellings
from datasets.sentiment.names import plain
from datasets.sentiment.reviews import Reviews
from datasets.sentiment.survey import Options, Survey, how_written, survey, usable

OPTIONS = Options._fields
UNBALANCED = 0.9  # share of the largest class from which a warning is due

_ENDINGS = (".csv", ".tsv")
_LOG = logging.getLogger(__name__)


class Table(NamedTuple):
    """A file, or a folder's files, and what a pass over train's found.

    paths: split -> its own file; a single file is "train". A file without labels is none's.
    tenths: the split of each tenth of train's file, which may hold others, too.
    names: the labels.
    notes: what a user should know, a sentence each.
    """

    paths: dict[str, Path]
    tenths: list[str]
    train: Survey
    names: tuple[str, ...]
    notes: list[str]


def open_table(data_dir: Path | str | None, options: Options, cache: Cache | None = None) -> Table:
    """The table, with train's file read once.

    Raises:
      ValueError: as `read`.
    """
    paths = files(data_dir)
    train = survey(paths["train"], options, cache)
    unlabelled = [
        path
        for split, path in paths.items()
        if split != "train" and not _has_labels(path, paths["train"], train, options)
    ]
    own = {split: path for split, path in paths.items() if path not in unlabelled}
    dev = "train" if "dev" in own else "dev"
    test = "test" if len(paths) == 1 or ("test" in paths and "test" not in own) else "train"
    notes = [
        f"{path} has no labels, and is left out: its split is a tenth of {paths['train'].name}."
        for path in unlabelled
    ]
    names = _names(train, paths["train"])
    notes += _notes(train, names, paths["train"])
    for note in notes:
        _tell(note)
    return Table(own, ["train"] * 8 + [dev, test], train, names, notes)


def read(
    split: str, data_dir: Path | str | None, *, cache: Cache | None = None, **options
) -> Reviews:
    """One split of a file (or of a folder's only one), or of train, dev and test.csv (or .tsv).

    A single file is split 80:10:10 by a hash of each text's words, so that the same text never
    stands in two splits and no split changes when rows are added. A folder without a dev file gives
    a tenth of train to dev in the same way; one whose test file has no labels, a tenth to test. A
    dev file may be called val, valid or validation.

    Labels may be any strings, two or more; their order is the alphabet's, or that of numbers if all
    are numbers. Labels that differ in case or as numbers only are one, which is told. Ids are
    "reviews.csv:12": the line.

    The file is read one row at a time: once to survey the whole, and again for the texts.

    Rows that cannot be used are left out, counted and told in one log message at WARNING level,
    once for each file: rows with too few or too many fields or not in the file's quoting, broken
    letters (these are broken; more than 1 in 20 is an error); rows without a text or a label, or
    with "nan" in its place; headers met again.

    Args:
      cache: keeps the survey of a file, see `datasets.files.Cache`.
      **options: see `Options`.

    Raises:
      ValueError: no such file, a bad option, columns that cannot be told, too much broken, a single
        label, labels in dev or test that train lacks, an empty split.
    """
    table, options = open_table(data_dir, Options(**options), cache), Options(**options)
    path, found = table.paths["train"], table.train
    if split in table.paths and split != "train":
        path = table.paths[split]
        found = survey(path, _as_in_train(table.train.columns, options), cache)
        chosen = np.ones(len(found.labels), bool)
    elif split in table.tenths:
        chosen = np.array(table.tenths)[(found.keys % 10).astype(np.int64)] == split
    else:
        raise ValueError(f"Split `{split}` is not in {data_dir}: it has no {split}.csv or .tsv.")
    labels = _numbered(found, chosen, table.names, f"split `{split}` of {data_dir}")

    def texts() -> Iterator[tuple[str, str]]:
        for line, text in itertools.compress(_texts(path, found), chosen):
            yield f"{path.name}:{line}", text

    return Reviews(labels, table.names, texts)


def label_names(
    data_dir: Path | str | None, *, cache: Cache | None = None, **options
) -> tuple[str, ...]:
    """The labels of train in their order.

    Raises:
      ValueError: as `read`.
    """
    return open_table(data_dir, Options(**options), cache).names


def describe(data_dir: Path | str | None, *, cache: Cache | None = None, **options) -> dict:
    """What was understood of each of the `files`, and `notes`.

    Raises:
      ValueError: as `read`.
    """
    options = Options(**options)
    table = open_table(data_dir, options, cache)
    described = []
    for split, path in table.paths.items():
        own = options if split == "train" else _as_in_train(table.train.columns, options)
        splits = dict.fromkeys(table.tenths) if split == "train" else [split]
        described.append(
            {"path": str(path), "splits": list(splits)} | _described(survey(path, own, cache))
        )
    return {"files": described, "notes": table.notes}


def _described(found: Survey) -> dict:
    """A survey as `describe` gives it."""
    written, columns = found.written, found.columns
    places = (columns.text, columns.label)
    names = [columns.header[place] if columns.header else None for place in places]
    shown = [
        {"place": place} | ({"name": name} if name else {}) | {"why": why}
        for place, name, why in zip(places, names, columns.why, strict=True)
    ]
    return {
        "encoding": written.encoding,
        "delimiter": {"\t": "tab"}.get(written.delimiter, written.delimiter),
        "quoting": written.quoting,
        "header": columns.header,
        "text_column": shown[0],
        "label_column": shown[1],
        "rows": len(found.labels),
        "letters": dict(zip(("min", "median", "max"), found.lengths, strict=True)),
        **_repeats(found),
        "left_out": found.left_out,
    }


def _repeats(found: Survey) -> dict[str, int]:
    """How many rows have the text of an earlier one, and how many of those another label."""
    meanings = {value: meaning(value) for value in found.values}
    numbers = {value: place for place, value in enumerate(dict.fromkeys(meanings.values()))}
    labels = np.array([numbers[meanings[value]] for value in found.values], np.uint64)
    odd = np.uint64(0x9E3779B97F4A7C15)
    texts = len(np.unique(found.keys))
    labelled = len(np.unique(found.keys ^ (odd * labels[found.labels])))
    return {"repeated_texts": len(found.keys) - texts, "of_other_labels": labelled - texts}


def files(data_dir: Path | str | None) -> dict[str, Path]:
    """By split; a single file, which is yet to be split, as "train".

    Raises:
      ValueError: `data_dir` is no such file or folder, or several files are of one split.
    """
    path = check_place(
        data_dir,
        "a .csv or .tsv file (also packed: .gz, .xz, .zip), or a folder that holds one, or "
        "train.csv, dev.csv and test.csv",
        folder=False,
    )
    if path.is_file():
        return {"train": path}
    splits, tables = find_splits(path, _ENDINGS), find_files(path, _ENDINGS)
    if len(tables) == 1 and not splits:
        return {"train": next(iter(tables.values()))}
    if "train" not in splits:
        raise ValueError(
            f"{path} must hold a single .csv or .tsv file, or train.csv (and dev.csv, test.csv). "
            f"Got {', '.join(tables) or 'none'}."
        )
    return splits


def _has_labels(path: Path, train_path: Path, train: Survey, options: Options) -> bool:
    """Whether a file beside train's has its column of labels; False for train's others alone.

    Raises:
      ValueError: it has other columns than train.
    """
    written, columns = how_written(path, options), train.columns
    if columns.header is None:
        return written.width != train.written.width - 1
    known = {plain(name) for name in columns.header}
    label, there = plain(columns.header[columns.label]), {plain(name) for name in written.first}
    if label in there:
        return True
    if there < known:
        return False
    raise ValueError(
        f"{path} must have the columns of {train_path.name} ({', '.join(columns.header)}), or all "
        f"but the label, {columns.header[columns.label]!r}. Got {', '.join(written.first)[:200]}."
    )


def _as_in_train(columns: Columns, options: Options) -> Options:
    """The options of another split's file: the columns of train, by name where they have names."""
    text, label, header, _ = columns
    if header is not None:
        text, label = header[text], header[label]
    return options._replace(text_column=text, label_column=label, header=header is not None)


def _numbered(found: Survey, chosen: np.ndarray, names: Sequence[str], where: str) -> np.ndarray:
    """The labels of the chosen rows as indices into `names`."""
    if not chosen.any():
        raise ValueError(f"There is no review in {where}: too few rows for three splits.")
    labels = found.labels[chosen]
    index = {meaning(name): place for place, name in enumerate(names)}
    numbers = [index.get(meaning(value), -1) for value in found.values]
    unknown = sorted(found.values[place] for place in np.unique(labels) if numbers[place] < 0)
    if unknown:
        raise ValueError(
            f"Labels of {where} must be among those of train ({_listed(names)}). "
            f"Got {_listed(map(repr, unknown))}."
        )
    return np.array(numbers, np.int32)[labels]


def _listed(labels: Iterable[str]) -> str:
    """The first ten, for a message."""
    return ", ".join(map(printable, itertools.islice(labels, 10)))


def _texts(path: Path, found: Survey) -> Iterator[tuple[int, str]]:
    """(line, text) of the rows that can be used, one by one."""
    for rows in delimited.read_rows(path, *found.written[:3]):
        lines, texts, _ = usable(rows, found.written, found.columns, Faults())
        yield from zip(lines, texts, strict=True)


@functools.lru_cache(maxsize=3)
def _tell(message: str) -> None:
    _LOG.warning(message)


def _names(train: Survey, path: Path) -> tuple[str, ...]:
    """The labels in their order."""
    counts, total = train.counts, len(train.labels)
    names = names_of(counts)
    if len(names) < 2:
        raise ValueError(
            f"{path} must have two labels or more. Got {printable(names[0])!r} alone, in all "
            f"of its {total:,} rows: is `label_column` the right one?"
        )
    if 2 * len(names) > total > 20:
        raise ValueError(
            f"{path} must have labels that repeat. Got {len(names):,} of them in {total:,} "
            "rows: is `label_column` the right one?"
        )
    return names


def _notes(train: Survey, names: tuple[str, ...], path: Path) -> list[str]:
    """Where several spellings are one label, and where one label has most rows."""
    counts, total = train.counts, len(train.labels)
    notes = [
        f"{path}: {_listed(map(repr, others))} is taken for the label {printable(name)!r}."
        for name, others in spellings(counts, names).items()
    ]
    largest = max(counts, key=counts.get)
    if counts[largest] > UNBALANCED * total:
        share = 100 * counts[largest] / total
        notes.append(f"{path} is unbalanced: {share:.1f}% of its rows are {printable(largest)!r}.")
    return notes
