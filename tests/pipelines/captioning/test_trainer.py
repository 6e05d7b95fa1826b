"""What a pass over the training images is made of, and the loop of self-critical training."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import training
from pipelines.captioning.data import END, PAD, SPECIAL, START, UNKNOWN, shift_right, token_weights
from pipelines.captioning.flags import Train
from pipelines.captioning.image_inputs import ImageInputs
from pipelines.captioning.trainer import (
    FINE_TUNING,
    LIKELIHOOD,
    SELF_CRITICAL,
    Trainer,
    drop_words,
)
from pipelines.store import Column, Store
from tests.pipelines.captioning.stores import captions_of, words_of
from zoo.models.captioner import Captioner

COUNT, CELLS, MIRRORED = 53, 2, 1000
WORDS = 200  # each image's captions begin with a word of its own: 100 + its number
VOCABULARY = [*SPECIAL, *(f"w{number}" for number in range(4, WORDS))]
FLAGS = Train(
    batch_size=8,
    captions_per_image=3,
    max_length=9,
    epochs=2,
    word_dropout=0.0,
    flip=True,
    units=4,
    embedding_units=4,
    attention_units=4,
    dropout=0.0,
)


def encoded_images(count=COUNT, seed=1):
    """Images with 1 to 6 captions of 2 to 14 words and the end."""
    rng = np.random.default_rng(seed)
    return [
        [
            [100 + image, *rng.integers(4, 90, rng.integers(1, 14)).tolist(), END]
            for _ in range(rng.integers(1, 7))
        ]
        for image in range(count)
    ]


def inputs_of(count):
    """Features of which the first number is the image's, plus `MIRRORED` where it is mirrored."""
    plain = np.random.default_rng(2).normal(size=(count, CELLS, 3))
    plain[:, 0, 0] = np.arange(count)
    mirrored = plain.copy()
    mirrored[:, 0, 0] += MIRRORED
    columns = {"plain": Column(plain, None), "mirrored": Column(mirrored, None)}
    return ImageInputs("features", Store(columns))


def trainer_of(flags=FLAGS, captions=None, model=None):
    captions = captions or encoded_images()
    images, words = inputs_of(len(captions)), words_of(captions)
    dev = captions_of([["w7 w9"]] * 3)
    return Trainer(flags, model, VOCABULARY, images, words, inputs_of(3), dev)


def batches(trainer, epoch=0, start=0):
    return list(trainer.dataset(epoch, start).as_numpy_iterator())


def images_of(features):
    return (features[:, 0, 0].round().astype(int) % MIRRORED).tolist()


def rows_of(trainer, epoch=0):
    """Image -> (tokens, answers, whether mirrored), padding cut off, of rows that count."""
    rows = {}
    for inputs, answers, weights in batches(trainer, epoch):
        places = zip(
            inputs["features"], inputs["tokens"], answers, weights.any(axis=(1, 2)), strict=True
        )
        for features, tokens, captions, counts in places:
            if counts:
                ((image,), mirrored) = images_of(features[None]), features[0, 0] > MIRRORED / 2
                assert image not in rows
                words = [row[row != PAD].tolist() for row in (*captions, *tokens)]
                rows[image] = (words, bool(mirrored))
    return rows


# Passes over people's captions.


image = st.lists(st.integers(1, 14), min_size=1, max_size=5)


@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(st.lists(image, min_size=1, max_size=20), st.integers(1, 6), st.integers(1, 4))
def test_every_image_counts_once_with_captions_of_its_own(lengths, batch_size, each):
    captions = [
        [[100 + number, *range(4, 2 + length), END] for length in image]
        for number, image in enumerate(lengths)
    ]
    flags = replace(FLAGS, batch_size=batch_size, captions_per_image=each)
    trainer = trainer_of(flags, captions)
    rows = rows_of(trainer)
    assert sorted(rows) == list(range(len(captions)))
    for number, (words, _) in rows.items():
        own = [row if len(row) <= 10 else row[:9] for row in captions[number]]
        answers = [row for row in words[:each] if row]
        assert len(answers) == min(each, len(own))
        assert all(row in own for row in answers)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 30, COUNT])
def test_every_image_counts_exactly_once_an_epoch(count):
    trainer = trainer_of(captions=encoded_images(count))
    for epoch in range(2):
        assert sorted(rows_of(trainer, epoch)) == list(range(count))
        assert len(batches(trainer, epoch)) == trainer.steps(epoch)


