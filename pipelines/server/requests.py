"""JSON requests to arrays, in the forms of TF Serving's REST documentation.

    {"instances": ["a", "b"]}                          rows of a single input
    {"instances": [{"x": 1, "y": [2, 3]}, ...]}        rows of several
    {"inputs": ["a", "b"]}, {"inputs": {"x": ...}}     columns: any shapes, scalars, too

`{"b64": "..."}` stands for bytes. NaN, Infinity and -Infinity are numbers.
https://www.tensorflow.org/tfx/serving/api_rest
"""

import base64
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from reprlib import repr as shown  # of any size and depth, for a message
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.server.errors import Code, RequestError, invalid
from pipelines.server.responses import BYTES

DEFAULT_SIGNATURE = "serving_default"
Specs = Mapping[str, tf.TensorSpec]


INTEGERS = (tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16, tf.uint32, tf.uint64)
# A type of numbers -> the Python types that JSON has for it, with their lowest and highest values.
# Integers stand for floats, as in TF Serving, rounded to the nearest.
NUMBERS = {
    tf.bool: {bool: (False, True)},
    tf.float32: {kind: (float(tf.float32.min), float(tf.float32.max)) for kind in (int, float)},
    tf.float64: {kind: (float(tf.float64.min), float(tf.float64.max)) for kind in (int, float)},
    **{kind: {int: (kind.min, kind.max)} for kind in INTEGERS},
}


# Of keys that come twice the first counts, as in TF Serving.
JSON = json.JSONDecoder(object_pairs_hook=lambda pairs: dict(reversed(pairs)))


def unpack(body: bytes, coding: str, most: int) -> bytes:
    """A body as it was before its Content-Encoding.

    Raises:
        RequestError: the coding is unknown, the body is not of it, or has more than `most` bytes.
    """
    if coding in ("", "identity"):
        return body
    if coding not in ("gzip", "x-gzip", "deflate"):
        message = f"Content-Encoding must be gzip, deflate or identity. Got {shown(coding)}"
        raise RequestError(Code.INVALID_ARGUMENT, message, status=415)
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)  # of either header
    try:
        unpacked = unpacking.decompress(body, most + 1)
    except zlib.error as error:
        raise invalid(f"The body is no {coding}: {error}") from None
    if len(unpacked) > most:
        raise too_large(most)
    if not unpacking.eof or unpacking.unused_data:
        raise invalid(f"The body must be one whole {coding}: its end is missing, or not the end")
    return unpacked


