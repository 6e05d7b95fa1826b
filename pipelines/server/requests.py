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
import reprlib
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from pipelines.server.errors import Code, RequestError, invalid

DEFAULT_SIGNATURE = "serving_default"
SHOWN = 120  # characters of a wrong string that an error message repeats
MOST_DIMENSIONS = 32  # of an input whose rank the signature leaves open

# TensorFlow's name of a type -> its name in messages, and NumPy's.
TYPES = {
    "DT_BOOL": ("bool", np.bool_),
    "DT_STRING": ("string", np.object_),
    "DT_FLOAT": ("float", np.float32),
    "DT_DOUBLE": ("double", np.float64),
    "DT_INT8": ("int8", np.int8),
    "DT_INT16": ("int16", np.int16),
    "DT_INT32": ("int32", np.int32),
    "DT_INT64": ("int64", np.int64),
    "DT_UINT8": ("uint8", np.uint8),
    "DT_UINT16": ("uint16", np.uint16),
    "DT_UINT32": ("uint32", np.uint32),
    "DT_UINT64": ("uint64", np.uint64),
}


class Spec(NamedTuple):
    """A tensor of a signature: its type (`DT_FLOAT`, ...), and its shape, None where it is free."""

    dtype: str
    shape: tuple[int | None, ...] | None


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a request.

    Raises:
        RequestError: the body is no JSON object.
    """
    if not body.strip():
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except RecursionError:
        raise invalid("JSON Parse error: nested too deeply") from None
    except ValueError as error:  # JSONDecodeError, UnicodeDecodeError, a number of 4,301 digits
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {_shown(document)} Is not object")
    return document


def signature_name(document: Mapping[str, Any]) -> str:
    """The name of the signature that a request asks for.

    Raises:
        RequestError: the name is no string.
    """
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {_shown(name)} not formatted correctly. 'signature_name' key must be a "
            "string value."
        )
    return name or DEFAULT_SIGNATURE


def decode(
    document: Mapping[str, Any], specs: Mapping[str, Spec]
) -> tuple[bool, dict[str, np.ndarray]]:
    """Whether the inputs of a predict request came as rows, and the inputs by name.

    Raises:
        RequestError: the document is of neither form, or a value is not as the signature says.
    """
    rows, columns = "instances" in document, "inputs" in document
    if rows == columns:
        raise invalid(
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist"
            if rows
            else "Missing 'inputs' or 'instances' key"
        )
    if not specs:  # as TF Serving
        raise invalid(f"Failed to get input map for signature: {signature_name(document)}")
    if rows:
        values = _columns_of_rows(document["instances"], specs)
    else:
        values = _columns(document["inputs"], specs)
    return rows, {name: tensor(name, values[name], spec) for name, spec in specs.items()}


def _columns(inputs: Any, specs: Mapping[str, Spec]) -> dict[str, Any]:
    if not _is_named(inputs):
        if len(specs) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                f"required: {', '.join(sorted(specs))}"
            )
        return dict.fromkeys(specs, inputs)
    for name in specs:
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return inputs


def _columns_of_rows(instances: Any, specs: Mapping[str, Spec]) -> dict[str, list]:
    """[{"x": 1, "y": 2}, {"x": 3, "y": 4}] -> {"x": [1, 3], "y": [2, 4]}."""
    if not isinstance(instances, list):
        raise invalid("Expecting 'instances' to be a list/array")
    if not instances:
        raise invalid("No values in 'instances' array")
    named = _is_named(instances[0])
    if not named and len(specs) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            f"required: {', '.join(sorted(specs))}"
        )
    for index, instance in enumerate(instances):
        if named != _is_named(instance):
            wanted, got = ("object", "value/list") if named else ("value/list", "object")
            raise invalid(f"Expecting {wanted} but got {got} at item {index} of input list")
        if named and instance.keys() != specs.keys():
            raise invalid(
                f"Failed to process element: {index} of 'instances' list. JSON object: "
                f"{_shown(instance)} keys must be equal to: {','.join(sorted(specs))}"
            )
    if not named:
        return dict.fromkeys(specs, instances)
    return {name: [instance[name] for instance in instances] for name in specs}


def tensor(name: str, value: Any, spec: Spec) -> np.ndarray:
    """Nested lists as an array of a signature's type and shape.

    Raises:
        RequestError: the values are of another type or shape, or JSON cannot carry the type.
    """
    if spec.dtype not in TYPES:
        raise RequestError(Code.UNIMPLEMENTED, f"Conversion of JSON Value to type: {spec.dtype}")
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    check_shape(name, shape, spec)
    leaves = _leaves(name, value, shape)
    label, dtype = TYPES[spec.dtype]
    array = np.empty(len(leaves), dtype)
    array[:] = _values(name, leaves, label, dtype)
    return array.reshape(shape)


def check_shape(name: str, shape: Sequence[int], spec: Spec) -> None:
    """Checks a shape against a signature's.

    Raises:
        RequestError: the signature does not take the shape.
    """
    if spec.shape is None:
        fits = len(shape) <= MOST_DIMENSIONS
    else:
        fits = len(shape) == len(spec.shape) and all(
            wanted in (None, size) for wanted, size in zip(spec.shape, shape, strict=True)
        )
    if not fits:
        free = (None,) if spec.shape is None else spec.shape
        wanted = ",".join("?" if size is None else str(size) for size in free)
        hint = " A scalar needs the column format, 'inputs'." if spec.shape == () else ""
        raise invalid(
            f"Tensor name: {name} expecting shape [{wanted}] but got: "
            f"[{','.join(map(str, shape[:MOST_DIMENSIONS]))}].{hint}"
        )


def _leaves(name: str, value: Any, shape: Sequence[int]) -> list:
    """All values at the depth of the shape; every list above them must have the shape's size."""
    level = [value]
    for depth, size in enumerate(shape):
        for part in level:
            if not isinstance(part, list):
                raise invalid(
                    f"Tensor name: {name} JSON Value: {_shown(part)} found at incorrect level: "
                    f"{depth}. Expected at level: {len(shape)}"
                )
            if len(part) != size:
                raise invalid(
                    f"Tensor name: {name} Encountered list at unexpected size: {len(part)} at "
                    f"level: {depth} expected size: {size}"
                )
        level = list(chain.from_iterable(level))
    for part in level:
        if isinstance(part, list):
            raise invalid(
                f"Tensor name: {name} Encountered list at unexpected level: {len(shape)} expected "
                f"< {len(shape)}"
            )
    return level


