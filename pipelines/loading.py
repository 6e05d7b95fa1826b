"""Any exported model as a Python function: strings, paths or pictures in, plain results out."""

import io
import os
import re
from collections import namedtuple
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from datasets.arguments import check_choice
from datasets.image_files import read_image
from pipelines.exporting import load_saved_model

SAVED_MODELS = Path(__file__).parents[1] / "saved_models"
DEFAULT = "serving_default"
IMAGE = "image_bytes"
BYTES = "_bytes"  # ends the names of what is a file's content, not text
BATCH = 64
_RULE = re.compile(r"assertion failed: \[([^\]]*)\]")  # in what TensorFlow says of its own assert


def load(name: str | Path, signature: str = DEFAULT) -> "Model":
    """An exported model, to be called with one input or many.

        translate = pipelines.load("translation_en_de")
        translate("Good morning.").translation
        translate(["Good morning.", "Good night."])[1].score

    What it takes and gives are the names and types of its signature (`print(translate)`). An export
    cannot be trained on: it has no optimizer and no model in Python. The run that it was made from
    can, by the same `train` command with the same `--run`.

    Args:
        name: of a model in this repository's saved_models/; or a path (a `Path`, or a string with a
            separator) of a SavedModel, or of a folder of versions, of which the largest is taken.
        signature: of the model.

    Raises:
        ValueError: there is no such model or signature, or the SavedModel is damaged.
    """
    if isinstance(name, str) and not {os.sep, os.altsep} & {*name}:
        shipped = [path.name for path in sorted(SAVED_MODELS.iterdir()) if path.is_dir()]
        check_choice("name", name, shipped)
        name = SAVED_MODELS / name
    model, folder = load_saved_model(Path(name))
    return Model(model, folder, signature)


