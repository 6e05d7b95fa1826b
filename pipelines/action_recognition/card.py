"""The model card beside an exported recogniser."""

from collections.abc import Mapping
from typing import Any

from pipelines.action_recognition.flags import Train, view_of
from pipelines.card import CELLS, made, metrics_table

TEMPLATE = """# Action recognition model

{what} in, an action out. {model}

## Signatures

| name | in | out |
| --- | --- | --- |
{signatures}

`score` is P(label); `assets/about.json` lists the labels in the order of `probabilities`.
`beliefs` are the probabilities once the first 1, 2, ... of the {frames} watched frames were seen,
`shares` the share of the clip that these are. {refused} gets the label "" and score 0, and does not
touch the others of its batch.

{frames} frames are taken of a clip, evenly over it, so that its rate does not matter; of a shorter
clip, all. {watched}

## Data

{data}

## Measured

{table}

Through this SavedModel. `accuracy_at_50_percent`: once the first half of each clip was seen.
Probabilities are calibrated by a temperature, fitted on dev; `ece_uncalibrated` is without it.
{made}

## Limits

It knows {world} alone, and gives one of its labels to whatever else it is shown. {only}A clip must
show one action, from its beginning to its end, of one person. Do not decide about people by it.
"""
ANSWER = "`label: string[batch]`, `score: float32[batch]`, `probabilities: float32[batch, labels]`"
BELIEF = "the same, `beliefs: float32[batch, frames, labels]`, `shares: float32[batch, frames]`"
GIF = "`clip_bytes: string[batch]` (GIF)"
FRAMES = "`frames: uint8[batch, time, height, width, 3]`, `lengths: int32[batch]`"
JOINTS = "`joints: float32[batch, time, joints, 3]`, `lengths: int32[batch]`"
STREAM = (
    "`{name}: [batch, time, ...]`, `state: float32[batch, features]` (zeros at first)",
    "`probabilities: float32[batch, time, labels]`, `state`",
)
DATA = {
    "demo": "Figures drawn by code (`datasets/actions/demo.py`); no terms.",
    "utd_mhad": (
        "UTD-MHAD (Chen, Jafari and Kehtarnavaz, ICIP 2015): 27 actions, recorded by a Kinect; "
        "subjects 1, 3, 5 and 7 but for those held out for dev. No licence text: research only."
    ),
    "jhmdb": "J-HMDB (Jhuang et al., ICCV 2013): joints of people in films and on the web.",
    "folder": "Clips of the person who trained the model.",
}
WORLD = {
    "demo": "drawn figures and their actions",
    "utd_mhad": "27 actions of four people, seen from the front by a Kinect,",
    "jhmdb": "21 actions of people in films and on the web",
    "folder": "the actions of its training",
}


def model_card(flags: Train, measured: Mapping[str, Any]) -> str:
    """Markdown: the model, its data, its metrics and its limits.

    Args:
        flags: of the run.
        measured: as in a run's metrics.json; without `metrics` before it is measured.
    """
    joints, depth = (view_of(flags) == view for view in ("joints", "depth"))
    signatures = [f"| {name} | {given} | {found} |" for name, given, found in _signatures(flags)]
    refused = "A clip without frames, or with joints that are no numbers,"
    if not joints:
        refused = "A file that is no GIF, is cut off or too large, and a clip without frames,"
    if depth:
        refused = refused.replace(", and", ", a clip in colour, and")
    return TEMPLATE.format(
        what="The joints of a body over time" if joints else "A clip",
        model=_model(flags),
        signatures="\n".join(signatures),
        frames=flags.frames,
        refused=refused,
        watched=_watched(flags),
        data=DATA[flags.dataset],
        table=metrics_table(measured, f"{measured_split(flags)} split"),
        made=made(measured, flags.seed),
        world=WORLD[flags.dataset],
        only=(
            "It watches depth alone, as grey levels of 16 mm, the background black: a clip in "
            "colour is refused, and a grey one of another kind gets an answer that means nothing. "
        )
        * depth,
    )


def measured_split(flags: Train) -> str:
    """The split that `train` measures at its end: test, or dev of UTD-MHAD.

    The test subjects of UTD-MHAD are looked at on purpose only.
    """
    return "dev" if flags.dataset == "utd_mhad" else "test"


def _signatures(flags: Train) -> list[tuple[str, str, str]]:
    joints = view_of(flags) == "joints"
    given = JOINTS if joints else GIF
    found = [("serving_default", given, ANSWER), ("belief", given, BELIEF)]
    if not joints:
        found += [("frames", FRAMES, ANSWER), ("frames_belief", FRAMES, BELIEF)]
    if not flags.bidirectional:
        before, after = STREAM
        found.append(("stream", before.format(name="joints" if joints else "frames"), after))
    return found


def _watched(flags: Train) -> str:
    if view_of(flags) == "joints":
        return (
            "Neither the place nor the size of a body counts: its joints are centred and scaled by "
            "those of the first frame."
        )
    return f"A frame is fitted whole into a black square of {flags.size} pixels."


def _model(flags: Train) -> str:
    both = ", forwards and backwards" if flags.bidirectional else ""
    pooled = {"mean": "the mean over time", "last": "the last states"}[flags.pooling]
    reader = "Three convolutions over each frame and its difference to the one before"
    if flags.encoder:
        reader = f"{flags.encoder}, frozen, over each frame; its features and their steps"
    if view_of(flags) == "joints":
        reader = "The joints and their steps"
    order = " The frames' order is lost on purpose." if flags.shuffled else ""
    return (
        f"{reader}, {flags.layers} layer{'s' * (flags.layers > 1)} of {CELLS[flags.cell]}{both}, "
        f"{flags.units} units, {pooled}.{order}"
    )
