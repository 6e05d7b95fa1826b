"""The user's own texts and labels: one delimited file, or a folder with one for each split."""

import functools
import logging
import unicodedata
from collections import Counter
from pathlib import Path

from datasets.sentiment import delimited
from datasets.sentiment.cleaning import clean, share_of
from datasets.sentiment.columns import Columns, find_columns
from datasets.sentiment.reviews import Reviews, as_reviews

MAX_BROKEN = 1 / 20  # of the rows; more is an error
UNBALANCED = 0.9  # share of the largest class from which a warning is due

_ENDINGS = (".csv", ".tsv")
_FILES = {"train": "train", "test": "test"} | dict.fromkeys(
    ("dev", "val", "valid", "validation"), "dev"
)
_EXAMPLES = 3
_LOG = logging.getLogger(__name__)

Record = tuple[str, str, str]  # id, text, label


def read(
    split: str,
    data_dir: Path | str | None,
    *,
    text_column: str | int | None = None,
    label_column: str | int | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    quoting: str | None = None,
    header: bool | None = None,
) -> Reviews:
    """One split of a file (or of a folder's only one), or of train, dev and test.csv (or .tsv).

    A single file is split 80:10:10 by a hash of each text's words, so that the same text never
    stands in two splits and no split changes when rows are added; a folder without a dev file gives
    a tenth of train to dev in the same way. A dev file may be called val, valid or validation.
    Labels may be any strings, two or more; their order is the alphabet's, or that of numbers if all
    are integers. Ids are "reviews.csv:12": the line.

    What cannot be read is left out, counted and told in one log message at WARNING level, once for
    each file: rows with too few or too many fields or not in the file's quoting, broken letters, no
    label (these are broken; more than 1 in 20 is an error), and texts that are empty.

    Args:
      text_column, label_column: a column's name, or its place counted from 0.
      delimiter: one letter, or "tab".
      encoding: as Python names it ("cp1252").
      quoting: how a quotation mark stands in a quoted field: "double", "backslash"; or "none".
      header: whether the first row names the columns.

    Raises:
      ValueError: no such file, a bad option, too much broken, a single label, labels in dev or test
        that train lacks, an empty split.
    """
    files = _files(data_dir)
    options = (text_column, label_column, delimiter, encoding, quoting, header)
    records, columns = _records(files["train"], _stamp(files["train"]), *options)
    names = _names(records, files["train"])
    if split in files and split != "train":
        # one layout for all: the columns of train, by name where they have names
        places = [columns.text, columns.label]
        if columns.header is not None:
            places = [columns.header[place] for place in places]
        options = (*places, delimiter, encoding, quoting, columns.header is not None)
        records, _ = _records(files[split], _stamp(files[split]), *options)
    elif len(files) == 1 or (split != "test" and "dev" not in files):
        records = [record for record in records if _split_of(record[1], files) == split]
    elif split != "train":
        raise ValueError(f"Split `{split}` is not in {data_dir}: it has no {split}.csv or .tsv.")
    return _as_reviews(records, names, f"split `{split}` of {data_dir}")


def _as_reviews(records: list[Record], names: tuple[str, ...], where: str) -> Reviews:
    if not records:
        raise ValueError(f"There is no review in {where}: too few rows for three splits.")
    index = {name: place for place, name in enumerate(names)}
    if unknown := sorted({label for _, _, label in records} - set(names)):
        raise ValueError(
            f"Labels of {where} must be among those of train ({', '.join(names[:10])}). "
            f"Got {', '.join(map(repr, unknown[:10]))}."
        )
    return as_reviews([(name, text, index[label]) for name, text, label in records], names)


def _split_of(text: str, files: dict[str, Path]) -> str:
    share = share_of(text)
    if share == 9 and "test" not in files:
        return "test" if len(files) == 1 else "train"
    return "dev" if share == 8 else "train"


def _files(data_dir: Path | str | None) -> dict[str, Path]:
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


