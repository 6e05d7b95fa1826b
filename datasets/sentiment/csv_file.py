"""The user's own texts and labels: one delimited file, or a folder with one for each split."""

import array
import functools
import itertools
import logging
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from datasets.sentiment import delimited
from datasets.sentiment.cleaning import clean, is_blank, share_of
from datasets.sentiment.columns import Columns, find_columns
from datasets.sentiment.reviews import first

OPTIONS = ("text_column", "label_column", "delimiter", "encoding", "quoting", "header")
MAX_BROKEN = 1 / 20  # of the rows; more is an error
UNBALANCED = 0.9  # share of the largest class from which a warning is due

_ENDINGS = (".csv", ".tsv")
_FILES = {"train": "train", "test": "test"} | dict.fromkeys(
    ("dev", "val", "valid", "validation"), "dev"
)
_HEAD = 20_000  # rows from which columns are found
_EXAMPLES = 3
_LOG = logging.getLogger(__name__)


class Layout(NamedTuple):
    """How a file is written: found, or as named."""

    encoding: str
    delimiter: str
    quoting: str
    width: int  # fields of a row
    columns: Columns


class Survey(NamedTuple):
    """What one pass over a file learns, about the rows that can be used.

    labels: `<int32>[rows]`, indices into `values`.
    values: the labels, in the order in which they were met.
    shares: `<uint8>[rows]`, 0 to 9 by a hash of each text's words (see `share_of`).
    """

    layout: Layout
    labels: np.ndarray
    values: list[str]
    shares: np.ndarray


def stream(split: str, data_dir: Path | str | None, limit: int | None = None, **options):
    """One split of a file (or of a folder's only one), or of train, dev and test.csv (or .tsv).

    A single file is split 80:10:10 by a hash of each text's words, so that the same text never
    stands in two splits and no split changes when rows are added; a folder without a dev file gives
    a tenth of train to dev in the same way. A dev file may be called val, valid or validation.
    Labels may be any strings, two or more; their order is the alphabet's, or that of numbers if all
    are integers. Ids are "reviews.csv:12": the line.

    The file is read twice, one row at a time: once to learn what must be known of the whole, once
    for the records.

    What cannot be read is left out, counted and told in one log message at WARNING level, once for
    each file: rows with too few or too many fields or not in the file's quoting, broken letters, no
    label (these are broken; more than 1 in 20 is an error), and texts that are empty.

    Args:
      limit: at most this many records, of all labels alike; None for all.
      text_column, label_column: a column's name, or its place counted from 0.
      delimiter: one letter, or "tab".
      encoding: as Python names it ("cp1252").
      quoting: how a quotation mark stands in a quoted field: "double", "backslash"; or "none".
      header: whether the first row names the columns.

    Yields:
      (id, text, label) of each record.

    Raises:
      ValueError: no such file, a bad option, too much broken, a single label, labels in dev or test
        that train lacks, an empty split.
    """
    path, survey, chosen, names = _split(split, data_dir, options)
    index = {name: place for place, name in enumerate(names)}
    numbers = np.array([index.get(value, -1) for value in survey.values], np.int32)[survey.labels]
    if limit is not None:
        chosen = _first(chosen, numbers, limit)

    def records() -> Iterator[tuple[str, str, int]]:
        rows = _usable(path, survey.layout)
        for (line, text, _), wanted, number in zip(rows, chosen, numbers, strict=False):
            if wanted:
                yield f"{path.name}:{line}", text, int(number)

    return records


def label_names(data_dir: Path | str | None, **options) -> tuple[str, ...]:
    """The labels of train in their order."""
    path = files(data_dir)["train"]
    return _names(_survey(path, _stamp(path), **_whole(options)), path)