def _values(name: str, leaves: list, label: str, dtype: type) -> list:
    """The leaves as Python values that fit `dtype`."""
    if label == "string":
        return [_bytes(name, leaf) for leaf in leaves]
    if label in ("float", "double"):
        return [_float(name, leaf, label, np.finfo(dtype)) for leaf in leaves]
    kind = bool if label == "bool" else int
    lowest, highest = (0, 1) if label == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    for leaf in leaves:
        if type(leaf) is not kind or not lowest <= leaf <= highest:
            raise _wrong_type(name, leaf, label)
    return leaves


def _float(name: str, leaf: Any, label: str, limits: np.finfo) -> float:
    if type(leaf) not in (int, float):
        raise _wrong_type(name, leaf, label)
    whole = 2 ** (limits.nmant + 1) - 1  # integers up to this have floats of their own
    lossy = abs(leaf) > (whole if type(leaf) is int else float(limits.max))
    if lossy and not (type(leaf) is float and math.isinf(leaf)):
        raise invalid(
            f"Tensor name: {name} Cannot convert JSON value: {_shown(leaf)} to {label} without "
            "loss of precision."
        )
    return leaf


def _bytes(name: str, leaf: Any) -> bytes:
    if isinstance(leaf, str):
        try:
            return leaf.encode()
        except UnicodeEncodeError:  # "\ud800" alone stands for no character
            raise invalid(
                f"Tensor name: {name} JSON Value: {_shown(leaf)} has half of a surrogate pair"
            ) from None
    if not isinstance(leaf, dict):
        raise _wrong_type(name, leaf, "string")
    if not _is_base64(leaf):
        raise invalid(
            f"Tensor name: {name} JSON Value: {_shown(leaf)} not formatted correctly for base64 "
            "data"
        )
    text = "".join(leaf["b64"].split()).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise invalid(f"Tensor name: {name} Unable to base64 decode") from None


def _is_named(value: Any) -> bool:
    """Whether a value holds inputs by name, and is no input itself."""
    return isinstance(value, dict) and not _is_base64(value)


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _wrong_type(name: str, leaf: Any, label: str) -> RequestError:
    kinds = {type(None): "Null", bool: "Bool", str: "String", dict: "Object", list: "Array"}
    return invalid(
        f"Tensor name: {name} JSON Value: {_shown(leaf)} Type: {kinds.get(type(leaf), 'Number')} "
        f"is not of expected type: {label}"
    )


def _shown(value: Any) -> str:
    """The beginning of a value of any size and depth, for a message."""
    if isinstance(value, (dict, list)):
        return reprlib.repr(value)
    if isinstance(value, str):
        value = value if len(value) <= SHOWN else f"{value[:SHOWN]}..."
    return json.dumps(value)
