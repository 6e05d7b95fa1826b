"""`Reviews`: picking some, and a limit that is fair to all labels."""

import numpy as np
import pytest

from datasets.sentiment.reviews import Reviews, as_reviews


def reviews(labels: list[int]) -> Reviews:
    return as_reviews(
        [(f"id{i}", f"text {i}", label) for i, label in enumerate(labels)], ("a", "b")
    )


def test_rows_become_columns():
    found = reviews([0, 1])
    assert (found.ids, found.texts) == (("id0", "id1"), ("text 0", "text 1"))
    assert found.labels.dtype == np.int32
    assert found.labels.tolist() == [0, 1]
    assert len(found) == 2
    assert len(as_reviews([], ("a", "b"))) == 0


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
    found = reviews(labels).first(limit)
    assert [int(name[2:]) for name in found.ids] == expected
    assert found.labels.tolist() == [labels[i] for i in expected]
    assert found.texts == tuple(f"text {i}" for i in expected)