def _split(split: str, data_dir, options) -> tuple[Path, Survey, np.ndarray, tuple[str, ...]]:
    """The split's file, its survey, `<bool>[rows]` which rows are the split's, and train's labels.

    Raises:
      ValueError: the split is not there, has no rows, or has labels that train lacks.
    """
    paths, options = files(data_dir), _whole(options)
    path = paths["train"]
    survey = _survey(path, _stamp(path), **options)
    names = _names(survey, path)
    if split in paths and split != "train":
        path, columns = paths[split], survey.layout.columns
        # one layout for all: the columns of train, by name where they have names
        places = {"text_column": columns.text, "label_column": columns.label}
        if columns.header is not None:
            places = {name: columns.header[place] for name, place in places.items()}
        header = {"header": columns.header is not None}
        survey = _survey(path, _stamp(path), **{**options, **places, **header})
        chosen = np.ones(len(survey.labels), bool)
    elif len(paths) == 1 or (split != "test" and "dev" not in paths):
        chosen = _splits_of(survey.shares, paths) == split
    elif split == "train":
        chosen = np.ones(len(survey.labels), bool)
    else:
        raise ValueError(f"Split `{split}` is not in {data_dir}: it has no {split}.csv or .tsv.")
    _check_labels(survey, chosen, names, f"split `{split}` of {data_dir}")
    return path, survey, chosen, names


def _whole(options: Mapping[str, Any]) -> dict[str, Any]:
    return {**dict.fromkeys(OPTIONS), **options}


def _check_labels(survey: Survey, chosen: np.ndarray, names: Sequence[str], where: str) -> None:
    if not chosen.any():
        raise ValueError(f"There is no review in {where}: too few rows for three splits.")
    there = {survey.values[place] for place in np.unique(survey.labels[chosen])}
    if unknown := sorted(there - set(names)):
        raise ValueError(
            f"Labels of {where} must be among those of train ({', '.join(names[:10])}). "
            f"Got {', '.join(map(repr, unknown[:10]))}."
        )


def _first(chosen: np.ndarray, numbers: np.ndarray, limit: int) -> np.ndarray:
    """`chosen` for at most `limit` rows, of all labels alike (see `reviews.first`)."""
    rows = np.flatnonzero(chosen)
    limited = np.zeros_like(chosen)
    limited[rows[first(numbers[rows], limit)]] = True
    return limited


def _splits_of(shares: np.ndarray, paths: Mapping[str, Path]) -> np.ndarray:
    """The split of each row of a file that holds several: `<str>[rows]`."""
    splits = np.full(10, "train", dtype="<U5")
    splits[8] = "dev"
    if "test" not in paths:
        splits[9] = "test" if len(paths) == 1 else "train"
    return splits[shares]


def files(data_dir: Path | str | None) -> dict[str, Path]:
    """By split; a single file, which is yet to be split, as "train"."""
    if data_dir is None or not Path(data_dir).exists():
        raise ValueError(
            "`data_dir` must be a .csv or .tsv file, or a folder that holds one, or train.csv, "
            f"dev.csv and test.csv. Got {None if data_dir is None else str(data_dir)!r}."
        )
    path = Path(data_dir)
    if path.is_file():
        return {"train": path}
    there = sorted(file for file in path.iterdir() if file.suffix.lower() in _ENDINGS)
    files: dict[str, Path] = {}
    for file in there:
        if split := _FILES.get(file.stem.lower()):
            if split in files:
                raise ValueError(
                    f"{path} must have one file of `{split}`. Got {files[split].name}, {file.name}."
                )
            files[split] = file
    if "train" in files:
        return files
    if len(there) == 1 and not files:
        return {"train": there[0]}
    raise ValueError(
        f"{path} must hold a single .csv or .tsv file, or train.csv (and dev.csv, test.csv). "
        f"Got {', '.join(file.name for file in there) or 'none'}."
    )


def _stamp(path: Path) -> tuple[int, int]:
    return path.stat().st_mtime_ns, path.stat().st_size


