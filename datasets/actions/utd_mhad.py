"""UTD-MHAD: 27 actions of 8 people, four times each, as skeletons and depth video by a Kinect.

Chen, Jafari and Kehtarnavaz, "UTD-MHAD: A Multimodal Dataset for Human Action Recognition Utilizing
a Depth Camera and a Wearable Inertial Sensor", ICIP 2015.

    Skeleton/aA_sS_tT_skeleton.mat    `d_skel`: 20 joints x 3 x frames, metres
    Depth/aA_sS_tT_depth.mat          `d_depth`: height x width x frames, millimetres as uint16; or
    Depth_60x80/...                   the same, smaller, 16 mm a step as uint8; 0 = no person
"""

import functools
import re
from pathlib import Path

import numpy as np

from datasets.actions.clips import Clip, Extent, fit, sample_places
from datasets.actions.matlab import read_array
from datasets.faults import Faults
from datasets.files import check_place

VIEWS = ("joints", "depth")
RATE = 30.0  # frames a second
TRAINING = ("1", "3", "5", "7")  # subjects; the others are test
HELD_OUT = ("7",)
MISNAMED = "file whose name is not aA_sS_tT"

LABELS = (
    "right arm swipe to the left",
    "right arm swipe to the right",
    "right hand wave",
    "two hand front clap",
    "right arm throw",
    "cross arms in the chest",
    "basketball shooting",
    "draw x",
    "draw circle (clockwise)",
    "draw circle (counter clockwise)",
    "draw triangle",
    "bowling",
    "front boxing",
    "baseball swing",
    "tennis forehand swing",
    "arm curl (two arms)",
    "tennis serve",
    "two hand push",
    "knock on door",
    "hand catch",
    "pick up and throw",
    "jogging",
    "walking",
    "sit to stand",
    "stand to sit",
    "forward lunge",
    "squat",
)

_FOLDERS = {"joints": ("Skeleton",), "depth": ("Depth_60x80", "Depth")}
_NAME = re.compile(r"a(\d+)_s(\d+)_t(\d+)_(?:skeleton|depth)\.mat")
_HINT = "the folder that holds Skeleton/ and Depth_60x80/ (or Depth/), as published"


def clips(
    split: str,
    data_dir: Path | str | None,
    faults: Faults,
    view: str,
    heldout: tuple[str, ...] | None = None,
) -> list[Clip]:
    """The clips of a split's subjects, sorted by action, subject and trial.

    Test has the subjects 2, 4, 6 and 8, as its publishers split it; dev the subjects `heldout` of
    1, 3, 5 and 7, and train the rest of these.

    Raises:
        ValueError: there is no such folder, or it holds no clip; `heldout` are not some, and not
            all, of the training subjects.
    """
    subjects = _subjects(split, heldout)
    read = {"joints": (_inspect_joints, _joints), "depth": (_inspect_depth, _depth_clip)}[view]
    keyed = []
    for path in _files(data_dir, view):
        match = _NAME.fullmatch(path.name)
        if match is None or not 1 <= int(match[1]) <= len(LABELS):
            faults.add(MISNAMED, path.name)
        elif match[2] in subjects if split != "test" else match[2] not in TRAINING:
            number, subject, trial = (int(match[i]) for i in (1, 2, 3))
            bound = (functools.partial(function, path) for function in read)
            clip = Clip(f"a{number}_s{subject}_t{trial}", LABELS[number - 1], match[2], *bound)
            keyed.append(((number, subject, trial), clip))
    return [clip for _, clip in sorted(keyed, key=lambda pair: pair[0])]


def raw_files(data_dir: Path | str | None) -> list[Path]:
    """The files of both views, as far as they are there."""
    root = check_place(data_dir, _HINT)
    views = [view for view in VIEWS if _folder(root, view)]
    if not views:
        raise ValueError(f"`data_dir` must be {_HINT}. Got {str(root)!r}, which holds neither.")
    return [path for view in views for path in _files(root, view)]


def label_names(data_dir: Path | str | None) -> tuple[str, ...]:
    """The 27 actions in the publishers' order."""
    return LABELS


def _subjects(split: str, heldout: tuple[str, ...] | None) -> set[str]:
    """The training subjects that are in a split."""
    names = HELD_OUT if heldout is None else heldout
    if not isinstance(names, tuple) or not names or not set(names) < set(TRAINING):
        raise ValueError(
            f"`heldout` must be one to three of the training subjects {', '.join(TRAINING)}, such "
            f"as ('7',). Got {heldout!r}."
        )
    return set(names) if split == "dev" else set(TRAINING) - set(names)


def _folder(root: Path, view: str) -> Path | None:
    return next((root / name for name in _FOLDERS[view] if (root / name).is_dir()), None)


def _files(data_dir: Path | str | None, view: str) -> list[Path]:
    root = check_place(data_dir, _HINT)
    folder = _folder(root, view)
    paths = sorted(folder.glob("*.mat")) if folder else []
    if not paths:
        names = " or ".join(_FOLDERS[view])
        raise ValueError(
            f"`data_dir` must be {_HINT}. Got {str(root)!r}, which has no .mat in {names}."
        )
    return paths


def _skeleton(path: Path) -> np.ndarray:
    return read_array(path, "d_skel", "joints x 3 x frames", lambda shape: shape[1] == 3)


def _depth(path: Path) -> np.ndarray:
    return read_array(path, "d_depth", "height x width x frames", lambda shape: min(shape) > 0)


def _inspect_joints(path: Path) -> Extent:
    frames = _skeleton(path).shape[2]
    return Extent(frames, frames / RATE)


def _inspect_depth(path: Path) -> Extent:
    frames = _depth(path).shape[2]
    return Extent(frames, frames / RATE)


def _joints(path: Path, extent: Extent, frames: int, size: int) -> np.ndarray:
    return np.ascontiguousarray(_skeleton(path).transpose(2, 0, 1), dtype=np.float32)


def _depth_clip(path: Path, extent: Extent, frames: int, size: int) -> np.ndarray:
    """Grey frames, three times the same value: depth in steps of 16 mm."""
    depth = _depth(path)
    if depth.dtype != np.uint8:
        depth = np.minimum(depth // 16, 255).astype(np.uint8)
    places = sample_places(extent.frames, frames)
    return np.stack([fit(np.repeat(depth[:, :, i, None], 3, axis=2), size) for i in places])
