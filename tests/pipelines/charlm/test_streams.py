"""Streams are contiguous: row b of a window goes on where row b of the window before ended."""

import numpy as np
import pytest

from pipelines.charlm.streams import Streams


def epoch_of(streams, epoch):
    """All inputs, targets `<int32>[steps, rows, time]` and begins `<bool>[steps, rows]`."""
    windows = [streams.window(epoch, step) for step in range(streams.steps)]
    return (np.stack(part) for part in zip(*windows, strict=True))


def test_worked_example():
    first, second = (Streams(np.arange(9), batch_size=2, time=2).window(0, s) for s in (0, 1))
    np.testing.assert_array_equal(first.inputs, [[0, 1], [4, 5]])
    np.testing.assert_array_equal(first.targets, [[1, 2], [5, 6]])
    np.testing.assert_array_equal(second.inputs, [[2, 3], [6, 7]])
    np.testing.assert_array_equal(second.targets, [[3, 4], [7, 8]])


def test_rows_put_together_are_pieces_of_the_text():
    symbols = np.random.default_rng(0).integers(0, 99, 1000).astype(np.uint8)
    streams = Streams(symbols, batch_size=3, time=7)
    assert streams.steps == 47
    offsets = [streams.offset(epoch) for epoch in range(200)]
    assert set(offsets) == set(range(1000 - 3 * 7 * 47))  # from the first place to the last
    for epoch in range(4):
        inputs, targets, _ = epoch_of(streams, epoch)
        assert inputs.dtype == targets.dtype == np.int32
        rows = inputs.swapaxes(0, 1).reshape(3, -1)
        following = targets.swapaxes(0, 1).reshape(3, -1)
        length = rows.shape[1]
        np.testing.assert_array_equal(rows.ravel(), symbols[offsets[epoch] :][: 3 * length])
        np.testing.assert_array_equal(following.ravel(), symbols[offsets[epoch] + 1 :][: rows.size])


def test_each_symbol_of_an_epoch_is_foretold_once():
    streams = Streams(np.arange(250), batch_size=4, time=5)
    _, targets, _ = epoch_of(streams, 3)
    numbers = np.sort(targets.ravel())
    np.testing.assert_array_equal(np.diff(numbers), 1)
    assert len(numbers) == 4 * 5 * streams.steps
    assert 249 - len(numbers) < 4 * 5


def test_the_shortest_text_gives_one_window():
    assert Streams(np.arange(13), 3, 4).steps == 1
    with pytest.raises(ValueError, match=r"more than `batch_size` x `time` = 12 symbols. Got 12"):
        Streams(np.arange(12), 3, 4)


def test_a_process_reads_its_own_rows():
    streams = Streams(np.arange(250), batch_size=4, time=5, restarts=0.3)
    whole = streams.window(1, 2)
    for rows in (slice(0, 2), slice(2, 4)):
        for part, all_rows in zip(streams.window(1, 2, rows), whole, strict=True):
            np.testing.assert_array_equal(part, all_rows[rows])


def test_without_restarts_all_streams_begin_once():
    _, _, begins = epoch_of(Streams(np.arange(801), 8, 4), 1)
    assert begins.shape == (25, 8)
    assert begins[0].all()
    assert not begins[1:].any()


def test_restarts_are_a_share_of_the_streams_and_the_same_each_time():
    def begins(seed, epoch):
        _, _, rows = epoch_of(Streams(np.arange(801), 8, 4, seed, restarts=0.25), epoch)
        return rows

    first = begins(0, 0)
    assert first[0].all()
    assert 0.1 < first[1:].mean() < 0.4
    assert first[1:].any(axis=0).all()
    np.testing.assert_array_equal(first, begins(0, 0))
    assert np.any(first != begins(0, 1))
    assert np.any(first != begins(1, 0))


def test_all_streams_may_begin_anew_at_each_step():
    _, _, begins = epoch_of(Streams(np.arange(801), 8, 4, restarts=1.0), 0)
    assert begins.all()
