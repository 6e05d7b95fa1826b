"""Pictures of the demo: a figure with clothes in a place, taken by a camera in somebody's hand."""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from datasets.actions.motions import THIGH

Colour = tuple[int, int, int]

SHAKE = 0.02  # the largest shift of a frame, as a share of the picture's side

_SKIN = ((244, 208, 177), (224, 172, 135), (176, 120, 84), (120, 78, 52), (84, 54, 40))
_HAIR = ((30, 24, 20), (90, 56, 30), (190, 150, 80), (150, 60, 30), (160, 160, 160))
# (from, to) in JOINTS, the part of the clothes; the arm and leg further away come first
_LIMBS = (
    *((1, 3, "shirt"), (3, 4, "skin"), (2, 7, "trousers"), (7, 8, "trousers")),
    *((1, 2, "shirt"), (2, 9, "trousers"), (9, 10, "trousers"), (1, 5, "shirt"), (5, 6, "skin")),
)


class Person(NamedTuple):
    """What somebody looks like; lengths are shares of the height."""

    colours: dict[str, Colour]  # skin, hair, shirt, trousers
    thickness: float
    head: float  # radius


class Place(NamedTuple):
    """What is behind the figure."""

    wall: Colour
    floor: Colour
    horizon: float  # share of the picture's height, from the top
    things: tuple[tuple[float, float, float, float, Colour], ...]  # left, top, right, bottom
    chair: Colour | None


class Camera(NamedTuple):
    """How the picture is taken: shares of the picture's side."""

    height: float  # of the figure
    ground: float  # where y = 0 is, from the top
    centre: float  # where x = 0 is, from the left
    shake: np.ndarray  # <float64>[frames, 2]
    noise: float  # steps of 255
    light: float  # factor


def draw_person(rng: np.random.Generator) -> Person:
    """Somebody at random."""
    colours = {
        "skin": _SKIN[rng.integers(len(_SKIN))],
        "hair": _HAIR[rng.integers(len(_HAIR))],
        "shirt": _colour(rng, 20, 240),
        "trousers": _colour(rng, 10, 150),
    }
    return Person(colours, rng.uniform(0.06, 0.11), rng.uniform(0.07, 0.1))


def draw_place(rng: np.random.Generator, chair: bool) -> Place:
    """A room or a field, with up to four things along the wall; a chair also where none is used."""
    horizon = rng.uniform(0.5, 0.8)
    things = []
    for _ in range(rng.integers(0, 5)):
        left, top = rng.uniform(-0.1, 1.0), rng.uniform(0.0, horizon - 0.1)
        right, bottom = left + rng.uniform(0.05, 0.4), min(top + rng.uniform(0.1, 0.5), horizon)
        things.append((left, top, right, bottom, _colour(rng, 60, 230)))
    has_chair = chair or rng.random() < 0.15
    return Place(
        _colour(rng, 120, 245),
        _colour(rng, 70, 200),
        horizon,
        tuple(things),
        _colour(rng, 30, 140) if has_chair else None,
    )


def draw_camera(rng: np.random.Generator, frames: int, room: float) -> Camera:
    """A camera that sees the whole figure; `room` is what the motion needs on each side."""
    height = rng.uniform(0.45, 0.68)
    slack = max(0.0, 0.5 - (room + 0.12) * height)
    shake = np.clip(rng.normal(0.0, 0.006 * rng.random(), (frames, 2)), -SHAKE, SHAKE)
    return Camera(
        height,
        rng.uniform(0.84, 0.95),
        0.5 + rng.uniform(-1, 1) * min(slack, 0.2),
        shake,
        rng.uniform(0, 6),
        rng.uniform(0.75, 1.1),
    )


def _colour(rng: np.random.Generator, low: int, high: int) -> Colour:
    return tuple(rng.integers(low, high, 3).tolist())


