"""Images of another world than a data set of captioned photographs, made by code from a seed.

A captioner always answers; these images, which no caption of its training speaks of, say how well
it knows when it should not. Half of the kinds are for fitting a measure of doubt, the other half
for measuring it, so that the figure is for kinds that the fit has not seen.

| for fitting | for measuring |
| --- | --- |
| strokes: lines and arcs, as by a pen | shapes: flat polygons and ellipses, one over the other |
| tiles: a pattern, repeated | clouds: smooth noise of several scales |
| grain: noise of one scale, in grey or colour | screen: windows, buttons and lines of code |
| page: text in black on paper | curves: a chart of lines on axes |
| bars: a chart of bars on axes | cartoon: a drawn house, sun, tree and face |
| plain: one colour, or a blend of two | turned: a crop of a photograph, on its head |
| blurred: a photograph out of focus | |

`blurred` and `turned` change photographs that are given; the others are made from nothing.
"""

import io
import math
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from datasets.arguments import check_choice, check_seed

FITTING = ("strokes", "tiles", "grain", "page", "bars", "plain", "blurred")
MEASURING = ("shapes", "clouds", "screen", "curves", "cartoon", "turned")
PARTS = {"fitting": FITTING, "measuring": MEASURING}
_TEXT = (  # of pages, screens and charts
    "the invoice total is due within thirty days of this date please see section four for terms "
    "and conditions of delivery account number name address table result value error file open "
    "save return window system user report quarter sales plan figure chapter theorem proof index"
)


def examples(
    part: str, each: int, photographs: Sequence[bytes] = (), *, seed: int = 0
) -> Iterator[tuple[str, bytes]]:
    """`(kind, JPEG file)`: `each` images of each kind of a part, the kinds in turn.

    Image i of a kind depends on seed, kind and i alone (and on the photographs, if it is made of
    one of them).

    Args:
        part: "fitting" or "measuring".
        each: images of a kind.
        photographs: image files, for `blurred` and `turned`; without them these are left out.
        seed: of everything drawn.

    Raises:
        ValueError: unknown part, or a seed that is not a number from 0.
    """
    check_choice("part", part, tuple(PARTS))
    check_seed(seed)
    kinds = [*FITTING, *MEASURING]
    for i in range(each):
        for kind in PARTS[part]:
            rng = np.random.default_rng((seed, kinds.index(kind), i))
            if kind in _CHANGES:
                if photographs:
                    photograph = photographs[rng.integers(len(photographs))]
                    yield kind, _jpeg(_CHANGES[kind](rng, _opened(photograph)), rng)
            else:
                width, height = rng.integers(240, 641, 2).tolist()
                yield kind, _jpeg(_MAKERS[kind](rng, width, height), rng)


def _jpeg(picture: Image.Image, rng: np.random.Generator) -> bytes:
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=int(rng.integers(70, 96)))
    return file.getvalue()


def _opened(photograph: bytes) -> Image.Image:
    with Image.open(io.BytesIO(photograph)) as opened:
        return ImageOps.exif_transpose(opened).convert("RGB")


def _colour(rng: np.random.Generator, low: int = 0, high: int = 256) -> tuple[int, ...]:
    return tuple(rng.integers(low, high, 3).tolist())


def _line(rng: np.random.Generator, most: int = 10) -> str:
    return " ".join(rng.choice(_TEXT.split(), rng.integers(1, most + 1)).tolist())


def _paper(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), _colour(rng, 225))


# For fitting.


