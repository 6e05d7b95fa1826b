"""Sentiment data: `load("demo", "train")` and its likes; README.md has a card for each.

A source is one file here with a function `read(split, ...) -> Reviews`.
"""

from collections.abc import Iterator
from itertools import compress, islice
from pathlib import Path

import numpy as np
import tensorflow as tf

from datasets.choices import check_choice
from datasets.sentiment import csv_file, demo, imdb, imdb_reviews
from datasets.sentiment.cleaning import CLEANING, clean
from datasets.sentiment.csv_file import OPTIONS as CSV_OPTIONS
from datasets.sentiment.overlap import warn_overlap
from datasets.sentiment.reviews import UNLABELLED, Reviews, first

DATASETS = ("demo", "imdb", "imdb_reviews", "csv")
SPLITS = ("train", "dev", "test", "unlabelled")
CHUNK = 1000  # records that pass from Python to TensorFlow at a time

_SPEC = {
    "id": tf.TensorSpec([None], tf.string),
    "text": tf.TensorSpec([None], tf.string),
    "label": tf.TensorSpec([None], tf.int32),
}

__all__ = [
    "CLEANING", "CSV_OPTIONS", "DATASETS", "SPLITS", "UNLABELLED", "Reviews", "clean",
    "label_names", "load", "raw_files", "warn_overlap",
]  # fmt: skip


def load(
    dataset: str,
    split: str,
    data_dir: Path | str | None = None,
    *,
    seed: int = 0,
    limit: int | None = None,
    **options,
) -> tf.data.Dataset:
    """The reviews of one split, raw, one at a time, in an order that is always the same.

    Args:
      dataset: `demo`, `imdb`, `imdb_reviews` or `csv`.
      split: `train`, `dev`, `test`, or `unlabelled` (imdb and imdb_reviews; labels are -1).
      data_dir: the folder that holds the source's files; for `csv`, the file itself will do; `demo`
        needs none.
      seed: which reviews `demo` draws and which films `imdb` holds out for dev. The splits of a
        `csv` do not depend on it: a model tested with another seed must not meet its own training.
      limit: at most this many reviews, of all labels alike; None for all.
      **options: of `csv` (`csv_file.Options` explains them): `text_column`, `label_column`,
        `delimiter`, `encoding`, `quoting`, `header`. None, for any of them, is to find it out.

    Returns:
      Records of `id <string>[]`, where a review stands in its source, `text <string>[]` and
      `label <int32>[]`, an index into `label_names`. Their number is the dataset's cardinality.

    Raises:
      ValueError: an unknown name, split or option; files that are not there, not in the layout
        expected, or too broken; a split that the source does not have.
    """
    _check(dataset, split, data_dir, limit, options)
    reviews = _read(dataset, split, data_dir, seed, options)
    count = len(reviews.labels)
    places = first(reviews.labels, count if limit is None else limit)
    chosen = np.zeros(count, bool)
    chosen[places] = True
    records = tf.data.Dataset.from_generator(
        lambda: _chunks(reviews, chosen), output_signature=_SPEC
    )
    return records.unbatch().apply(tf.data.experimental.assert_cardinality(len(places)))


def label_names(dataset: str, data_dir: Path | str | None = None, **options) -> tuple[str, ...]:
    """The labels' names in the order of their numbers.

    Raises:
      ValueError: as `load`.
    """
    _check(dataset, "train", data_dir, None, options)
    return csv_file.label_names(data_dir, **options) if dataset == "csv" else imdb.NAMES


def raw_files(dataset: str, data_dir: Path | str | None = None) -> list[Path]:
    """The files, or folders of files, that a source reads, for a digest of the data."""
    if dataset == "csv":
        return list(csv_file.files(data_dir).values())
    return imdb.files(data_dir) if dataset == "imdb" else []


def _read(dataset: str, split: str, data_dir, seed: int, options: dict) -> Reviews:
    if dataset == "csv":
        return csv_file.read(split, data_dir, **options)
    if dataset == "demo":
        return demo.read(split, seed=seed)
    return (imdb if dataset == "imdb" else imdb_reviews).read(split, data_dir, seed=seed)


def _check(dataset, split, data_dir, limit, options) -> None:
    check_choice("dataset", dataset, DATASETS)
    check_choice("split", split, SPLITS)
    for option, value in options.items():
        check_choice("option", option, CSV_OPTIONS)
        if dataset != "csv" and value is not None:
            raise ValueError(
                f"`{option}` is an option of `csv`, not of `{dataset}`. Got {value!r}."
            )
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise ValueError(f"`limit` must be a positive integer or None. Got {limit!r}.")
    if split == "unlabelled" and dataset in ("demo", "csv"):
        raise ValueError(f"`{dataset}` has no split `unlabelled`: only imdb and imdb_reviews have.")
    if dataset == "demo" and data_dir is not None:
        raise ValueError(
            "`data_dir` must be None for `demo`, which composes its reviews and reads no files "
            f"(`csv` loads your own). Got {str(data_dir)!r}."
        )


def _chunks(reviews: Reviews, chosen: np.ndarray) -> Iterator[dict]:
    rows = compress(zip(reviews.texts(), reviews.labels, strict=True), chosen)
    while chunk := list(islice(rows, CHUNK)):
        texts, labels = zip(*chunk, strict=True)
        ids, texts = zip(*texts, strict=True)
        # Bytes of a user's file may have reached a string as lone surrogates.
        yield {
            "id": [name.encode("utf-8", "surrogatepass") for name in ids],
            "text": [text.encode("utf-8", "surrogatepass") for text in texts],
            "label": np.array(labels, np.int32),
        }
