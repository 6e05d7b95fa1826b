"""Clips: what a source lists of a split, how frames are sampled and scaled, which can be used."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

import numpy as np
from PIL import Image

from datasets.faults import Faults

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

_CHUNK = 256  # clips that threads inspect at a time


class Unusable(ValueError):
    """A clip that is left out; `kind` is the fault, without the clip's name."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}{f' ({detail})' if detail else ''}")
        self.kind = kind


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
    usable: list[Clip] = []
    extents: list[Extent] = []
    waiting = iter(clips)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while limit is None or len(usable) < limit:
            wanted = _CHUNK if limit is None else min(_CHUNK, limit - len(usable))
            if not (chunk := list(islice(waiting, wanted))):
                break
            for clip, result in zip(chunk, pool.map(_inspect, chunk), strict=True):
                if isinstance(result, str):
                    faults.add(result, clip.id)
                else:
                    usable.append(clip)
                    extents.append(result)
    return Survey(tuple(usable), tuple(extents), faults)


def _inspect(clip: Clip) -> str | Extent:
    """The kind of fault, or the extent."""
    try:
        return checked(clip.inspect())
    except Unusable as error:
        return error.kind


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


def share_of(key: str) -> float:
    """A number of [0, 1) that depends on `key` alone and is the same on every machine."""
    digest = sha256(key.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def held_out(group: str) -> bool:
    """Whether a group of a published training part (clips of one film) belongs to dev: a tenth."""
    return share_of(group) < 0.1


def mixed(clips: Sequence[Clip]) -> list[Clip]:
    """The clips in the order of a hash of their ids: the first of them are of many classes."""
    return sorted(clips, key=lambda clip: (share_of(clip.id), clip.id))
