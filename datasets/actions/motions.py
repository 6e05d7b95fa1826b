"""What the figures of the demo do: a motion is a pose at each moment, and can be played backwards.

A pose is angles; the joints follow from them. Lengths are shares of the figure's height, x goes to
the right, y up from the ground; an angle is 0 straight down and grows towards the right.

Each motion is drawn once and has two names: the second action is the first backwards. So the frames
of both are the same frames, and only their order tells which action a clip shows.
"""

import math
from typing import NamedTuple

import numpy as np

# forwards, backwards; a motion without a second name is the same both ways
ACTIONS = {
    "sit": ("sit down", "stand up"),
    "walk": ("walk left", "walk right"),
    "raise": ("raise arm", "lower arm"),
    "throw": ("throw", "catch"),
    "jump": ("jump forward", "jump backward"),
    "circle": ("circle arm clockwise", "circle arm anticlockwise"),
    "wave": ("wave",),
}
MIRRORED = ("sit", "raise", "throw", "jump", "wave")  # left or right is no part of the name

JOINTS = (
    *("head", "neck", "hip", "left elbow", "left hand", "right elbow", "right hand"),
    *("left knee", "left foot", "right knee", "right foot"),
)
TORSO, NECK, UPPER_ARM, FORE_ARM, THIGH, SHIN = 0.3, 0.12, 0.16, 0.15, 0.25, 0.25


class Style(NamedTuple):
    """How somebody moves this time: numbers of [0, 1), drawn for each clip."""

    size: float  # of the motion
    power: float  # of its beginning and end: gentle or sudden
    phase: float
    turns: float
    sway: float
    other: float  # what the rest of the body does


class Pose(NamedTuple):
    """Angles of the limbs in radians (upper and lower part), and where the figure is."""

    lean: float = 0.0  # of the torso, to the right
    left_arm: tuple[float, float] = (-0.15, -0.1)
    right_arm: tuple[float, float] = (0.15, 0.1)
    left_leg: tuple[float, float] = (-0.08, -0.08)
    right_leg: tuple[float, float] = (0.08, 0.08)
    x: float = 0.0  # of the hip
    lift: float = 0.0  # of the lower foot above the ground


def pose(motion: str, t: float, style: Style) -> Pose:
    """The pose at a moment t of [0, 1] of a motion, which has the name of a key of `ACTIONS`."""
    return _MOTIONS[motion](t, style)


def joints_of(pose: Pose) -> np.ndarray:
    """`<float64>[joints, 2]`: (x, y) of each of `JOINTS`; the lower foot is at `pose.lift`."""
    hip = np.zeros(2)
    neck = hip + _towards(math.pi - pose.lean, TORSO)
    head = neck + _towards(math.pi - 1.3 * pose.lean, NECK)
    points = [head, neck, hip]
    limbs = (
        (neck, pose.left_arm, (UPPER_ARM, FORE_ARM)),
        (neck, pose.right_arm, (UPPER_ARM, FORE_ARM)),
        (hip, pose.left_leg, (THIGH, SHIN)),
        (hip, pose.right_leg, (THIGH, SHIN)),
    )
    for start, angles, lengths in limbs:
        for angle, length in zip(angles, lengths, strict=True):
            start = start + _towards(angle, length)
            points.append(start)
    joints = np.stack(points)
    ground = min(joints[8, 1], joints[10, 1])
    return joints + np.array([pose.x, pose.lift - ground])


def ball(t: float, style: Style) -> np.ndarray | None:
    """Where the thrown ball is: in the right hand until t = 0.5, then on a parabola."""
    hand = joints_of(_throw(min(t, 0.5), style))[6]
    if t <= 0.5:
        return hand
    since = t - 0.5
    across, up = (1.6 + style.size) * since, (0.6 + style.turns) * since - 3.0 * since**2
    return hand + np.array([across, up])


def _towards(angle: float, length: float) -> np.ndarray:
    return length * np.array([math.sin(angle), -math.cos(angle)])