class Model:
    """One signature of an exported model.

    Args:
        model: a loaded SavedModel.
        folder: it is from.
        signature: to call.

    Attributes:
        inputs, outputs: types and shapes by name.
        rows: names of the inputs of which a batch has a row for each answer.

    Raises:
        ValueError: there is no such signature.
    """

    def __init__(self, model: Any, folder: Path, signature: str = DEFAULT):
        check_choice("signature", signature, tuple(model.signatures))
        self._model, self.folder, self.signature = model, folder, signature
        self._function = model.signatures[signature]
        self.inputs: Mapping[str, tf.TensorSpec] = self._function.structured_input_signature[1]
        self.outputs: Mapping[str, tf.TensorSpec] = self._function.structured_outputs
        self.rows = [name for name, spec in self.inputs.items() if _has_rows(spec)]
        self._answer = namedtuple("Answer", sorted(self.outputs))

    def using(self, signature: str) -> "Model":
        """The same model by another signature."""
        return Model(self._model, self.folder, signature)

    def __call__(self, *inputs: Any, batch_size: int = BATCH, **named: Any) -> Any:
        """The answer for one input; for a list of them, a list of answers in their order.

        An answer has the outputs as fields: strings, numbers, arrays; bytes where the name ends in
        `_bytes`. Inputs are, by the name and type in the signature:

            text                        str (or its bytes)
            image_bytes, ..._bytes      a path (str or Path), bytes, a file that is open; of an
                                        image in any format that `predict` takes, also a PIL image
                                        or an array of uint8
            numbers                     what NumPy makes an array of

        Args:
            inputs: that of the only input with rows; of several, name each.
            batch_size: inputs a call of the graph.
            named: inputs by name; those without rows, such as `temperature`, are of all rows.

        Raises:
            ValueError: an input is missing, too much, or not what its name and type ask for.
            OSError: a file cannot be read.
        """
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be at least 1. Got {batch_size}.")
        named = self._named(inputs, named)
        if not self.rows:
            return self._of_arrays(self._compute(named), None)
        columns = {name: named.pop(name) for name in self.rows}
        many = {name: _is_many(value, self.inputs[name]) for name, value in columns.items()}
        if len(set(many.values())) > 1:
            raise ValueError(f"All of {', '.join(many)} must be one input, or all a list of them.")
        if not all(many.values()):
            return next(self.each([tuple(columns.values())], **named))
        rows = zip(*columns.values(), strict=True)
        return list(self.each(rows, batch_size=batch_size, **named))

    def each(
        self, rows: Iterable[Sequence[Any]], *, batch_size: int = BATCH, **named: Any
    ) -> Iterator[Any]:
        """Answers for rows, one by one as they are computed: of any number, in constant memory.

        Args:
            rows: of values of the inputs with rows, in their alphabetical order.
            batch_size: rows a call of the graph.
            named: the other inputs.
        """
        rows = iter(rows)
        while batch := list(islice(rows, batch_size)):
            columns = dict(zip(self.rows, zip(*batch, strict=True), strict=True))
            values = {
                name: [_value(name, self.inputs[name], value) for value in column]
                for name, column in columns.items()
            }
            found = self._compute({**named, **values})
            yield from (self._of_arrays(found, row) for row in range(len(batch)))

    def content(self, value: Any) -> Any:
        """What the only input with rows is given for a value: a file's content for its path.

        Raises:
            ValueError: the value is not what the input's name and type ask for.
            OSError: a file cannot be read.
        """
        (name,) = self.rows
        return _value(name, self.inputs[name], value)

    def _named(self, inputs: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
        if len(inputs) > 1:
            raise ValueError(f"Inputs must come one, as a list, or by name. Got {len(inputs)}.")
        if inputs and len(self.rows) != 1:
            raise ValueError(f"Inputs must be named: {', '.join(self.inputs) or 'there are none'}.")
        found = {**dict(zip(self.rows, inputs, strict=False)), **named}
        for name in found:
            check_choice("input", name, tuple(self.inputs))
        if missing := [name for name in self.inputs if name not in found]:
            raise ValueError(
                f"`{missing[0]}` must be given. The model takes {_listed(self.inputs)}."
            )
        return found

    def _compute(self, named: Mapping[str, Any]) -> dict[str, np.ndarray]:
        tensors = {}
        for name, spec in self.inputs.items():
            try:
                tensors[name] = tf.convert_to_tensor(named[name], spec.dtype)
                fits = spec.shape.is_compatible_with(tensors[name].shape)
            except (TypeError, ValueError):
                fits = False
            if not fits:
                raise ValueError(
                    f"`{name}` must be {_described(spec)}. Got {_shown(named[name])}."
                ) from None
        try:
            return {name: value.numpy() for name, value in self._function(**tensors).items()}
        except tf.errors.InvalidArgumentError as error:  # a bound that the graph checks itself
            rule = _RULE.search(error.message)
            raise ValueError(rule[1] if rule else error.message) from error

    def _of_arrays(self, arrays: Mapping[str, np.ndarray], row: int | None) -> Any:
        """The answer of a row; of an output without rows, the output."""
        fields = {}
        for name, array in arrays.items():
            rows = row is not None and _has_rows(self.outputs[name])
            fields[name] = _plain(name, array[row] if rows else array)
        return self._answer(**fields)

    @property
    def signatures(self) -> dict[str, str]:
        """What each signature takes and gives."""
        found = {}
        for name, function in self._model.signatures.items():
            sides = (function.structured_input_signature[1], function.structured_outputs)
            parts = [
                ", ".join(f"{key}: {_described(spec)}" for key, spec in side.items())
                for side in sides
            ]
            found[name] = " -> ".join(parts)
        return found

    def __repr__(self) -> str:
        lines = [f"{self.folder.parent.name}, version {self.folder.name}"]
        for name, text in self.signatures.items():
            lines.append(f"{'*' if name == self.signature else ' '} {name}: {text}")
        return "\n".join(lines)


def _has_rows(spec: tf.TensorSpec) -> bool:
    return bool(spec.shape.rank and spec.shape[0] is None)


def _described(spec: tf.TensorSpec) -> str:
    sizes = ["any" if size is None else str(size) for size in spec.shape]
    return f"{spec.dtype.name}[{', '.join(sizes)}]"


def _listed(specs: Mapping[str, tf.TensorSpec]) -> str:
    return ", ".join(f"{name}: {_described(spec)}" for name, spec in sorted(specs.items()))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def _is_many(value: Any, spec: tf.TensorSpec) -> bool:
    """Whether a value is several inputs: a list of them, or an array of one more dimension."""
    if spec.dtype == tf.string:
        if isinstance(value, np.ndarray) and value.dtype.kind in "uif":
            return value.ndim == 4  # images; of two or three dimensions it is one
        one = isinstance(value, str | bytes | os.PathLike) or hasattr(value, "read")
        return not one and isinstance(value, Iterable)
    return np.ndim(value) >= spec.shape.rank


def _value(name: str, spec: tf.TensorSpec, value: Any) -> Any:
    """One input as the graph takes it."""
    if spec.dtype != tf.string:
        return value
    if name.endswith(BYTES):
        return _content(name, value)
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes):
        return value
    raise ValueError(
        f"`{name}` must be text: a str, or its bytes; a file is not read. Got {_shown(value)}."
    )


def _content(name: str, value: Any) -> bytes:
    """The bytes of a file, or of a picture."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str | os.PathLike):
        path = Path(value)
        return read_image(path) if name == IMAGE else path.read_bytes()
    if hasattr(value, "read"):
        return value.read()
    if name == IMAGE and (isinstance(value, np.ndarray) or hasattr(value, "save")):
        return _png(name, value)
    raise ValueError(f"`{name}` must be a path, bytes or an open file. Got {_shown(value)}.")


def _png(name: str, value: Any) -> bytes:
    from PIL import Image

    if isinstance(value, np.ndarray):
        depth = {2: 3, 3: value.shape[-1]}.get(value.ndim)  # of grey as of colour
        if value.dtype != np.uint8 or depth not in (3, 4):
            raise ValueError(
                f"`{name}` must be uint8 of height x width, or that x 3 or 4. Got {value.dtype} of "
                f"shape {value.shape}."
            )
        value = Image.fromarray(value)
    file = io.BytesIO()
    value.save(file, "PNG")
    return file.getvalue()


def _plain(name: str, value: Any) -> Any:
    """A scalar as Python's own, an array of strings as lists, an array of numbers as it is."""
    if isinstance(value, bytes):
        return value if name.endswith(BYTES) else value.decode("utf-8", "replace")
    if np.ndim(value) == 0:
        scalar = np.asarray(value).item()
        return _plain(name, scalar) if isinstance(scalar, bytes) else scalar
    return [_plain(name, item) for item in value] if value.dtype.kind == "O" else value
