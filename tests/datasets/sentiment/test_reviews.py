"""`Reviews`, and a limit that is fair to all labels."""

import numpy as np
import pytest

from datasets.sentiment.reviews import as_reviews, first
from tests.datasets.sentiment.collected import collect


def test_rows_become_columns():
    reviews = as_reviews([(f"id{i}", f"text {i}", i % 2) for i in range(2)], ("a", "b"))
    for _ in range(2):  # texts can be had again
        rows = collect(reviews)
        assert (rows.ids, rows.texts) == (("id0", "id1"), ("text 0", "text 1"))
    assert reviews.labels.dtype == np.int32
    assert reviews.labels.tolist() == [0, 1]
    assert reviews.names == ("a", "b")
    assert len(as_reviews([], ("a", "b")).labels) == 0


@pytest.mark.parametrize(
    ("labels", "limit", "expected"),
    [
        ([0, 0, 0, 0, 1, 1], 4, [0, 1, 4, 5]),
        ([1, 1, 1, 0, 0], 2, [0, 3]),
        ([0, 0, 0, 0, 1], 4, [0, 1, 2, 4]),
        ([0, 1, 2, 2, 2, 0], 3, [0, 1, 2]),
        ([-1, -1, -1], 2, [0, 1]),
        ([0, 1], 9, [0, 1]),
    ],
)
def test_a_limit_takes_of_all_labels_in_turn(labels, limit, expected):
    mask = first(np.array(labels, np.int32), limit)
    assert np.flatnonzero(mask).tolist() == expected
    rows = as_reviews([(f"id{i}", "text", label) for i, label in enumerate(labels)], ("a", "b"))
    assert collect(rows.chosen(mask)).ids == tuple(f"id{i}" for i in expected)
