"""What holds of buckets and batches, whatever the lengths."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sentiment import batches as sentiment
from pipelines.translation import data as translation

SEEDS = st.integers(0, 2**32 - 1)


def rows_of(lengths):
    """Rows of numbers of those lengths, all different from padding and from each other."""
    ends = np.cumsum([0, *lengths])
    return [np.arange(a, b, dtype=np.int32) + 4 for a, b in itertools.pairwise(ends)]


def unpadded(row):
    return tuple(row[row != 0].tolist())


@given(st.lists(st.integers(0, 1500), min_size=1, max_size=40), st.integers(1, 9), SEEDS)
def test_every_review_is_in_full_batches(lengths, size, seed):
    rows = rows_of(lengths)
    limits = sentiment.boundaries(rows)
    assert limits == sorted(set(limits))
    assert len(limits) <= 6
    assert limits[-1] == max(1, *lengths)
    seen = []
    for members, words in sentiment.shuffled(rows, size, limits, np.random.default_rng(seed)):
        assert words.shape in {(size, limit) for limit in limits}
        assert len(members) == size
        for member, row in zip(members, words, strict=True):
            assert unpadded(row) == tuple(rows[member].tolist())
        seen += members.tolist()
    assert set(seen) == set(range(len(rows)))
    assert len(seen) == size * sentiment.count(rows, size, limits)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=40), st.integers(1, 9))
def test_every_review_is_read_once_in_order(lengths, size):
    rows = rows_of(lengths)
    seen = []
    for members, words in sentiment.in_order(rows, size, sentiment.boundaries(rows)):
        assert len(words) == size
        for place, row in enumerate(words):
            wanted = tuple(rows[members[place]].tolist()) if place < len(members) else ()
            assert unpadded(row) == wanted
        seen += members.tolist()
    assert sorted(seen) == list(range(len(rows)))


sides = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=40)


@given(sides, st.integers(1, 9), st.integers(1, 50), SEEDS)
def test_every_pair_that_fits_is_in_full_batches(lengths, batch_size, max_length, seed):
    sources, targets = (rows_of(side) for side in zip(*lengths, strict=True))
    fits = [i for i, pair in enumerate(lengths) if max(pair) <= max_length]
    if not fits:
        return
    limits = translation.boundaries(sources, targets, max_length=max_length, batch_size=batch_size)
    assert limits == sorted(set(limits))
    assert limits[-1] == max(max(lengths[i]) for i in fits)
    pairs = {(unpadded(sources[i]), unpadded(targets[i])) for i in fits}
    rng = np.random.default_rng(seed)
    found, count = set(), 0
    for batch in translation.training_batches(
        sources, targets, batch_size=batch_size, limits=limits, rng=rng
    ):
        assert {side.shape for side in batch} <= {(batch_size, limit) for limit in limits}
        found |= {(unpadded(a), unpadded(b)) for a, b in zip(*batch, strict=True)}
        count += 1
    assert found == pairs
    assert count <= translation.batch_count(len(fits), batch_size, limits)