def too_large(most: int) -> RequestError:
    """The error of a body above `most` bytes."""
    message = f"The body must be of at most {most} bytes (`--max-request-bytes`)"
    return RequestError(Code.INVALID_ARGUMENT, message, status=413)


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a request; as in TF Serving, what comes after it does not count.

    Raises:
        RequestError: the body is no JSON object.
    """
    try:
        document, _ = JSON.raw_decode(body.decode("utf-8-sig").lstrip(" \t\r\n"))
    # Wrong JSON or UTF-8, a number of 4,301 digits; lists in lists in lists ...
    except (ValueError, RecursionError) as error:
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {shown(document)} Is not object")
    return document


def signature_name(document: Mapping[str, Any]) -> str:
    """The name of the signature that a request asks for.

    Raises:
        RequestError: the name is no string.
    """
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(f"JSON Value: {shown(name)}: 'signature_name' key must be a string value.")
    return name or DEFAULT_SIGNATURE


def decode(document: Mapping[str, Any], specs: Specs) -> tuple[bool, dict[str, np.ndarray]]:
    """Whether the inputs of a predict request came as rows, and the inputs by name.

    Raises:
        RequestError: the document is of neither form, or a value is not as the signature says.
    """
    rows = "instances" in document
    if rows == ("inputs" in document):
        raise invalid("Expecting one of the keys 'inputs' and 'instances', and only one")
    if not specs:  # as TF Serving
        raise invalid(f"Failed to get input map for signature: {signature_name(document)}")
    values = _columns(document["instances"], specs) if rows else document["inputs"]
    if not _is_named(values):
        if len(specs) > 1:
            raise invalid(
                f"Expecting objects, as multiple input tensors are required: {', '.join(specs)}"
            )
        values = dict.fromkeys(specs, values)
    if missing := [name for name in specs if name not in values]:
        raise invalid(f"Missing named input: {', '.join(missing)} in 'inputs' object.")
    return rows, {name: tensor(name, values[name], spec) for name, spec in specs.items()}


def _columns(instances: Any, specs: Specs) -> list | dict[str, list]:
    """[{"x": 1, "y": 2}, {"x": 3, "y": 4}] -> {"x": [1, 3], "y": [2, 4]}; others stay."""
    if not isinstance(instances, list) or not instances:
        raise invalid("Expecting 'instances' to be a list/array of some values")
    if not any(map(_is_named, instances)):
        return instances
    for index, instance in enumerate(instances):
        if not _is_named(instance):
            raise invalid(f"Expecting object but got value/list at item {index} of input list")
        if instance.keys() != specs.keys():
            raise invalid(
                f"Failed to process element: {index} of 'instances' list. JSON object: "
                f"{shown(instance)} keys must be equal to: {','.join(specs)}"
            )
    return {name: [instance[name] for instance in instances] for name in specs}


def tensor(name: str, value: Any, spec: tf.TensorSpec) -> np.ndarray:
    """Nested lists as an array of a signature's type and shape.

    Raises:
        RequestError: the values are of another type or shape, or JSON cannot carry the type.
    """
    dtype = spec.dtype
    if dtype != tf.string and dtype not in NUMBERS:
        raise RequestError(Code.UNIMPLEMENTED, f"Conversion of JSON Value to type: {dtype.name}")
    array = np.array(value, object)
    if any(isinstance(leaf, list) for leaf in array.flat):
        raise invalid(f"Tensor name: {name} Lists of one level must all have the same size")
    check_shape(name, array.shape, spec)
    leaves = [_leaf(name, leaf, dtype) for leaf in array.flat]
    return np.array(leaves, dtype.as_numpy_dtype).reshape(array.shape)


def check_work(inputs: Mapping[str, np.ndarray], most: int) -> None:
    """Checks how much text a request brings, and asks for by an input `length`.

    A recurrent model takes a step for each character of either. Inputs whose names end in `_bytes`
    are no text.

    Raises:
        RequestError: the text has more than `most` bytes or characters.
    """
    texts = [array for name, array in inputs.items() if not name.endswith(BYTES)]
    size = sum(len(text) for array in texts if array.dtype == object for text in array.flat)
    rows = max((len(array) for array in inputs.values() if array.ndim), default=1)
    length = inputs.get("length", np.array(0))
    if length.ndim == 0 and length.dtype.kind == "i":
        size += rows * int(length)
    if size > most:
        raise invalid(
            "The texts of a request and the characters that it asks for (rows x length) must be at "
            f"most {most} together (`--max-text-bytes`). Got {size}"
        )


def check_shape(name: str, shape: Sequence[int], spec: tf.TensorSpec) -> None:
    """Checks a shape against a signature's.

    Raises:
        RequestError: the signature does not take the shape.
    """
    if not spec.shape.is_compatible_with(shape):
        hint = " A scalar needs the column format, 'inputs'." if spec.shape.rank == 0 else ""
        raise invalid(
            f"Tensor name: {name} expecting shape {spec.shape} but got: {shown(list(shape))}.{hint}"
        )


def _leaf(name: str, leaf: Any, dtype: tf.DType) -> float | bytes:
    try:
        return _bytes(leaf) if dtype == tf.string else _number(leaf, NUMBERS[dtype])
    except (TypeError, ValueError) as error:
        raise invalid(
            f"Tensor name: {name} JSON Value: {shown(leaf)} is not of expected type: {dtype.name}. "
            f"{error}"
        ) from None


def _number(leaf: Any, limits: Mapping[type, tuple]) -> float:
    if type(leaf) not in limits:
        raise TypeError(f"It must be one of {[kind.__name__ for kind in limits]}.")
    low, high = limits[type(leaf)]
    if low <= leaf <= high or (isinstance(leaf, float) and not math.isfinite(leaf)):
        return leaf
    raise ValueError("It cannot be converted without loss of precision.")


def _bytes(leaf: Any) -> bytes:
    if isinstance(leaf, str):
        return leaf.encode()  # ValueError: "\ud800" alone stands for no character
    if not _is_base64(leaf):
        raise TypeError('It must be a string or {"b64": ...}.')
    text = "".join(leaf["b64"].split()).rstrip("=")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _is_named(value: Any) -> bool:
    """Whether a value holds inputs by name, and is no input itself."""
    return isinstance(value, dict) and not _is_base64(value)


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)
