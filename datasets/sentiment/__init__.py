"""Sentiment data: `load("demo", "train")` and its likes; README.md has a card for each.

A source is one file here with a function `read(split, ...) -> Reviews`.
"""

from collections.abc import Iterator, Sequence
from itertools import compress
from pathlib import Path

import numpy as np
import tensorflow as tf

from datasets.arguments import check_choice, check_limit, check_no_folder
from datasets.files import Cache
from datasets.records import as_records
from datasets.sentiment import csv_file, demo, imdb, imdb_reviews
from datasets.sentiment.cleaning import CLEANING, clean
from datasets.sentiment.csv_file import OPTIONS as CSV_OPTIONS
from datasets.sentiment.overlap import warn_overlap
from datasets.sentiment.reviews import UNLABELLED, Reviews, first

DATASETS = ("demo", "imdb", "imdb_reviews", "csv")
SPLITS = ("train", "dev", "test", "unlabelled")

_SPEC = {"id": tf.string, "text": tf.string, "label": tf.int32}

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
    cache: Cache | None = None,
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
      cache: keeps what a pass over a `csv` found, see `datasets.files.Cache`.
      **options: of `csv` (`survey.Options` explains them): `text_column`, `label_column`,
        `delimiter`, `encoding`, `quoting`, `header`. None, for any of them, is to find it out.

    Returns:
      Records of `id <string>[]`, where a review stands in its source, `text <string>[]` and
      `label <int32>[]`, an index into `label_names`. Their number is the dataset's cardinality.

    Raises:
      ValueError: an unknown name, split or option; files that are not there, not in the layout
        expected, or too broken; a split that the source does not have.
    """
    reviews, places = _chosen(dataset, split, data_dir, seed, limit, cache, options)
    chosen = np.zeros(len(reviews.labels), bool)
    chosen[places] = True

    def rows() -> Iterator[tuple[str, str, int]]:
        labelled = zip(reviews.texts(), reviews.labels, strict=True)
        for text, label in compress(labelled, chosen):
            yield *text, label

    return as_records(rows, _SPEC, len(places))


def describe(
    dataset: str,
    splits: Sequence[str] = ("train", "dev", "test"),
    data_dir: Path | str | None = None,
    *,
    seed: int = 0,
    limit: int | None = None,
    cache: Cache | None = None,
    **options,
) -> dict:
    """What `load` understands of a data set: `files`, and each of `splits` with its labels' counts.

    Of a `csv`, of each file: encoding, delimiter, quoting, header, columns and why these, rows,
    letters of a text, texts that stand there again, what was left out; and `notes`.

    Raises:
      ValueError: as `load`, for any of `splits`.
    """
    counts = {}
    for split in splits:
        reviews, places = _chosen(dataset, split, data_dir, seed, limit, cache, options)
        labels = np.bincount(reviews.labels[places], minlength=len(reviews.names)).tolist()
        names = dict(zip(reviews.names, labels, strict=True))
        counts[split] = {"texts": len(places), "labels": names}
    if dataset == "csv":
        found = csv_file.describe(data_dir, cache=cache, **options)
    else:
        found = {"files": [str(path) for path in raw_files(dataset, data_dir)]}
    return {"dataset": dataset, **found, "splits": counts}


def label_names(
    dataset: str, data_dir: Path | str | None = None, *, cache: Cache | None = None, **options
) -> tuple[str, ...]:
    """The labels' names in the order of their numbers.

    Raises:
      ValueError: as `load`.
    """
    _check(dataset, "train", data_dir, None, options)
    if dataset == "csv":
        return csv_file.label_names(data_dir, cache=cache, **options)
    return imdb.NAMES


def raw_files(dataset: str, data_dir: Path | str | None = None) -> list[Path]:
    """The files, or folders of files, that a source reads, for a digest of the data."""
    if dataset == "csv":
        return list(csv_file.files(data_dir).values())
    return imdb.files(data_dir) if dataset == "imdb" else []


def _read(dataset: str, split: str, data_dir, seed: int, cache, options: dict) -> Reviews:
    if dataset == "csv":
        return csv_file.read(split, data_dir, cache=cache, **options)
    if dataset == "demo":
        return demo.read(split, seed=seed)
    return (imdb if dataset == "imdb" else imdb_reviews).read(split, data_dir, seed=seed)


def _chosen(
    dataset: str, split: str, data_dir, seed: int, limit: int | None, cache, options: dict
) -> tuple[Reviews, np.ndarray]:
    """The reviews of a split, and the places of those that `limit` leaves."""
    _check(dataset, split, data_dir, limit, options)
    reviews = _read(dataset, split, data_dir, seed, cache, options)
    return reviews, first(reviews.labels, len(reviews.labels) if limit is None else limit)


def _check(dataset, split, data_dir, limit, options) -> None:
    check_choice("dataset", dataset, DATASETS)
    check_choice("split", split, SPLITS)
    for option, value in options.items():
        check_choice("option", option, CSV_OPTIONS)
        if dataset != "csv" and value is not None:
            raise ValueError(
                f"`{option}` is an option of `csv`, not of `{dataset}`. Got {value!r}."
            )
    check_limit(limit)
    if split == "unlabelled" and dataset in ("demo", "csv"):
        raise ValueError(f"`{dataset}` has no split `unlabelled`: only imdb and imdb_reviews have.")
    if dataset == "demo":
        check_no_folder(data_dir, "csv")
