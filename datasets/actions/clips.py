"""Clips: what a source lists of a split, how frames are sampled and scaled, which can be used."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from datasets.faults import Faults
from datasets.inspection import Unusable, share_of, usable

LONGEST = 60.0  # seconds; a longer clip does not show one action
MOST_FRAMES = 15_000  # 60 s at 250 frames a second; a file with wrong time stamps has no more

# A clip is counted under one of these at most.
EMPTY = "empty file"
UNDECODABLE = "clip that cannot be decoded"
CUT_OFF = "clip that is cut off or damaged"
ENDLESS = f"clip longer than {LONGEST:.0f} s"
ONE_FRAME = "clip of one frame"
TOO_LARGE = "clip of frames that are too large"
BLANK = "clip that is all zeros"
NOT_FINITE = "clip with values that are no numbers"


class Extent(NamedTuple):
    """How long a clip is; `seconds` is 0 where the source does not tell."""

    frames: int
    seconds: float


class Clip(NamedTuple):
    """One clip and its label.

    `inspect()` decodes all of it, a frame at a time, and raises Unusable. `read(extent, frames,
    size)` gives `<uint8>[time, size, size, 3]`; of joints all frames, `<float32>[time, joints, 3]`.
    """

    id: str
    label: str
    subject: str  # "" if unknown
    inspect: Callable[[], Extent]
    read: Callable[[Extent, int, int], np.ndarray]


class Survey(NamedTuple):
    """The clips of a split that can be used, in their order, with their extents, and the faults."""

    usable: tuple[Clip, ...]
    extents: tuple[Extent, ...]
    faults: Faults


def survey(clips: Sequence[Clip], faults: Faults, limit: int | None) -> Survey:
    """Decodes each clip once, until `limit` of them can be used; the others go to `faults`."""
    found = list(usable(clips, lambda clip: checked(clip.inspect()), faults, limit))
    return Survey(tuple(clip for clip, _ in found), tuple(extent for _, extent in found), faults)


def checked(extent: Extent) -> Extent:
    """The extent itself.

    Raises:
        Unusable: fewer than two frames, which show no motion; or too many.
    """
    if extent.frames < 1:
        raise Unusable(UNDECODABLE, "no frame")
    if extent.frames == 1:
        raise Unusable(ONE_FRAME)
    if extent.seconds > LONGEST or extent.frames > MOST_FRAMES:
        raise Unusable(ENDLESS, f"{extent.frames:,} frames")
    return extent


def sample_places(count: int, frames: int) -> np.ndarray:
    """Which of `count` frames are taken: the middle of each of `frames` equal parts.

        place_i = floor((2 i + 1) count / (2 frames)),  i = 0 ... frames - 1

    All are taken where count <= frames.

    sample_places(10, 4) -> [1, 3, 6, 8];  sample_places(3, 4) -> [0, 1, 2]

    Returns:
        `<int64>[min(count, frames)]`, increasing.

    Raises:
        ValueError: `count` or `frames` is no positive integer.
    """
    for name, value in (("count", count), ("frames", frames)):
        check_positive(name, value)
    if count <= frames:
        return np.arange(count, dtype=np.int64)
    return (2 * np.arange(frames, dtype=np.int64) + 1) * count // (2 * frames)


def check_positive(name: str, value: int) -> None:
    """Raises ValueError where an argument is no positive integer."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ValueError(f"`{name}` must be a positive integer. Got {value!r}.")


def fit(image: np.ndarray, size: int) -> np.ndarray:
    """A frame scaled to lie whole in a black square, aspect kept, in the middle of it.

    With m = max(height, width), the frame becomes `max(1, height * size // m)` x `max(1, width *
    size // m)` (bilinear, smoothed where it shrinks), and of the rest of the square the half,
    rounded down, lies above it and on its left. Nothing is cropped: a hand at the edge stays.

    Args:
        image: `<uint8>[height, width, 3]`.
        size: the side of the square.

    Returns:
        `<uint8>[size, size, 3]`.
    """
    height, width = image.shape[:2]
    longer = max(height, width)
    new = tuple(max(1, side * size // longer) for side in (height, width))
    if new != (height, width):
        scaled = Image.fromarray(image).resize(new[::-1], Image.Resampling.BILINEAR)
        image = np.asarray(scaled)
    square = np.zeros((size, size, 3), np.uint8)
    top, left = ((size - side) // 2 for side in new)
    square[top : top + new[0], left : left + new[1]] = image
    return square


def held_out(group: str) -> bool:
    """Whether a group of a published training part (clips of one film) belongs to dev: a tenth."""
    return share_of(group) < 0.1


def mixed(clips: Sequence[Clip]) -> list[Clip]:
    """The clips in the order of a hash of their ids: the first of them are of many classes."""
    return sorted(clips, key=lambda clip: (share_of(clip.id), clip.id))
