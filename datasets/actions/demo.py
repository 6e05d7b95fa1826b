"""Figures drawn by code that walk, sit, throw, jump: real learning without a download.

Each action but one has a partner that is the same motion backwards (`motions.ACTIONS`), so that
neither a frame nor a bag of frames tells the two apart. A person is in one split only.
"""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.actions import figures, motions
from datasets.actions.clips import Clip, Extent, sample_places

VIEWS = ("video", "joints")
COUNTS = {"train": 1200, "dev": 150, "test": 300}
PEOPLE = {"train": 60, "dev": 15, "test": 30}
RATE = 25.0  # frames a second
SECONDS = (1.0, 3.0)  # of a clip
LABELS = tuple(label for names in motions.ACTIONS.values() for label in names)

_NUMBERS = {"train": 0, "dev": 1, "test": 2}
_ROOM = {"walk": 0.62, "jump": 0.5, "throw": 0.4}  # that a motion needs on each side


class Scene(NamedTuple):
    """All that a clip shows; frame k of `frames` is the same at any size."""

    motion: str
    backwards: bool
    facing: int  # 1 right, -1 left
    style: motions.Style
    still: tuple[float, float]  # shares of the time before and after the motion
    frames: int
    person: figures.Person
    place: figures.Place
    camera: figures.Camera
    seed: tuple[int, ...]  # of the noise


def clips(split: str, seed: int, limit: int | None, view: str) -> list[Clip]:
    """The clips of a split: the i-th depends on the seed, the split and i alone.

    The actions come in turn, so that there are as many of each.
    """
    count = COUNTS[split] if limit is None else min(limit, COUNTS[split])
    read = {"video": _video, "joints": _joints}[view]
    listed = []
    for i in range(count):
        key = (seed, _NUMBERS[split], i)
        person = int(np.random.default_rng((*key, 1)).integers(PEOPLE[split]))
        bound = (functools.partial(function, key, person) for function in (_inspect, read))
        name, subject = f"demo-{seed}-{split}-{i:05d}", f"{split}-{person:02d}"
        listed.append(Clip(name, LABELS[i % len(LABELS)], subject, *bound))
    return listed


def raw_files() -> list[Path]:
    """The programs that draw the clips."""
    return [Path(__file__).with_name(f"{name}.py") for name in ("demo", "motions", "figures")]


def scene(key: tuple[int, int, int], person: int) -> Scene:
    """The scene of (seed, number of the split, i): the label is `LABELS[i % len(LABELS)]`."""
    rng = np.random.default_rng((*key, 2))
    label = LABELS[key[2] % len(LABELS)]
    motion = next(name for name, names in motions.ACTIONS.items() if label in names)
    frames = round(rng.uniform(*SECONDS) * RATE)
    return Scene(
        motion,
        label != motions.ACTIONS[motion][0],
        int(rng.choice((-1, 1))) if motion in motions.MIRRORED else 1,
        motions.Style(*rng.random(len(motions.Style._fields))),
        tuple(rng.uniform(0, 0.15, 2)),
        frames,
        figures.draw_person(np.random.default_rng((*key[:2], person, 3))),
        figures.draw_place(rng, chair=motion == "sit"),
        figures.draw_camera(rng, frames, _ROOM.get(motion, 0.35)),
        (*key, 4),
    )


def moment(scene: Scene, k: int) -> float:
    """The moment of [0, 1] of the motion that frame k shows."""
    before, after = scene.still
    t = (k / (scene.frames - 1) - before) / (1 - before - after)
    return min(max(t, 0.0), 1.0)


def draw(scene: Scene, places: np.ndarray, size: int) -> np.ndarray:
    """The frames at `places`, `<uint8>[places, size, size, 3]`.

    Backwards means that frame k is the frame `frames - 1 - k` of the same scene forwards, to the
    pixel, but for the camera's noise.
    """
    behind = figures.backdrop(scene.place, scene.camera, scene.facing, size)
    mirror = np.array([scene.facing, 1.0])
    shown = scene.facing if scene.motion in ("sit", "jump") else 0
    pictures = []
    for k in scene.frames - 1 - places if scene.backwards else places:
        t = moment(scene, k)
        joints = motions.joints_of(motions.pose(scene.motion, t, scene.style)) * mirror
        ball = motions.ball(t, scene.style) * mirror if scene.motion == "throw" else None
        pictures.append(
            figures.frame(behind, size, scene.person, joints, shown, ball, scene.camera, int(k))
        )
    clip = np.stack(pictures)
    noise = int(scene.camera.noise)
    if not noise:
        return clip
    grain = np.random.default_rng(scene.seed).integers(-noise, noise + 1, clip.shape, np.int8)
    return np.clip(clip.astype(np.int16) + grain, 0, 255).astype(np.uint8)


def _inspect(key: tuple[int, int, int], person: int) -> Extent:
    frames = scene(key, person).frames
    return Extent(frames, frames / RATE)


def _video(key, person: int, extent: Extent, frames: int, size: int) -> np.ndarray:
    return draw(scene(key, person), sample_places(extent.frames, frames), size)


def _joints(key, person: int, extent: Extent, frames: int, size: int) -> np.ndarray:
    """All frames; x and y as shares of the figure's height, z = 0."""
    drawn = scene(key, person)
    moments = [moment(drawn, k) for k in range(drawn.frames)]
    points = [motions.joints_of(motions.pose(drawn.motion, t, drawn.style)) for t in moments]
    joints = np.zeros((drawn.frames, len(motions.JOINTS), 3), np.float32)
    joints[..., :2] = np.stack(points) * [drawn.facing, 1.0]
    return joints[::-1].copy() if drawn.backwards else joints
