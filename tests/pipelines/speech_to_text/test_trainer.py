"""Batches of an epoch, and what dev is asked."""

import keras
import numpy as np
import pytest

from pipelines.speech_to_text import metrics
from pipelines.speech_to_text.characters import least_frames
from pipelines.speech_to_text.flags import Train
from pipelines.speech_to_text.trainer import Trainer, transcribe
from pipelines.store import Column, Store
from tests.pipelines import verb_checks
from zoo.models.recognizer import REDUCTION, Recognizer

MELS, COUNT = 6, 29


def store_of(count=COUNT, seed=0):
    rng = np.random.default_rng(seed)
    labels = [rng.integers(1, 29, rng.integers(1, 9)) for _ in range(count)]
    lengths = [REDUCTION * least_frames(row.tolist()) + int(rng.integers(0, 60)) for row in labels]
    columns = {
        "features": Column(
            rng.normal(size=(sum(lengths), MELS)).astype(np.float16),
            np.cumsum([0, *lengths]),
        ),
        "labels": Column(
            np.concatenate(labels).astype(np.uint8), np.cumsum([0, *map(len, labels)])
        ),
    }
    return Store(columns)


def trainer_of(**changes):
    keras.utils.set_random_seed(0)
    flags = Train(**{"mels": MELS, "filters": 4, "units": 4, "batch_size": 4, **changes})
    model = Recognizer(29, MELS, 4, 4)
    model.build()
    return Trainer(flags, model, store_of(), store_of(9, seed=1))


def rows_of(trainer, epoch):
    """Of each record by its labels: the frames that the epoch hears."""
    found = {}
    for inputs, labels, weights in trainer.dataset(epoch).as_numpy_iterator():
        rows = zip(inputs["features"], inputs["lengths"], labels, weights, strict=True)
        for features, length, row, weight in rows:
            if weight:
                found[tuple(row[row > 0].tolist())] = features[:length]
            else:
                assert not length
            assert not features[length:].any()
    return found


def test_every_record_counts_once():
    trainer = trainer_of()
    verb_checks.check_every_record_counts_once(trainer, COUNT)
    assert len(rows_of(trainer, 0)) == COUNT


def test_every_row_has_frames_enough_for_its_text():
    """Even where the tempo is drawn high, or CTC would have no path and an infinite loss."""
    trainer = trainer_of(tempo=0.5)
    for epoch in range(3):
        for labels, features in rows_of(trainer, epoch).items():
            assert len(features) // REDUCTION >= least_frames(list(labels))


def test_an_epoch_is_drawn_by_its_number_whatever_the_batches_are():
    small, large = rows_of(trainer_of(), 3), rows_of(trainer_of(batch_size=11), 3)
    other = rows_of(trainer_of(), 4)
    assert small.keys() == large.keys()
    for labels, features in small.items():
        np.testing.assert_array_equal(features, large[labels])
    changed = sum(
        features.shape != other[labels].shape or (features != other[labels]).any()
        for labels, features in small.items()
    )
    assert changed == COUNT


def test_the_loss_of_an_epoch_is_finite_and_falls():
    trainer = trainer_of(epochs=20, learning_rate=2e-2, noise=0.0)
    trainer.compile("train")
    losses = []
    for epoch in range(3):
        options = {"steps_per_epoch": trainer.steps(epoch), "shuffle": False, "verbose": 0}
        fitted = trainer.model.fit(trainer.dataset(epoch), **options)
        losses += fitted.history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


def test_validation_is_of_the_best_path():
    trainer = trainer_of()
    texts, references = transcribe(trainer.model, trainer.dev)
    assert len(texts) == len(references) == 9
    for record in range(9):
        features = trainer.dev.row("features", record).astype(np.float32)[None]
        lengths = np.array([features.shape[1]])
        logits = np.asarray(trainer.model({"features": features, "lengths": lengths}))[0]
        path = logits.argmax(axis=1)
        kept = [label for label, before in zip(path, [0, *path], strict=False) if label != before]
        spelt = "".join(" 'abcdefghijklmnopqrstuvwxyz"[label - 1] for label in kept if label)
        assert texts[record] == spelt.strip()
    rates = metrics.error_rates(references, texts)
    assert trainer.validate() == {"word_accuracy": 1 - rates["wer"], **rates}
    assert trainer.monitor in trainer.validate()


# Error rates.


def test_error_rates_count_over_all_together():
    rates = metrics.error_rates(["one two three", "four"], ["one too three", "four five"])
    assert rates["wer"] == pytest.approx(2 / 4)
    assert rates["cer"] == pytest.approx((1 + 5) / (13 + 4))


def test_groups_and_confusions():
    references, texts = ["a b", "c d", "e"], ["a b", "c x y", ""]
    groups = metrics.by_group(references, texts, ["p", "q", "p"])
    assert list(groups) == ["p", "q"]
    assert groups["p"] == {"count": 2, "wer": pytest.approx(1 / 3), "cer": pytest.approx(1 / 4)}
    counts = metrics.confusions(references, texts)
    assert sum(counts.values()) == 3
    assert counts["e", ""] == 1
    assert {true for true, heard in counts if heard} <= {"d", ""}
