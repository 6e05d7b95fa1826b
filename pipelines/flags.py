"""The flags that all tasks share, and their help texts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


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
    """Where features of frozen encoders are kept between runs."""
    limit: int | None = None
    """Use the first so many examples of each split only, for a quick try."""
    seed: int = 0
    """Seed of the weights, the order of the data, and dropout."""
    mixed_precision: bool = False
    """Compute in 16 bits where the device is faster at it (GPU: float16, CPU: bfloat16)."""
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
    limit: int | None = None
    """Measure the first so many examples only."""
    output: Path | None = None
    """Write the metrics as JSON to this file, too."""
    update_card: bool = False
    """Write the metrics into the model card beside the model, too."""


@dataclass(frozen=True)
class PredictFlags:
    """Answers of an exported model for files or strings."""

    inputs: Annotated[tuple[str, ...], tyro.conf.Positional]
    """What to answer."""
    model: Path | None = None
    """SavedModel, or a folder of versions. Default: saved_models/<task>, its latest version."""


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
