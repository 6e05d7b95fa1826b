"""Streamed reviews as lists, so that tests can compare them."""

from dataclasses import dataclass

import numpy as np

from datasets.sentiment import CSV_OPTIONS, label_names, load
from datasets.sentiment.reviews import Reviews


@dataclass(frozen=True, eq=False)
class Collected:
    """All reviews of a split: `labels <int32>[reviews]` are indices into `names`."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    labels: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)


def collect(reviews: Reviews) -> Collected:
    """What a source gives."""
    ids, texts = zip(*reviews.texts(), strict=True)
    return Collected(ids, texts, reviews.labels, reviews.names)


def read(dataset: str, split: str, data_dir=None, **options) -> Collected:
    """What `load` gives."""
    records = list(load(dataset, split, data_dir, **options).as_numpy_iterator())
    of_csv = {name: value for name, value in options.items() if name in CSV_OPTIONS}
    return Collected(
        tuple(record["id"].decode("utf-8", "surrogatepass") for record in records),
        tuple(record["text"].decode("utf-8", "surrogatepass") for record in records),
        np.array([record["label"] for record in records]),
        label_names(dataset, data_dir, **of_csv),
    )
