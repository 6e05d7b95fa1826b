"""What holds of buckets and batches, whatever the lengths."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.captioning import data as captioning
from pipelines.epochs import Batches
from pipelines.translation import data as translation
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


image = st.lists(st.integers(1, 20), min_size=1, max_size=4)


@given(st.lists(image, min_size=1, max_size=20), st.integers(1, 6), st.integers(1, 4), SEEDS)
def test_every_image_is_in_a_batch_with_captions_of_its_own(lengths, batch_size, each, seed):
    captions = [[row.tolist() for row in rows_of(image)] for image in lengths]
    limits = captioning.boundaries(captions)
    seen = []

    def features(rows, rng):
        seen.extend(rows.tolist())
        return {"rows": rows}

    count = 0
    for inputs, answers, weights in captioning.training_batches(
        features,
        captions,
        batch_size=batch_size,
        captions_per_image=each,
        boundaries=limits,
        word_dropout=0.0,
        rng=np.random.default_rng(seed),
    ):
        count += 1
        assert answers.shape == weights.shape == inputs["tokens"].shape
        assert answers.shape[:2] == (batch_size, each)
        for row, member in zip(answers, inputs["rows"], strict=True):
            own = {tuple(caption[: answers.shape[2]]) for caption in captions[member]}
            assert {unpadded(caption) for caption in row} - {()} <= own
    assert set(seen) == set(range(len(captions)))
    assert count <= captioning.batch_count(captions, batch_size, limits)
