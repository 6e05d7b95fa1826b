"""Negatives and windows of the language model."""

import json

import keras
import numpy as np
import pytest

from pipelines.sentiment import pretraining
from pipelines.sentiment.flags import Train
from zoo.models.reader import Reader


def test_negatives_are_drawn_with_the_chances_that_they_state():
    frequencies = np.array([0, 50, 20, 0, 10, 5, 5, 3, 2, 1, 1, 1])
    negatives = pretraining.Negatives(frequencies, 4)
    rng = np.random.default_rng(0)
    seen = np.zeros(len(frequencies))
    for _ in range(4000):
        drawn = negatives.draw(rng)
        words = drawn["candidates"]
        assert len(set(words.tolist())) == len(words) == 4
        seen[words] += 1
    assert not seen[[0, 3]].any()  # a word that never occurs
    chances = np.exp(negatives.log_chances)
    assert chances.sum() == pytest.approx(4, rel=1e-4)
    # The formula leaves out that exactly four are drawn: right to a few hundredths even here.
    np.testing.assert_allclose(seen[negatives.words] / 4000, chances, atol=0.06)


def test_stated_chances_go_with_their_words():
    frequencies = np.array([0, 90, 1, 40])
    negatives = pretraining.Negatives(frequencies, 2)
    drawn = negatives.draw(np.random.default_rng(3))
    places = np.searchsorted(negatives.words, drawn["candidates"])
    np.testing.assert_array_equal(drawn["log_chances"], negatives.log_chances[places])
    assert np.all(np.diff(negatives.log_chances[[1, 2, 0]]) > 0)  # words 2, 3, 1


def test_as_many_negatives_as_words_are_all_of_them():
    negatives = pretraining.Negatives(np.array([0, 3, 2, 1]), 99)
    drawn = negatives.draw(np.random.default_rng(0))
    assert sorted(drawn["candidates"].tolist()) == [1, 2, 3]
    np.testing.assert_array_equal(drawn["log_chances"], 0)


def test_windows_hold_every_word_but_those_of_a_short_rest():
    rows = [np.arange(25), np.arange(3), np.arange(20), np.arange(0), np.arange(10)]
    found = pretraining.windows(rows, 10)
    assert [len(part) for part in found] == [10, 10, 10, 10, 10]
    np.testing.assert_array_equal(np.concatenate(found[:2]), np.arange(20))


def test_source_wants_a_run_with_a_language_model(tmp_path):
    assert pretraining.source(Train()) is None
    with pytest.raises(ValueError, match=r"`pretrained` must name a run .* no language model"):
        pretraining.source(Train(pretrained=str(tmp_path)))
    (tmp_path / "pretraining").mkdir()
    for name in ("vocabulary.json", "pretraining/state.json"):
        (tmp_path / name).write_text("{}")
    assert pretraining.source(Train(pretrained=str(tmp_path))) == tmp_path


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_it_learns_in_16_bits_too(tmp_path, policy):
    """Reviews that say one thing over and over: their words are soon foreseen."""
    keras.config.set_dtype_policy(policy)
    try:
        keras.utils.set_random_seed(0)
        reader = Reader(30, units=8, embedding_units=8)
        flags = Train(pretrain_epochs=8, pretrain_learning_rate=0.03, negatives=10, batch_size=8)
        rows = [np.arange(2, 22, dtype=np.int32)] * 64
        pretraining.pretrain(flags, reader, rows, rows[:4], tmp_path)
    finally:
        keras.config.set_dtype_policy("float32")
    state = json.loads((tmp_path / "pretraining" / "state.json").read_text())
    perplexity = state["history"]["val_perplexity"]
    assert perplexity[-1] < 15 < 20 < perplexity[0] < 40
