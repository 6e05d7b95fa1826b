"""The user's own texts and labels: one delimited file, or a folder with one for each split."""

import array
import functools
import itertools
import logging
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.faults import Faults
from datasets.files import broken_letters, check_place, find_files, find_splits, stamps
from datasets.sentiment import delimited
from datasets.sentiment.cleaning import clean, is_blank, share_of
from datasets.sentiment.columns import Columns, find_columns
from datasets.sentiment.reviews import Reviews

MAX_BROKEN = 1 / 20  # of the rows; more is an error
UNBALANCED = 0.9  # share of the largest class from which a warning is due

_ENDINGS = (".csv", ".tsv")
_HEAD = 5000  # rows from which columns are found
_EMPTY = "empty text"
_LOG = logging.getLogger(__name__)


class Options(NamedTuple):
    """How the file is written; None is to be found.

    text_column, label_column: a column's name, or its place counted from 0.
    delimiter: one letter, or "tab".
    encoding: as Python names it ("cp1252").
    quoting: how a quotation mark stands in a quoted field: "double", "backslash"; or "none".
    header: whether the first row names the columns.
    """

    text_column: str | int | None = None
    label_column: str | int | None = None
    delimiter: str | None = None
    encoding: str | None = None
    quoting: str | None = None
    header: bool | None = None


OPTIONS = Options._fields


class Layout(NamedTuple):
    """How a file is written: found, or as named."""

    encoding: str
    delimiter: str
    quoting: str
    width: int  # fields of a row
    columns: Columns


class Survey(NamedTuple):
    """The results of one pass over a file, about the rows that can be used.

    labels: `<int32>[rows]`, indices into `values`.
    values: the labels, in the order in which they were met.
    shares: `<uint8>[rows]`, 0 to 9 by a hash of each text's words (see `share_of`).
    """

    layout: Layout
    labels: np.ndarray
    values: list[str]
    shares: np.ndarray


def read(split: str, data_dir: Path | str | None, **options) -> Reviews:
    """One split of a file (or of a folder's only one), or of train, dev and test.csv (or .tsv).

    A single file is split 80:10:10 by a hash of each text's words, so that the same text never
    stands in two splits and no split changes when rows are added; a folder without a dev file gives
    a tenth of train to dev in the same way. A dev file may be called val, valid or validation.
    Labels may be any strings, two or more; their order is the alphabet's, or that of numbers if all
    are integers. Ids are "reviews.csv:12": the line.

    The file is read one row at a time: now, to survey the whole, and again for the texts.

    Broken and empty rows are left out, counted and told in one log message at WARNING level, once
    for each file: rows with too few or too many fields or not in the file's quoting, broken
    letters, no label (these are broken; more than 1 in 20 is an error), and texts that are empty.

    Args:
      **options: see `Options`.

    Raises:
      ValueError: no such file, a bad option, too much broken, a single label, labels in dev or test
        that train lacks, an empty split.
    """
    paths, options = files(data_dir), Options(**options)
    path, survey = paths["train"], _survey(paths["train"], options)
    names = _names(survey, path)
    tenths = _tenths(paths)
    if split in paths and split != "train":
        path = paths[split]
        survey = _survey(path, _as_in_train(survey.layout.columns, options))
        chosen = np.ones(len(survey.labels), bool)
    elif split in tenths:
        chosen = np.array(tenths)[survey.shares] == split
    else:
        raise ValueError(f"Split `{split}` is not in {data_dir}: it has no {split}.csv or .tsv.")
    labels = _numbered(survey, chosen, names, f"split `{split}` of {data_dir}")

    def texts() -> Iterator[tuple[str, str]]:
        for line, text, _ in itertools.compress(_usable(path, survey.layout), chosen):
            yield f"{path.name}:{line}", text

    return Reviews(labels, names, texts)


def label_names(data_dir: Path | str | None, **options) -> tuple[str, ...]:
    """The labels of train in their order.

    Raises:
      ValueError: as `read`.
    """
    path = files(data_dir)["train"]
    return _names(_survey(path, Options(**options)), path)


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


def _tenths(paths: Mapping[str, Path]) -> list[str]:
    """The split of each tenth of train's file, which may hold others, too."""
    dev = "train" if "dev" in paths else "dev"
    return ["train"] * 8 + [dev, "test" if len(paths) == 1 else "train"]


def _as_in_train(columns: Columns, options: Options) -> Options:
    """The options of another split's file: the columns of train, by name where they have names."""
    text, label, header = columns
    if header is not None:
        text, label = header[text], header[label]
    return options._replace(text_column=text, label_column=label, header=header is not None)


