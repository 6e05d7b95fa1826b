"""Any exported model as a Python function: strings, files or pictures in, plain results out."""

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
from pipelines.exporting import load_saved_model
from pipelines.model_values import (
    described,
    has_rows,
    is_many,
    is_text,
    listed,
    plain,
    tensor_of,
    value_of,
)
from pipelines.server.folders import versions

SAVED_MODELS = Path(__file__).parents[1] / "saved_models"
DEFAULT = "serving_default"
BATCH = 64
_RULE = re.compile(r"assertion failed: \[([^\]]*)\]")  # in the message of TensorFlow's own assert


def load(name: str | Path, signature: str = DEFAULT) -> "Model":
    """An exported model, to be called with one input or many.

        translate = pipelines.load("translation_en_de")
        translate("Good morning.").translation
        [answer.score for answer in translate(["Good morning.", "Good night."])]

    `print(translate)` shows what its signatures take and give. An export cannot be trained on, as
    it has no optimizer and no model in Python; the weights of a run can (the same `train` command,
    or charlm's `--pretrained`).

    Args:
        name: of a model in this repository's saved_models/; or the path (a `Path`, or a string with
            a separator) of a SavedModel or of a folder of versions, of which the largest is taken.
        signature: of the model.

    Raises:
        ValueError: there is no such model or signature, or the SavedModel is damaged.
    """
    model, folder = load_saved_model(_folder(name), argument="name")
    return Model(model, folder, signature)


def _folder(name: str | Path) -> Path:
    """The folder of a model that is named by its place or its name."""
    if isinstance(name, str) and not {"/", os.sep} & {*name}:
        check_choice("name", name, sorted(p.name for p in SAVED_MODELS.glob("*") if versions(p)))
        return SAVED_MODELS / name
    folder = Path(name)
    if not folder.is_dir():
        raise ValueError(f"`name` must be a model's name, or a folder. Got {str(name)!r}.")
    return folder


class Model:
    """One signature of an exported model, as a function.

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
        self.outputs: Mapping[str, tf.TensorSpec] = dict(
            sorted(self._function.structured_outputs.items())
        )
        self.rows = [name for name, spec in self.inputs.items() if has_rows(spec)]
        # A name that is none in Python gets one by its place.
        self._answer = namedtuple("Answer", self.outputs, rename=True)

    def using(self, signature: str) -> "Model":
        """The same model by another of its signatures.

        Raises:
            ValueError: there is none of this name.
        """
        return Model(self._model, self.folder, signature)

    def __call__(self, *inputs: Any, batch_size: int = BATCH, **named: Any) -> Any:
        """The answer for one input; for a list of inputs a list of answers, in their order.

        An answer has the signature's outputs as fields: str, numbers and truth values of Python,
        arrays; bytes where the name ends in `_bytes`. Of the inputs, name and type decide:

            text, prompt, ...           str, or its bytes
            image_bytes, ..._bytes      a path (str or Path), bytes, an open file; of an image also
                                        PIL's, or an array of uint8
            numbers                     what NumPy makes an array of

        Args:
            inputs: the only input with rows; where there are several, name each.
            batch_size: inputs a call of the graph.
            named: inputs by name. One without rows (`temperature`, say) holds for all rows.

        Raises:
            ValueError: an input is missing, unknown, or not what its name and type take.
        """
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be at least 1. Got {batch_size}.")
        named = self._by_name(inputs, named)
        if not self.rows:
            return self._answers(self._compute(named), None)
        columns = {name: named.pop(name) for name in self.rows}
        many = {is_many(name, self.inputs[name], value) for name, value in columns.items()}
        if len(many) > 1:
            raise ValueError(f"All of {', '.join(columns)} must be one input, or all lists.")
        if not many.pop():
            (answer,) = self._each([tuple(columns.values())], 1, named)
            return answer
        values = [list(value) for value in columns.values()]
        if len(lengths := {len(column) for column in values}) > 1:
            raise ValueError(f"{', '.join(columns)} must be of one length. Got {sorted(lengths)}.")
        return self._of_many(list(zip(*values, strict=True)), batch_size, named)

    def _of_many(self, rows: Sequence[tuple], batch_size: int, named: Mapping[str, Any]) -> list:
        """Answers in the order of `rows`.

        Texts of like length share a batch, unless a further input (a seed, say) may make an answer
        depend on its place.
        """
        (name, spec), *others = self.inputs.items()
        order = range(len(rows))
        if not others and is_text(name, spec):
            rows = [(value_of(name, spec, text),) for (text,) in rows]
            order = sorted(order, key=lambda place: len(rows[place][0]))
        answers: list = [None] * len(rows)
        found = self._each((rows[place] for place in order), batch_size, named)
        for place, answer in zip(order, found, strict=True):
            answers[place] = answer
        return answers

    def _each(
        self, rows: Iterable[tuple], batch_size: int, named: Mapping[str, Any]
    ) -> Iterator[Any]:
        """Answers for rows of the inputs with rows, a batch at a time."""
        rows = iter(rows)
        while batch := list(islice(rows, batch_size)):
            columns = zip(self.rows, zip(*batch, strict=True), strict=True)
            values = {
                name: [value_of(name, self.inputs[name], value) for value in column]
                for name, column in columns
            }
            found = self._compute({**named, **values})
            yield from (self._answers(found, row) for row in range(len(batch)))

    def _by_name(self, inputs: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
        """All inputs, each by its name."""
        if len(inputs) > 1:
            raise ValueError(f"Inputs must come as one list, or by name. Got {len(inputs)}.")
        if inputs and len(self.rows) != 1:
            raise ValueError(f"Inputs must be named: {listed(self.inputs) or 'there are none'}.")
        if inputs and self.rows[0] in named:
            raise ValueError(f"`{self.rows[0]}` must be given once. Got it twice.")
        found = {**dict(zip(self.rows, inputs, strict=False)), **named}
        for name in found:
            check_choice("input", name, tuple(self.inputs))
        for name, spec in self.inputs.items():
            if name not in found:
                raise ValueError(
                    f"`{name}` must be given: {described(spec)}. Signature `{self.signature}` "
                    f"takes {listed(self.inputs)}."
                )
        return found

    def _compute(self, named: Mapping[str, Any]) -> dict[str, np.ndarray]:
        tensors = {name: tensor_of(name, self.inputs[name], named[name]) for name in self.inputs}
        try:
            return {name: value.numpy() for name, value in self._function(**tensors).items()}
        except tf.errors.InvalidArgumentError as error:  # a rule that the graph itself checks
            rule = _RULE.search(error.message)
            raise ValueError(rule[1] if rule else error.message) from error

    def _answers(self, arrays: Mapping[str, np.ndarray], row: int | None) -> Any:
        """The answer of a row; an output without rows is every row's."""
        parts = [
            arrays[name][row] if row is not None and has_rows(spec) else arrays[name]
            for name, spec in self.outputs.items()
        ]
        return self._answer(*map(plain, self.outputs, parts))

    @property
    def signatures(self) -> dict[str, str]:
        """Name -> inputs and outputs with types and shapes."""
        return {
            name: f"{listed(function.structured_input_signature[1]) or 'nothing'} -> "
            f"{listed(function.structured_outputs)}"
            for name, function in self._model.signatures.items()
        }

    def __repr__(self) -> str:
        lines = [f"{self.folder.parent.name}, version {self.folder.name}"]
        lines += [
            f"{'*' if name == self.signature else ' '} {name}: {text}"
            for name, text in self.signatures.items()
        ]
        return "\n".join(lines)
