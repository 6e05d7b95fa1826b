"""Answers for files: what is done in each clip, and what is done when."""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import tensorflow as tf

from datasets.actions import sample_places
from datasets.actions.clips import ENDLESS, UNDECODABLE, Extent, checked
from datasets.actions.pictures import (
    FRAMES,
    GIF,
    inspect_frames,
    inspect_gif,
    natural,
    read_frames,
    read_gif,
)
from datasets.actions.video import ENDINGS, inspect, sampled
from datasets.inspection import Unusable
from pipelines.action_recognition.data import inputs_of
from pipelines.action_recognition.evaluation import about_model
from pipelines.action_recognition.flags import Predict

JOINTS = ".npy"
LONGEST = 1.5  # windows: a clip of no more is one action


class Source(NamedTuple):
    """A clip that can be read; `take(places)` gives its frames at increasing places, one by one."""

    name: str
    extent: Extent
    take: Callable[[Sequence[int]], Iterable[np.ndarray]]
    fault: str = ""


class Action(NamedTuple):
    """What is done from one moment to another, in seconds."""

    start: float
    end: float
    label: str
    score: float


def lines(model, flags: Predict) -> Iterator[str]:
    """`file<TAB>label<TAB>score` for each clip; with `times`, what is done when, on more lines.

    Raises:
        ValueError: no inputs, an input that is not there, or `times` of a clip without a rate.
    """
    about = about_model(model)
    paths = read_paths(flags.inputs, about["view"] == "joints")
    for path in paths:
        source = open_clip(path, about["size"], flags.rate)
        if source.fault:
            yield f"{source.name}\t({source.fault})\t0.0000"
            continue
        places = sample_places(source.extent.frames, about["frames"])
        clip = np.stack(list(source.take(places.tolist())))
        ((label, score),) = answers_of(model, [clip], 1)
        yield f"{source.name}\t{label or _refused(about)}\t{score:.4f}"
        if flags.times:
            for action in actions(model, source, about, flags.batch_size):
                yield f"  {action.start:.2f}\t{action.end:.2f}\t{action.label}\t{action.score:.4f}"


def _refused(about: dict[str, Any]) -> str:
    return "(refused: the model watches grey alone)" if about["grey"] else "(refused)"


# Files.


def read_paths(inputs: Sequence[str], joints: bool) -> list[Path]:
    """The clips that are named: files, and folders, each of which is a clip of its frames.

    Raises:
        ValueError: no inputs; one is not there, or of another kind than the model watches.
    """
    kinds = (JOINTS,) if joints else (*ENDINGS, GIF)
    rule = f"files ({', '.join(kinds)})" + ("" if joints else " or folders of frames")
    if not inputs:
        raise ValueError(f"`inputs` must be {rule}. Got none.")
    paths = [Path(name) for name in inputs]
    for path in paths:
        if not path.exists():
            raise ValueError(f"`inputs` must be {rule}. Not found: {path}.")
        if path.suffix.lower() not in kinds and (joints or not path.is_dir()):
            raise ValueError(f"`inputs` must be {rule}. Got {path}.")
    return paths


def open_clip(path: Path, size: int, rate: float | None) -> Source:
    """A clip, looked through once; of one that cannot be used, the fault.

    Args:
        path: of a video, a GIF, a folder of frames, or joints.
        size: pixels of a frame's side.
        rate: frames a second, where the clip itself does not tell.
    """
    try:
        extent, take = _opened(path, size)
        if not extent.seconds and rate:
            extent = Extent(extent.frames, extent.frames / rate)
        return Source(str(path), extent, take)
    except (Unusable, OSError) as error:
        return Source(str(path), Extent(0, 0.0), lambda places: (), str(error))


def _opened(path: Path, size: int) -> tuple[Extent, Callable]:
    if path.suffix.lower() in ENDINGS and path.is_file():
        extent = _video_extent(path)
        return extent, lambda places: sampled(path, list(places), size)
    extent, clip = _in_memory(path, size)
    return extent, lambda places: clip[list(places)]


def _in_memory(path: Path, size: int) -> tuple[Extent, np.ndarray]:
    """A clip that is small enough to be held: all its frames, or poses."""
    if path.is_dir():
        files = [file for file in path.iterdir() if file.suffix.lower() in FRAMES]
        files = sorted(files, key=lambda file: natural(file.name))
        extent = checked(inspect_frames(files))
        return extent, read_frames(files, extent, extent.frames, size)
    if path.suffix.lower() == JOINTS:
        joints = _joints(path)
        return checked(Extent(len(joints), 0.0)), joints
    extent = checked(inspect_gif(path))
    return extent, read_gif(path, extent, extent.frames, size)


