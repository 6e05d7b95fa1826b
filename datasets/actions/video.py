"""Video files by PyAV (FFmpeg's libraries), one frame in the memory at a time.

Frames are turned upright as the file says: a phone held upright writes them lying, with a rotation
beside them. Rates may be any, and may vary: frames are what is counted and sampled, not seconds.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np

from datasets.actions.clips import (
    CUT_OFF,
    EMPTY,
    ENDLESS,
    LONGEST,
    MOST_FRAMES,
    TOO_LARGE,
    UNDECODABLE,
    Extent,
    fit,
    sample_places,
)
from datasets.images import MAX_PIXELS
from datasets.inspection import Unusable

ENDINGS = (".mp4", ".avi", ".mov", ".mkv", ".webm")

# Only what the endings stand for, from the disk: a playlist under such a name opens other files.
_OPTIONS = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm",
    "protocol_whitelist": "file",
}
_SLACK = 0.02  # of the stated frames or seconds that may be missing: encoders miscount
_DURATION = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


def inspect(path: Path) -> Extent:
    """How many frames a video has, and how long it is, by decoding it to its end.

    Raises:
        Unusable: it cannot be decoded, ends before its header says, has damaged frames, too many,
            or too large ones.
    """
    count, damaged, start, end = 0, 0, None, 0.0
    with _opened(path) as (container, stream):
        for frame in _frames(container, stream):
            count += 1
            damaged += frame.is_corrupt
            if frame.time is not None:
                start = frame.time if start is None else start
                end = max(end, frame.time + _length(frame, stream))
            if count > MOST_FRAMES or end - (start or 0.0) > LONGEST:
                raise Unusable(ENDLESS)
        seconds = end - start if start is not None else count / (stream.average_rate or np.inf)
        _check_whole(container, stream, count, seconds)
    if damaged:
        raise Unusable(CUT_OFF, f"{damaged:,} of {count:,} frames are damaged")
    return Extent(count, float(seconds))


def read(path: Path, extent: Extent, frames: int, size: int) -> np.ndarray:
    """The frames at `sample_places`, `<uint8>[time, size, size, 3]`, each as `clips.fit` has it.

    Raises:
        Unusable: the file has fewer frames than `extent` says: it has changed since.
    """
    places = sample_places(extent.frames, frames).tolist()
    return np.stack(list(sampled(path, places, size)))


def sampled(path: Path, places: list[int], size: int) -> Iterator[np.ndarray]:
    """The frames at some increasing places, one by one; those behind the last are not decoded."""
    waiting = iter(places)
    place = next(waiting, None)
    with _opened(path) as (container, stream):
        for i, frame in enumerate(_frames(container, stream)):
            if i == place:
                yield fit(upright(frame), size)
                if (place := next(waiting, None)) is None:
                    return
    raise Unusable(CUT_OFF, f"{path.name} has no frame {place:,}")


def upright(frame: av.VideoFrame) -> np.ndarray:
    """A frame in RGB, `<uint8>[height, width, 3]`, turned by the quarters that its file states.

    FFmpeg's angle is counterclockwise, as numpy's is.
    """
    return np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))


@contextmanager
def _opened(path: Path) -> Iterator[tuple]:
    """(container, its first video stream); FFmpeg's errors become Unusable."""
    try:
        if not path.stat().st_size:
            raise Unusable(EMPTY)
        with av.open(str(path), options=_OPTIONS) as container:
            if not container.streams.video:
                raise Unusable(UNDECODABLE, "no video in it")
            yield container, container.streams.video[0]
    except (av.FFmpegError, OSError) as error:
        raise Unusable(UNDECODABLE, str(error)) from error


def _frames(container, stream) -> Iterator[av.VideoFrame]:
    """The frames as stored; the file's size is checked before one is decoded, then each one's."""
    _check_size(stream.codec_context)
    count = 0
    try:
        for frame in container.decode(stream):
            _check_size(frame)
            yield frame
            count += 1
    except av.FFmpegError as error:
        kind = CUT_OFF if count else UNDECODABLE
        raise Unusable(kind, f"{error} behind {count:,} frames") from error


def _check_size(sized) -> None:
    if sized.width * sized.height > MAX_PIXELS:
        raise Unusable(TOO_LARGE, f"{sized.width} x {sized.height}")


def _length(frame, stream) -> float:
    """Seconds that a frame is shown."""
    if frame.duration and frame.time_base:
        return float(frame.duration * frame.time_base)
    return float(1 / stream.average_rate) if stream.average_rate else 0.0


def _check_whole(container, stream, count: int, seconds: float) -> None:
    """Raises Unusable where frames or seconds are missing that the header states."""
    missing = stream.frames - count
    if missing > max(1, _SLACK * stream.frames):
        raise Unusable(CUT_OFF, f"{count:,} of {stream.frames:,} frames")
    stated = _stated_seconds(container, stream)
    if not stream.frames and stated - seconds > max(0.25, _SLACK * stated):
        raise Unusable(CUT_OFF, f"{seconds:.2f} of {stated:.2f} s")


def _stated_seconds(container, stream) -> float:
    """The length of the video by the header of Matroska and WebM; 0 where none is stated."""
    if match := _DURATION.match(stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = (float(part) for part in match.groups())
        return 3600 * hours + 60 * minutes + seconds
    alone = len(container.streams) == 1  # sound may be longer than the picture
    return container.duration / av.time_base if alone and container.duration else 0.0