def test_batch_holds_captions_of_its_images_each_at_most_once():
    captions = encoded_images()
    trainer = trainer_of(captions=captions)
    limits = trainer.batches[LIKELIHOOD].limits
    assert len(limits) <= 3
    for inputs, answers, weights in batches(trainer):
        assert inputs["tokens"].shape == answers.shape == weights.shape
        assert answers.shape[:2] == (8, 3)
        assert answers.shape[2] in limits
        np.testing.assert_array_equal(inputs["tokens"], shift_right(answers))
        np.testing.assert_allclose(weights, token_weights(answers))
        for number, image in zip(images_of(inputs["features"]), answers, strict=True):
            there = [caption[caption > 0].tolist() for caption in image if caption.any()]
            if there:  # else it is a blank row
                assert len(there) == min(3, len(captions[number]))
            left = [caption if len(caption) <= 10 else caption[:9] for caption in captions[number]]
            for caption in there:
                left.remove(caption)  # raises where it is not among them


def test_blank_rows_have_no_weight_and_repeat_images_of_their_batch():
    blank = 0
    for inputs, answers, weights in batches(trainer_of()):
        images = images_of(inputs["features"])
        real = answers.any(axis=(1, 2))
        assert not weights[~real].any()
        assert (inputs["tokens"][~real][..., 1:] == PAD).all()
        assert len(set(images)) == real.sum()
        blank += (~real).sum()
    assert 0 < blank < 8 * 3


def test_captions_of_an_image_are_a_random_choice_of_all():
    captions = [[[100 + image, 4 + k, END] for k in range(6)] for image in range(8)]
    trainer = trainer_of(replace(FLAGS, epochs=20), captions)
    seen = dict.fromkeys(range(6), 0)
    for epoch in range(20):
        ((_, answers, _),) = batches(trainer, epoch)
        for word in answers[..., 1].ravel():
            seen[word - 4] += 1
    assert sum(seen.values()) == 20 * 8 * 3
    assert all(50 < count < 110 for count in seen.values())


def test_half_of_the_images_are_mirrored_others_in_each_epoch():
    trainer = trainer_of()
    first, second = ({i: m for i, (_, m) in rows_of(trainer, e).items()} for e in (0, 1))
    for mirrored in (first, second):
        assert 15 < sum(mirrored.values()) < 38
    assert first != second
    plain = rows_of(trainer_of(replace(FLAGS, flip=False)))
    assert not any(mirrored for _, mirrored in plain.values())


def test_draws_belong_to_the_image_whatever_batch_it_is_in():
    flags = replace(FLAGS, word_dropout=0.3)
    rows = rows_of(trainer_of(flags))
    assert rows_of(trainer_of(replace(flags, seed=1))) != rows
    assert rows_of(trainer_of(flags), epoch=1) != rows
    # Of another batch size the buckets have other lengths, and with them the draws of words.
    chosen = {image: (words[:3], mirrored) for image, (words, mirrored) in rows.items()}
    other = rows_of(trainer_of(replace(flags, batch_size=5)))
    assert {image: (words[:3], m) for image, (words, m) in other.items()} == chosen


@pytest.mark.parametrize("epoch", [0, 2])
def test_pass_goes_on_within_an_epoch(epoch):
    trainer = trainer_of(replace(FLAGS, word_dropout=0.3, self_critical_epochs=1))
    whole, rest = batches(trainer, epoch), batches(trainer, epoch, start=3)
    assert len(rest) == len(whole) - 3
    for one, other in zip(whole[3:], rest, strict=True):
        keras.tree.map_structure(np.testing.assert_array_equal, one, other)


def test_words_are_dropped_from_what_is_read_not_from_the_answers():
    for inputs, answers, _ in batches(trainer_of(replace(FLAGS, word_dropout=1.0))):
        assert np.isin(inputs["tokens"], [PAD, START, UNKNOWN]).all()
        assert (answers > 99).any()


def test_dropped_words_leave_special_ones():
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 9, (40, 50)).astype(np.int32)
    dropped = drop_words(tokens, 0.3, rng)
    words = tokens > UNKNOWN
    np.testing.assert_array_equal(dropped[~words], tokens[~words])
    changed = dropped[words] != tokens[words]
    assert (dropped[words][changed] == UNKNOWN).all()
    assert 0.25 < changed.mean() < 0.35
    np.testing.assert_array_equal(drop_words(tokens, 0.0, rng), tokens)


# Phases.


def test_phases_follow_each_other():
    flags = replace(FLAGS, epochs=2, fine_tune_epochs=1, self_critical_epochs=2)
    trainer = trainer_of(flags)
    assert trainer.epochs == 5
    phases = [LIKELIHOOD, LIKELIHOOD, FINE_TUNING, SELF_CRITICAL, SELF_CRITICAL]
    assert [trainer.phase(epoch) for epoch in range(5)] == phases
    with pytest.raises(ValueError, match=r"`epoch` must be below 5\. Got 5\."):
        trainer.phase(5)
    assert trainer.steps(0) == trainer.steps(2) == trainer.batches[LIKELIHOOD].steps
    assert trainer.steps(3) == 7  # all images together: 53 in batches of 8


