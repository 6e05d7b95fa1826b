"""Captions as numbers and back, and as stores on the disk."""

from collections import Counter
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from datasets.captioning import load
from pipelines.captioning import data
from pipelines.captioning.data import (
    END,
    PAD,
    SPECIAL,
    START,
    UNKNOWN,
    build_vocabulary,
    cut,
    decode_tokens,
    encode,
    frequent_words,
    numbers_of,
    shift_right,
    token_weights,
    word_store,
)
from pipelines.captioning.flags import Evaluate, Train
from pipelines.captioning.metrics import tokenize_for_metrics
from tests.pipelines.captioning.stores import captions_of

CAPTIONS = ["A dog and a cat.", "The dog runs", "a bird's nest", "a Cat"]
COUNT = 20


@pytest.fixture
def flags(tmp_path) -> Train:
    return Train(limit=COUNT, cache_dir=tmp_path)


def never():
    raise RuntimeError("The data were read again.")


# Records, captions, words.


def test_captions_are_kept_in_the_order_of_the_records(flags):
    records = load("demo", "train", limit=COUNT)
    key = data.data_key(flags)
    store = data.caption_store(flags, "train", key, lambda: records)
    wanted = [[c.decode() for c in e["captions"]] for e in records.as_numpy_iterator()]
    assert list(data.all_texts(store)) == wanted
    assert data.texts_of(store, 3) == wanted[3]
    again = data.caption_store(flags, "train", key, never)
    assert again.digest == store.digest
    dev = data.caption_store(flags, "dev", key, partial(data.read_split, flags, "dev"))
    assert dev.digest != store.digest


def test_evaluation_reads_the_same_records(flags):
    ids = [
        [record["image_id"] for record in data.read_split(given, "dev").as_numpy_iterator()]
        for given in (flags, Evaluate(dataset="demo", limit=COUNT))
    ]
    assert ids[0] == ids[1]
    assert len(ids[0]) == COUNT


def test_odd_captions_come_back_as_they_were(flags):
    odd = ['a "quoted"\ndog\t', "", "Ünï<end> 🙂", "\0"]
    records = load("demo", "train", limit=1).map(lambda r: {**r, "captions": odd})
    store = data.caption_store(flags, "train", data.data_key(flags), lambda: records)
    assert data.texts_of(store, 0) == odd


@pytest.mark.parametrize("change", [{"limit": 3}, {"dataset": "folder"}])
def test_other_data_have_another_key(flags, tmp_path, change):
    (tmp_path / "captions.tsv").write_text("a.png\ta dog\n")
    keys = [data.data_key(given) for given in (flags, replace(flags, data_dir=tmp_path, **change))]
    assert keys[0] != keys[1]


def test_altered_file_is_another_key(flags, tmp_path):
    mine = replace(flags, dataset="folder", data_dir=tmp_path)
    (tmp_path / "captions.tsv").write_text("a.png\ta dog\n")
    (tmp_path / "a.png").write_bytes(b"1")
    before = data.data_key(mine)
    assert data.data_key(mine) == before
    (tmp_path / "a.png").write_bytes(b"2")
    assert data.data_key(mine) != before


def test_words_of_each_image(flags):
    images = [["A dog.", "a cat"], ["..."], ["a dog and a cat"]]
    vocabulary = [*SPECIAL, "a", "dog"]
    store = word_store(flags, captions_of(images), vocabulary, {})
    assert [numbers_of(store, image) for image in range(3)] == [
        [[4, 5, END], [4, UNKNOWN, END]],
        [[END]],
        [[4, 5, UNKNOWN, 4, UNKNOWN, END]],
    ]
    assert store.columns["longest"].values.tolist() == [3, 1, 6]
    other = word_store(flags, captions_of(images), [*SPECIAL, "a", "cat"], {})
    assert numbers_of(other, 0) == [[4, UNKNOWN, END], [4, 5, END]]


def test_large_vocabulary_fits_its_numbers(flags):
    vocabulary = [*SPECIAL, *(f"w{i}" for i in range(70_000))]
    store = word_store(flags, captions_of([["w69999"]]), vocabulary, {})
    assert numbers_of(store, 0) == [[70_003, END]]


# The vocabulary.


def counts_of(captions):
    return Counter(word for caption in captions for word in tokenize_for_metrics(caption))


def test_vocabulary_is_ordered_by_count_then_by_alphabet():
    words = ["a", "cat", "dog", "'s", "and", "bird", "nest", "runs", "the"]
    assert frequent_words(counts_of(CAPTIONS), 1) == [*SPECIAL, *words]
    assert frequent_words(counts_of(reversed(CAPTIONS)), 1) == [*SPECIAL, *words]


def test_vocabulary_leaves_rare_words_out():
    assert frequent_words(counts_of(CAPTIONS), 2) == [*SPECIAL, "a", "cat", "dog"]
    with pytest.raises(ValueError, match=r"`min_count` must leave at least one word. Got 9 for 9"):
        frequent_words(counts_of(CAPTIONS), 9)


def test_caption_cannot_spell_a_special_word():
    words = frequent_words(counts_of(["a <start> b <unknown> c <end> d <padding>"]), 1)
    assert not set(words[len(SPECIAL) :]) & set(SPECIAL)
    assert len(set(words)) == len(words)


def test_vocabulary_is_counted_once(flags, monkeypatch):
    store = captions_of([CAPTIONS[:2], CAPTIONS[2:]])
    wanted = frequent_words(counts_of(CAPTIONS), 2)
    assert build_vocabulary(replace(flags, min_count=2), store, {}) == wanted
    monkeypatch.setattr(data, "all_texts", lambda captions: never())
    assert build_vocabulary(replace(flags, min_count=2), store, {}) == wanted
    with pytest.raises(RuntimeError, match="read again"):
        build_vocabulary(replace(flags, min_count=1), store, {})


# Numbers.


def test_encoding_is_the_worked_example():
    numbers = {"a": 4, "dog": 5}
    assert encode("A dog.", numbers) == [4, 5, END]
    assert encode("A red dog", numbers) == [4, UNKNOWN, 5, END]
    assert encode("...", numbers) == [END]


def test_caption_that_is_cut_has_no_end():
    assert cut([4, 5, 4, END], 3) == [4, 5, 4, END]
    assert cut([4, 5, 4, 5, END], 3) == [4, 5, 4]
    assert cut([END], 3) == [END]


def test_decoding_undoes_encoding():
    vocabulary = frequent_words(counts_of(CAPTIONS), 1)
    numbers = {word: index for index, word in enumerate(vocabulary)}
    encoded = [encode(caption, numbers) for caption in CAPTIONS]
    texts = ["a dog and a cat", "the dog runs", "a bird 's nest", "a cat"]
    assert [decode_tokens(row, vocabulary) for row in encoded] == texts
    assert [decode_tokens([*row, PAD, PAD], vocabulary) for row in encoded] == texts
    assert decode_tokens([4, 5, END, 4, 4], [*SPECIAL, "a", "dog"]) == "a dog"


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
