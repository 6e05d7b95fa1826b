"""What every source of reviews gives: texts, labels, the labels' names and ids."""

from dataclasses import dataclass

import numpy as np

UNLABELLED = -1  # the label of a review that has none


@dataclass(frozen=True, eq=False)
class Reviews:
    """Reviews of one split, in an order that is always the same.

    texts: as they stand in the source; `cleaning.clean` takes the HTML out.
    labels: `<int32>[reviews]`, indices into `names`; -1 (`UNLABELLED`) where there is none.
    names: the labels' names in index order.
    ids: where each review stands in its source; no two are the same.
    """

    texts: tuple[str, ...]
    labels: np.ndarray
    names: tuple[str, ...]
    ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, indices: np.ndarray) -> "Reviews":
        """The reviews at `indices <int>[selected]`, in that order."""
        return Reviews(
            tuple(self.texts[i] for i in indices),
            self.labels[indices],
            self.names,
            tuple(self.ids[i] for i in indices),
        )

    def first(self, limit: int) -> "Reviews":
        """At most `limit` reviews, in the source's order, of all labels alike: see `first`."""
        return self.select(first(self.labels, limit))


def first(labels: np.ndarray, limit: int) -> np.ndarray:
    """Places of at most `limit` records, rising, of all labels alike.

    The files of most sources are sorted by label, so the first ones would all be of one. Each
    label gives its first, then each its second, and so on:

        labels 0 0 0 0 1 1, limit 4  ->  places 0, 1, 4, 5
    """
    turn = np.empty(len(labels), np.int64)  # which of its label a record is: 0, 1, 2, ...
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        turn[places] = np.arange(len(places))
    return np.sort(np.argsort(turn, kind="stable")[:limit])


def as_reviews(rows: list[tuple[str, str, int]], names: tuple[str, ...]) -> Reviews:
    """`(id, text, label)` rows as `Reviews`."""
    ids, texts, labels = zip(*rows, strict=True) if rows else ((), (), ())
    return Reviews(tuple(texts), np.array(labels, np.int32), names, tuple(ids))
