"""The batches that training sees, what it validates, and that it learns."""

import keras
import numpy as np
import pytest

from pipelines import training
from pipelines.translation import metrics, pipeline
from pipelines.translation.flags import Train
from pipelines.translation.subwords import END, PAD, START, UNKNOWN
from pipelines.translation.trainer import (
    Trainer,
    drop_words,
    longer_sides,
    rooms_for,
    shift_right,
    shortened,
)
from tests.pipelines.translation.small import demo, encoded, store_of
from tests.pipelines.verb_checks import check_every_record_counts_once
from zoo.losses import SmoothedCrossentropy

PAIRS = 103
PREFIX = 300  # token 300 + i begins both sides of pair i


@pytest.fixture(scope="module")
def vocabulary():
    return demo(300, 500)[1]


def store_of_lengths(count=PAIRS, longest=30):
    """Pairs of many lengths, made of single bytes, each known by its first token."""
    rng = np.random.default_rng(0)
    sides = [
        [
            [PREFIX + i, *rng.integers(4, 260, rng.integers(1, longest - 2)), END]
            for i in range(count)
        ]
        for _ in range(2)
    ]
    return store_of(*sides)


def trainer_of(vocabulary, store=None, dev=None, **flags):
    flags = {"batch_size": 8, "epochs": 3, "keep": 1, "max_length": 40, **flags}
    sizes = {"units": 4, "encoder_units": 3, "embedding_units": 4, "attention_units": 3}
    flags = Train(**flags, **sizes)
    model = pipeline.build_translator(flags, vocabulary)
    store = store_of_lengths() if store is None else store
    dev = store_of_lengths(5) if dev is None else dev
    return Trainer(flags, model, vocabulary, store, dev, pipeline.search_rules(flags))


def batches_of(trainer, epoch=0, start=0):
    return list(trainer.dataset(epoch, start).as_numpy_iterator())


def flat(batch):
    inputs, answers, weights = batch
    return inputs["source"], inputs["tokens"], answers, weights


@pytest.mark.parametrize("batch_size", [8, 128])
@pytest.mark.parametrize("epoch", [0, 5])
def test_each_pair_counts_exactly_once_an_epoch(vocabulary, batch_size, epoch):
    trainer = trainer_of(vocabulary, batch_size=batch_size)
    check_every_record_counts_once(trainer, PAIRS, epoch)
    seen, shapes = [], set()
    for batch in batches_of(trainer, epoch):
        source, tokens, answers, weights = flat(batch)
        shapes.add(source.shape)
        assert source.shape == tokens.shape == answers.shape == weights.shape
        assert len(source) == batch_size
        np.testing.assert_array_equal(weights, answers != PAD)
        for words, before, row in zip(source, tokens, answers, strict=True):
            if not row.any():
                assert not words.any()
                continue
            record = int(row[0]) - PREFIX
            seen.append(record)
            assert words[words != PAD].tolist() == trainer.train.row("source", record).tolist()
            assert row[row != PAD].tolist() == trainer.train.row("target", record).tolist()
            assert before[before != PAD].tolist() == [START, *row[row != PAD][:-1]]
    assert sorted(seen) == list(range(PAIRS))
    assert len(shapes) <= 7


def test_pairs_that_are_too_long_are_in_no_batch(vocabulary):
    trainer = trainer_of(vocabulary, max_length=12)
    short = np.flatnonzero(longer_sides(trainer.train) <= 12)
    assert 10 < len(short) < PAIRS / 2
    seen = [
        int(row[0]) - PREFIX
        for _, answers, _ in batches_of(trainer)
        for row in answers
        if row.any()
    ]
    assert sorted(seen) == short.tolist()
    assert trainer.batches.limits[-1] <= 12
    with pytest.raises(ValueError, match=r"`max_length` must leave a pair to train on. Got 2."):
        trainer_of(vocabulary, max_length=2)


@pytest.fixture(scope="module")
def real():
    columns, vocabulary = demo(120, 500)
    return columns, vocabulary, encoded(columns, vocabulary)


def test_subword_dropout_fits_and_follows_from_seed_and_epoch(real):
    _, vocabulary, store = real
    options = {"subword_dropout": 0.3, "word_dropout": 0.2}
    trainer, again = (trainer_of(vocabulary, store, store, **options) for _ in range(2))
    for batch, same in zip(batches_of(trainer, 1), batches_of(again, 1), strict=True):
        for part, other in zip(flat(batch), flat(same), strict=True):
            np.testing.assert_array_equal(part, other)
    tokens = [int(sum((flat(batch)[2] != PAD).sum() for batch in batches_of(trainer, epoch)))
              for epoch in (1, 2)]  # fmt: skip
    plain = int(store.lengths("target").sum())
    assert tokens[0] != tokens[1]
    assert min(tokens) > 1.05 * plain
    check_every_record_counts_once(trainer, 120, 2)
    unknown = sum((flat(batch)[0] == UNKNOWN).sum() for batch in batches_of(trainer, 1))
    words = sum((flat(batch)[0] > END).sum() for batch in batches_of(trainer, 1))
    assert unknown / words == pytest.approx(0.2, abs=0.04)


def test_a_pair_is_read_alike_whatever_its_batch(real):
    _, vocabulary, store = real

    def answers_by_record(batch_size):
        options = {"subword_dropout": 0.3, "batch_size": batch_size, "max_length": 60}
        trainer = trainer_of(vocabulary, store, store, **options)
        trainer.batches.limits[:] = 60  # room for all
        plan = trainer.batches.plan(1)
        return {
            record: row[row != PAD].tolist()
            for records, batch in zip(plan.records, batches_of(trainer, 1), strict=True)
            for record, row in zip(records.tolist(), flat(batch)[2], strict=True)
            if record >= 0
        }

    assert answers_by_record(7) == answers_by_record(50)


