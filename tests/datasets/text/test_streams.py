"""Streams are contiguous: row b of a window goes on where row b of the window before ended."""

import numpy as np
import pytest

from datasets.text import load, read
from datasets.text.streams import streams


def test_worked_example():
    first, second = streams(np.arange(9), batch_size=2, time=2)
    np.testing.assert_array_equal(first[0], [[0, 1], [4, 5]])
    np.testing.assert_array_equal(first[1], [[1, 2], [5, 6]])
    np.testing.assert_array_equal(second[0], [[2, 3], [6, 7]])
    np.testing.assert_array_equal(second[1], [[3, 4], [7, 8]])


@pytest.mark.parametrize("offset", [0, 5])
def test_rows_put_together_are_pieces_of_the_text(offset):
    symbols = np.random.default_rng(0).integers(0, 99, 1000)
    windows = list(streams(symbols, batch_size=3, time=7, offset=offset))
    inputs = np.concatenate([inputs for inputs, _ in windows], axis=1)
    targets = np.concatenate([targets for _, targets in windows], axis=1)
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
    length = inputs.shape[1]
    np.testing.assert_array_equal(inputs.ravel(), symbols[offset:][: 3 * length])
    np.testing.assert_array_equal(targets[:, -1], symbols[offset + length :: length][:3])
    assert 1000 - offset - 3 * length <= 3 * 7


def test_the_shortest_text_gives_one_window():
    assert len(list(streams(np.arange(13), 3, 4))) == 1
    with pytest.raises(ValueError, match=r"more than `batch_size` x `time` = 12 symbols. Got 12"):
        list(streams(np.arange(12), 3, 4))


@pytest.mark.parametrize(("batch_size", "time"), [(0, 4), (3, -1), (2.5, 4)])
def test_bad_sizes(batch_size, time):
    with pytest.raises(ValueError, match=r"must be a positive integer. Got"):
        list(streams(np.arange(99), batch_size, time))


def test_load_gives_the_streams_of_a_text_by_name():
    found = load("demo", "dev", batch_size=4, time=50, limit=1000)
    assert int(found.cardinality()) == 4
    rows = [np.concatenate(list(part), axis=1) for part in zip(*_pairs(found), strict=True)]
    text = read("demo", "dev", limit=1000)
    assert "".join(map(chr, rows[0].ravel())) == text.content[:800]
    np.testing.assert_array_equal(rows[1].ravel(), text.symbols[1:801])


def _pairs(dataset):
    for element in dataset.as_numpy_iterator():
        assert sorted(element) == ["input", "target"]
        assert element["input"].dtype == np.int32
        yield element["input"], element["target"]


def test_load_says_that_a_text_is_too_short():
    with pytest.raises(ValueError, match=r"= 1,600 symbols. Got 1,000"):
        load("demo", "dev", batch_size=4, time=400, limit=1000)
