"""Image files as JPEG or PNG, which is what the graphs read."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from datasets.files import read_small
from datasets.formats import START, binary_format, is_page
from datasets.images import MAX_PIXELS

ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff")
_LARGEST = 256 * 2**20  # bytes of a file
_PLAIN = ("1", "L", "LA", "P", "RGB", "RGBA")  # Pillow's modes that a PNG of 8 bits can hold
_COLOUR = ("CMYK", "YCbCr", "LAB", "HSV", "PA", "RGBX", "RGBa", "La")
_SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")


def read_image(path: Path) -> bytes:
    """The file's bytes if JPEG or PNG by content; GIF, WebP, BMP or TIFF as PNG.

    Of several frames the first; turned as EXIF says; 16 bits of grey to 8, as a PNG of 16 bits is
    read.

    Raises:
        ValueError: no image that can be read, or pixels of an unknown range (32 bits, floating).
    """
    return as_readable(read_small(path, _LARGEST))


def as_readable(raw: bytes) -> bytes:
    """The same of a file's content.

    Raises:
        ValueError: as `read_image`.
    """
    if raw.startswith((b"\xff\xd8", b"\x89PNG")):
        return raw
    try:
        # Only these: others among Pillow's readers start programs of their own (EPS).
        image = Image.open(io.BytesIO(raw), formats=("GIF", "WEBP", "BMP", "TIFF"))
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"{image.width} x {image.height} is more than {MAX_PIXELS:,} pixels")
        return png_of(image)
    except UnidentifiedImageError as error:
        kind = "a web page" if is_page(raw[:START].decode("latin-1")) else binary_format(raw)
        kind = kind if raw else "empty"
        raise ValueError(f"not an image that can be read{f': {kind}' if kind else ''}") from error
    except Exception as error:  # on a broken file Pillow raises nearly anything
        raise ValueError(f"not an image that can be read: {error}") from error


def png_of(image: Image.Image) -> bytes:
    """A picture as PNG, upright, of 8 bits a channel.

    Raises:
        ValueError: its pixels are of an unknown range.
    """
    file = io.BytesIO()
    _of_8_bits(ImageOps.exif_transpose(image)).save(file, "PNG")
    return file.getvalue()


def _of_8_bits(image: Image.Image) -> Image.Image:
    """Pillow itself cuts larger values off at 255, which makes a picture white."""
    if image.mode in _PLAIN:
        return image
    if image.mode in _COLOUR:
        return image.convert("RGB")
    if image.mode in _SIXTEEN:
        return Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    raise ValueError(
        f"its pixels are numbers without a known range (mode {image.mode}): save it with 8 or 16 "
        "bits a pixel"
    )
