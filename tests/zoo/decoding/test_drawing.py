"""The cut to the likeliest tokens, and draws from those that are left."""

import numpy as np
import pytest
from keras import ops

from zoo.decoding.drawing import Key, draw, keep_likeliest

P = np.array([0.5, 0.3, 0.15, 0.05])


@pytest.mark.parametrize(
    ("top_k", "top_p", "kept"),
    [
        (0, 1.0, 4),
        (2, 1.0, 2),
        (0, 0.6, 2),
        (0, 0.5, 1),
        (3, 0.83, 2),
        (3, 0.85, 3),
        (9, 1.0, 4),
        (1, 0.1, 1),
    ],
)
def test_cut_to_the_likeliest(top_k, top_p, kept):
    # (0.5, 0.3, 0.15, 0.05): of the first three, 0.5 and 0.3 hold 0.84.
    logits = np.log(np.array([[0.15, 0.5, 0.05, 0.3]], "float32"))
    expected = np.zeros(4, bool)
    expected[np.argsort(-logits[0])[:kept]] = True
    found = ops.convert_to_numpy(keep_likeliest(logits, top_k, top_p))[0]
    np.testing.assert_array_equal(found > -1e8, expected)
    np.testing.assert_array_equal(found[expected], logits[0][expected])


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("top_k", "left"), [(1, [0, 1, 1, 0]), (3, [1, 1, 1, 0])])
def test_tokens_that_tie_with_the_last_are_kept(top_k, left, known):
    logits = np.array([[-2.0, 1.0, 1.0, -3.0]], "float32")
    top_k = top_k if known else ops.convert_to_tensor(top_k)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(keep_likeliest(logits, top_k))[0] > -1e8, left
    )


def test_draws_follow_the_softmax_and_the_key():
    logits = np.tile(np.log(P).astype("float32"), (10_000, 2, 1))
    tokens = ops.convert_to_numpy(draw(logits, Key((3, 4))))
    assert tokens.shape == (10_000, 2)
    np.testing.assert_allclose(np.bincount(tokens.ravel()) / 20_000, P, atol=0.015)
    np.testing.assert_array_equal(draw(logits, Key(np.array([3, 4]))), tokens)
    assert (ops.convert_to_numpy(draw(logits, Key((3, 5)))) != tokens).mean() > 0.5


@pytest.mark.parametrize("rows", [1, 2, 7, 64, 151])
def test_a_row_draws_the_same_whatever_the_number_of_its_neighbours(rows):
    logits = np.random.default_rng(0).normal(size=(300, 500)).astype("float32")
    whole, part = draw(logits, Key((3, 4))), draw(logits[:rows], Key((3, 4)))
    np.testing.assert_array_equal(part, whole[:rows])