def _numbered(survey: Survey, chosen: np.ndarray, names: tuple[str, ...], where: str) -> np.ndarray:
    """The labels of the chosen rows as indices into `names`."""
    if not chosen.any():
        raise ValueError(f"There is no review in {where}: too few rows for three splits.")
    labels = survey.labels[chosen]
    unknown = sorted({survey.values[place] for place in np.unique(labels)} - set(names))
    if unknown:
        raise ValueError(
            f"Labels of {where} must be among those of train ({', '.join(names[:10])}). "
            f"Got {', '.join(map(repr, unknown[:10]))}."
        )
    index = {name: place for place, name in enumerate(names)}
    return np.array([index.get(value, -1) for value in survey.values], np.int32)[labels]


def _survey(path: Path, options: Options) -> Survey:
    """The survey of a file; made, and its faults told, once for each state of it."""
    return _new_survey(path, stamps(path), options)


@functools.lru_cache(maxsize=4)
def _new_survey(path: Path, state: tuple, options: Options) -> Survey:
    layout, faults, values = _find_layout(path, options), Faults(), {}
    labels, shares = array.array("i"), array.array("B")
    for _, text, label in _usable(path, layout, faults):
        labels.append(values.setdefault(label, len(values)))
        shares.append(share_of(text))
    broken = faults.counts.total() - faults.count(_EMPTY)
    remedy = (
        f"read with delimiter {layout.delimiter!r}, quoting {layout.quoting!r}, columns "
        f"{layout.columns}; mend the file, or name `delimiter`, `quoting`, `encoding` or the "
        "columns"
    )
    rows = {"rows": (broken, len(labels) + broken)}
    faults.settle(str(path), rows, MAX_BROKEN, remedy)
    return Survey(layout, np.array(labels, np.int32), list(values), np.array(shares, np.uint8))


def _find_layout(path: Path, options: Options) -> Layout:
    encoding = delimited.find_encoding(path, options.encoding)
    head, whole = delimited.read_head(path, encoding)
    if not head.strip():
        raise ValueError(f"{path} is empty.")
    written = delimited.find_layout(head, whole, options.delimiter, options.quoting)
    rows = list(itertools.islice(delimited.read_rows(path, encoding, *written), _HEAD))
    width = delimited.usual_width(rows)
    table = [row.fields for row in rows if row.fields and len(row.fields) == width]
    columns = find_columns(table, options.text_column, options.label_column, options.header)
    return Layout(encoding, *written, width, columns)


def _usable(
    path: Path, layout: Layout, faults: Faults | None = None
) -> Iterator[tuple[int, str, str]]:
    """(line, text, label) of the rows that have a text and a label; the others go to `faults`."""
    faults = faults or Faults()
    columns, header_is_next = layout.columns, layout.columns.header is not None
    for row in delimited.read_rows(path, layout.encoding, layout.delimiter, layout.quoting):
        line = f"line {row.line}"
        if row.fields is None:
            faults.add("not in the file's quoting", line, row.lines)
        elif len(row.fields) != layout.width:
            faults.add(f"not {layout.width} fields", line)
        elif header_is_next:
            header_is_next = False
        else:
            text, label = row.fields[columns.text], _label(row.fields[columns.label])
            if broken_letters(text) or broken_letters(label):
                faults.add("broken letters", line)
            elif not label:
                faults.add("no label", line)
            elif is_blank(text):
                faults.add(_EMPTY, line)
            else:
                yield row.line, text, label


@functools.lru_cache(maxsize=10_000)
def _label(field: str) -> str:
    return unicodedata.normalize("NFC", clean(field))


@functools.lru_cache(maxsize=3)
def _tell_unbalanced(path: Path, largest: str, share: float) -> None:
    _LOG.warning("%s is unbalanced: %.1f%% of its rows are %r.", path, 100 * share, largest)


def _names(survey: Survey, path: Path) -> tuple[str, ...]:
    """The labels in order: as numbers if all are integers, else by the alphabet."""
    counts = dict(zip(survey.values, np.bincount(survey.labels).tolist(), strict=True))
    total = len(survey.labels)
    if len(counts) < 2:
        raise ValueError(
            f"{path} must have two labels or more. Got {next(iter(counts))!r} alone, in all of its "
            f"{total:,} rows: is `label_column` the right one?"
        )
    if 2 * len(counts) > total > 20:
        raise ValueError(
            f"{path} must have labels that repeat. Got {len(counts):,} of them in {total:,} "
            "rows: is `label_column` the right one?"
        )
    largest = max(counts, key=counts.get)
    if counts[largest] > UNBALANCED * total:
        _tell_unbalanced(path, largest, counts[largest] / total)
    try:
        return tuple(sorted(counts, key=int))
    except ValueError:
        return tuple(sorted(counts))
