"""Batches of an epoch, and what dev is asked."""

import keras
import numpy as np
import pytest

from pipelines import classification
from pipelines.action_recognition.flags import Train
from pipelines.action_recognition.trainer import Trainer, logits
from pipelines.store import Column, Store
from tests.pipelines import verb_checks
from tests.pipelines.action_recognition.small import SIZE, clip_of
from zoo.models.action_recognizer import ActionRecognizer

COUNT, FRAMES, JOINTS = 13, 6, 5


def store_of(joints: int, count: int = COUNT, seed: int = 0) -> Store:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 12, count)
    labels = (np.arange(count) % 2).astype(np.int32)
    if joints:
        clips = rng.normal(size=(lengths.sum(), joints, 3)).astype(np.float32)
    else:
        clips = np.concatenate(
            [
                clip_of(("left", "right")[label], i, length)
                for i, (label, length) in enumerate(zip(labels, lengths, strict=True))
            ]
        )
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Store({"clip": Column(clips, offsets), "label": Column(labels, None)})


def trainer_of(joints: int = 0, **changes) -> Trainer:
    keras.utils.set_random_seed(0)
    sizes = {"frames": FRAMES, "size": SIZE, "filters": 2, "units": 4, "batch_size": 4}
    model = ActionRecognizer(2, joints, SIZE, filters=2, units=4)
    model.build()
    flags = Train(**{**sizes, **changes})
    return Trainer(flags, model, store_of(joints), store_of(joints, 5, 1))


def rows_of(trainer: Trainer, epoch: int) -> list[np.ndarray]:
    """The clips that an epoch watches, sorted by their content."""
    found = []
    for inputs, _, weights in trainer.dataset(epoch).as_numpy_iterator():
        clips = inputs["joints" if trainer.model.joints else "frames"]
        for clip, length, weight in zip(clips, inputs["lengths"], weights, strict=True):
            assert not clip[length:].any()
            assert bool(weight) == bool(length)
            if weight:
                found.append(clip)
    return sorted(found, key=lambda clip: clip.tobytes())


@pytest.mark.parametrize("joints", [0, JOINTS])
def test_every_record_counts_once(joints):
    verb_checks.check_every_record_counts_once(trainer_of(joints), COUNT)


@pytest.mark.parametrize("joints", [0, JOINTS])
def test_an_epoch_is_drawn_by_its_number_whatever_the_batches_are(joints):
    small, large = (rows_of(trainer_of(joints, batch_size=size), 3) for size in (4, 7))
    np.testing.assert_array_equal(small, large)
    other = rows_of(trainer_of(joints), 4)
    assert len(small) == len(other) == COUNT
    assert {clip.tobytes() for clip in small}.isdisjoint(clip.tobytes() for clip in other)


def test_validation_is_of_the_clips_as_they_are():
    trainer = trainer_of(JOINTS)
    clips = [trainer.dev.row("clip", record) for record in range(5)]
    answers = logits(trainer.model, clips, FRAMES)
    for clip, answer in zip(clips, answers, strict=True):
        if len(clip) <= FRAMES:
            inputs = {"joints": clip[None], "lengths": np.array([len(clip)])}
            np.testing.assert_allclose(trainer.model(inputs)[0], answer, rtol=1e-4, atol=1e-5)
    probabilities = classification.softmax(answers)
    labels = trainer.dev.columns["label"].values
    assert trainer.validate() == {
        "accuracy": classification.accuracy(probabilities, labels),
        "loss": classification.loss(probabilities, labels),
    }
    assert trainer.monitor in trainer.validate()
