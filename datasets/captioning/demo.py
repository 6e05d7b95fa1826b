"""Scenes drawn by code, with captions in several wordings: real learning without a download.

A scene is one object at a place, two or three alike side by side, or two objects apart, one above
or left of the other. Which combinations of colour and shape exist is fixed: training and dev hold
90 of the 96, the test split only the other six, so that a model that merely remembers training
captions gets none of it right. Each colour and each shape alone occurs in training.

A dark line goes around every shape, whatever its colour, and the colours are many: a small network
that sees few learns the outlines of each for itself, and mistakes a shape in a colour in which it
has not seen it.
"""

import io
import math
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from datasets.arguments import check_seed
from datasets.captioning.faults import Examples

COLOURS = {
    "red": (220, 44, 44),
    "green": (46, 160, 67),
    "blue": (44, 88, 220),
    "yellow": (242, 208, 34),
    "purple": (140, 50, 176),
    "orange": (245, 132, 20),
    "brown": (126, 78, 44),
    "pink": (244, 128, 190),
    "turquoise": (60, 200, 200),
    "white": (250, 250, 250),
    "grey": (130, 130, 130),
    "black": (36, 36, 36),
    "lime": (168, 216, 60),
    "navy": (30, 40, 124),
    "maroon": (122, 20, 52),
    "beige": (222, 196, 150),
}
SHAPES = ("circle", "ring", "square", "triangle", "star", "cross")
INK = (30, 30, 36)  # of the line around a shape, the same whatever the colour
SIZES = {"small": 0.11, "large": 0.15}  # radius, as a share of the picture's side
PLACES = {  # row and column of the 3 x 3 cells of a picture
    "on the left": (1, 0),
    "on the right": (1, 2),
    "at the top": (0, 1),
    "at the bottom": (2, 1),
    "in the centre": (1, 1),
}
RELATIONS = {"above": "below", "left of": "right of"}  # each with its converse
COUNTS = ("a", "two", "three")

# Each shape in one colour, six colours in one shape each: what only the test split shows.
HELD_OUT = tuple(zip(COLOURS, SHAPES, strict=False))
SEEN = tuple((c, s) for c in COLOURS for s in SHAPES if (c, s) not in HELD_OUT)

_SPLITS = {"train": (0, 6000, SEEN), "dev": (1, 500, SEEN), "test": (2, 500, HELD_OUT)}
_REFERENCES = 5  # captions of an image

Fact = tuple[str, ...]


class Thing(NamedTuple):
    """One drawn object: what it is, and the cell (row, column) that it lies in."""

    colour: str
    shape: str
    size: str
    cell: tuple[int, int]


class Scene(NamedTuple):
    """The objects of a picture and, in words, where they are ("" for a group)."""

    kind: str  # single, group or pair
    things: tuple[Thing, ...]
    where: str  # a key of PLACES (single) or of RELATIONS (pair: first to second)


def examples(split: str, *, seed: int = 0, limit: int | None = None) -> Examples:
    """`(count, generate)`; scene i depends on seed, split and i alone, not on `limit`.

    `image_bytes` are PNG files of 96 x 96 pixels.
    """
    check_seed(seed)
    number, default, combinations = _SPLITS[split]
    count = default if limit is None else limit

    def generate() -> Iterator[tuple[str, bytes, list[str]]]:
        for i in range(count):
            rng = np.random.default_rng((seed, number, i))
            scene = compose(rng, combinations)
            yield f"demo-{seed}-{split}-{i:06d}", draw(scene, rng), references(scene, rng)

    return count, generate


def compose(rng: np.random.Generator, combinations: tuple[tuple[str, str], ...] = SEEN) -> Scene:
    """A scene at random, of objects whose (colour, shape) is among `combinations`.

    Alike objects lie in cells side by side, the objects of a pair with a cell between them: to tell
    two alike from two different by comparing them is more than minutes of training bring.
    """
    first, second = (combinations[i] for i in rng.choice(len(combinations), 2, replace=False))
    size, other_size = rng.choice(list(SIZES), 2).tolist()
    kind = ("single", "group", "pair")[rng.choice(3, p=(0.25, 0.25, 0.5))]
    if kind == "single":
        where = list(PLACES)[rng.integers(len(PLACES))]
        return Scene(kind, (Thing(*first, size, PLACES[where]),), where)
    if kind == "group":
        cells = _neighbours(rng, int(rng.integers(2, 4)))
        return Scene(kind, tuple(Thing(*first, size, cell) for cell in cells), "")
    where = list(RELATIONS)[rng.integers(len(RELATIONS))]
    across = int(rng.integers(3))
    cells = ((0, across), (2, across)) if where == "above" else ((across, 0), (across, 2))
    return Scene(kind, (Thing(*first, size, cells[0]), Thing(*second, other_size, cells[1])), where)


