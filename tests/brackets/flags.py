"""What a run is made of."""

from dataclasses import dataclass
from typing import Literal

from pipelines.flags import AboveZero, Positive, TrainFlags


@dataclass(frozen=True)
class Train(TrainFlags):
    """Data to model to metrics to SavedModel, in one go; goes on where it was cut off."""

    dataset: Literal["demo", "file"] = "demo"
    """Data set: demo (drawn lines), file (your own)."""
    max_length: Positive = 12  # signs
    """Longer lines are cut to so many signs."""
    units: Positive = 16
    """Size of the recurrent states."""
    epochs: Positive = 4
    """Passes over the lines."""
    learning_rate: AboveZero = 2e-2
    """Largest learning rate; it rises at first, then falls to 0."""


PRESETS = {"demo": Train(), "file": Train(dataset="file")}
