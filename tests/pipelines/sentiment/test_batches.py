"""Rows of many lengths in batches of few shapes."""

import numpy as np
import pytest

from pipelines.sentiment import batches


def rows_of(*lengths):
    return [np.full(length, index + 2, np.int32) for index, length in enumerate(lengths)]


def test_boundaries_end_with_the_longest_and_leave_little_padding():
    assert batches.boundaries(rows_of(3, 10)) == [10]
    assert batches.boundaries(rows_of(0)) == [1]
    assert batches.boundaries(rows_of(5, 60, 400), most=3) == [32, 64, 400]
    lengths = np.random.default_rng(0).integers(1, 400, 500)
    found = batches.boundaries(rows_of(*lengths), most=4)
    assert len(found) == 4
    assert found[-1] == lengths.max()
    other = [64, 128, 192, int(lengths.max())]
    assert batches._padded(lengths, found) <= batches._padded(lengths, other)


def test_shuffled_gives_every_row_in_full_batches():
    rows = rows_of(*([3, 30, 31, 60, 1] * 7))
    lengths = [32, 60]
    seen, shapes = [], set()
    for members, words in batches.shuffled(rows, 4, lengths, np.random.default_rng(0)):
        shapes.add(words.shape)
        seen += members.tolist()
        for member, row in zip(members, words, strict=True):
            np.testing.assert_array_equal(row[row != 0], rows[member])
    assert set(seen) == set(range(len(rows)))
    assert shapes == {(4, 32), (4, 60)}
    assert len(seen) == 4 * batches.count(rows, 4, lengths)


def test_shuffled_is_decided_by_the_generator():
    rows = rows_of(*range(1, 30))
    first, again, other = (
        [m.tolist() for m, _ in batches.shuffled(rows, 4, [29], np.random.default_rng(seed))]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_in_order_gives_every_row_once():
    rows = rows_of(5, 0, 40, 3, 33, 7, 8)
    seen = []
    for members, words in batches.in_order(rows, 3, [32, 40]):
        assert len(words) == 3
        seen += members.tolist()
        for member, row in zip(members, words, strict=False):
            np.testing.assert_array_equal(row[row != 0], rows[member])
        assert not words[len(members) :].any()
    assert sorted(seen) == list(range(7))


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_drop_words_leaves_padding(share):
    tokens = np.tile(np.array([5, 6, 7, 0], np.int32), (500, 1))
    found = batches.drop_words(tokens, share, np.random.default_rng(0))
    assert not found[:, 3].any()
    changed = found[:, :3] != tokens[:, :3]
    assert abs(changed.mean() - share) < 0.05
    assert set(found[:, :3][changed]) <= {1}
