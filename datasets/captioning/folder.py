"""The user's own images, nested as they like, with a captions file beside them.

The captions file is captions.txt, .tsv or .csv (or the folder's only text file), packed (.gz, .xz,
.zip) or not, UTF-8 or with a byte-order mark, a caption a line: `name<TAB>caption`,
`name#i<TAB>caption` or `name,caption` (or with `|` or `;`, as Flickr30k's table), with or without a
header that names the columns. `name` is a path below the folder, in which `\\` is a slash, too, or
a bare file name that occurs once in it; its ending may be left away.
"""

import csv
import hashlib
import io
import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path, PureWindowsPath

from datasets.captioning.faults import (
    AMBIGUOUS,
    UNSAFE,
    Examples,
    checked_examples,
    clean_captions,
)
from datasets.faults import Faults
from datasets.files import ESCAPE, check_place, find_files, find_splits, open_text
from datasets.formats import check_table
from datasets.image_files import ENDINGS, read_image
from datasets.tabs import fields_of, is_quoted

_TEXT = (".txt", ".tsv", ".csv")
_DELIMITERS = (",", "|", ";")
_SAMPLE = 2**16  # letters from which the delimiter is found
_NAME = re.compile(rf"({'|'.join(map(re.escape, ENDINGS))})\"?(#\d+)?\s*$", re.IGNORECASE)
_NAME_COLUMNS = ("image", "name", "filename", "file", "file_name", "image_name", "image_id", "path")
_CAPTION_COLUMNS = ("caption", "captions", "text", "description", "sentence", "comment")


def examples(
    split: str,
    *,
    data_dir: Path | str | None,
    limit: int | None = None,
    max_bad_share: float = 0.05,
) -> Examples:
    """`(count, generate)` of one split, images in the order of the captions file.

    Splits come from train.txt, dev.txt (or val.txt, ...) and test.txt, an image name a line, where
    any of these is there; else from a hash of the image's name: about 80, 10 and 10 of a hundred,
    and an image stays in its split when others are added.

    `image_bytes` are the file's own for JPEG and PNG; other formats are re-encoded as PNG (the
    first frame, upright).

    Raises:
      ValueError: no such folder, no captions file or several, a file that cannot be parsed, an
        image in two split lists, an empty split, more than `max_bad_share` unusable.
    """
    root = _root(data_dir)
    faults = Faults()
    files = _image_files(root)
    resolve = _resolver(root, files)
    listed = _listed(root, split, resolve, faults)

    def belongs(name: str) -> bool:
        return name in listed if listed is not None else split_of(name) == split

    pairs = []
    for written, caption in read_pairs(captions_file(root)):
        name, fault = resolve(written)
        if not fault and belongs(name):
            pairs.append((name, caption))
        elif fault and split_of(written) == split:  # so that each is told in one split
            faults.add(fault, written)
    lines = len(pairs) + faults.count(UNSAFE, AMBIGUOUS)
    captions = clean_captions(pairs, faults, drop_repeats=True)
    others = [name for name in (listed or files) if name not in captions and belongs(name)]
    names = [*captions, *others][:limit]
    if not names:
        raise ValueError(f"Split `{split}` of {root} is empty: no image falls into it.")
    return checked_examples(
        names,
        captions,
        lambda name: read_image(files[name]),
        faults,
        where=f"{root}, split `{split}`",
        lines=lines,
        max_bad_share=max_bad_share,
    )


def raw_files(data_dir: Path | str | None) -> list[Path]:
    """The captions file, the lists of splits and all images."""
    root = _root(data_dir)
    files = _image_files(root)
    resolve = _resolver(root, files)
    for name, _ in read_pairs(captions_file(root)):
        resolve(name)  # adds an image that the walk over the folder does not see
    return [captions_file(root), *_lists(root).values(), *files.values()]


def _root(data_dir: Path | str | None) -> Path:
    wanted = "a folder with images and a captions file (captions.txt, .tsv or .csv)"
    return check_place(data_dir, wanted)


def _lists(root: Path) -> dict[str, Path]:
    return find_splits(root, [".txt"])


def split_of(name: str) -> str:
    """The split of an image by its name alone: a hash that is the same everywhere, 80/10/10."""
    bucket = int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:8]) % 10
    return ("dev", "test")[bucket - 8] if bucket >= 8 else "train"


def captions_file(root: Path) -> Path:
    """captions.txt, .tsv or .csv in `root`, else its only text file that is no split list."""
    files, lists = find_files(root, _TEXT), _lists(root).values()
    named = [path for name, path in files.items() if Path(name).stem == "captions"]
    candidates = named or [path for path in files.values() if path not in lists]
    if len(candidates) == 1:
        return candidates[0]
    there = ", ".join(path.name for path in candidates) or "none"
    raise ValueError(
        f"{root} must hold one captions file: captions.txt, .tsv or .csv, or a single text file "
        f"of any name. Found: {there}."
    )


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """`(name, caption)` of every line; bytes that are not UTF-8 become surrogates.

    A tab in the first line makes it tab-separated; else commas, `|` or `;` stand between the
    fields, whichever puts names of images into the first. A caption that holds the delimiter is
    quoted or, being the last column, may go without. A `#i` after a name, and a number between name
    and caption, are cut.

    Raises:
      ValueError: a damaged packed file; a quotation mark in a CSV that is never closed; some
        fields of a tab-separated file quoted and some not; more than one delimiter fits.
    """
    with open_text(path, errors=ESCAPE, newline="") as file:
        text = file.read().replace("\ufeff", "")  # of files that were joined
    check_table(path, text)
    separator, rows = _rows(path, text)
    rows = [row for row in rows if any(field.strip() for field in row)]
    columns, start = _columns(rows)
    name_at, caption_at, to_end = columns
    pairs = []
    for row in rows[start:]:
        name = row[name_at].strip() if name_at < len(row) else ""
        caption = separator.join(row[caption_at : None if to_end else caption_at + 1])
        pairs.append((unicodedata.normalize("NFC", re.sub(r"#\d+$", "", name)), caption.strip()))
    return pairs