def _joints(path: Path) -> np.ndarray:
    try:
        joints = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise Unusable(UNDECODABLE, str(error)) from error
    if joints.ndim != 3 or joints.shape[2] != 3 or joints.dtype.kind not in "fiu":
        raise Unusable(UNDECODABLE, f"an array of shape {joints.shape}, not [time, joints, 3]")
    return joints.astype(np.float32)


def _video_extent(path: Path) -> Extent:
    """The extent of a video of any length; the loader leaves long ones out, and so stops early."""
    try:
        return checked(inspect(path))
    except Unusable as error:
        if error.kind != ENDLESS:
            raise
    with av.open(str(path)) as container:  # which `inspect` has found to be a video
        rate = container.streams.video[0].average_rate
    count = 0
    with contextlib.suppress(Unusable):  # at the end
        for _ in sampled(path, itertools.count(), 1):
            count += 1
    return Extent(count, float(count / rate) if rate else 0.0)


# What is done when.


def actions(model, source: Source, about: dict[str, Any], batch_size: int) -> Iterator[Action]:
    """What is done from moment to moment; windows in a row that show the same are one.

    A window is as long as the middling clip of the training, and begins in the middle of the one
    before. Of windows that overlap, each has its own middle; the first also the beginning, and the
    last the end.

    Raises:
        ValueError: nothing tells the rate of the clip, or how long a clip of the training was.
    """
    extent = source.extent
    if not extent.seconds or not about["seconds"]:
        raise ValueError(
            f"`rate` must be given with `times` for {source.name}, of which nothing tells the "
            "frames a second."
        )
    windows = windows_of(extent, about["seconds"])
    answered = answers_of(model, window_clips(source, windows, about["frames"]), batch_size)
    each = extent.seconds / extent.frames
    edges = [0, *((a + b) // 2 for (a, _), (_, b) in itertools.pairwise(windows)), extent.frames]
    found: list[Action] = []
    for (start, end), (label, score) in zip(itertools.pairwise(edges), answered, strict=True):
        action = Action(start * each, end * each, label or "(refused)", score)
        if found and found[-1].label == action.label:
            before = found.pop()
            action = action._replace(start=before.start, score=max(before.score, score))
        found.append(action)
    return iter(found)


def windows_of(extent: Extent, seconds: float) -> list[tuple[int, int]]:
    """The (first, behind the last) frames of windows of so many seconds, half over each other.

    A clip of less than `LONGEST` windows is one.
    """
    length = max(2, round(seconds * extent.frames / extent.seconds))
    if extent.frames <= LONGEST * length:
        return [(0, extent.frames)]
    count = -(-2 * (extent.frames - length) // length) + 1
    starts = np.linspace(0, extent.frames - length, count).round().astype(int).tolist()
    return [(start, start + length) for start in starts]


def window_clips(
    source: Source, windows: Sequence[tuple[int, int]], frames: int
) -> Iterator[np.ndarray]:
    """The sampled frames of each window, the clip read once; windows rise."""
    sampled_places = [(sample_places(end - start, frames) + start) for start, end in windows]
    wanted = np.unique(np.concatenate(sampled_places)).tolist()
    stream = zip(wanted, source.take(wanted), strict=True)
    held: dict[int, np.ndarray] = {}
    for (start, _), places in zip(windows, sampled_places, strict=True):
        held = {place: frame for place, frame in held.items() if place >= start}
        while places[-1] not in held:
            place, frame = next(stream)
            held[place] = frame
        yield np.stack([held[place] for place in places.tolist()])


def answers_of(model, clips: Iterable[np.ndarray], batch_size: int) -> Iterator[tuple[str, float]]:
    """Label and score of each clip of frames or joints."""
    clips = iter(clips)
    while batch := list(itertools.islice(clips, batch_size)):
        name = "serving_default" if batch[0].ndim == 3 else "frames"
        inputs = inputs_of(batch, max(map(len, batch)), batch[0].shape[1:])
        answer = model.signatures[name](**{k: tf.constant(v) for k, v in inputs.items()})
        for label, score in zip(answer["label"].numpy(), answer["score"].numpy(), strict=True):
            yield label.decode(), float(score)
