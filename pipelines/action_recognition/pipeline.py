"""Action recognition, many to one: the whole story of the task, from clips to a SavedModel."""

from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np

from datasets.actions import DATASETS, sample_places
from datasets.arguments import check_choice
from pipelines import runs, training
from pipelines.action_recognition import data, evaluation, metrics, prediction, signatures
from pipelines.action_recognition.card import measured_split, model_card
from pipelines.action_recognition.flags import (
    PRESETS,
    Evaluate,
    Predict,
    Train,
    folder_of,
    view_of,
)
from pipelines.action_recognition.frame_encoder import encoder_of
from pipelines.action_recognition.report import report_sections
from pipelines.action_recognition.trainer import Trainer, logits
from pipelines.classification import warn_at_bound
from pipelines.contract import Export, Pipeline
from pipelines.flags import arguments_of
from pipelines.store import Store
from zoo.encoders import weights_digest
from zoo.models.action_recognizer import ActionRecognizer

KEPT = 256  # clips of dev that the temperature is fitted on, at most

# Data and model.


def recognizer(
    flags: Train, classes: int, joints: int, encoder: keras.Model | None
) -> ActionRecognizer:
    """The model of a run, built.

    Args:
        flags: of the run.
        classes: labels.
        joints: of a body; 0: the model watches frames.
        encoder: the frozen one of frames, if there is one.

    Raises:
        ValueError: the model does not take a flag's value.
    """
    arguments = arguments_of(
        ActionRecognizer,
        flags,
        classes=classes,
        joints=joints,
        features=encoder.output_shape[-1] if encoder else None,
        name="action_recognizer",
    )
    model = ActionRecognizer(**arguments)
    model.build()
    return model


def trainer(flags: Train, run: Path) -> Trainer:
    """Reads the data, builds the model, and says how it is trained.

    Raises:
        ValueError: the data cannot be used, or are not those that the run was begun with.
    """
    train, dev = (data.encode_split(flags, split) for split in ("train", "dev"))
    labels = data.read_labels(flags)
    joints = _joints(flags, train, dev)
    grey = not joints and bool(train.columns["grey"].values.all())
    seconds = float(np.median(train.columns["seconds"].values))
    encoder = encoder_of(flags)
    runs.keep(run, "labels", list(labels))
    watched = {"joints": joints, "grey": grey, "seconds": round(seconds, 3)}
    if encoder:
        watched["encoder_weights"] = weights_digest(encoder)
    runs.keep(run, "watched", watched)
    runs.keep(run, "data", {"train": train.digest, "dev": dev.digest})
    # For the temperature, which an export works out: it then needs no data set.
    runs.keep(run, "dev", _kept(flags, dev))
    model = recognizer(flags, len(labels), joints, encoder)
    print(
        f"{len(train):,} training clips, {len(dev):,} dev clips, {len(labels)} labels, "
        f"{model.count_params():,} parameters.",
        flush=True,
    )
    return Trainer(flags, model, train, dev)


def _joints(flags: Train, train: Store, dev: Store) -> int:
    """The joints of a body; 0 of frames."""
    if view_of(flags) != "joints":
        return 0
    counts = {store.columns["clip"].values.shape[1] for store in (train, dev)}
    if len(counts) > 1:
        raise ValueError(f"All splits must have as many joints. Got {sorted(counts)}.")
    return counts.pop()


def _kept(flags: Train, dev: Store) -> dict[str, np.ndarray]:
    """The clips of dev as the model watches them."""
    clips = [dev.row("clip", record) for record in range(min(KEPT, len(dev)))]
    rows = [clip[sample_places(len(clip), flags.frames)] for clip in clips]
    lengths = np.array([len(row) for row in rows])
    labels = dev.columns["label"].values[: len(rows)]
    return {"clips": np.concatenate(rows), "lengths": lengths, "labels": np.array(labels)}


def check(flags: Train) -> None:
    """Makes the model of the flags, and leaves it, before any data are read.

    Raises:
        ValueError: the data set is unknown, or the model does not take a flag's value.
    """
    check_choice("dataset", flags.dataset, DATASETS)
    joints = int(view_of(flags) == "joints")
    recognizer(flags, classes=2, joints=joints, encoder=encoder_of(flags))


# Export.


def export(flags: Train, run: Path) -> Export:
    """The run's best weights as signatures, calibrated on dev.

    Raises:
        ValueError: the run has no checkpoint, a file of it is altered, or the encoder has other
            weights than in training.
    """
    labels, watched = runs.kept(run, "labels"), runs.kept(run, "watched")
    encoder = encoder_of(flags)
    if encoder and weights_digest(encoder) != watched["encoder_weights"]:
        raise ValueError(
            f"`encoder` must have the weights of the training, {watched['encoder_weights']}. "
            f"Got {flags.encoder!r} with {weights_digest(encoder)}."
        )
    model = recognizer(flags, len(labels), watched["joints"], encoder)
    training.load_best(model, run)
    temperature = fit_temperature(flags, model, run)
    about = {
        "labels": labels,
        "dataset": flags.dataset,
        "view": view_of(flags),
        "heldout": flags.heldout,
        "frames": flags.frames,
        "size": flags.size,
        "temperature": temperature,
        **watched,
    }
    runs.write_json(run / "about.json", about)
    front = signatures.Front(flags.frames, flags.shuffled, watched["grey"], encoder)
    files = {"about": run / "about.json"}
    return signatures.action_export(model, labels, front, files, temperature=temperature)


def fit_temperature(flags: Train, model: ActionRecognizer, run: Path) -> float:
    """The temperature that logits are divided by, fitted on the run's dev."""
    dev = runs.kept(run, "dev")
    clips = np.split(dev["clips"], np.cumsum(dev["lengths"])[:-1])
    answers = logits(model, clips, flags.frames, flags.shuffled)
    temperature = metrics.fit_temperature(answers, dev["labels"])
    print(f"Temperature, fitted on dev: {temperature:.3f}.", flush=True)
    warn_at_bound(temperature)
    return temperature


# Prediction.


def predict(model, flags: Predict) -> Iterable[str]:
    """`file<TAB>label<TAB>score` for each clip, in the order given; with `times`, more lines.

    Raises:
        ValueError: no inputs, or an input that is not there.
    """
    return prediction.lines(model, flags)


PIPELINE = Pipeline(
    name="action_recognition",
    summary="Action recognition: the lecture's LSTM watches a clip and says what is done in it.",
    train_flags=Train,
    train_presets=PRESETS,
    describe=data.describe,
    trainer=trainer,
    export=export,
    evaluate=evaluation.evaluate,
    predict=predict,
    report=report_sections,
    card=model_card,
    test_split=measured_split,
    folder=folder_of,
    check=check,
    evaluate_flags=Evaluate,
    predict_flags=Predict,
)
