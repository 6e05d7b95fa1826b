"""Reviews as every source gives them: labels, their names, and the texts one at a time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

UNLABELLED = -1  # the label of a review that has none


@dataclass(frozen=True, eq=False)
class Reviews:
    """Reviews of one split, in an order that is always the same.

    labels: `<int32>[reviews]`, indices into `names`; -1 (`UNLABELLED`) where there is none.
    names: the labels' names in index order.
    texts: gives (id, text) of each review, from the first one, whenever it is called. Texts are as
        they stand in the source (`cleaning.clean` takes the HTML out); an id says where, and no two
        are the same, but for a mixture's texts of more weight.
    """

    labels: np.ndarray
    names: tuple[str, ...]
    texts: Callable[[], Iterable[tuple[str, str]]]

    def chosen(self, mask: np.ndarray) -> "Reviews":
        """The reviews at which `mask <bool>[reviews]` is true."""
        return Reviews(self.labels[mask], self.names, lambda: compress(self.texts(), mask))


def as_reviews(rows: Sequence[tuple[str, str, int]], names: tuple[str, ...]) -> Reviews:
    """`(id, text, label)` rows, all in memory, as `Reviews`."""
    labels = np.array([label for _, _, label in rows], np.int32)
    return Reviews(labels, names, lambda: (row[:2] for row in rows))


def first(labels: np.ndarray, limit: int) -> np.ndarray:
    """Which records, at most `limit` of them, are the first of all labels alike: a mask.

    The files of most sources are sorted by label, so the first ones would all be of one. Each
    label gives its first, then each its second, and so on:

        labels 0 0 0 0 1 1, limit 4  ->  true at places 0, 1, 4, 5
    """
    turn = np.empty(len(labels), np.int64)  # which of its label a record is: 0, 1, 2, ...
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        turn[places] = np.arange(len(places))
    mask = np.zeros(len(labels), bool)
    mask[np.argsort(turn, kind="stable")[:limit]] = True
    return mask
