"""The files that say which clips are training and which test: those of UCF101 and of HMDB51."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from datasets.actions.clips import held_out
from datasets.files import read_lines

Key = tuple[str, str]  # class, name without ending

_UCF_PLACES = (
    "ucfTrainTestlist",
    "UCF101TrainTestSplits-RecognitionTask/ucfTrainTestlist",
    ".",
)
_HMDB_PLACES = ("splits", "testTrainMulti_7030_splits", "test_train_splits", ".")
_HMDB_SUFFIX = "_test_split1.txt"
_HMDB_LINE = re.compile(r"(.+?)\s+([012])")
_HMDB_PARTS = {"0": None, "1": "train", "2": "test"}
_UCF_GROUP = re.compile(r"(v_.+_g\d+)_c\d+")


def ucf_folder(root: Path) -> Path | None:
    """Where trainlist01.txt and testlist01.txt lie, in or below `root`; None without them."""
    names = ("trainlist01.txt", "testlist01.txt")
    folders = (root / place for place in _UCF_PLACES)
    return next((f for f in folders if all((f / name).is_file() for name in names)), None)


def ucf_files(folder: Path) -> list[Path]:
    """The lists that are read."""
    names = ("trainlist01.txt", "testlist01.txt", "classInd.txt")
    return [folder / name for name in names if (folder / name).is_file()]


def ucf_parts(folder: Path) -> dict[Key, str]:
    """(class, name without ending) -> train or test, by the publisher's first split.

    A line is `CLASS/v_CLASS_g01_c01.avi`, and in the training list the number of the class.

    Raises:
        ValueError: a line is none, or a clip is in both.
    """
    parts: dict[Key, str] = {}
    for part in ("train", "test"):
        path = folder / f"{part}list01.txt"
        for number, line in _lines(path):
            label, slash, name = line.split()[0].partition("/")
            if not slash:
                raise ValueError(f"{path}, line {number}, must be CLASS/NAME. Got {line[:80]!r}.")
            key = (label, Path(name).stem)
            if parts.setdefault(key, part) != part:
                raise ValueError(f"A clip must be in one split only. Got {name!r} in both lists.")
    return parts


def ucf_labels(folder: Path) -> tuple[str, ...]:
    """The classes in the publisher's order: classInd.txt, `NUMBER CLASS` a line; () without it."""
    path = folder / "classInd.txt"
    if not path.is_file():
        return ()
    labels = {}
    for number, line in _lines(path):
        place, _, label = line.partition(" ")
        if not place.isdigit() or not label.strip():
            raise ValueError(f"{path}, line {number}, must be NUMBER CLASS. Got {line[:80]!r}.")
        labels[int(place)] = label.strip()
    return tuple(label for _, label in sorted(labels.items()))


def ucf_group(label: str, name: str) -> str:
    """The clips of one film, which belong together: v_CLASS_g01 of v_CLASS_g01_c01."""
    match = _UCF_GROUP.fullmatch(name)
    return f"{label}/{match[1] if match else name}"


def hmdb_files(root: Path) -> list[Path]:
    """CLASS_test_split1.txt of every class, in or below `root`."""
    for place in _HMDB_PLACES:
        if files := sorted((root / place).glob(f"*{_HMDB_SUFFIX}")):
            return files
    return []


def hmdb_parts(files: list[Path]) -> dict[Key, str | None]:
    """(class, name without ending) -> train, test or None (neither).

    A line is `NAME.avi NUMBER`: 1 train, 2 test, 0 neither.

    Raises:
        ValueError: a line is none.
    """
    parts: dict[Key, str | None] = {}
    for path in files:
        label = path.name.removesuffix(_HMDB_SUFFIX)
        for number, line in _lines(path):
            if not (match := _HMDB_LINE.fullmatch(line)):
                raise ValueError(
                    f"{path}, line {number}, must be NAME and 0, 1 or 2. Got {line[:80]!r}."
                )
            parts[label, Path(match[1]).stem] = _HMDB_PARTS[match[2]]
    return parts


def hmdb_group(label: str, name: str) -> str:
    """The clips of one film, which belong together: what stands before the class in a name."""
    film, _, rest = name.partition(f"_{label}_")
    return film if rest else name


def with_dev(parts: dict[Key, str | None], group: Callable[[str, str], str]) -> dict:
    """The same with a dev split: a tenth of train by a hash of what `group` names, the film."""
    return {
        key: "dev" if part == "train" and held_out(group(*key)) else part
        for key, part in parts.items()
    }


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number, line) of the lines that are not empty."""
    for number, line in enumerate(read_lines(path), start=1):
        if line.strip():
            yield number, line.strip()