def _strokes(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    picture = _paper(rng, width, height)
    pen = ImageDraw.Draw(picture)
    ink = _colour(rng, 0, 90)
    for _ in range(rng.integers(4, 40)):
        points = (rng.random((rng.integers(2, 6), 2)) * (width, height)).astype(int)
        thickness = int(rng.integers(1, 6))
        if rng.random() < 0.5:
            pen.line([tuple(point) for point in points.tolist()], fill=ink, width=thickness)
        else:
            (a, b), (c, d) = np.sort(points[:2], axis=0).tolist()
            pen.arc((a, b, c + 1, d + 1), *rng.integers(0, 360, 2).tolist(), ink, thickness)
    return picture


def _tiles(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    side = int(rng.integers(12, 80))
    tile = Image.new("RGB", (side, side), _colour(rng))
    pen = ImageDraw.Draw(tile)
    for _ in range(rng.integers(1, 5)):
        a, b = rng.integers(0, side, 2).tolist()
        draw = (pen.rectangle, pen.ellipse)[rng.integers(2)]
        draw((a, b, a + side // 2, b + side // 2), fill=_colour(rng))
    picture = Image.new("RGB", (width, height))
    for left in range(0, width, side):
        for top in range(0, height, side):
            picture.paste(tile, (left, top))
    return picture


def _grain(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    scale = int(rng.choice([1, 2, 4, 8, 16, 32]))
    size = (height // scale + 1, width // scale + 1, 3 if rng.random() < 0.5 else 1)
    values = np.clip(rng.normal(*rng.uniform((60, 20), (200, 80)), size), 0, 255)
    coarse = Image.fromarray(np.broadcast_to(values, (*size[:2], 3)).astype(np.uint8))
    return coarse.resize((width, height), Image.Resampling(rng.integers(0, 3)))


def _page(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    picture = _paper(rng, width, height)
    pen = ImageDraw.Draw(picture)
    size, margin = int(rng.integers(9, 28)), int(rng.integers(8, 40))
    font, ink = ImageFont.load_default(size), _colour(rng, 0, 70)
    for top in range(margin, height - margin, int(size * rng.uniform(1.2, 2))):
        if rng.random() < 0.9:
            pen.text((margin, top), _line(rng, 14), fill=ink, font=font)
    return picture


def _bars(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    picture, pen, (left, top, right, bottom) = _axes(rng, width, height)
    count, colour = int(rng.integers(3, 13)), _colour(rng)
    step = (right - left) / count
    for i, share in enumerate(rng.random(count)):
        x, y = left + i * step, bottom - share * (bottom - top)
        pen.rectangle((x + step * 0.15, y, x + step * 0.85, bottom), fill=colour)
    return picture


def _plain(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    first, second = rng.integers(0, 256, (2, 3))
    if rng.random() < 0.5:
        return Image.new("RGB", (width, height), tuple(first.tolist()))
    angle = rng.uniform(0, 2 * math.pi)
    across, up = np.meshgrid(np.linspace(-0.5, 0.5, 64), np.linspace(-0.5, 0.5, 64))
    ramp = 0.5 + 0.7 * (math.cos(angle) * across + math.sin(angle) * up)[..., None]
    blend = np.clip(first + (second - first) * ramp, 0, 255).astype(np.uint8)
    return Image.fromarray(blend).resize((width, height), Image.Resampling.BILINEAR)


def _blurred(rng: np.random.Generator, photograph: Image.Image) -> Image.Image:
    radius = max(photograph.size) * rng.uniform(0.03, 0.1)
    return photograph.filter(ImageFilter.GaussianBlur(radius))


# For measuring.


def _shapes(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    picture = Image.new("RGB", (width, height), _colour(rng))
    pen = ImageDraw.Draw(picture)
    for _ in range(rng.integers(2, 14)):
        centre, radius = rng.random(2) * (width, height), rng.uniform(0.05, 0.35) * width
        if rng.random() < 0.4:
            pen.ellipse((*(centre - radius), *(centre + radius)), fill=_colour(rng))
        else:
            angles = np.sort(rng.uniform(0, 2 * math.pi, rng.integers(3, 7)))
            corners = centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
            pen.polygon([tuple(corner) for corner in corners.tolist()], fill=_colour(rng))
    return picture


def _clouds(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    total = np.zeros((height, width))
    for octave in range(2, 7):
        coarse = rng.random((2**octave, 2**octave)).astype(np.float32)
        smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(smooth) / octave**1.5
    share = ((total - total.min()) / np.ptp(total))[..., None]
    first, second = rng.integers(0, 256, (2, 3))
    return Image.fromarray((first + (second - first) * share).astype(np.uint8))


def _screen(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    dark = rng.random() < 0.5
    ground, ink = ((10, 60), (150, 256)) if dark else ((200, 256), (0, 110))
    picture = Image.new("RGB", (width, height), _colour(rng))
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(int(rng.integers(9, 18)))
    for _ in range(rng.integers(1, 5)):
        left, top = (rng.uniform(0, 0.5, 2) * (width, height)).astype(int).tolist()
        right, bottom = left + width // 2, top + height // 2
        pen.rectangle((left, top, right, bottom), fill=_colour(rng, *ground))
        pen.rectangle((left, top, right, top + 18), fill=_colour(rng))
        for y in range(top + 24, bottom - 20, 18):
            indent = 12 * int(rng.integers(0, 4))
            pen.text((left + 8 + indent, y), _line(rng, 4), fill=_colour(rng, *ink), font=font)
    return picture


def _curves(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    picture, pen, (left, top, right, bottom) = _axes(rng, width, height)
    across = np.linspace(left, right, 80)
    for _ in range(rng.integers(1, 5)):
        walk = np.cumsum(rng.normal(size=80))
        up = bottom - (walk - walk.min()) / np.ptp(walk) * (bottom - top) * rng.uniform(0.4, 1)
        points = np.stack([across, up], axis=1).tolist()
        pen.line([tuple(point) for point in points], fill=_colour(rng), width=2)
    return picture


def _cartoon(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    horizon, ink = int(height * rng.uniform(0.5, 0.8)), (20, 20, 20)
    picture = Image.new("RGB", (width, height), _colour(rng, 120))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, horizon, width, height), fill=_colour(rng, 60, 220), outline=ink, width=3)
    for _ in range(rng.integers(2, 6)):
        x, size = rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.25) * height
        kind = ("house", "tree", "face", "sun")[rng.integers(4)]
        y = size if kind == "sun" else horizon - size
        box = (x - size, y - size, x + size, y + size)
        if kind == "house":
            pen.rectangle((x - size, y, x + size, y + size), _colour(rng), ink, 3)
            pen.polygon([(x - size, y), (x, y - size), (x + size, y)], _colour(rng), ink)
            continue
        if kind == "tree":
            pen.rectangle((x - size / 6, y, x + size / 6, y + 2 * size), _colour(rng), ink, 3)
        pen.ellipse(box, fill=_colour(rng, 60), outline=ink, width=3)
        if kind == "face":
            for eye in (x - size / 3, x + size / 3):
                pen.ellipse((eye - 4, y - size / 3 - 4, eye + 4, y - size / 3 + 4), fill=ink)
            pen.arc((x - size / 2, y - size / 2, x + size / 2, y + size / 2), 20, 160, ink, 3)
    return picture


def _turned(rng: np.random.Generator, photograph: Image.Image) -> Image.Image:
    width, height = photograph.size
    share = rng.uniform(0.3, 0.5)
    left, top = rng.uniform(0, 1 - share, 2) * (width, height)
    box = (left, top, left + share * width, top + share * height)
    crop = photograph.resize(photograph.size, Image.Resampling.BICUBIC, box)
    return crop.transpose(Image.Transpose.ROTATE_180)


def _axes(
    rng: np.random.Generator, width: int, height: int
) -> tuple[Image.Image, ImageDraw.ImageDraw, tuple[int, int, int, int]]:
    """A sheet with two axes, their numbers and a title; its pen, and the box of the chart."""
    picture = _paper(rng, width, height)
    pen, font, ink = ImageDraw.Draw(picture), ImageFont.load_default(11), (40, 40, 40)
    left, top, right, bottom = 40, 30, width - 15, height - 30
    pen.text((left, 8), _line(rng, 5), fill=ink, font=font)
    pen.line([(left, top), (left, bottom), (right, bottom)], fill=ink, width=1)
    for share in np.linspace(0, 1, 6):
        y, x = bottom - share * (bottom - top), left + share * (right - left)
        pen.text((8, y - 6), f"{100 * share:.0f}", fill=ink, font=font)
        pen.text((x - 6, bottom + 8), f"{10 * share:.0f}", fill=ink, font=font)
    return picture, pen, (left, top, right, bottom)


_MAKERS = {
    "strokes": _strokes,
    "tiles": _tiles,
    "grain": _grain,
    "page": _page,
    "bars": _bars,
    "plain": _plain,
    "shapes": _shapes,
    "clouds": _clouds,
    "screen": _screen,
    "curves": _curves,
    "cartoon": _cartoon,
}
_CHANGES = {"blurred": _blurred, "turned": _turned}
