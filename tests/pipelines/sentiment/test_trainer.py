"""The batches that training sees, what it validates, and that it learns."""

import csv

import keras
import numpy as np
import pytest

from pipelines import classification, training
from pipelines.sentiment import pipeline
from pipelines.sentiment.data import PAD, UNKNOWN
from pipelines.sentiment.flags import Train
from pipelines.sentiment.trainer import Trainer, drop_words, logits
from pipelines.store import padded
from tests.pipelines.sentiment.small import rows_of, store_of
from zoo.models.sentiment import SentimentClassifier

WORDS = 300
TEXTS = 61


def store_of_lengths(seed=0, count=TEXTS):
    """Record i begins with word i + 2, and has label i modulo 3."""
    rng = np.random.default_rng(seed)
    rows = [[i + 2, *rng.integers(100, WORDS, rng.integers(0, 40))] for i in range(count)]
    return store_of(rows, np.arange(count) % 3)


def trainer_of(store=None, **flags):
    flags = {"word_dropout": 0.0, "batch_size": 8, "epochs": 3, "keep": 1, **flags}
    store = store or store_of_lengths()
    model = SentimentClassifier(WORDS, 3, units=3, embedding_units=3)
    model.build((None, None))
    return Trainer(Train(**flags), model, store, store_of_lengths(1, 20))


def batches_of(trainer, epoch, start=0):
    return list(trainer.dataset(epoch, start).as_numpy_iterator())


def rows_by_record(trainer, epoch):
    """Record -> its words as training sees them; records are found by their labels and places."""
    plan = trainer.batches.plan(epoch)
    return {
        record: row[: len(trainer.train.row("tokens", record))].tolist()
        for records, (words, _, _) in zip(plan.records, batches_of(trainer, epoch), strict=True)
        for record, row in zip(records.tolist(), words, strict=True)
        if record >= 0
    }


@pytest.mark.parametrize("batch_size", [8, 64])
@pytest.mark.parametrize("epoch", [0, 5])
def test_each_record_counts_exactly_once_an_epoch(batch_size, epoch):
    trainer = trainer_of(batch_size=batch_size)
    rows, seen = rows_of(trainer.train), []
    batches = batches_of(trainer, epoch)
    assert len(batches) == trainer.steps(epoch)
    for words, targets, weights in batches:
        assert len(words) == len(targets) == len(weights) == batch_size
        assert set(weights.tolist()) <= {0.0, 1.0}
        assert (words[weights == 0] == PAD).all()
        for row, target in zip(words[weights == 1], targets[weights == 1], strict=True):
            record = int(row[0]) - 2
            seen.append(record)
            assert row[row != PAD].tolist() == rows[record]
            assert target.tolist() == np.eye(3)[record % 3].tolist()
    assert sorted(seen) == list(range(TEXTS))


def test_batches_have_few_shapes_and_texts_of_similar_length():
    trainer = trainer_of()
    shapes = {words.shape for words, _, _ in batches_of(trainer, 0)}
    assert 2 < len(shapes) <= 7
    cells = sum(words.size for words, _, _ in batches_of(trainer, 0))
    tokens = sum(map(len, rows_of(trainer.train)))
    assert cells < 2 * tokens < 8 * trainer.steps(0) * 40  # less than half of it is padding


def test_order_and_dropout_follow_from_seed_and_epoch():
    trainer, again = (trainer_of(word_dropout=0.3) for _ in range(2))
    first = batches_of(trainer, 1)
    for batch, same in zip(first, batches_of(again, 1), strict=True):
        for part, other in zip(batch, same, strict=True):
            np.testing.assert_array_equal(part, other)
    for other in (batches_of(trainer, 2), batches_of(trainer_of(word_dropout=0.3, seed=1), 1)):
        orders = [[part[1].argmax(axis=1).tolist() for part in epoch] for epoch in (first, other)]
        assert orders[0] != orders[1]


def test_an_epoch_goes_on_from_any_step():
    trainer = trainer_of(word_dropout=0.3)
    whole, rest = batches_of(trainer, 1), batches_of(trainer, 1, start=3)
    assert len(rest) == len(whole) - 3
    for batch, same in zip(whole[3:], rest, strict=True):
        for part, other in zip(batch, same, strict=True):
            np.testing.assert_array_equal(part, other)


