"""JHMDB: the joints of people in 928 short clips of HMDB51, 21 actions, marked by hand.

Jhuang, Gall, Zuffi, Schmid and Black, "Towards Understanding Action Recognition", ICCV 2013;
http://jhmdb.is.tue.mpg.de.

    joint_positions/CLASS/CLIP/joint_positions.mat    `pos_img`: 2 x 15 x frames, pixels
    splits/CLASS_test_split1.txt                      CLIP.avi 1 (train) or 2 (test), a line each
"""

import functools
from pathlib import Path

import numpy as np

from datasets.actions.clips import Clip, Extent
from datasets.actions.folder import MISSING, UNLISTED
from datasets.actions.matlab import read_array
from datasets.actions.split_files import hmdb_files, hmdb_group, hmdb_parts, with_dev
from datasets.faults import Faults
from datasets.files import check_place

VIEWS = ("joints",)
RATE = 30.0  # frames a second

_NAME = "joint_positions.mat"
_HINT = (
    "the folder that holds joint_positions/ and splits/, as the publisher's joint_positions.zip "
    "and splits.zip unpack"
)


def clips(split: str, data_dir: Path | str | None, faults: Faults) -> list[Clip]:
    """The clips of a split by the publisher's first one; ids are CLASS/CLIP.

    Dev is a tenth of train, by a hash of the film that clips are cut from, as their names tell it.

    Raises:
        ValueError: a folder is not there, or a file in it is not in its layout.
    """
    root = _root(data_dir)
    parts = with_dev(hmdb_parts(hmdb_files(root)), hmdb_group)
    members = []
    for path in _files(root):
        key = (path.parent.parent.name, path.parent.name)
        part = parts.pop(key, "")
        if part == "":
            faults.add(UNLISTED, "/".join(key))
        elif part == split:
            bound = (functools.partial(function, path) for function in (_inspect, _joints))
            members.append(Clip("/".join(key), key[0], "", *bound))
    for key, part in parts.items():
        if part == split:
            faults.add(MISSING, "/".join(key))
    return members


def raw_files(data_dir: Path | str | None) -> list[Path]:
    """The split files that are read, and all joints."""
    root = _root(data_dir)
    return [*hmdb_files(root), *_files(root)]


def label_names(data_dir: Path | str | None) -> tuple[str, ...]:
    """The names of the classes' folders, sorted."""
    return tuple(sorted({path.parent.parent.name for path in _files(_root(data_dir))}))


def _root(data_dir: Path | str | None) -> Path:
    root = check_place(data_dir, _HINT)
    if not _files(root) or not hmdb_files(root):
        raise ValueError(
            f"`data_dir` must be {_HINT}. Got {str(root)!r}, which has no "
            f"{f'joint_positions/*/*/{_NAME}' if not _files(root) else '*_test_split1.txt'}."
        )
    return root


def _files(root: Path) -> list[Path]:
    return sorted((root / "joint_positions").glob(f"*/*/{_NAME}"))


def _positions(path: Path) -> np.ndarray:
    return read_array(path, "pos_img", "2 x joints x frames", lambda shape: shape[0] == 2)


def _inspect(path: Path) -> Extent:
    frames = _positions(path).shape[2]
    return Extent(frames, frames / RATE)


def _joints(path: Path, extent: Extent, frames: int, size: int) -> np.ndarray:
    """All frames, in pixels, y downwards; z = 0."""
    positions = _positions(path).transpose(2, 1, 0)
    return np.pad(positions, ((0, 0), (0, 0), (0, 1))).astype(np.float32)
