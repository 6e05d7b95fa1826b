"""Captions as numbers and back, and what a pass over the training images is made of."""

import numpy as np
import pytest

from pipelines.captioning.data import (
    END,
    PAD,
    SPECIAL,
    START,
    UNKNOWN,
    batch_count,
    boundaries,
    bucket_of,
    build_vocabulary,
    decode_tokens,
    drop_words,
    encode_captions,
    pad,
    shift_right,
    token_weights,
    training_batches,
)

CAPTIONS = ["A dog and a cat.", "The dog runs", "a bird's nest", "a Cat"]


# Words and numbers.


def test_vocabulary_is_ordered_by_count_then_by_alphabet():
    words = ["a", "cat", "dog", "'s", "and", "bird", "nest", "runs", "the"]
    assert build_vocabulary(CAPTIONS, 1) == [*SPECIAL, *words]
    assert build_vocabulary(reversed(CAPTIONS), 1) == [*SPECIAL, *words]


def test_vocabulary_leaves_rare_words_out():
    assert build_vocabulary(CAPTIONS, 2) == [*SPECIAL, "a", "cat", "dog"]
    with pytest.raises(ValueError, match=r"`min_count` must leave at least one word. Got 9 for 9"):
        build_vocabulary(CAPTIONS, 9)


def test_caption_cannot_spell_a_special_word():
    found = build_vocabulary(["a <start> b <unknown> c <end> d <padding>"], 1)
    assert not set(found[len(SPECIAL) :]) & set(SPECIAL)
    assert len(set(found)) == len(found)


def test_encoding_is_the_worked_example():
    vocabulary = [*SPECIAL, "a", "dog"]
    assert encode_captions([["A dog."]], vocabulary, 5) == [[[4, 5, END]]]
    assert encode_captions([["A red dog", "..."], ["dog"]], vocabulary, 5) == [
        [[4, UNKNOWN, 5, END], [END]],
        [[5, END]],
    ]


def test_caption_that_is_cut_has_no_end():
    vocabulary = [*SPECIAL, "a", "dog"]
    assert encode_captions([["a dog a", "a dog a dog"]], vocabulary, 3) == [
        [[4, 5, 4, END], [4, 5, 4]]
    ]


def test_decoding_undoes_encoding():
    vocabulary = build_vocabulary(CAPTIONS, 1)
    encoded = encode_captions([CAPTIONS], vocabulary, 10)[0]
    texts = ["a dog and a cat", "the dog runs", "a bird 's nest", "a cat"]
    assert [decode_tokens(row, vocabulary) for row in encoded] == texts
    assert [decode_tokens(row, vocabulary) for row in pad(encoded, 12)] == texts
    assert decode_tokens([4, 5, END, 4, 4], [*SPECIAL, "a", "dog"]) == "a dog"


# Arrays.


def test_pad():
    np.testing.assert_array_equal(
        pad([[4, 5, END], [6], [4, 5, 6, 7, END]], 4), [[4, 5, 2, 0], [6, 0, 0, 0], [4, 5, 6, 7]]
    )
    assert pad([[4]], 2).dtype == np.int32


@pytest.mark.parametrize(
    ("answers", "inputs"),
    [
        ([[4, 5, END]], [[START, 4, 5]]),
        ([[4, 5, END, PAD, PAD]], [[START, 4, 5, PAD, PAD]]),
        ([[4, 5, 6, PAD]], [[START, 4, 5, 6]]),  # cut: it has no end
        ([[END, PAD]], [[START, PAD]]),
        ([[[4, END], [5, 6]]], [[[START, 4], [START, 5]]]),
    ],
)
def test_shift_right(answers, inputs):
    answers = np.array(answers, np.int32)
    before = answers.copy()
    np.testing.assert_array_equal(shift_right(answers), inputs)
    np.testing.assert_array_equal(answers, before)


def test_weights_are_zero_for_padding_and_one_on_average():
    answers = np.array([[4, 5, END, 0], [4, END, 0, 0]])
    weights = token_weights(answers)
    np.testing.assert_allclose(weights, (answers > 0) * 8 / 5, rtol=1e-6)
    losses = np.random.default_rng(0).normal(size=answers.shape)
    np.testing.assert_allclose((losses * weights).mean(), losses[answers > 0].mean(), rtol=1e-6)
    assert token_weights(np.zeros((2, 3), int)).sum() == 0


