"""Sentiment data: `read("demo", "train")` and its likes; README.md has a card for each.

A source is one file here with a function `read(split, ...) -> Reviews`.
"""

from pathlib import Path

import tensorflow as tf

from datasets.choices import check_choice
from datasets.sentiment import csv_file, demo, imdb, imdb_reviews
from datasets.sentiment.cleaning import CLEANING, clean
from datasets.sentiment.overlap import warn_overlap
from datasets.sentiment.reviews import UNLABELLED, Reviews

DATASETS = ("demo", "imdb", "imdb_reviews", "csv")
SPLITS = ("train", "dev", "test", "unlabelled")
CSV_OPTIONS = ("text_column", "label_column", "delimiter", "encoding", "quoting", "header")

__all__ = [
    "CLEANING", "CSV_OPTIONS", "DATASETS", "SPLITS", "UNLABELLED", "Reviews", "clean", "load",
    "read", "warn_overlap",
]  # fmt: skip


def read(
    dataset: str,
    split: str,
    data_dir: Path | str | None = None,
    *,
    seed: int = 0,
    limit: int | None = None,
    **options,
) -> Reviews:
    """The reviews of one split, raw, in an order that is always the same.

    Args:
      dataset: `demo`, `imdb`, `imdb_reviews` or `csv`.
      split: `train`, `dev`, `test`, or `unlabelled` (imdb and imdb_reviews; labels are -1).
      data_dir: the folder that holds the source's files; for `csv`, the file itself will do; `demo`
        needs none.
      seed: which reviews `demo` draws and which films `imdb` holds out for dev. The splits of a
        `csv` do not depend on it: a model tested with another seed must not meet its own training.
      limit: at most this many reviews, of all labels alike; None for all.
      **options: of `csv` (`csv_file.read` explains them): `text_column`, `label_column`,
        `delimiter`, `encoding`, `quoting`, `header`. None, for any of them, is to find it out.

    Raises:
      ValueError: an unknown name, split or option; files that are not there, not in the layout
        expected, or too broken; a split that the source does not have.
    """
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
    if dataset == "demo":
        if data_dir is not None:
            raise ValueError(
                "`data_dir` must be None for `demo`, which composes its reviews and reads no files "
                f"(`csv` loads your own). Got {str(data_dir)!r}."
            )
        reviews = demo.read(split, seed=seed)
    elif dataset == "csv":
        reviews = csv_file.read(split, data_dir, **options)
    else:
        source = imdb if dataset == "imdb" else imdb_reviews
        reviews = source.read(split, data_dir, seed=seed)
    return reviews if limit is None else reviews.first(limit)


def load(
    dataset: str,
    split: str,
    data_dir: Path | str | None = None,
    *,
    seed: int = 0,
    limit: int | None = None,
    **options,
) -> tf.data.Dataset:
    """`read`'s reviews, one `{"text": <string>[], "label": <int32>[]}` each, raw and in order."""
    reviews = read(dataset, split, data_dir, seed=seed, limit=limit, **options)
    return tf.data.Dataset.from_tensor_slices(
        {"text": tf.constant(reviews.texts, tf.string), "label": reviews.labels}
    )
