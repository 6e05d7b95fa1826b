"""The flags of an action-recognition run, and the presets that were measured."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import tyro

from datasets.actions import VIEWS
from pipelines.flags import (
    AboveZero,
    Bound,
    EvaluateFlags,
    NotNegative,
    Positive,
    PredictFlags,
    Rate,
    Share,
    TrainFlags,
)

View = Literal["video", "depth", "joints"]
Frames = Annotated[int, Bound(lambda value: value >= 2, "at least 2")]
Size = Annotated[int, Bound(lambda value: value >= 16, "at least 16")]
Stretch = Annotated[float, Bound(lambda value: 0 <= value <= 0.5, "from 0 to 0.5")]


@dataclass(frozen=True)
class Train(TrainFlags):
    """Data to model to metrics to SavedModel, in one go; goes on where it was cut off."""

    dataset: str = "demo"
    """demo (figures drawn by code), utd_mhad, jhmdb, folder (yours)."""
    view: View | None = None
    """What is watched: video, depth (both are frames), or joints. Default: the data set's own."""
    heldout: tuple[str, ...] | None = None
    """Of `utd_mhad`: the training subjects who are dev. Default: 7."""
    frames: Frames = 32
    """Frames that are taken of a clip, evenly over it, here and in the exported graph."""
    size: Size = 64  # pixels
    """Side of the square that a frame is fitted into, here and in the exported graph."""
    encoder: str | None = None
    """A frozen encoder of frames, its features cached: efficientnet_lite0|1|2, or a network of
    keras.applications by class name. Default: three convolutions that are trained."""
    filters: Positive = 16
    """Filters of the first of three convolutions over a frame, without `--encoder`."""
    units: Positive = 96
    """Size of the recurrent states of each direction."""
    layers: Positive = 1
    """Recurrent layers."""
    bidirectional: bool = True
    """Read backwards, too. Without, the exported model has the signature `stream`."""
    pooling: Literal["mean", "last"] = "mean"
    """How states over time become one: their mean, or the last ones."""
    constant_feature: bool = True
    """End each recurrent layer's input in a constant 1, which does a bias's work."""
    gate_offsets: bool = True
    """Start forget gates at +1 and input gates at -1, through the constant."""
    dropout: Rate = 0.2
    """Share of the features dropped before each recurrent layer and the readout."""
    shuffled: bool = False
    """Shuffle each clip's frames, in training and in the exported graph: what is order worth?"""
    warp: Stretch = 0.2
    """Training: how unevenly a clip is played, and how much of its ends is cut, at most."""
    shift: Stretch = 0.1
    """Training: how far frames are moved and zoomed, at most, as a share of their side; without
    `--encoder`."""
    brightness: Stretch = 0.2
    """Training: how much brighter or darker frames get, at most, as a share; without
    `--encoder`."""
    rotation: Annotated[float, Bound(lambda value: 0 <= value <= 180, "from 0 to 180")] = 30.0
    """Training: degrees that a body is turned about the vertical axis, at most."""
    stretch: Stretch = 0.1
    """Training: how much a body is stretched along each axis, at most, as a share."""
    noise: Share = 0.02
    """Training: noise of a joint, as a share of the body's size."""
    hidden: Rate = 0.05
    """Training: share of the joints that stand still in a clip, as if the sensor had lost them."""
    label_smoothing: Rate = 0.1
    """Share of the target probability spread over all labels."""
    learning_rate: AboveZero = 3e-3
    """Largest learning rate; rises over the first tenth of the steps, then falls to 0."""
    weight_decay: NotNegative = 1e-2
    """Share of each weight, times the learning rate, taken off it at each step (AdamW)."""
    batch_size: Positive = 16
    """Clips a step."""
    epochs: Positive = 15
    """Passes over the training data."""


@dataclass(frozen=True)
class Evaluate(EvaluateFlags):
    """The metrics of an exported model on a split."""

    dataset: str | None = None
    """Data set. Default: the one that the model was trained on."""
    view: View | None = None
    """Video, depth (both: the model of frames) or joints. Default: the data set's own."""
    heldout: tuple[str, ...] | None = None
    """Of `utd_mhad`. Default: as in training."""


@dataclass(frozen=True)
class Predict(PredictFlags):
    """The action in each clip: `file<TAB>label<TAB>score`, a line each."""

    inputs: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Videos, GIFs, folders of frames (each a clip); with `--view joints`, .npy files of joints."""
    view: View | None = None
    """Video, depth (both: the model of frames) or joints. Default: video."""
    times: bool = False
    """Show what is done when, in seconds: of windows as long as the clips of the training."""
    rate: AboveZero | None = None
    """With `--times`: frames a second of joints and folders of frames, which do not tell."""


def view_of(flags: Any) -> View:
    """What the model of these flags watches."""
    own = VIEWS.get(getattr(flags, "dataset", None) or "demo", ("video",))
    return flags.view or own[0]


def folder_of(flags: Any) -> str:
    """The model's folder under saved_models/: one of frames, another one of joints."""
    joints = view_of(flags) == "joints"
    return "action_recognition_joints" if joints else "action_recognition"


DEMO = Train(frames=16, size=48, dropout=0.1, label_smoothing=0.05)
JOINTS = replace(
    Train(),
    dataset="utd_mhad",
    view="joints",
    units=128,
    layers=2,
    dropout=0.4,
    epochs=120,
    batch_size=32,
    keep=5,
)
FOLDER = replace(Train(), dataset="folder", filters=24, units=128, dropout=0.4, epochs=60, keep=5)
PRESETS = {
    "demo": DEMO,
    "utd_mhad": JOINTS,
    "jhmdb": replace(JOINTS, dataset="jhmdb"),
    "folder": FOLDER,
}
