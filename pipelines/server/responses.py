"""Arrays to JSON answers: rows or columns, as the request had them."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipelines.server.errors import invalid

BYTES = "_bytes"  # suffix of the names of outputs of bytes, not of text


def encode(outputs: Mapping[str, np.ndarray], rows: bool) -> bytes:
    """The body of a predict answer; the name of a single output is left out.

    Text that is not UTF-8 has the replacement character in its place; floats are the shortest
    decimals that read back as the same 32 bits.

    Raises:
        RequestError: rows are asked for, and an output is a scalar or has another number of rows;
            or JSON has nothing for an output's type.
    """
    sizes = {name: array.shape[:1] for name, array in outputs.items()}
    if rows and (len(set(sizes.values())) > 1 or () in sizes.values()):
        raise invalid(f"Inconsistent batch sizes {sizes}: ask in the column format, 'inputs'")
    values = {name: plain(name, array) for name, array in sorted(outputs.items())}
    if len(values) == 1:
        (content,) = values.values()
    elif rows:
        content = [
            dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)
        ]
    else:
        content = values
    answer = {"predictions" if rows else "outputs": content}
    return json.dumps(answer, ensure_ascii=False).encode()


def error_body(message: str) -> bytes:
    """The body of an error; ASCII, so that any text repeated in the message is valid JSON."""
    return json.dumps({"error": message}).encode()


def plain(name: str, array: np.ndarray) -> Any:
    """An array as nested lists, and a scalar as its value, for `json`.

    Raises:
        RequestError: JSON has nothing for the array's type.
    """
    if array.dtype.kind in "OSU":
        write = _base64 if name.endswith(BYTES) else _text
        return np.vectorize(write, otypes=[object])(array).tolist()
    if array.dtype.kind not in "biuf":
        raise invalid(f"Failed to write JSON value for tensor type: {array.dtype}")
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        # float32's 0.1 is 0.10000000149011612 in 64 bits, but "0.1" in its own shortest digits.
        array = array.astype("U").astype(np.float64)
    return array.tolist()


def _text(value: bytes) -> str:
    return value.decode("utf-8", errors="replace")


def _base64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode()}