@functools.lru_cache(maxsize=3)
def _records(
    path: Path,
    stamp: tuple[int, int],
    text_column: str | int | None,
    label_column: str | int | None,
    delimiter: str | None,
    encoding: str | None,
    quoting: str | None,
    header: bool | None,
) -> tuple[list[Record], Columns]:
    """The rows of a file that can be used; read (and complained of) once for each state of it."""
    text = delimited.read_text(path, encoding)
    if not text.strip():
        raise ValueError(f"{path} is empty.")
    delimiter, quoting = delimited.find_layout(text, delimiter, quoting)
    found = list(delimited.rows(text, delimiter, quoting))
    width = delimited.usual_width(found)
    whole = [row for row in found if row.fields is not None and len(row.fields) == width]
    columns = find_columns([row.fields for row in whole], text_column, label_column, header)
    faults = Faults()
    for row in found:
        if row.fields is None:
            faults.add("not in the file's quoting", row.line, row.lines)
        elif len(row.fields) != width:
            faults.add(f"not {width} fields", row.line)
    start = 0 if columns.header is None else 1
    records = _usable(whole[start:], columns, path.name, faults)
    layout = f"delimiter {delimiter!r}, quoting {quoting!r}, columns {columns}"
    faults.settle(path, len(records), layout)
    return records, columns


def _usable(
    rows: list[delimited.Row], columns: Columns, file: str, faults: "Faults"
) -> list[Record]:
    """The rows that have a text and a label; the others go to `faults`."""
    records = []
    for row in rows:
        text, label = row.fields[columns.text], row.fields[columns.label]
        label = unicodedata.normalize("NFC", clean(label))
        if delimited.broken_letters(text + label):
            faults.add("broken letters", row.line)
        elif not label:
            faults.add("no label", row.line)
        elif not clean(text):
            faults.add("empty text", row.line, broken=False)
        else:
            records.append((f"{file}:{row.line}", text, label))
    return records


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

    def settle(self, path: Path, good: int, layout: str) -> None:
        """One warning if there are any; an error if there are too many, or nothing is left."""
        told = "\n".join(
            f"  {kind}: {count:,} (from line {', '.join(map(str, self._lines[kind][:_EXAMPLES]))})"
            for kind, count in self._counts.items()
        )
        if self.broken > MAX_BROKEN * (good + self.broken) or not good:
            raise ValueError(
                f"{self.broken:,} of {good + self.broken:,} rows of {path} are broken (at most "
                f"{MAX_BROKEN:.0%} may be), read with {layout}: mend the file, or name "
                f"`delimiter`, `quoting`, `encoding` or the columns.\n{told}".rstrip()
            )
        if told:
            _LOG.warning("Left out of %s:\n%s", path, told)


@functools.lru_cache(maxsize=3)
def _told_unbalanced(path: Path, largest: str, share: float) -> None:
    _LOG.warning("%s is unbalanced: %.1f%% of its rows are %r.", path, 100 * share, largest)


def _names(records: list[Record], path: Path) -> tuple[str, ...]:
    """The labels in order: as numbers if all are integers, else by the alphabet."""
    counts = Counter(label for _, _, label in records)
    if len(counts) < 2:
        raise ValueError(
            f"{path} must have two labels or more. Got {next(iter(counts))!r} alone, in all of its "
            f"{len(records):,} rows: is `label_column` the right one?"
        )
    if 2 * len(counts) > len(records) > 20:
        raise ValueError(
            f"{path} must have labels that repeat. Got {len(counts):,} of them in {len(records):,} "
            "rows: is `label_column` the right one?"
        )
    (largest, count), *_ = counts.most_common(1)
    if count > UNBALANCED * len(records):
        _told_unbalanced(path, largest, count / len(records))
    try:
        return tuple(sorted(counts, key=int))
    except ValueError:
        return tuple(sorted(counts))
