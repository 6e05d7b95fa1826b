"""Sentiment data: `load("demo", "train")` and its likes; README.md has a card for each.

A source is one file here with a function `read(split, ...) -> Reviews`; several make a mixture.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from datasets.arguments import check_choice, check_limit, check_no_folder
from datasets.files import Cache, stamps
from datasets.mixture import folders, parts
from datasets.records import as_records
from datasets.sentiment import csv_file, demo, imdb, imdb_reviews, mixture, phrases, sst2
from datasets.sentiment.cleaning import CLEANING, clean
from datasets.sentiment.csv_file import OPTIONS as CSV_OPTIONS
from datasets.sentiment.overlap import warn_overlap
from datasets.sentiment.reviews import UNLABELLED, Reviews, first

DATASETS = ("demo", "phrases", "imdb", "imdb_reviews", "sst2", "csv")
SPLITS = ("train", "dev", "test", "unlabelled")

_COMPOSED = ("demo", "phrases")  # they have no files

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
      dataset: one of `DATASETS`, or several with + between them: a name that stands twice has
        twice the weight in training, and texts of dev and test that stand in the training of any
        source are left out, and told.
      split: `train`, `dev`, `test`, or `unlabelled` (imdb and imdb_reviews; labels are -1).
      data_dir: the folder that holds the source's files; for `csv`, the file itself will do; of
        several sources the folder that has one for each, by its name. `demo` and `phrases` need
        none.
      seed: which reviews `demo` and `phrases` draw and which films `imdb` holds out for dev. Other
        splits do not depend on it: a model tested with another seed must not meet its own training.
      limit: at most this many reviews (of several sources, of each), of all labels alike; None for
        all.
      cache: keeps what a pass over a `csv` found, see `datasets.files.Cache`.
      **options: of `csv` (`survey.Options` explains them): `text_column`, `label_column`,
        `delimiter`, `encoding`, `quoting`, `header`. None, for any of them, is to find it out.

    Returns:
      Records of `id <string>[]`, where a review stands in its source ("sst2/train:1" in a
      mixture), `text <string>[]` and `label <int32>[]`, an index into `label_names`. Their number
      is the dataset's cardinality.

    Raises:
      ValueError: an unknown name, split or option; files that are not there, not in the layout
        expected, or too broken; a split that the source does not have; sources of other labels.
    """
    reviews, _ = _read(dataset, split, data_dir, seed, limit, cache, options)

    def rows() -> Iterator[tuple[str, str, int]]:
        for text, label in zip(reviews.texts(), reviews.labels, strict=True):
            yield *text, label

    return as_records(rows, _SPEC, len(reviews.labels))


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
    counts, left_out = {}, {}
    for split in splits:
        reviews, repeated = _read(dataset, split, data_dir, seed, limit, cache, options)
        labels = np.bincount(reviews.labels, minlength=len(reviews.names)).tolist()
        names = dict(zip(reviews.names, labels, strict=True))
        counts[split] = {"texts": len(reviews.labels), "labels": names}
        if repeated:
            left_out[split] = {"texts that stand in training": repeated}
    if dataset == "csv":
        found = csv_file.describe(data_dir, cache=cache, **options)
    else:
        found = {"files": [str(path) for path in raw_files(dataset, data_dir)]}
    shown = {"left_out": left_out} if left_out else {}
    return {"dataset": dataset, **found, "splits": counts, **shown}


def label_names(
    dataset: str, data_dir: Path | str | None = None, *, cache: Cache | None = None, **options
) -> tuple[str, ...]:
    """The labels' names in the order of their numbers.

    Raises:
      ValueError: as `load`.
    """
    _check(dataset, "train", data_dir, None, options)
    if "+" in dataset:
        return mixture.same_names(
            {
                name: label_names(name, place, cache=cache, **own)
                for name, place, own in _sources(dataset, data_dir, options)
            }
        )
    if dataset == "csv":
        return csv_file.label_names(data_dir, cache=cache, **options)
    return imdb.NAMES


def raw_files(dataset: str, data_dir: Path | str | None = None) -> list[Path]:
    """The files, or folders of files, that a source reads, for a digest of the data."""
    if "+" in dataset:
        return [
            path
            for name, place, _ in _sources(dataset, data_dir, {})
            for path in raw_files(name, place)
        ]
    if dataset == "csv":
        return list(csv_file.files(data_dir).values())
    if dataset == "sst2":
        return list(sst2.files(data_dir).values())
    return imdb.files(data_dir) if dataset == "imdb" else []


def _sources(dataset: str, data_dir, options: Mapping) -> Iterator[tuple[str, Path | None, dict]]:
    """Name, folder and options of each source of a mixture."""
    for name, place in folders(parts(dataset, DATASETS), data_dir, _COMPOSED).items():
        yield name, place, dict(options) if name == "csv" else {}


def _read(
    dataset: str, split: str, data_dir, seed: int, limit: int | None, cache, options: dict
) -> tuple[Reviews, int]:
    """The reviews of a split that `limit` leaves, and how many were left out as in training."""
    _check(dataset, split, data_dir, limit, options)
    if "+" not in dataset:
        return _limited(dataset, split, data_dir, seed, limit, cache, options), 0
    weights, repeated = parts(dataset, DATASETS), 0
    reviews = {
        name: _limited(name, split, place, seed, limit, cache, own)
        for name, place, own in _sources(dataset, data_dir, options)
    }
    if split != "train":
        state = stamps(*raw_files(dataset, data_dir))
        given = tuple(sorted(options.items()))
        training = _training_keys(state, dataset, data_dir, seed, limit, given)
        where = f"{dataset}, split `{split}`"
        reviews, repeated = mixture.without_training(reviews, training, where)
        weights = dict.fromkeys(weights, 1)
    return mixture.joined(reviews, weights), repeated


@functools.lru_cache(maxsize=2)
def _training_keys(state: tuple, dataset, data_dir, seed, limit, options: tuple) -> np.ndarray:
    """The keys of a mixture's training texts; once for each state of its files."""
    sources = _sources(dataset, data_dir, dict(options))
    return mixture.keys(
        _limited(name, "train", place, seed, limit, None, own) for name, place, own in sources
    )


def _limited(dataset, split, data_dir, seed, limit, cache, options) -> Reviews:
    """The reviews of one source."""
    if dataset == "csv":
        reviews = csv_file.read(split, data_dir, cache=cache, **options)
    elif dataset in _COMPOSED:
        reviews = {"demo": demo, "phrases": phrases}[dataset].read(split, seed=seed)
    elif dataset == "sst2":
        reviews = sst2.read(split, data_dir)
    else:
        source = imdb if dataset == "imdb" else imdb_reviews
        reviews = source.read(split, data_dir, seed=seed)
    return reviews if limit is None else reviews.chosen(first(reviews.labels, limit))


def _check(dataset, split, data_dir, limit, options) -> None:
    names = parts(dataset, DATASETS)
    check_choice("split", split, SPLITS)
    for option, value in options.items():
        check_choice("option", option, CSV_OPTIONS)
        if "csv" not in names and value is not None:
            raise ValueError(
                f"`{option}` is an option of `csv`, not of `{dataset}`. Got {value!r}."
            )
    check_limit(limit)
    if split == "unlabelled" and dataset not in ("imdb", "imdb_reviews"):
        raise ValueError(
            f"`{dataset}` has no split `unlabelled`: only imdb and imdb_reviews, alone, have."
        )
    if names.keys() <= set(_COMPOSED):
        check_no_folder(data_dir, "csv", dataset)