def small_captioner():
    keras.utils.set_random_seed(3)
    model = Captioner(WORDS, units=4, embedding_units=4, attention_units=4, dropout=0.0)
    model.build({"features": (None, CELLS, 3), "tokens": (None, None, None)})
    return model


def test_learning_rate_falls_to_zero_over_the_steps_of_its_phase():
    trainer = trainer_of(replace(FLAGS, self_critical_epochs=1), model=small_captioner())
    trainer.compile(LIKELIHOOD)
    schedule = trainer.model.optimizer._learning_rate
    assert schedule.steps == 2 * trainer.steps(0)
    assert float(schedule(schedule.steps)) == pytest.approx(0, abs=1e-9)
    trainer.compile(SELF_CRITICAL)
    assert float(trainer.model.optimizer.learning_rate) == pytest.approx(1e-4)


# Self-critical training.


def test_self_critical_pass_has_every_image_once():
    flags = replace(FLAGS, self_critical_epochs=1)
    trainer = trainer_of(flags)
    seen, seeds = [], []
    for images, records, seed in batches(trainer, epoch=2):
        real = records >= 0
        assert images_of(images["features"])[: real.sum()] == records[real].tolist()
        assert records.shape == (8,)
        seen += records[real].tolist()
        seeds.append(tuple(seed))
    assert sorted(seen) == list(range(COUNT))
    assert len(set(seeds)) == len(seeds) == 7


class Heard(keras.callbacks.Callback):
    """Writes down what it is told, and stops at a step."""

    def __init__(self, stop=None):
        super().__init__()
        self.stop, self.begun, self.ended = stop, [], []

    def on_train_batch_begin(self, batch, logs=None):
        self.begun.append(batch)

    def on_train_batch_end(self, batch, logs=None):
        self.ended.append((batch, logs["reward"]))
        self.model.stop_training = batch == self.stop


def run_self_critical(trainer, start=0, stop=None):
    """What a callback heard of one self-critical pass, its steps, its numbers."""
    heard, steps = Heard(stop), []
    trainer.callbacks = [heard]
    if not trainer.model.compiled:  # tracing is slow
        trainer.compile(SELF_CRITICAL)
    trainer.model.stop_training = False
    callbacks = training.Callbacks(trainer, [])
    callbacks.on_step = lambda step, logs: steps.append(step)
    return heard, steps, trainer.run_epoch(2, start, callbacks)


def test_self_critical_epoch_tells_each_step():
    flags = replace(FLAGS, self_critical_epochs=1)
    trainer = trainer_of(flags, model=small_captioner())
    before = [weight.numpy() for weight in trainer.model.weights]
    heard, steps, numbers = run_self_critical(trainer)
    assert heard.begun == list(range(7))
    assert [step for step, _ in heard.ended] == list(range(7))
    assert steps == list(range(1, 8))
    assert numbers == {"reward": heard.ended[-1][1]}
    after = [weight.numpy() for weight in trainer.model.weights]
    assert any(np.abs(a - b).max() > 0 for a, b in zip(before, after, strict=True))


def test_self_critical_epoch_goes_on_from_a_step_and_stops_when_told():
    flags = replace(FLAGS, self_critical_epochs=1)
    trainer = trainer_of(flags, model=small_captioner())
    heard, steps, _ = run_self_critical(trainer, start=4)
    assert heard.begun == [0, 1, 2]
    assert steps == [1, 2, 3]
    heard, _, _ = run_self_critical(trainer, stop=1)
    assert heard.begun == [0, 1]


def test_rewarded_word_becomes_likelier():
    """All images are described by the one word: sampling finds it, and training says it."""
    captions = [[[7, END]] * 3] * 15 + [[[8, 9, END]] * 3]  # another n-gram, or all weights are 0
    flags = replace(
        FLAGS, self_critical_epochs=1, self_critical_learning_rate=0.05, captions_per_image=20,
        max_length=2, flip=False,
    )  # fmt: skip
    model = small_captioner()
    model.embedding.embeddings.assign(
        np.where(np.arange(WORDS)[:, None] < 12, model.embedding.embeddings, -9 * np.ones((1, 4)))
    )
    trainer = trainer_of(flags, captions, model)
    rewards = [run_self_critical(trainer)[2]["reward"] for _ in range(12)]
    assert rewards[-1] > rewards[0]


# Validation.


def test_dev_captions_are_scored_once_each():
    trainer = trainer_of(model=small_captioner())
    metrics = trainer.validate()
    assert set(metrics) == {"cider_d", "bleu_4", "rouge_l"}
    assert len(list(trainer._dev_captions())) == 3
