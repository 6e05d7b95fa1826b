"""Writing on from a state, with a model that is a table of probabilities."""

import numpy as np
import tensorflow as tf
from keras import ops

from zoo.decoding import sample_text

WORDS = 6
TABLE = np.log(np.random.default_rng(1).dirichlet(np.ones(WORDS), WORDS)).astype("float32")


def next_logits(states):
    """A state is the last symbol, as a number."""
    return ops.take(TABLE, ops.cast(states[0][:, 0], "int32"), axis=0)


def step(symbols, states):
    return [ops.cast(symbols, "float32")[:, None]]


def start(*symbols):
    return [np.array(symbols, "float32")[:, None]]


def draw(states, length, **options):
    found, after = sample_text(next_logits, step, states, length, **{"seed": 7, **options})
    assert after[0].shape == states[0].shape
    return ops.convert_to_numpy(found)


def test_temperature_0_takes_the_likeliest_known_symbol():
    found = draw(start(1, 4), 5, temperature=0.0)
    for row, last in zip(found, (1, 4), strict=True):
        for symbol in row:
            assert symbol == 1 + np.argmax(TABLE[last, 1:])
            last = symbol


def test_same_seed_same_text_and_another_seed_another_text():
    first = draw(start(1, 1), 40)
    np.testing.assert_array_equal(first, draw(start(1, 1), 40))
    assert np.any(first != draw(start(1, 1), 40, seed=8))
    assert np.any(first[0] != first[1])  # rows draw numbers of their own
    assert first.min() > 0


def test_in_pieces_as_in_one():
    whole = draw(start(2, 3), 9)
    states, pieces = start(2, 3), []
    for place, length in ((0, 4), (4, 0), (4, 5)):
        piece, states = sample_text(next_logits, step, states, length, seed=7, place=place)
        pieces.append(piece)
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), whole)


def test_a_row_does_not_depend_on_its_neighbours_nor_on_their_number():
    alone = draw(start(2), 20)[0]
    for others in ([5], [1, 3, 4], [3] * 63):
        np.testing.assert_array_equal(draw(start(2, *others), 20)[0], alone)
    np.testing.assert_array_equal(draw(start(4, 3), 20)[1], draw(start(5, 3, 1), 20)[1])


def test_draws_follow_the_model_at_each_temperature():
    states = [np.full((8000, 1), 3, "float32")]
    for temperature in (0.5, 1.0, 2.0):
        found = draw(states, 1, temperature=temperature)
        wanted = np.exp(TABLE[3, 1:] / temperature)
        shares = np.bincount(found[:, 0], minlength=WORDS)[1:] / 8000
        np.testing.assert_allclose(shares, wanted / wanted.sum(), atol=0.025)


def test_all_numbers_may_be_known_only_when_the_graph_runs():
    number = tf.TensorSpec([], tf.int32)
    share = tf.TensorSpec([], tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([None, 1]), number, number, share, number, share])
    def graph(state, length, seed, temperature, top_k, top_p):
        options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        return sample_text(next_logits, step, [state], length, seed=seed, **options)[0]

    for length in (0, 1, 12):
        wanted = draw(start(1, 2), length, temperature=0.8, top_k=4, top_p=0.9)
        found = graph(start(1, 2)[0], length, 7, 0.8, 4, 0.9)
        np.testing.assert_array_equal(found, wanted)
