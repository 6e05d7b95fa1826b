"""A model's numeric part for other runtimes: ONNX files, the vocabulary, and a program for them.

The weights are those of a SavedModel, which holds them as it was exported; a run has one, too.
"""

import importlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipelines.contract import Numeric
from pipelines.runs import disk_may_fill, write_json

OPSET = 18
TOLERANCE = 1e-3  # between two runtimes, of one number
RUNNER = Path(__file__).with_name("onnx_runner.py")  # not imported: it needs onnxruntime
README = """# {title}

The numeric part of a model of the task {task}{eight}, for onnxruntime. It was made from
{source}.

    pip install numpy onnxruntime
    python run.py "A text." ...

`run.py` reads texts as the training read them; `model.json` has what it needs to know, names and
shapes of inputs and outputs among it; `vocabulary.json` has what each number stands for.
"""


def package(name: str) -> Any:
    """A package that an export as ONNX needs and nothing else does.

    Raises:
        ImportError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"`--format onnx` needs the package {name.partition('.')[0]}: "
            f"pip install tf2onnx onnx onnxruntime. Got: {error}"
        ) from error


def check_packages() -> None:
    """Imports what an export as ONNX needs.

    Raises:
        ImportError: a package is missing.
    """
    for name in ("tf2onnx", "onnx", "onnxruntime"):
        package(name)


def assign_weights(model: keras.Model, exported: Any) -> None:
    """Gives a built model the weights of a loaded SavedModel, by their names.

    Raises:
        ValueError: the SavedModel lacks one, or has it in another shape.
    """
    stored = {value.name.removesuffix(":0"): value for value in exported.stored}
    for variable in model.trainable_variables:
        name = variable.path.replace("/", "_")
        shape = tuple(stored[name].shape) if name in stored else None
        if shape != tuple(variable.shape):
            raise ValueError(
                f"`--model` must have weights {name} {tuple(variable.shape)}, as exports of this "
                f"version have; one of 0.1 may have others. Got {shape}."
            )
        variable.assign(tf.cast(stored[name], variable.dtype))


def asset_text(asset: tf.saved_model.Asset) -> str:
    """What a file in a loaded SavedModel's assets/ says."""
    return Path(asset.asset_path.numpy().decode()).read_text(encoding="utf-8")


def write_onnx(numeric: Numeric, task: str, source: Path, folder: Path, int8: bool) -> Path:
    """Writes `folder`: an ONNX file a function, vocabulary.json, model.json, run.py, README.md.

    Args:
        numeric: see `contract.Numeric`.
        task: its name, which says how run.py reads and writes.
        source: the SavedModel's folder, for the README.
        folder: a new one, which appears when whole.
        int8: whether the matrix products have weights of 8 bits, with a scale for each column, and
            inputs that are rounded to 8 bits at each call.

    Raises:
        ValueError: the folder is there, or ONNX's answer for an example is not the SavedModel's.
        ImportError: a package is missing.
    """
    if folder.exists():
        raise ValueError(f"`--output` must be a new folder. Got {folder}, which is there.")
    staging = folder.parent / f".writing-{folder.name}-{os.getpid()}"
    with disk_may_fill(folder.parent):
        staging.mkdir(parents=True)
        try:
            _write(numeric, task, source, staging, folder.name, int8)
            os.rename(staging, folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return folder


def _write(numeric, task: str, source: Path, staging: Path, title: str, int8: bool) -> None:
    ends, onnx = {}, package("onnx")
    for name, function in numeric.functions.items():
        model = converted(function)
        ends[name] = {"inputs": _ends(model.graph.input), "outputs": _ends(model.graph.output)}
        onnx.save(model, str(staging / f"{name}.onnx"))
    write_json(staging / "vocabulary.json", numeric.vocabulary)
    write_json(staging / "model.json", {"task": task, "functions": ends, **numeric.about})
    shutil.copyfile(RUNNER, staging / "run.py")
    eight = ", its matrix products in 8 bits" if int8 else ""
    text = README.format(title=title, task=task, eight=eight, source=source)
    (staging / "README.md").write_text(text, encoding="utf-8")
    check_sample(numeric, staging, source)
    for name in numeric.functions if int8 else ():
        to_int8(staging / f"{name}.onnx")


def check_sample(numeric: Numeric, folder: Path, source: Path) -> None:
    """Compares what was written with the SavedModel.

    Raises:
        ValueError: their answers differ by more than rounding.
    """
    given = numeric.sample(package("pipelines.onnx_runner").load(folder))
    if not abs(given - numeric.expected) <= TOLERANCE:
        raise ValueError(
            f"`--model` must be an export of this version. Got {source}, whose answer for an "
            f"example is {numeric.expected:.6f}, and as ONNX {given:.6f}."
        )


def converted(function: Callable) -> Any:
    """The ONNX model of a `tf.function` with an input signature that gives a dict of tensors."""
    signature = function.input_signature
    model, _ = package("tf2onnx.convert").from_function(function, signature, opset=OPSET)
    for node in model.graph.node:
        if node.op_type == "Loop":
            move_weights(model.graph, node)
    used = set(_names_used(model.graph))
    for value in [value for value in model.graph.initializer if value.name not in used]:
        model.graph.initializer.remove(value)
    return model


def move_weights(graph: Any, loop: Any) -> None:
    """Puts a loop's constant weights into its body.

    The converter hands them from step to step, as it does states, where the quantisation does not
    know them for weights.
    """
    constants = {value.name: value for value in graph.initializer}
    (body,) = (attribute.g for attribute in loop.attribute if attribute.name == "body")
    # Inputs are the number of steps, a condition and the states; outputs lack the first.
    for place in reversed(range(2, len(body.input))):
        own, given = body.input[place].name, loop.input[place]
        passed_on = body.output[place - 1].name == own
        if not passed_on or given not in constants or len(constants[given].dims) < 2:
            continue
        body.initializer.add().CopyFrom(constants[given])
        body.initializer[-1].name = own
        del body.input[place], body.output[place - 1], loop.input[place], loop.output[place - 2]


def _names_used(graph: Any) -> Iterator[str]:
    """What the nodes of a graph read, and those of the graphs inside it, which see its names."""
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            yield from _names_used(attribute.g)


def to_int8(path: Path) -> None:
    """Rewrites an ONNX file with weights of 8 bits in its matrix products."""
    onnx, quantization = package("onnx"), package("onnxruntime.quantization")
    model = onnx.load(path)
    # A preparation that the quantisation would miss: constants are folded already.
    onnx.helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
    quantization.quantize_dynamic(
        model,
        path,
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        extra_options={"EnableSubgraph": True, "MatMulConstBOnly": True},
    )


def _ends(values: Any) -> dict[str, dict[str, Any]]:
    """Types and shapes by name of a graph's inputs or outputs; None is any size."""
    dtype = package("onnx").helper.tensor_dtype_to_np_dtype
    return {
        value.name: {
            "dtype": np.dtype(dtype(value.type.tensor_type.elem_type)).name,
            "shape": [
                size.dim_value if size.HasField("dim_value") else None
                for size in value.type.tensor_type.shape.dim
            ],
        }
        for value in values
    }


def named_specs(values: Mapping[str, tf.TensorSpec]) -> dict[str, tf.TensorSpec]:
    """What a function takes, from what another gives: the same shapes under the same names."""
    return {name: tf.TensorSpec(v.shape, v.dtype, name=name) for name, v in values.items()}