def test_dropped_words_are_the_records_own_whatever_its_batch():
    small, large = (trainer_of(word_dropout=0.3, batch_size=size) for size in (4, 31))
    dropped = rows_by_record(small, 1)
    assert dropped == rows_by_record(large, 1)
    assert dropped != rows_by_record(small, 2)
    whole = dict(enumerate(rows_of(small.train)))
    places = [record for record in whole if dropped[record] != whole[record]]
    assert TEXTS / 2 < len(places) < TEXTS


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_drop_words_leaves_padding(share):
    words = np.tile(np.array([5, 6, 7, PAD], np.int32), 500)
    dropped = words.copy()
    drop_words(dropped, share, np.random.default_rng(0))
    assert not dropped[3::4].any()
    changed = dropped != words
    assert abs(changed.mean() - 0.75 * share) < 0.05
    assert set(dropped[changed]) <= {UNKNOWN}


def test_logits_are_in_the_order_of_the_store():
    trainer = trainer_of()
    found = logits(trainer.model, trainer.train)
    rows = rows_of(trainer.train)
    expected = trainer.model(padded(rows, 41))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_validation_measures_dev():
    trainer = trainer_of()
    probabilities = np.exp(classification.log_softmax(logits(trainer.model, trainer.dev)))
    labels = np.arange(20) % 3
    assert trainer.validate() == {
        "accuracy": classification.accuracy(probabilities, labels),
        "loss": classification.loss(probabilities, labels),
    }
    assert trainer.monitor in trainer.validate()


def test_the_learning_rate_ends_with_the_last_step(tmp_path):
    trainer = trainer_of(epochs=2, learning_rate=1e-2)
    training.fit(trainer, tmp_path)
    optimizer = trainer.model.optimizer
    steps = int(optimizer.iterations)
    assert steps == 2 * trainer.steps(0)
    rates = [float(optimizer._learning_rate(step)) for step in range(steps + 1)]
    assert max(rates) == pytest.approx(1e-2, rel=0.05)
    assert rates.index(max(rates)) == pytest.approx(steps // 10, abs=1)
    assert rates[-1] == pytest.approx(0, abs=1e-8)


# Learning.


def test_learns_who_said_it_where_words_alone_do_not_tell(tmp_path):
    """On few reviews, by heart: dev is not asked, the demo run is for that."""
    sizes = {"limit": 48, "batch_size": 16, "max_length": 32, "vocabulary_size": 150, "keep": 1}
    rates = dict.fromkeys(("word_dropout", "input_dropout", "output_dropout", "dropout"), 0.0)
    flags = Train(
        **sizes,
        **rates,
        units=16,
        embedding_units=16,
        epochs=25,
        learning_rate=2e-2,
        cache_dir=tmp_path / "cache",
    )
    losses = training.fit(pipeline.trainer(flags, tmp_path), tmp_path).history["loss"]
    assert 0.5 < losses[0] < 0.9
    assert losses[-1] < 0.15


def write_reviews(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def test_a_file_sorted_by_label_trains_as_well_as_a_shuffled_one(tmp_path):
    words = {"bad": "awful dull weak cold", "good": "lovely fresh warm witty"}
    rng = np.random.default_rng(0)
    rows = [
        (f"the film number {i} was {rng.choice(words[label].split())}", label)
        for label in words
        for i in range(320)
    ]
    shuffled = [rows[i] for i in rng.permutation(len(rows))]
    accuracies, mixtures = [], []
    for name, table in (("sorted", rows), ("shuffled", shuffled)):
        keras.utils.set_random_seed(0)
        path = write_reviews(tmp_path / f"{name}.csv", table)
        flags = Train(
            dataset="csv",
            data_dir=path,
            units=8,
            embedding_units=8,
            epochs=3,
            keep=1,
            learning_rate=2e-2,
            cache_dir=tmp_path / "cache",
        )
        trainer = pipeline.trainer(flags, tmp_path / name)
        shares = [
            targets[weights == 1, 0].mean()
            for _, targets, weights in trainer.dataset(0).as_numpy_iterator()
        ]
        mixtures.append(np.std(shares))
        history = training.fit(trainer, tmp_path / name).history
        accuracies.append(history["val_accuracy"][-1])
    assert max(mixtures) < 0.2  # of batches of one label alone: 0.5
    assert min(accuracies) > 0.95