@functools.lru_cache(maxsize=4)
def _survey(
    path: Path,
    stamp: tuple[int, int],
    text_column: str | int | None,
    label_column: str | int | None,
    delimiter: str | None,
    encoding: str | None,
    quoting: str | None,
    header: bool | None,
) -> Survey:
    """What must be known of the whole file; read (and complained of) once for each state of it."""
    encoding = delimited.find_encoding(path, encoding)
    head, whole = delimited.read_head(path, encoding)
    if not head.strip():
        raise ValueError(f"{path} is empty.")
    delimiter, quoting = delimited.find_layout(head, whole, delimiter, quoting)
    rows = delimited.read_rows(path, encoding, delimiter, quoting)
    first_rows = list(itertools.islice(rows, _HEAD))
    rows.close()
    width = delimited.usual_width(first_rows)
    table = [row.fields for row in first_rows if row.fields and len(row.fields) == width]
    columns = find_columns(table, text_column, label_column, header)
    layout = Layout(encoding, delimiter, quoting, width, columns)
    faults, values = Faults(), {}
    labels, shares = array.array("i"), array.array("B")
    for _, text, label in _usable(path, layout, faults):
        labels.append(values.setdefault(label, len(values)))
        shares.append(share_of(text))
    faults.settle(path, len(labels), layout)
    return Survey(layout, np.array(labels, np.int32), list(values), np.array(shares, np.uint8))


def _usable(
    path: Path, layout: Layout, faults: "Faults | None" = None
) -> Iterator[tuple[int, str, str]]:
    """(line, text, label) of the rows that have a text and a label; the others go to `faults`."""
    faults = faults or Faults()
    columns, header_is_next = layout.columns, layout.columns.header is not None
    for row in delimited.read_rows(path, layout.encoding, layout.delimiter, layout.quoting):
        if row.fields is None:
            faults.add("not in the file's quoting", row.line, row.lines)
            continue
        if len(row.fields) != layout.width:
            faults.add(f"not {layout.width} fields", row.line)
            continue
        if header_is_next:
            header_is_next = False
            continue
        text, label = row.fields[columns.text], _label(row.fields[columns.label])
        if delimited.broken_letters(text) or delimited.broken_letters(label):
            faults.add("broken letters", row.line)
        elif not label:
            faults.add("no label", row.line)
        elif is_blank(text):
            faults.add("empty text", row.line, broken=False)
        else:
            yield row.line, text, label


@functools.lru_cache(maxsize=10_000)
def _label(field: str) -> str:
    return unicodedata.normalize("NFC", clean(field))


class Faults:
    """Rows that are left out, by kind: how many, and the lines of the first."""

    def __init__(self) -> None:
        self._counts: Counter = Counter()
        self._lines: dict[str, list[int]] = {}
        self.broken = 0

    def add(self, kind: str, line: int, lines: int = 1, *, broken: bool = True) -> None:
        self._counts[kind] += lines
        self._lines.setdefault(kind, []).append(line)
        self.broken += lines if broken else 0

    def settle(self, path: Path, good: int, layout: Layout) -> None:
        """One warning if there are any; an error if there are too many, or nothing is left."""
        told = "\n".join(
            f"  {kind}: {count:,} (from line {', '.join(map(str, self._lines[kind][:_EXAMPLES]))})"
            for kind, count in self._counts.items()
        )
        if self.broken > MAX_BROKEN * (good + self.broken) or not good:
            raise ValueError(
                f"{self.broken:,} of {good + self.broken:,} rows of {path} are broken (at most "
                f"{MAX_BROKEN:.0%} may be), read with delimiter {layout.delimiter!r}, quoting "
                f"{layout.quoting!r}, columns {layout.columns}: mend the file, or name "
                f"`delimiter`, `quoting`, `encoding` or the columns.\n{told}".rstrip()
            )
        if told:
            _LOG.warning("Left out of %s:\n%s", path, told)


@functools.lru_cache(maxsize=3)
def _told_unbalanced(path: Path, largest: str, share: float) -> None:
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
        _told_unbalanced(path, largest, counts[largest] / total)
    try:
        return tuple(sorted(counts, key=int))
    except ValueError:
        return tuple(sorted(counts))