def test_an_epoch_goes_on_from_any_step(real):
    _, vocabulary, store = real
    trainer = trainer_of(vocabulary, store, store, subword_dropout=0.2, word_dropout=0.1)
    whole, rest = batches_of(trainer, 1), batches_of(trainer, 1, start=3)
    assert len(rest) == len(whole) - 3 == trainer.steps(1) - 3
    for batch, same in zip(whole[3:], rest, strict=True):
        for part, other in zip(flat(batch), flat(same), strict=True):
            np.testing.assert_array_equal(part, other)


def test_rooms_are_a_little_larger_and_never_above_the_longest():
    lengths = np.array([1, 10, 11, 55, 59, 60, 61, 400])
    assert rooms_for(lengths, 0.0, 60).tolist() == lengths.tolist()
    assert rooms_for(lengths, 0.1, 60).tolist() == [2, 11, 13, 60, 60, 60, 61, 400]


def test_shift_right_by_hand():
    answers = np.array([[4, 5, END, PAD], [6, END, PAD, PAD]], np.int32)
    before = [[START, 4, 5, PAD], [START, 6, PAD, PAD]]
    np.testing.assert_array_equal(shift_right(answers), before)


def test_word_dropout_spares_specials():
    tokens = np.array([[START, 7, 8, END, PAD]] * 400)
    rngs = [np.random.default_rng(row) for row in range(400)]
    dropped = drop_words(tokens, 0.25, rngs)
    np.testing.assert_array_equal(dropped[:, [0, 3, 4]], tokens[:, [0, 3, 4]])
    assert 0.2 < (dropped[:, 1:3] == UNKNOWN).mean() < 0.3
    np.testing.assert_array_equal(drop_words(tokens, 0.0, rngs), tokens)


def test_longer_rows_are_shortened_as_the_graph_does():
    row = np.array([7, 8, 9, END])
    assert shortened(row, 4).tolist() == [7, 8, 9, END]
    assert shortened(row, 3).tolist() == [7, 8, END]


def test_loss_is_the_mean_over_the_words_of_real_pairs(vocabulary):
    """A batch of one pair among blank rows has the loss of the pair alone."""
    trainer = trainer_of(vocabulary, store_of_lengths(1), batch_size=4, dropout=0.0)
    trainer.compile("train")
    (batch,) = batches_of(trainer)
    source, tokens, answers, weights = flat(batch)
    assert weights.any(axis=1).sum() == 1
    inputs = {"source": source, "tokens": tokens}
    logits = trainer.model(inputs)
    losses = np.asarray(SmoothedCrossentropy(0.0).call(answers, logits))
    expected = losses[answers != PAD].mean()
    loss = trainer.model.test_on_batch(inputs, answers, weights)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    assert np.isfinite(trainer.model.train_on_batch(inputs, answers, weights))


def test_validation_is_bleu_of_greedy_translations_of_dev():
    columns, vocabulary = demo(20, 500)
    store = encoded(columns, vocabulary)
    keras.utils.set_random_seed(0)
    trainer = trainer_of(vocabulary, store, store, max_length=12)
    assert trainer.references == columns.targets
    rules = pipeline.search_rules(trainer.flags)
    translations = []
    for record in range(len(store)):
        source = shortened(store.row("source", record), 12)[None].astype(np.int32)
        tokens = trainer.model.translate(source, method="greedy", **rules).tokens
        translations += trainer._written(np.asarray(tokens)[:, 0])
    bleu = metrics.bleu(translations, columns.targets, "de")
    assert trainer.validate() == {"bleu": pytest.approx(bleu, abs=1e-9)}
    assert trainer.monitor in trainer.validate()


def test_the_learning_rate_ends_with_the_last_step(vocabulary, tmp_path):
    trainer = trainer_of(vocabulary, epochs=2, learning_rate=1e-2, batch_size=16)
    training.fit(trainer, tmp_path)
    optimizer = trainer.model.optimizer
    steps = int(optimizer.iterations)
    assert steps == 2 * trainer.steps(0)
    rates = [float(optimizer._learning_rate(step)) for step in range(steps + 1)]
    assert max(rates) == pytest.approx(1e-2, rel=0.1)
    assert rates[-1] == pytest.approx(0, abs=1e-8)


def test_learns_a_few_dozen_pairs_by_heart(tmp_path):
    sizes = {"limit": 40, "vocabulary_size": 400, "units": 48, "batch_size": 20, "epochs": 30}
    flags = Train(
        **sizes,
        encoder_units=24,
        embedding_units=32,
        dropout=0.0,
        learning_rate=1e-2,
        cache_dir=tmp_path / "cache",
    )
    keras.utils.set_random_seed(0)
    losses = training.fit(pipeline.trainer(flags, tmp_path), tmp_path).history["loss"]
    assert losses[0] > 3  # it knew nothing
    assert losses[-1] < losses[0] / 4


def test_a_file_sorted_by_length_and_kind_is_mixed(vocabulary):
    """Batches of an epoch take pairs from the whole file, not from its head."""
    trainer = trainer_of(vocabulary, batch_size=16)
    first = [batch[1][:, 0] - PREFIX for batch in batches_of(trainer)[:3]]
    records = np.concatenate([rows[rows >= 0] for rows in first])
    assert records.min() < 20
    assert records.max() > PAIRS - 20
