"""How often an exported recogniser is right, how soon, and how well it knows it: a split."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from pipelines.action_recognition import metrics
from pipelines.action_recognition.data import inputs_of, read_labels, records, spelt
from pipelines.action_recognition.flags import Evaluate, view_of
from pipelines.cache import with_progress
from pipelines.contract import Evaluation

SHOWN = 6  # clips in each group of the report
SHARES = (0.25, 0.5, 0.75, 1.0)  # of a clip that was seen


class Clip(NamedTuple):
    """One clip of the split and the model's answer.

    frames: what the model watched, `[frames, ...]`.
    beliefs: `<float>[frames, labels]`, after the first 1, 2, ... of them.
    """

    id: str
    subject: str
    label: int
    seconds: float
    frames: np.ndarray
    beliefs: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        return self.beliefs[-1]

    @property
    def certainty_of_mistake(self) -> float:
        """The likeliest label's probability where it is wrong, else below 0."""
        best = int(self.probabilities.argmax())
        return float(self.probabilities[best]) if best != self.label else -1.0


@dataclass(frozen=True)
class Answers:
    """An exported model's answers on a split.

    labels: names of the model's labels.
    truths: `<int>[clips]`; the numbers are the model's.
    probabilities: `<float>[clips, labels]`.
    subjects: who is seen in each clip, "" where that is not known.
    by_share: share of the clip that was seen -> accuracy.
    temperature: that logits were divided by.
    mistakes, others: the surest wrong answers, and clips at random.
    """

    labels: list[str]
    truths: np.ndarray
    probabilities: np.ndarray
    subjects: list[str]
    by_share: dict[float, float]
    temperature: float
    mistakes: list[Clip]
    others: list[Clip]


def evaluate(model, flags: Evaluate) -> Evaluation:
    """Answers of an exported model for a split's clips, as a server would give them.

    Raises:
        ValueError: the data cannot be used, are of another view, or have a label that the model
            does not know.
    """
    about = about_model(model)
    answers = _answers(model, *_source(flags, about), flags.batch_size)
    measured = metrics.classification_metrics(
        answers.probabilities, answers.truths, answers.temperature
    )
    for share, right in answers.by_share.items():
        if share < 1:
            measured[f"accuracy_at_{share:.0%}".replace("%", "_percent")] = right
    return Evaluation(measured, answers)


def about_model(model) -> dict[str, Any]:
    """The export's own description: labels, what it watches, data set, temperature."""
    return json.loads(tf.io.read_file(model.about.asset_path).numpy())


def _source(flags: Evaluate, about: dict[str, Any]) -> tuple[tf.data.Dataset, dict[str, Any]]:
    """The split's records, and the model's description.

    Raises:
        ValueError: the data are of another view, or have a label that the model does not know.
    """
    same = flags.dataset == about["dataset"]
    heldout = flags.heldout
    if heldout is None and same and about["heldout"] is not None:
        heldout = tuple(about["heldout"])
    flags = replace(
        flags, heldout=heldout, view=flags.view or (about["view"] if same else view_of(flags))
    )
    if (flags.view == "joints") != (about["view"] == "joints"):
        raise ValueError(
            f"`view` must be one that the model watches, which is of {about['view']}. "
            f"Got {flags.view}."
        )
    unknown = sorted(set(read_labels(flags)) - set(about["labels"]))
    if unknown:
        raise ValueError(
            f"The labels must be among the model's: {', '.join(about['labels'])}. Got "
            f"{', '.join(unknown)}."
        )
    return records(flags, flags.split, about["frames"], about["size"]), about


def _answers(model, found: tf.data.Dataset, about: dict[str, Any], batch_size: int) -> Answers:
    truths, probabilities, subjects, beliefs = [], [], [], []
    mistakes: list[Clip] = []
    others: list[Clip] = []
    rng = np.random.default_rng(0)
    for clip in _answered(model, found, about, batch_size):
        truths.append(clip.label)
        probabilities.append(clip.probabilities)
        subjects.append(clip.subject)
        beliefs.append(clip.beliefs)
        mistakes = sorted([*mistakes, clip], key=lambda each: -each.certainty_of_mistake)[:SHOWN]
        # Reservoir sampling: at any time each clip so far is among them with the same chance.
        place = len(others) if len(others) < SHOWN else int(rng.integers(len(truths)))
        others[place : place + 1] = [clip] if place < SHOWN else []
    labels = np.array(truths)
    return Answers(
        about["labels"],
        labels,
        np.array(probabilities, np.float64),
        subjects,
        metrics.by_share(beliefs, labels, SHARES),
        about["temperature"],
        [clip for clip in mistakes if clip.certainty_of_mistake >= 0],
        others,
    )


def _answered(
    model, found: tf.data.Dataset, about: dict[str, Any], batch_size: int
) -> Iterator[Clip]:
    """The clips with the model's answers, in the order of the records."""
    numbers = {name: number for number, name in enumerate(about["labels"])}
    rows: list[dict[str, Any]] = []

    def answered():
        for row, beliefs in zip(rows, beliefs_of(model, [r["clip"] for r in rows]), strict=True):
            text = {name: row[name].decode("utf-8", "replace") for name in ("id", "subject")}
            frames = row["clip"]
            label, seconds = numbers[spelt(row["label"])], float(row["seconds"])
            yield Clip(text["id"], text["subject"], label, seconds, frames, beliefs)

    stream = found.prefetch(8).as_numpy_iterator()
    for row in with_progress(stream, lambda row: 1, "clips measured"):
        rows.append(row)
        if len(rows) == batch_size:
            yield from answered()
            rows = []
    if rows:
        yield from answered()


def beliefs_of(model, clips: list[np.ndarray]) -> list[np.ndarray]:
    """What the model believes of each clip after its first 1, 2, ... frames.

    A clip that the model refuses counts as a guess, all labels alike.

    Args:
        model: loaded SavedModel.
        clips: `<uint8>[time, height, width, 3]`, all of one height and width; or `<float32>[time,
            joints, 3]`.

    Returns:
        Of each clip `<float>[frames, labels]`, of the frames that the model watches.
    """
    joints = clips[0].ndim == 3
    longest = max(map(len, clips))
    inputs = {k: tf.constant(v) for k, v in inputs_of(clips, longest, clips[0].shape[1:]).items()}
    answer = model.signatures["belief" if joints else "frames_belief"](**inputs)
    found = []
    for clip, beliefs in zip(clips, answer["beliefs"].numpy(), strict=True):
        beliefs = beliefs[: min(len(clip), len(beliefs))]
        refused = not beliefs.any()
        found.append(np.full_like(beliefs, 1 / beliefs.shape[1]) if refused else beliefs)
    return found
