"""Strings to numbers and back inside the graph, of characters and of bytes."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.charlm.data import Vocabulary
from pipelines.charlm.signatures import States, Texts, read_on
from zoo.models.char_lm import CharLM


def test_strings_as_the_vocabulary_numbers_them():
    text = "a—b😀\na"
    texts = Texts(Vocabulary("character", tuple(sorted(map(ord, set(text[:-2]))))))
    numbers = texts.encode(tf.constant([text, "", "é", b"a\xff\xc3"]))
    assert numbers.to_list() == [[1, 3, 2, 4, 0, 1], [], [0], [1, 0, 0]]
    assert texts.decode(tf.constant([[1, 3, 4], [0, 2, 0]])).numpy().tolist() == [
        "a—😀".encode(),
        b"b",
    ]


def test_every_byte_is_itself():
    texts = Texts(Vocabulary("byte", tuple(range(256))))
    every = bytes(range(256))
    numbers = texts.encode(tf.constant([every, b"\xff\x00"]))
    assert numbers.to_list() == [list(range(1, 257)), [256, 1]]
    assert texts.decode(numbers[:1].to_tensor()).numpy()[0] == every


def test_read_in_windows_is_read_at_once():
    model = CharLM(5, units=4, layers=2, embedding_units=3)
    model.build()
    rows = [np.random.default_rng(0).integers(0, 5, length) for length in (600, 256, 0, 3)]
    numbers = tf.ragged.constant([row.tolist() for row in rows], dtype=tf.int32)
    nats, hits, states = tf.function(read_on)(model, numbers, model.start(4))
    score = tf.function(lambda tokens: model.score(tokens, model.start(1)))
    for place, row in enumerate(rows):
        log_p, hit, last = score(row[None].astype("int32"))
        np.testing.assert_allclose(nats[place], -np.sum(log_p), rtol=1e-5)
        assert hits[place] == np.sum(hit)
        if len(row):
            np.testing.assert_allclose(states[-1][place], last[-1][0], atol=1e-5)


def test_texts_without_a_state_each_are_refused():
    layout = States(CharLM(5, units=4, layers=2, embedding_units=3))
    state = tf.random.stateless_normal([2, layout.features], seed=[0, 0])
    parts = layout.split_for(tf.constant(["a", "b"]), state)
    np.testing.assert_array_equal(layout.join(parts), state)
    for texts in (["a"], ["a", "b", "c"], []):
        with pytest.raises(tf.errors.InvalidArgumentError, match="row for each text"):
            layout.split_for(tf.constant(texts, tf.string), state)
