"""Clips made of pictures, by Pillow: GIF files, and folders with a picture a frame."""

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from datasets import image_files
from datasets.actions.clips import (
    CUT_OFF,
    EMPTY,
    MOST_FRAMES,
    TOO_LARGE,
    UNDECODABLE,
    Extent,
    fit,
    sample_places,
)
from datasets.files import read_small
from datasets.images import MAX_PIXELS
from datasets.inspection import Unusable

GIF = ".gif"
FRAMES = tuple(ending for ending in image_files.ENDINGS if ending != GIF)

_LARGEST = 256 * 2**20  # bytes of a GIF, which is held in the memory as it is packed
_EXTENSION, _IMAGE, _TRAILER = b"!", b",", b";"


def inspect_gif(path: Path) -> Extent:
    """How many frames a GIF has and how long they last, by decoding each.

    Raises:
        Unusable: it is empty, no GIF, cut off (its trailer 3B is not there) or cannot be decoded.
    """
    raw = _gif_bytes(path)
    count = gif_frames(raw)
    if count > MOST_FRAMES:
        return Extent(count, 0.0)
    seconds = sum(duration for _, duration in _gif(raw)) / 1000
    return Extent(count, seconds)


def read_gif(path: Path, extent: Extent, frames: int, size: int) -> np.ndarray:
    """The frames at `sample_places`, `<uint8>[time, size, size, 3]`; black where transparent."""
    places = set(sample_places(extent.frames, frames).tolist())
    taken = [
        fit(_on_black(image), size)
        for i, (image, _) in enumerate(_gif(_gif_bytes(path)))
        if i in places
    ]
    return np.stack(taken)


def gif_frames(raw: bytes) -> int:
    """The number of frames of a GIF, by a walk over its blocks to the trailer.

    Decoders take a file that was cut off for a shorter one.

    Raises:
        Unusable: it is no GIF, or ends before the trailer.
    """
    if raw[:6] not in (b"GIF87a", b"GIF89a"):
        raise Unusable(UNDECODABLE, "no GIF")
    try:
        place, count = 13 + _colours(raw[10]), 0
        while (kind := raw[place : place + 1]) != _TRAILER:
            if kind == _IMAGE:
                count += 1
                # position and size, flags, colours, the size of codes; then the data's pieces
                place = _behind(raw, place + 11 + _colours(raw[place + 9]))
            elif kind == _EXTENSION:
                place = _behind(raw, place + 2)
            else:
                raise Unusable(CUT_OFF if not kind else UNDECODABLE, f"byte {place:,}")
        return count
    except IndexError as error:
        raise Unusable(CUT_OFF) from error


def _colours(flags: int) -> int:
    """The bytes of the table of colours that follows."""
    return 3 * 2 ** (1 + flags % 8) if flags & 0x80 else 0


def _behind(raw: bytes, place: int) -> int:
    """The place behind pieces of data: each is its length, then as many bytes; 0 ends them."""
    while length := raw[place]:
        place += 1 + length
    return place + 1


def _gif_bytes(path: Path) -> bytes:
    try:
        raw = read_small(path, _LARGEST)
    except ValueError as error:
        raise Unusable(UNDECODABLE, str(error)) from error
    if not raw:
        raise Unusable(EMPTY)
    return raw


def _gif(raw: bytes) -> Iterator[tuple[Image.Image, float]]:
    """(a frame as it is shown, its milliseconds), one by one."""
    try:
        with Image.open(io.BytesIO(raw), formats=("GIF",)) as image:
            _check_size(image)
            for i in range(MOST_FRAMES):
                try:
                    image.seek(i)
                except EOFError:
                    return
                image.load()
                yield image, float(image.info.get("duration", 0))
    except Unusable:
        raise
    except Exception as error:  # on a broken file Pillow raises nearly anything
        raise Unusable(UNDECODABLE, str(error)) from error


def _on_black(image: Image.Image) -> np.ndarray:
    rgba = image.convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", rgba.size, "black"), rgba))[..., :3]


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise Unusable(TOO_LARGE, f"{image.width} x {image.height}")


def inspect_frames(paths: Sequence[Path]) -> Extent:
    """The extent of a folder of frames; how long they last is not known.

    Raises:
        Unusable: one of the pictures is empty or cannot be decoded.
    """
    if len(paths) <= MOST_FRAMES:
        for path in paths:
            _picture(path)
    return Extent(len(paths), 0.0)


def read_frames(paths: Sequence[Path], extent: Extent, frames: int, size: int) -> np.ndarray:
    """The pictures at `sample_places`, `<uint8>[time, size, size, 3]`; black where transparent."""
    places = sample_places(extent.frames, frames).tolist()
    return np.stack([fit(_picture(paths[place]), size) for place in places])


def _picture(path: Path) -> np.ndarray:
    """`<uint8>[height, width, 3]`, turned as EXIF says."""
    try:
        raw = image_files.read_image(path)
        with Image.open(io.BytesIO(raw), formats=("JPEG", "PNG")) as image:
            _check_size(image)
            return _on_black(ImageOps.exif_transpose(image))
    except Unusable:
        raise
    except Exception as error:  # as above
        raise Unusable(UNDECODABLE, f"{path.name}: {error}") from error


def natural(name: str) -> list:
    """A key that sorts frame2 before frame10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _parts(name)]


def _parts(name: str) -> list[str]:
    return re.findall(r"[0-9]+|[^0-9]+", name)