def _neighbours(rng: np.random.Generator, count: int) -> list[tuple[int, int]]:
    """`count` cells of the picture, each side by side with another of them."""
    cells = [divmod(int(rng.integers(9)), 3)]
    while len(cells) < count:
        free = {divmod(i, 3) for i in range(9)} - set(cells)
        beside = [(r, c) for r, c in free if any(abs(r - a) + abs(c - b) == 1 for a, b in cells)]
        cells.append(sorted(beside)[rng.integers(len(beside))])
    return cells


def draw(scene: Scene, rng: np.random.Generator, pixels: int = 96) -> bytes:
    """The scene as a PNG file of `pixels` x `pixels`, edges smoothed, on a light uneven ground."""
    picture = _ground(rng, pixels)
    for thing in scene.things:
        colour = np.clip(np.array(COLOURS[thing.colour]) + rng.integers(-14, 15, 3), 0, 255)
        radius = SIZES[thing.size] * rng.uniform(0.95, 1.05)
        slack = 1 / 6 - radius
        centre = [(i + 0.5) / 3 + rng.uniform(-slack, slack) for i in reversed(thing.cell)]
        turn = rng.uniform(-0.2, 0.2)
        for paint, line in ((INK, 0), (tuple(colour.tolist()), pixels // 32)):
            mask = _mask(thing.shape, centre, radius, turn, 2 * pixels, line)
            picture.paste(paint, mask=mask.reduce(2))
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=0)
    return file.getvalue()


def _ground(rng: np.random.Generator, pixels: int) -> Image.Image:
    """A light gradient between two tints in a random direction, with soft blotches on it."""
    low, high = rng.uniform(195, 245, (2, 3))
    angle = rng.uniform(0, 2 * math.pi)
    line = np.linspace(-0.5, 0.5, 8)
    ramp = 0.5 + 0.7 * (math.sin(angle) * line[:, None] + math.cos(angle) * line)  # in 0..1
    blotches = rng.uniform(-8, 8, (8, 8, 1))
    coarse = (low + (high - low) * ramp[..., None] + blotches).astype(np.uint8)
    return Image.fromarray(coarse).resize((pixels, pixels), Image.Resampling.BILINEAR)


def _mask(
    shape: str, centre: list[float], radius: float, turn: float, pixels: int, line: int
) -> Image.Image:
    """White where the shape is, but for a line of so many pixels along its edge.

    `centre` and `radius` are shares of the side, `turn` is in radians.
    """
    x, y, r = centre[0] * pixels, centre[1] * pixels, radius * pixels
    mask = Image.new("L", (pixels, pixels))
    pen = ImageDraw.Draw(mask)
    if shape in ("circle", "ring"):
        pen.ellipse((x - r, y - r, x + r, y + r), fill=255, outline=0, width=line)
        if shape == "ring":
            hole = 0.45 * r
            pen.ellipse((x - hole, y - hole, x + hole, y + hole), fill=0)
        return mask
    corners = [
        (x + r * d * math.cos(a + turn), y + r * d * math.sin(a + turn))
        for d, a in _OUTLINES[shape]
    ]
    pen.polygon(corners, fill=255, outline=0, width=line)
    return mask


def _outline(distances: tuple[float, ...], angles: tuple[float, ...]) -> list[tuple[float, float]]:
    """Corners as (distance from the centre, angle); the first points up."""
    return [(d, math.radians(a - 90)) for d, a in zip(distances, angles, strict=True)]


# A bar's half-width 0.36 against its half-length 0.96 puts the outer corners of the cross at
# distance 1.03 and at 20.6 degrees from the axis, the inner ones at 0.51 on the diagonals.
_OUTLINES = {
    "square": _outline((1.1,) * 4, (45, 135, 225, 315)),
    "triangle": _outline((1.1,) * 3, (0, 120, 240)),
    "star": _outline((1.1, 0.45) * 5, tuple(range(0, 360, 36))),
    "cross": _outline(
        (1.03, 0.51, 1.03) * 4, tuple(q + a for q in (0, 90, 180, 270) for a in (20.6, 45, 69.4))
    ),
}


def references(scene: Scene, rng: np.random.Generator) -> list[str]:
    """Five captions of the scene, worded differently, in random order; each claims the same.

    A single object comes with its size and place, a group with its number and size, a pair with
    its relation; always with colour and shape.
    """
    first, last = scene.things[0], scene.things[-1]
    if scene.kind == "single":
        thing, where = _phrase(first), scene.where
        forms = [
            f"{thing} {where}",
            f"there is {thing} {where}",
            f"a picture of {thing} {where}",
            f"{where} there is {thing}",
            f"{where} is {thing}",
        ]
    elif scene.kind == "group":
        things = _phrase(first, len(scene.things))
        forms = [
            things,
            f"there are {things}",
            f"a picture of {things}",
            f"the picture shows {things}",
            f"{things} in a picture",
        ]
    else:
        a, b = _phrase(first, sized=False), _phrase(last, sized=False)
        relation, converse = scene.where, RELATIONS[scene.where]
        forms = [
            f"{a} {relation} {b}",
            f"{b} {converse} {a}",
            f"there is {a} {relation} {b}",
            f"a picture of {b} {converse} {a}",
            f"{a} with {b} {converse} it",
        ]
    return [forms[i] for i in rng.permutation(_REFERENCES)]


def claims(caption: str) -> frozenset[Fact] | None:
    """What a caption says is in the picture, whatever its wording; None outside the grammar.

    Facts are `(number, "colour shape")`, `("size", "colour shape", size)`, `("place", ...)` and
    `("above" | "left of", first, second)`:

    >>> sorted(claims("at the top there is a small red ring"))
    [('1', 'red ring'), ('place', 'red ring', 'at the top'), ('size', 'red ring', 'small')]
    """
    text = re.sub(r"^(there is|there are|a picture of|the picture shows) ", "", caption)
    things = list(_THING.finditer(text))
    form = _WHERE.sub("W", _THING.sub("T", text))
    if form not in _FORMS or any((t["count"] in ("a", "an")) == bool(t["plural"]) for t in things):
        return None
    where = next(iter(_WHERE.findall(text)), None)
    if where and (where in PLACES) != (len(things) == 1):
        return None  # two objects at one place, or a relation to nothing
    labels = [f"{thing['colour']} {thing['shape']}" for thing in things]
    named = list(zip(labels, things, strict=True))
    facts = {(_NUMBERS.get(thing["count"], "1"), label) for label, thing in named}
    facts |= {("size", label, thing["size"]) for label, thing in named if thing["size"]}
    if where in PLACES:
        facts.add(("place", labels[0], where))
    elif where:
        # "T with T W it" says of the second object where it lies
        turned = (where in _CONVERSES) != (form == "T with T W it")
        facts.add((_CONVERSES.get(where, where), *(labels[::-1] if turned else labels)))
    return frozenset(facts)


def is_exact(caption: str, references: list[str]) -> bool:
    """Whether the caption claims what the references claim: all of it true, nothing left out."""
    claimed = claims(caption)
    return claimed is not None and claimed == claims(references[0])


def _phrase(thing: Thing, count: int = 1, sized: bool = True) -> str:
    """The object (or several alike) in words: "an orange ring", "two small red crosses"."""
    words = [*([thing.size] if sized else []), thing.colour, thing.shape]
    if count > 1:
        return " ".join([COUNTS[count - 1], *words]) + ("es" if thing.shape == "cross" else "s")
    return " ".join(["an" if words[0] == "orange" else "a", *words])


_THING = re.compile(
    rf"\b(?P<count>an|{'|'.join(COUNTS)}) (?:(?P<size>{'|'.join(SIZES)}) )?"
    rf"(?P<colour>{'|'.join(COLOURS)}) (?P<shape>{'|'.join(SHAPES)})(?P<plural>(?:e?s)?)\b"
)
_NUMBERS = {"two": "2", "three": "3"}
_CONVERSES = {converse: relation for relation, converse in RELATIONS.items()}
_WHERE = re.compile("|".join([*PLACES, *RELATIONS, *RELATIONS.values()]))
_FORMS = ("T", "T W", "W there is T", "W is T", "T in a picture", "T W T", "T with T W it")
