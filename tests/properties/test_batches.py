"""What holds of buckets and batches, whatever the lengths."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.epochs import Batches
from tests.pipelines.sentiment.small import store_of

SEEDS = st.integers(0, 2**32 - 1)


def rows_of(lengths):
    """Rows of numbers of those lengths, all different from padding and from each other."""
    ends = np.cumsum([0, *lengths])
    return [np.arange(a, b, dtype=np.int32) + 4 for a, b in itertools.pairwise(ends)]


def unpadded(row):
    return tuple(row[row != 0].tolist())


@given(st.lists(st.integers(0, 1500), min_size=1, max_size=40), st.integers(1, 9), SEEDS)
def test_every_review_is_in_full_batches_once(lengths, size, seed):
    rows = rows_of(lengths)
    store = store_of(rows, np.zeros(len(rows)))
    batches = Batches(store.lengths("tokens"), size, seed)
    for plan in (batches.plan(1), batches.in_order()):
        seen = []
        for records, time in zip(*plan, strict=True):
            words = store.padded("tokens", records, time)
            assert words.shape == (size, time)
            for record, row in zip(records, words, strict=True):
                assert unpadded(row) == (tuple(rows[record].tolist()) if record >= 0 else ())
            seen += records[records >= 0].tolist()
        assert sorted(seen) == list(range(len(rows)))
