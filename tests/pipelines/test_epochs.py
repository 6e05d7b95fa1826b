"""Batches of an epoch: every record exactly once, in an order that seed and epoch decide."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.epochs import Batches, Plan, bucket_limits, dataset, draws
from pipelines.store import FILLER

LENGTHS = np.random.default_rng(0).integers(0, 40, 203)


@settings(deadline=None, max_examples=50)
@given(
    lengths=st.lists(st.integers(0, 30), min_size=1, max_size=60),
    size=st.integers(1, 9),
    epoch=st.integers(0, 5),
)
def test_each_record_stands_exactly_once_in_batches_that_hold_it(lengths, size, epoch):
    lengths = np.array(lengths)
    batches = Batches(lengths, size, seed=3)
    for plan in (batches.plan(epoch), batches.in_order()):
        assert plan.records.shape == (batches.steps, size)
        records = plan.records[plan.records != FILLER]
        np.testing.assert_array_equal(np.sort(records), np.arange(len(lengths)))
        longest = [lengths[row[row != FILLER]].max() for row in plan.records]
        assert (longest <= plan.times).all()
    assert len(batches.limits) <= max(1, min(7, len(lengths) // size))
    assert batches.limits[-1] == max(1, lengths.max())


def test_order_follows_from_seed_and_epoch_alone():
    batches = Batches(LENGTHS, 16, seed=1)
    plan = batches.plan(4)
    np.testing.assert_array_equal(Batches(LENGTHS, 16, seed=1).plan(4).records, plan.records)
    for other in (batches.plan(5), Batches(LENGTHS, 16, seed=2).plan(4)):
        assert (other.records != plan.records).mean() > 0.5


def test_order_is_a_permutation_of_the_whole_and_no_shuffle_buffer():
    """Of 100,000 records in order the first batches come from everywhere."""
    plan = Batches(np.ones(100_000, int), 100).plan(0)
    first = plan.records[:5].ravel()
    assert first.min() < 5_000
    assert first.max() > 95_000
    assert abs(first.mean() - 50_000) < 6_000


def test_buckets_leave_little_padding():
    batches = Batches(LENGTHS, 8)
    padded = (batches.plan(0).times * 8).sum()
    assert padded < 1.35 * LENGTHS.sum()
    whole = Batches(LENGTHS, 8, limits=[LENGTHS.max()])
    assert (whole.plan(0).times * 8).sum() > 1.8 * LENGTHS.sum()


def test_record_longer_than_the_last_limit_is_in_no_batch():
    batches = Batches(np.array([1, 5, 2, 9]), 2, limits=[2, 5])
    plan = batches.plan(0)
    assert sorted(plan.records[plan.records != FILLER]) == [0, 1, 2]
    assert batches.steps == 2


def test_limits_of_few_records_are_few():
    assert bucket_limits(np.array([3, 1, 2]), 64).tolist() == [3]
    assert len(bucket_limits(np.arange(1000), 10)) == 7
    assert bucket_limits(np.zeros(4, int), 2).tolist() == [1]


def _read(records, time):
    return records, np.full((len(records), time), time, np.int32)


SPEC = (tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, None], tf.int32))


def test_dataset_gives_the_plan_from_any_step_on():
    plan = Batches(LENGTHS, 16).plan(2)
    batches = list(dataset(plan, _read, SPEC).as_numpy_iterator())
    assert len(batches) == len(plan.times)
    for (records, numbers), wanted, time in zip(batches, *plan, strict=True):
        np.testing.assert_array_equal(records, wanted)
        assert numbers.shape == (16, time)
    rest = list(dataset(plan, _read, SPEC, start=7).as_numpy_iterator())
    np.testing.assert_array_equal(rest[0][0], batches[7][0])
    assert len(rest) == len(batches) - 7


def test_each_process_reads_its_own_rows(monkeypatch):
    plan = Plan(np.arange(12).reshape(2, 6), np.array([1, 1]))
    shares = []
    for number in range(3):
        rows = slice(2 * number, 2 * number + 2)
        monkeypatch.setattr("pipelines.distribution.rows", lambda size, rows=rows: rows)
        shares.append([records for records, _ in dataset(plan, _read, SPEC).as_numpy_iterator()])
    np.testing.assert_array_equal(np.concatenate(shares, axis=1), plan.records)


@pytest.mark.parametrize("other", [(1, 0, 5), (0, 1, 5), (0, 0, 6)])
def test_draws_belong_to_seed_epoch_and_record(other):
    numbers = draws(0, 0, 5).random(8)
    np.testing.assert_array_equal(draws(0, 0, 5).random(8), numbers)
    assert (draws(*other).random(8) != numbers).all()


def test_draws_of_many_records_are_even():
    numbers = np.array([draws(7, 3, record).random(4) for record in range(3000)])
    assert abs(numbers.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(numbers.T) - np.eye(4)).max() < 0.06