def test_dropped_words_leave_special_ones():
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 9, (40, 50)).astype(np.int32)
    found = drop_words(tokens, 0.3, rng)
    words = tokens > UNKNOWN
    np.testing.assert_array_equal(found[~words], tokens[~words])
    changed = found[words] != tokens[words]
    assert (found[words][changed] == UNKNOWN).all()
    assert 0.25 < changed.mean() < 0.35
    np.testing.assert_array_equal(drop_words(tokens, 0.0, rng), tokens)


# Batches.


def encoded_images(count=53, seed=1):
    """Images with 1 to 6 captions of 2 to 12 words, each image's first word its own number."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 13, count)
    return [
        [
            [100 + image, *rng.integers(4, 90, max(1, length - rng.integers(3))), END]
            for _ in range(rng.integers(1, 7))
        ]
        for image, length in enumerate(lengths)
    ]


def batches(captions, seed=0, **options):
    options = {
        "batch_size": 8,
        "captions_per_image": 3,
        "boundaries": boundaries(captions),
        "word_dropout": 0.0,
        **options,
    }

    def read(rows, rng):
        return {"features": np.stack([rows, rng.integers(0, 1000, len(rows))], axis=1)}

    return list(training_batches(read, captions, rng=np.random.default_rng(seed), **options))


def test_buckets():
    captions = [[[4] * length] for length in range(1, 21)]
    assert boundaries(captions) == [7, 14, 20]
    assert boundaries([[[4, END]]] * 5) == [2]
    assert [bucket_of([[4] * n, [4]], [7, 14, 20]) for n in (1, 7, 8, 14, 20, 30)] == [
        7,
        7,
        14,
        14,
        20,
        20,
    ]


def test_every_image_comes_once_but_for_those_that_fill_up():
    captions = encoded_images()
    found = batches(captions)
    rows = np.concatenate([inputs["features"][:, 0] for inputs, _, _ in found])
    assert set(rows) == set(range(len(captions)))
    extra = len(rows) - len(captions)
    assert 0 < extra < 8 * len(boundaries(captions))
    assert (np.sort(rows)[np.diff(np.sort(rows), append=-1) == 0]).size == extra
    assert len(found) <= batch_count(captions, 8, boundaries(captions))


def test_batch_count_is_an_upper_bound():
    for count in (1, 7, 8, 9, 30, 64):
        captions = encoded_images(count, seed=count)
        limits = boundaries(captions)
        assert len(batches(captions)) <= batch_count(captions, 8, limits)


def test_batch_holds_captions_of_its_images_each_at_most_once():
    captions = encoded_images()
    limits = boundaries(captions)
    for inputs, answers, weights in batches(captions):
        assert answers.shape[:2] == inputs["tokens"].shape[:2] == weights.shape[:2] == (8, 3)
        assert answers.shape[2] in limits
        for row, image in zip(inputs["features"][:, 0], answers, strict=True):
            there = [caption[caption > 0].tolist() for caption in image if caption.any()]
            assert len(there) == min(3, len(captions[row]))
            left = [list(map(int, caption)) for caption in captions[row]]
            for caption in there:
                left.remove(caption)  # raises where it is not among them
        np.testing.assert_array_equal(inputs["tokens"], shift_right(answers))
        np.testing.assert_array_equal(weights, token_weights(answers))
        assert (weights[answers == PAD] == 0).all()


def test_same_generator_state_gives_the_same_pass_and_another_one_does_not():
    captions = encoded_images()
    first, again, other = (batches(captions, seed, word_dropout=0.2) for seed in (4, 4, 5))

    def flat(found):
        return [x.tolist() for i, a, w in found for x in (i["features"], i["tokens"], a, w)]

    assert flat(first) == flat(again)
    assert flat(first) != flat(other)


def test_captions_of_an_image_are_a_random_choice_of_all():
    captions = [[[100 + image, 4 + k, END] for k in range(6)] for image in range(8)]
    seen = dict.fromkeys(range(6), 0)
    for seed in range(20):
        ((_, answers, _),) = batches(captions, seed)
        for word in answers[..., 1].ravel():
            seen[word - 4] += 1
    assert sum(seen.values()) == 20 * 8 * 3
    assert all(50 < count < 110 for count in seen.values())


def test_words_are_dropped_from_what_is_read_not_from_the_answers():
    captions = encoded_images()
    for inputs, answers, _ in batches(captions, word_dropout=1.0):
        assert np.isin(inputs["tokens"], [PAD, START, UNKNOWN]).all()
        assert (answers > 99).any()
