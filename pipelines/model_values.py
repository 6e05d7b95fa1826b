"""Values between Python and a signature: what each input becomes, and what each output gives.

Names and types of the signature decide, so that no list of tasks is needed.
"""

import contextlib
import os
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from datasets.files import read_small
from datasets.image_files import as_readable, png_of, read_image

BYTES = "_bytes"  # ends the names of a file's content, which is no text
IMAGE = "image"  # begins the names of an image's content
LARGEST = 2**30  # bytes of a file


def has_rows(spec: tf.TensorSpec) -> bool:
    """Whether a tensor has a row for each input of a batch."""
    return bool(spec.shape.rank and spec.shape[0] is None)


def is_text(name: str, spec: tf.TensorSpec) -> bool:
    """Whether an input or output is text: a string that is no file's content."""
    return spec.dtype == tf.string and not name.endswith(BYTES)


def described(spec: tf.TensorSpec) -> str:
    """A type and a shape: "string[batch]", "float32[batch, any, 3]"."""
    if spec.shape.rank is None:
        return f"{spec.dtype.name}[...]"
    sizes = ["any" if size is None else str(size) for size in spec.shape]
    return f"{spec.dtype.name}[{', '.join(['batch', *sizes[1:]] if has_rows(spec) else sizes)}]"


def listed(specs: Mapping[str, tf.TensorSpec]) -> str:
    """Names with types and shapes, in a line."""
    return ", ".join(f"{name}: {described(spec)}" for name, spec in sorted(specs.items()))


def shown(value: Any) -> str:
    """A value for a message."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


# Inputs.


def is_many(name: str, spec: tf.TensorSpec, value: Any) -> bool:
    """Whether a value of an input with rows is several inputs, not one.

    Raises:
        ValueError: the value could be either, or has no order.
    """
    if isinstance(value, (Mapping, Set)):
        raise ValueError(f"`{name}` must be one input or a list of them. Got {shown(value)}.")
    if spec.dtype != tf.string:
        return np.ndim(value) >= spec.shape.rank
    if isinstance(value, np.ndarray) and value.dtype.kind not in "OSU":
        return _is_stack(name, value)
    one = isinstance(value, (str, bytes, os.PathLike, Image.Image)) or hasattr(value, "read")
    return not one and isinstance(value, Iterable)


def _is_stack(name: str, pixels: np.ndarray) -> bool:
    """Whether an array is several images."""
    if pixels.ndim == 3 and pixels.shape[-1] not in (1, 3, 4):
        raise ValueError(
            f"`{name}` must be pixels [height, width], or [height, width, channels] with 1, 3 or 4 "
            f"channels; several images are a list of such arrays. Got shape {pixels.shape}."
        )
    return pixels.ndim == 4


def value_of(name: str, spec: tf.TensorSpec, value: Any) -> Any:
    """One row of an input, as the graph takes it.

    Raises:
        ValueError: the value is nothing that the input's name and type take.
        OSError: a file cannot be read.
    """
    if spec.dtype != tf.string:
        return value
    return _text(name, value) if is_text(name, spec) else content_of(name, value)


def _text(name: str, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        if isinstance(value, str):
            return value.encode("utf-8", "surrogateescape")  # as the shell hands bytes over
    except UnicodeEncodeError:
        raise ValueError(f"`{name}` must be text of UTF-8. Got {shown(value)}.") from None
    raise ValueError(
        f"`{name}` must be text, a str or its bytes; no file is read for it. Got {shown(value)}."
    )


def content_of(name: str, value: Any) -> bytes:
    """A file's content: of a path, bytes, an open file; of an image also of Pillow or an array.

    An image that is neither JPEG nor PNG becomes PNG, as in `predict`.

    Raises:
        ValueError: it is none of these, or no image that can be read.
    """
    is_image = name.startswith(IMAGE)
    try:
        if isinstance(value, (str, os.PathLike)):
            return read_image(Path(value)) if is_image else read_small(Path(value), LARGEST)
        if is_image and isinstance(value, np.ndarray):
            value = _picture(value)
        if is_image and isinstance(value, Image.Image):
            return png_of(value)
        content = value.read() if hasattr(value, "read") else value
        if isinstance(content, bytes):
            return as_readable(content) if is_image else content
    except ValueError as error:
        raise ValueError(f"`{name}` is {shown(value)}: {error}.") from error
    kinds = ", a PIL image or an array of uint8" if is_image else ""
    raise ValueError(
        f"`{name}` must be a path, bytes or a file that is open to read bytes{kinds}. "
        f"Got {shown(value)}."
    )


def _picture(pixels: np.ndarray) -> Image.Image:
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or not pixels.size:
        raise ValueError(
            "an array of pixels must be uint8 [height, width] or [height, width, channels], not "
            f"{pixels.dtype} {list(pixels.shape)}"
        )
    _is_stack("image", pixels)
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2:] == (1,) else pixels)


def tensor_of(name: str, spec: tf.TensorSpec, value: Any) -> tf.Tensor:
    """An input's tensor.

    Raises:
        ValueError: the value has another type or shape.
    """
    with contextlib.suppress(TypeError, ValueError):
        array = value if spec.dtype == tf.string else _numbers(value, spec.dtype.as_numpy_dtype)
        tensor = tf.constant(array, spec.dtype)
        if spec.shape.is_compatible_with(tensor.shape):
            return tensor
    raise ValueError(f"`{name}` must be {described(spec)}. Got {shown(value)}.")


def _numbers(value: Any, dtype: type) -> np.ndarray:
    """Numbers as an array of another type, which holds the same.

    Raises:
        ValueError: the type does not hold them: fractions, or numbers too large.
    """
    given = np.asarray(value)
    if given.dtype.kind not in {"b": "b", "f": "iuf"}.get(np.dtype(dtype).kind, "iu"):
        raise ValueError
    with np.errstate(over="ignore"):
        array = given.astype(dtype)
    kept = np.isfinite(array) == np.isfinite(given) if array.dtype.kind == "f" else array == given
    if not np.all(kept):
        raise ValueError
    return array


# Outputs.


def plain(name: str, value: Any) -> Any:
    """A row of an output as Python's own: strings, numbers and truth; arrays stay arrays.

    Strings of several dimensions become lists. A row of strings ends with its last one that is not
    empty, as the others fill it up to the longest row of its batch, unless one before it is empty:
    then empty strings have a meaning.
    """
    if isinstance(value, bytes):
        return value if name.endswith(BYTES) else value.decode("utf-8", "replace")
    if np.ndim(value) == 0:
        return _scalar(name, np.asarray(value))
    if value.dtype.kind not in "OSU":
        return value
    return _unpadded([plain(name, item) for item in value])


def _scalar(name: str, value: np.ndarray) -> Any:
    item = value.item()
    if isinstance(item, bytes):
        return plain(name, item)
    # The shortest digits that are these 32 bits, as the server writes them: 0.1, not 0.10000000149.
    return float(str(value)) if value.dtype.kind == "f" else item


def _unpadded(row: list) -> list:
    end = len(row)
    while end and row[end - 1] in ("", b""):
        end -= 1
    return row if any(item in ("", b"") for item in row[:end]) else row[:end]