def backdrop(place: Place, camera: Camera, facing: int, size: int) -> Image.Image:
    """The place without the figure, of side `2 size`, with a margin that goes on as its edge does.

    A frame is drawn on the piece of it that the shaken camera sees.
    """
    side = 2 * size
    picture = Image.new("RGB", (side, side), place.wall)
    pen = ImageDraw.Draw(picture)
    for left, top, right, bottom, colour in place.things:
        pen.rectangle((left * side, top * side, right * side, bottom * side), fill=colour)
    pen.rectangle((0, place.horizon * side, side, side), fill=place.floor)
    if place.chair:
        _draw_chair(pen, place.chair, camera, facing, side)
    margin = _margin(side)
    padding = ((margin, margin), (margin, margin), (0, 0))
    return Image.fromarray(np.pad(np.asarray(picture), padding, mode="edge"))


def _margin(side: int) -> int:
    """Pixels that cover `SHAKE` of a picture's side."""
    return math.ceil(SHAKE * side)


def _draw_chair(pen, colour: Colour, camera: Camera, facing: int, side: int) -> None:
    """A chair behind somebody who stands at x = 0 and faces `facing`: seat, back and two legs."""
    width = max(2, round(0.04 * camera.height * side))
    back, front = -facing * (THIGH + 0.1), -facing * (THIGH - 0.12)
    seat, top = 0.2, 0.55
    lines = ((back, seat, front, seat), (back, 0, back, top), (front, 0, front, seat))
    for x0, y0, x1, y1 in lines:
        points = _pixels(np.array([[x0, y0], [x1, y1]]), camera, side)
        pen.line(points, fill=colour, width=width)


def frame(
    behind: Image.Image,
    size: int,
    person: Person,
    joints: np.ndarray,
    facing: int,
    ball: np.ndarray | None,
    camera: Camera,
    i: int,
) -> np.ndarray:
    """Frame i, `<uint8>[size, size, 3]`, smoothed, with the camera's light but without its noise.

    Args:
        behind: the backdrop of this size.
        size: the side of the frame.
        person: who is drawn.
        joints: `<float64>[joints, 2]`, as `motions.joints_of` gives them.
        facing: 1 right, -1 left (a peak of the cap shows it), 0 to the camera.
        ball: (x, y) or None.
        camera: `shake[i]` moves all of the picture.
        i: the number of the frame.
    """
    side = 2 * size
    shift = np.rint(camera.shake[i] * side).astype(int)
    left, top = (_margin(side) - shift).tolist()
    picture = behind.crop((left, top, left + side, top + side))
    _draw_figure(ImageDraw.Draw(picture), person, joints, facing, ball, camera, shift, side)
    pixels = np.asarray(picture.reduce(2), dtype=np.float32) * camera.light
    return np.minimum(pixels, 255).astype(np.uint8)


def _draw_figure(pen, person, joints, facing, ball, camera, shift, side) -> None:
    points = [tuple(p) for p in np.reshape(_pixels(joints, camera, side), (-1, 2)) + shift]
    unit = camera.height * side
    width = max(2, round(person.thickness * unit))
    for start, end, part in _LIMBS:
        thick = round(1.7 * width) if (start, end) == (1, 2) else width
        _line(pen, points[start], points[end], person.colours[part], thick)
    (x, y), radius = points[0], person.head * unit
    _disc(pen, (x, y - 0.2 * radius), radius, person.colours["hair"])
    _disc(
        pen, (x + 0.3 * facing * radius, y + 0.15 * radius), 0.85 * radius, person.colours["skin"]
    )
    if facing:
        brim = (x + facing * 1.9 * radius, y - 0.3 * radius)
        _line(pen, (x, y - 0.3 * radius), brim, person.colours["hair"], max(2, width // 3))
    if ball is not None:
        place = np.reshape(_pixels(ball[None], camera, side), 2) + shift
        _disc(pen, tuple(place), 0.05 * unit, (230, 60, 40))


def _line(pen, start, end, colour: Colour, width: int) -> None:
    """A line with round ends."""
    pen.line((start, end), fill=colour, width=width)
    for point in (start, end):
        _disc(pen, point, width / 2, colour)


def _disc(pen, centre, radius: float, colour: Colour) -> None:
    x, y = centre
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _pixels(points: np.ndarray, camera: Camera, side: int) -> list[float]:
    """(x, y) of the figure's space to the picture's, one after the other."""
    x = camera.centre + camera.height * points[:, 0]
    y = camera.ground - camera.height * points[:, 1]
    return (side * np.stack([x, y], axis=1)).ravel().tolist()