def _ease(t: float, style: Style) -> float:
    """From 0 to 1, the same backwards: t^p / (t^p + (1 - t)^p)."""
    power = 1.2 + style.power
    return t**power / (t**power + (1 - t) ** power)


def _sit(t: float, style: Style) -> Pose:
    """Facing right; the feet stay where they are, so that the hip goes back and down."""
    share = _ease(t, style)
    bend = 1.45 * share
    arm = 0.2 + (0.3 + style.other) * share
    return Pose(
        lean=0.6 * math.sin(math.pi * share),
        left_arm=(arm - 0.2, arm),
        right_arm=(arm, arm + 0.3),
        left_leg=(bend - 0.06, -0.06),
        right_leg=(bend + 0.06, 0.06),
        x=-THIGH * math.sin(bend),
    )


def _walk(t: float, style: Style) -> Pose:
    """To the left; seen from the front, without a face, so that each frame may go either way."""
    swing = (0.35 + 0.3 * style.size) * math.sin(
        2 * math.pi * ((1 + round(2 * style.turns)) * t + style.phase)
    )
    return Pose(
        left_arm=(-0.8 * swing, -0.8 * swing),
        right_arm=(0.8 * swing, 0.8 * swing),
        left_leg=(swing, 0.9 * swing),
        right_leg=(-swing, -0.9 * swing),
        x=(0.35 + 0.25 * style.size) * (1 - 2 * t),
    )


def _raise(t: float, style: Style) -> Pose:
    angle = 0.15 + (2.2 + 0.7 * style.size) * _ease(t, style)
    return Pose(
        right_arm=(angle, angle + 0.3 * style.sway),
        left_arm=(-0.15 - 0.4 * style.other, -0.1 - 0.4 * style.other),
    )


def _throw(t: float, style: Style) -> Pose:
    """The right arm from behind over the head to the front; a ball leaves at t = 0.5."""
    angle = -1.9 - (2.6 + 0.4 * style.size) * _ease(t, style)
    return Pose(
        lean=0.25 * (2 * _ease(t, style) - 1),
        right_arm=(angle, angle - 0.3 * style.sway),
        left_arm=(0.4 + style.other, 0.6 + style.other),
        left_leg=(-0.25, -0.25),
        right_leg=(0.25, 0.2),
    )


def _jump(t: float, style: Style) -> Pose:
    """Facing right: a crouch, a flight of half the time, a crouch."""
    flight = min(max(2 * t - 0.5, 0.0), 1.0)
    crouch = 0.9 * (math.sin(4 * math.pi * t) ** 2 if abs(t - 0.5) > 0.25 else 0.0)
    arms = 0.3 + (0.8 + style.other) * math.sin(math.pi * flight)
    return Pose(
        lean=0.12 + 0.4 * crouch,
        left_arm=(arms - 0.1, arms),
        right_arm=(arms, arms + 0.1),
        left_leg=(crouch - 0.05, -crouch - 0.05),
        right_leg=(crouch + 0.05, -crouch + 0.05),
        x=(0.25 + 0.25 * style.size) * (2 * flight - 1),
        lift=(0.12 + 0.15 * style.power) * 4 * flight * (1 - flight),
    )


def _circle(t: float, style: Style) -> Pose:
    """The right arm, stretched, clockwise as the picture shows it."""
    angle = 2 * math.pi * (style.phase - (1 + style.turns) * t)
    return Pose(
        right_arm=(angle, angle),
        left_arm=(-0.15 - style.other, -0.1 - style.other),
    )


def _wave(t: float, style: Style) -> Pose:
    cycles = 2 + round(2 * style.turns)
    swing = (0.5 + 0.4 * style.size) * math.sin(2 * math.pi * (cycles * t + style.phase))
    return Pose(
        right_arm=(1.9 + 0.4 * style.power, 2.9 + swing),
        left_arm=(-0.15 - 0.4 * style.other, -0.1 - 0.4 * style.other),
    )


_MOTIONS = {
    "sit": _sit,
    "walk": _walk,
    "raise": _raise,
    "throw": _throw,
    "jump": _jump,
    "circle": _circle,
    "wave": _wave,
}
