"""How records become the batches of an epoch: permuted, sorted into buckets by length, padded.

The order of an epoch is a permutation of all records that follows from (seed, epoch) alone, never
a shuffle buffer: a file sorted by label trains as well as a shuffled one. A batch holds records of
one bucket; the last batch of a bucket is filled up with blank rows, whose weight in the loss is 0,
so that each record counts exactly once an epoch and all batches have one size.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from pipelines import distribution
from pipelines.store import FILLER

PREFETCHED = 2  # batches that wait for the training step


class Plan(NamedTuple):
    """The batches of one pass.

    records: `<int64>[steps, batch_size]`, numbers of records, `FILLER` where there is none.
    times: `<int64>[steps]`, the length that each batch is padded to.
    """

    records: np.ndarray
    times: np.ndarray


def bucket_limits(lengths: np.ndarray, batch_size: int, most: int = 7) -> np.ndarray:
    """Lengths to pad to, rising, the longest record's last; `most` at most.

    Few, as each is a shape of its own to compile, and no more than there are batches. About as many
    records are in each bucket, but for the longest twentieth, which has one of its own.
    """
    buckets = min(most, max(1, len(lengths) // batch_size))
    shares = [*np.arange(1, buckets - 1) / (buckets - 1), 0.95, 1.0][-buckets:]
    return np.unique(np.quantile(lengths, shares, method="higher").clip(1))


class Batches:
    """Batches over records of known lengths.

    Args:
        lengths: `<int>[records]`, as the padding has to hold them.
        batch_size: records a batch.
        seed: of the order.
        limits: lengths to pad to, rising; a longer record is in no batch. Default:
            `bucket_limits`.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        batch_size: int,
        seed: int = 0,
        limits: Sequence[int] | None = None,
    ):
        self.batch_size, self.seed = batch_size, seed
        self.limits = bucket_limits(lengths, batch_size) if limits is None else np.array(limits)
        self.buckets = np.searchsorted(self.limits, lengths).astype(np.int8)
        counts = np.bincount(self.buckets, minlength=len(self.limits))[: len(self.limits)]
        self.steps = int(np.sum(-(-counts // batch_size)))

    def plan(self, epoch: int) -> Plan:
        """The batches of an epoch, in random order: the same for the same seed and epoch."""
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(self.buckets))
        plan = self._fill(order[np.argsort(self.buckets[order], kind="stable")])
        shuffled = rng.permutation(self.steps)
        return Plan(plan.records[shuffled], plan.times[shuffled])

    def in_order(self) -> Plan:
        """Each record once, the shortest bucket's first: to measure, not to train."""
        return self._fill(np.argsort(self.buckets, kind="stable"))

    def _fill(self, order: np.ndarray) -> Plan:
        """Cuts an order that is sorted by bucket into batches of one bucket each."""
        size, records, times = self.batch_size, [], []
        edges = np.searchsorted(self.buckets[order], np.arange(len(self.limits) + 1))
        for bucket, (start, end) in enumerate(itertools.pairwise(edges)):
            rows = np.full(-(-(end - start) // size) * size, FILLER)
            rows[: end - start] = order[start:end]
            records.append(rows.reshape(-1, size))
            times.append(np.full(len(records[-1]), self.limits[bucket]))
        return Plan(np.concatenate(records), np.concatenate(times))


def dataset(
    plan: Plan, read: Callable[[np.ndarray, int], Any], spec: Any, start: int = 0
) -> tf.data.Dataset:
    """The batches of a plan from step `start` on, read while the model trains on those before.

    Of several processes each reads its own rows of every batch.

    Args:
        plan: see `Batches`.
        read: (records `<int64>[rows]`, time) -> a batch. Its random draws follow from the seed, the
            epoch and the record alone (`draws`).
        spec: of one batch, tensor specs in the structure that `read` gives.
    """
    rows = distribution.rows(plan.records.shape[1])
    steps = range(start, len(plan.times))
    return generated(
        lambda step: read(plan.records[step, rows], int(plan.times[step])), steps, spec
    )


def generated(read: Callable[[int], Any], steps: Iterable[int], spec: Any) -> tf.data.Dataset:
    """`read(step)` for each step, made while the model trains on the batches before."""
    batches = tf.data.Dataset.from_generator(lambda: map(read, steps), output_signature=spec)
    options = tf.data.Options()
    # There is nothing to tune, and its thread now and then keeps a pass from ending for seconds.
    options.autotune.enabled = False
    return batches.prefetch(PREFETCHED).with_options(options)


def draws(seed: int, epoch: int, record: int) -> np.random.Generator:
    """Random numbers that belong to one record in one epoch, whatever batch it is in.

    Philox, a counter-based generator (Salmon et al. 2011): seed and epoch are its key, the record
    its counter.
    """
    return np.random.Generator(np.random.Philox(key=[seed, epoch], counter=[0, 0, record, 0]))
