"""What training does to a clip, so that each epoch watches it otherwise.

Nothing is mirrored: a swipe to the left would become one to the right. Every draw is from the
generator of the record and the epoch (`pipelines.epochs.draws`).
"""

from typing import NamedTuple

import numpy as np


class Augmentation(NamedTuple):
    """The flags of the same names."""

    frames: int
    shuffled: bool
    warp: float
    shift: float
    brightness: float
    rotation: float
    stretch: float
    noise: float
    hidden: float

    def __call__(self, clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Another clip of the same action, of at most `frames` frames.

        Args:
            clip: `<uint8>[time, size, size, 3]`, `<float32>[time, joints, 3]`, or features
                `<float16>[time, features]`, which are played otherwise and nothing else.
            rng: of the record and the epoch.
        """
        if not len(clip):
            return clip
        clip = clip[warped(len(clip), self.frames, self.warp, rng)]
        if self.shuffled:
            clip = rng.permutation(clip)
        if clip.ndim == 2:
            return clip
        if clip.ndim == 4:
            return lit(moved(clip, self.shift, rng), self.brightness, rng)
        clip = turned(clip, self.rotation, self.stretch, rng)
        return blurred(lost(clip, self.hidden, rng), self.noise, rng)


def warped(count: int, frames: int, warp: float, rng: np.random.Generator) -> np.ndarray:
    """Which of `count` frames are taken: `<int>[min(count, frames)]`, not falling.

    Of the ends, up to half of `warp` is cut off each; the middle of the clip is played earlier or
    later: u -> u^γ, with log γ up to `warp` either way. `warp` 0: `datasets.actions.sample_places`.
    """
    taken = min(count, frames)
    start, end = rng.uniform(0, warp / 2, 2) * (1, -1) + (0, 1)
    exponent = np.exp(rng.uniform(-warp, warp))
    shares = (2 * np.arange(taken) + 1) / (2 * taken)
    shares = start + (end - start) * shares**exponent
    return np.minimum((shares * count + 1e-9).astype(int), count - 1)


# Frames.


def moved(clip: np.ndarray, shift: float, rng: np.random.Generator) -> np.ndarray:
    """All frames moved and zoomed alike; what was outside is as the edge."""
    size = clip.shape[1]
    zoom = np.exp(rng.uniform(-shift, shift))
    down, right = rng.uniform(-shift, shift, 2) * size
    centred = np.arange(size) - (size - 1) / 2
    rows, columns = (
        np.clip(np.round(centred * zoom + (size - 1) / 2 + by), 0, size - 1).astype(int)
        for by in (down, right)
    )
    return clip[:, rows[:, None], columns]


def lit(clip: np.ndarray, brightness: float, rng: np.random.Generator) -> np.ndarray:
    """All frames brighter or darker, and of more or less contrast, alike."""
    gain, offset = 1 + rng.uniform(-brightness, brightness), rng.uniform(-brightness, brightness)
    levels = np.arange(256) * gain + 64 * offset
    return np.clip(np.round(levels), 0, 255).astype(np.uint8)[clip]


# Joints. The second axis is the vertical one.


def turned(
    joints: np.ndarray, rotation: float, stretch: float, rng: np.random.Generator
) -> np.ndarray:
    """The body turned about the vertical axis, and stretched along each."""
    angle = np.radians(rng.uniform(-rotation, rotation))
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    turn = turn * (1 + rng.uniform(-stretch, stretch, 3))
    centre = joints[0].mean(axis=0)
    return ((joints - centre) @ turn.T + centre).astype(np.float32)


def lost(joints: np.ndarray, hidden: float, rng: np.random.Generator) -> np.ndarray:
    """Some joints stay in their first place."""
    still = rng.random(joints.shape[1]) < hidden
    return np.where(still[:, None], joints[:1], joints)


def blurred(joints: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """With normal noise, `noise` times the root mean square distance of the joints' centre."""
    size = np.sqrt(np.square(joints[0] - joints[0].mean(axis=0)).sum(axis=-1).mean())
    return (joints + rng.normal(0, noise * size, joints.shape)).astype(np.float32)
