"""The flags that all tasks share, their help texts, and what a single flag may be."""

import inspect
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import tyro


class Bound(NamedTuple):
    """What a number may be: a test, and its rule in words."""

    holds: Callable[[Any], bool]
    rule: str


Positive = Annotated[int, Bound(lambda value: value >= 1, "at least 1")]
Count = Annotated[int, Bound(lambda value: value >= 0, "at least 0")]
Rate = Annotated[float, Bound(lambda value: 0 <= value < 1, "at least 0 and below 1")]
Share = Annotated[float, Bound(lambda value: 0 <= value <= 1, "from 0 to 1")]
AboveZero = Annotated[float, Bound(lambda value: value > 0, "above 0")]
NotNegative = Annotated[float, Bound(lambda value: value >= 0, "at least 0")]
Seed = Annotated[int, Bound(lambda value: 0 <= value < 2**31, "from 0 to 2147483647")]

Cell = Literal["lstm", "lstm_tanh", "simple_rnn"]


NOT_UTF8 = re.compile(r"[\ud800-\udfff]")  # what stands for a byte of a name that is not UTF-8


def check_bounds(flags: Any) -> None:
    """Compares every flag with the bound of its type; None, where a flag may be that, is free.

    The names of folders and files must be UTF-8: TensorFlow and JSON know no others.

    Raises:
        ValueError: names the flag, the rule and the value.
    """
    for name, kind in typing.get_type_hints(type(flags), include_extras=True).items():
        value = getattr(flags, name)
        if isinstance(value, Path) and NOT_UTF8.search(str(value)):
            raise ValueError(f"`{name}` must be UTF-8. Got {str(value)!r}.")
        for bound in _bounds(kind):
            if value is not None and not bound.holds(value):
                raise ValueError(f"`{name}` must be {bound.rule}. Got {value}.")


def _bounds(kind: Any) -> list[Bound]:
    """The bounds of an annotated type, or of the members of a union."""
    own = [mark for mark in getattr(kind, "__metadata__", ()) if isinstance(mark, Bound)]
    inner = [] if own else typing.get_args(kind)
    return own + [bound for member in inner for bound in _bounds(member)]


def arguments_of(constructor: Callable, flags: Any, **values: Any) -> dict[str, Any]:
    """The flags that a constructor takes, by their names; `values` take the place of flags."""
    names = inspect.signature(constructor).parameters
    return {name: value for name, value in vars(flags).items() if name in names} | values


@dataclass(frozen=True)
class TrainFlags:
    """Data to model to metrics to SavedModel, in one go; goes on where it was cut off."""

    dataset: str = "demo"
    """Data set. `demo` needs no download; the task's README lists the others."""
    data_dir: Path | None = None
    """Folder of the raw files, in their publisher's layout or your own."""
    run: str | None = None
    """Name of the run's folder under --runs-dir/<task>. Default: the data set's name."""
    runs_dir: Path = Path("runs")
    """Where runs are kept."""
    cache_dir: Path = Path("cache")
    """Where transformed data are kept between runs: at most 20 GB, and free to delete."""
    limit: Positive | None = None
    """Use the first so many examples of each split only, for a quick try."""
    seed: Seed = 0
    """Seed of the weights, the order of the data, and dropout."""
    cell: Cell = "lstm"
    """The lecture's LSTM, the same with the usual tanh candidate, or the lecture's SimpleRNN."""
    units: Positive = 128
    """Size of the recurrent states."""
    dropout: Rate = 0.1
    """Share of states dropped in training; the task's README says of which."""
    batch_size: Positive = 32
    """Examples a step."""
    epochs: Positive = 10
    """Passes over the training data."""
    learning_rate: AboveZero = 4e-3
    """Largest learning rate; it rises at first, then falls to 0."""
    keep: Positive = 3
    """Best epochs to keep; the mean of their weights is used where it validates better."""
    callback: tuple[str, ...] = ()
    """Keras callbacks that listen to the training, each `module:Class`."""
    precision: Literal["auto", "float32", "mixed"] = "float32"
    """Compute in 32 bits; in 16 (`mixed`; GPU: float16, CPU: bfloat16); or in 16 where a probe of a
    few seconds finds that faster on this machine (`auto`)."""
    strategy: Literal["none", "data_parallel"] = "none"
    """Over how many devices: one, or all that JAX has, in all processes (KERAS_BACKEND=jax)."""


@dataclass(frozen=True)
class EvaluateFlags:
    """The metrics of an exported model on a split, free-running."""

    model: Path | None = None
    """SavedModel, or a folder of versions. Default: saved_models/<task>, its latest version."""
    dataset: str | None = None
    """Data set. Default: the one that the model was trained on."""
    data_dir: Path | None = None
    """Folder of the raw files."""
    split: str = "test"
    """Split to measure: train, dev or test."""
    limit: Positive | None = None
    """Measure the first so many examples only."""
    batch_size: Positive = 64
    """Examples a call."""
    output: Path | None = None
    """Write the metrics as JSON to this file, too."""
    update_card: bool = False
    """Write the metrics into the model card beside the model, too."""


@dataclass(frozen=True)
class PredictFlags:
    """Answers of an exported model for files or strings."""

    inputs: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """What to answer."""
    model: Path | None = None
    """SavedModel, or a folder of versions. Default: saved_models/<task>, its latest version."""
    batch_size: Positive = 64
    """Examples a call."""
    input: Path | None = None
    """A whole file in place of inputs: .csv, .tsv, .jsonl, .parquet, .txt; or a folder of images.
    Killed, the same command goes on."""
    column: str | None = None
    """Of --input, what to answer. Default: the column of the input's name, or the only one."""
    encoding: str | None = None
    """Of --input. Default: found."""
    output: Path | None = None
    """Where the rows of --input go, with their answers: .csv, .tsv, .jsonl or .parquet."""


@dataclass(frozen=True)
class ExportFlags:
    """A finished run as a new version under saved_models/.

    A field that a task adds here under the name of a training flag takes that flag's place.
    """

    run: str = "demo"
    """Name of the run."""
    runs_dir: Path = Path("runs")
    """Where runs are kept."""
    saved_models: Path = Path("saved_models")
    """Folder that a model server watches."""
    format: Literal["saved_model", "onnx"] = "saved_model"
    """`onnx`: the numeric part, with a program that needs NumPy and onnxruntime alone. To make it
    takes the packages tf2onnx, onnx and onnxruntime."""
    int8: bool = False
    """As ONNX: matrix products in 8 bits."""
    model: Path | None = None
    """As ONNX: a SavedModel, or a folder of versions, in the place of a run."""
    output: Path | None = None
    """As ONNX: where to, a new folder. Default: onnx_models/<model>[_int8]."""
