"""Small videos, GIFs and folders of frames for the tests: frame i has the grey value 4 i."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

CODECS = {".mp4": "libx264", ".avi": "mpeg4", ".mov": "mpeg4", ".mkv": "libx264", ".webm": "libvpx"}


def greys(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    return [np.full((height, width, 3), 4 * i, np.uint8) for i in range(count)]


def write_video(path: Path, frames=40, rate=25, *, times=None, options=None, codec=None) -> Path:
    """A video of `greys(frames)`, or of the pictures given; `times` are in thousandths."""
    pictures = greys(frames) if isinstance(frames, int) else frames
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec or CODECS[path.suffix.lower()], rate=rate)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if times is not None:
                stream.codec_context.time_base = frame.time_base = Fraction(1, 1000)
                frame.pts = times[i]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_gif(path: Path, frames: int = 12, milliseconds: int = 40, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = [Image.fromarray(picture) for picture in greys(frames)]
    first.save(path, save_all=True, append_images=others, duration=milliseconds, **options)
    return path


def write_frames(folder: Path, frames: int = 12, ending: str = ".png") -> Path:
    """frame0.png ... frame11.png: their names do not sort as letters do."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, picture in enumerate(greys(frames)):
        Image.fromarray(picture).save(folder / f"frame{i}{ending}")
    return folder