def _rows(path: Path, text: str) -> tuple[str, list[list[str]]]:
    """The delimiter (a space for a tab, which no caption holds) and the fields of each line."""
    if "\t" in text.lstrip().partition("\n")[0]:
        lines = re.split(r"\r\n|\r|\n", text)
        quoted = is_quoted(lines, path)
        return " ", [fields_of(line, quoted) or [line] for line in lines]
    head = text[:_SAMPLE].splitlines()[:-1] or text.splitlines()
    fitting = [mark for mark in _DELIMITERS if _names_first(head, mark)]
    if len(fitting) > 1:
        raise ValueError(
            f"{path} must have one delimiter between name and caption: a tab, or one of "
            f"{' '.join(_DELIMITERS)}. Got names of images before each of {' '.join(fitting)}."
        )
    delimiter = fitting[0] if fitting else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return delimiter, list(reader)
    except csv.Error as error:  # an open quotation mark would swallow all the lines after it
        raise ValueError(f"{path}, line {reader.line_num}: not proper CSV: {error}.") from error


def _names_first(lines: Sequence[str], delimiter: str) -> bool:
    """Whether most lines have an image's name before the first delimiter."""
    firsts = [line.partition(delimiter) for line in lines]
    names = sum(bool(mark and _NAME.search(name)) for name, mark, _ in firsts)
    return 2 * names > len(lines)


def _columns(rows: Sequence[Sequence[str]]) -> tuple[tuple[int, int, bool], int]:
    """(column of the name, of the caption, whether that runs to the line's end), rows of header."""
    header = [field.strip().lower() for field in rows[0]] if rows else []
    names = [i for i, field in enumerate(header) if field in _NAME_COLUMNS]
    captions = [i for i, field in enumerate(header) if field in _CAPTION_COLUMNS]
    if names and captions:
        return (names[0], captions[0], captions[0] == len(header) - 1), 1
    counted = bool(rows) and all(len(row) > 2 and row[1].strip().isdigit() for row in rows)
    return (0, 2 if counted else 1, True), 0


def _image_files(root: Path) -> dict[str, Path]:
    """Every image below `root`, hidden ones aside, by its path there (`/`, NFC), sorted."""
    files = {}
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if not name.startswith((".", "__MACOSX"))]
        for name in names:
            path = Path(folder) / name
            if path.suffix.lower() in ENDINGS and not name.startswith("."):
                files[unicodedata.normalize("NFC", path.relative_to(root).as_posix())] = path
    return dict(sorted(files.items()))


def _resolver(root: Path, files: dict[str, Path]) -> Callable[[str], tuple[str, str]]:
    """`resolve(name)`: the name as `files` has it (unchanged if there is no such image), and "".

    Or the name and the kind of fault, if it leads out of the folder or several images share it. An
    image that `files` lacks (behind a linked folder, or with an unusual ending) is added to it.
    """
    by_base: dict[str, list[str]] = {}
    by_stem: dict[str, list[str]] = {}
    for path in files:
        stem = path.rpartition(".")[0]
        by_base.setdefault(path.rpartition("/")[2], []).append(path)
        for key in {stem, stem.rpartition("/")[2]}:
            by_stem.setdefault(key, []).append(path)

    def resolve(name: str) -> tuple[str, str]:
        if leads_out(name):
            return name, UNSAFE
        if name not in files:  # of Windows
            name = name.replace("\\", "/")
        name = name.removeprefix("./")
        if name not in files and os.path.isfile(root / name):
            files[name] = root / name
        if name in files:
            return name, ""
        same = by_base.get(name) or by_stem.get(name) or [name]
        return (same[0], "") if len(same) == 1 else (name, AMBIGUOUS)

    return resolve


def leads_out(name: str) -> bool:
    """Whether `name` is absolute or climbs with `..`, by the rules of any operating system."""
    windows = PureWindowsPath(name)  # knows drives and both kinds of slash
    return bool(windows.drive or windows.root) or ".." in windows.parts


def _listed(
    root: Path,
    split: str,
    resolve: Callable[[str], tuple[str, str]],
    faults: Faults,
) -> dict[str, None] | None:
    """The images that the split's list names, in its order; None if there are no lists."""
    lists = _lists(root)
    if not lists:
        return None
    if split not in lists:
        raise ValueError(
            f"`{split}.txt`, the list of split `{split}`, is not in {root}, though it has "
            f"{', '.join(path.name for path in lists.values())}."
        )
    split_by_name: dict[str, str] = {}
    for other, path in lists.items():
        with open_text(path, errors=ESCAPE) as file:
            lines = [line.strip() for line in file]
        for line in filter(None, lines):
            name, fault = resolve(unicodedata.normalize("NFC", line))
            if fault and other == split:
                faults.add(fault, line)
            if not fault and split_by_name.setdefault(name, other) != other:
                raise ValueError(
                    f"An image must be in one split only. Got {name!r} in {path.name} and "
                    f"{lists[split_by_name[name]].name} of {root}."
                )
    return dict.fromkeys(name for name, other in split_by_name.items() if other == split)
