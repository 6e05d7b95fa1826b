"""The pairs of words that tell most about the label."""

import numpy as np

from pipelines.sentiment.pairs import telling_pairs
from tests.pipelines.sentiment.small import store_of


def test_telling_pairs_are_those_that_the_labels_depend_on():
    good, bad, both = [2, 3], [3, 4], [5, 5]
    rows = [good + both, good + both, bad + both, [*bad, 1, *both, 1], [2], [2]]
    labels = np.array([1, 1, 0, 0, 0, 1])
    store = store_of(rows, labels)
    assert telling_pairs(store, 2).tolist() == [good, bad]
    # Across the joints, too; none with the unknown word, 1.
    assert telling_pairs(store, 9).tolist() == [good, bad, [3, 5], [4, 5], both]
    assert telling_pairs(store_of(rows[4:], labels[4:]), 2).shape == (0, 2)


def test_how_much_a_pair_tells_is_its_chi_squared():
    """Of 4 texts with label 1 and 6 with label 0, a pair in 3 and 1, of which 1.6 and 2.4 were
    expected: 1.4² / 1.6 + 1.4² / 2.4 = 2.04."""
    labels = np.array([1] * 4 + [0] * 6)
    first, second = [2, 3], [3, 2]
    rows = [[2]] * 10
    for text in (0, 1, 2, 4):
        rows[text] = first
    assert telling_pairs(store_of(rows, labels), 1).tolist() == [first]
    for text in (3, 5, 6):
        rows[text] = second  # 1 and 2, of which 1.2 and 1.8 were expected: 0.06
    assert telling_pairs(store_of(rows, labels), 1).tolist() == [first]
