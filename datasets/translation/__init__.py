"""Sentence pairs: `load("demo", "train")` and its likes; README.md has a card for each source.

A source is one file here with a function `raw_pairs(split, ...)`, which streams the pairs as they
lie in the source; faulty pairs are found, counted and left out here, the same for all.
"""

import functools
import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import tensorflow as tf

from datasets.arguments import check_choice, check_limit, check_no_folder
from datasets.faults import Faults
from datasets.files import stamps
from datasets.mixture import folders, parts
from datasets.records import as_records
from datasets.translation import bcontrast, demo, mixture, multi30k, pairs, tfds_pairs
from datasets.translation.cleaning import RawPair, clean

SOURCES = ("demo", "multi30k", "tatoeba", "bcontrast", "pairs", "ted_hrlr_translate")
SPLITS = ("train", "dev", "test")

TATOEBA = {"dev": 1, "test": 1}  # of 100 source sentences: there are many
MANY_COPIES = 0.05  # share of pairs whose target is the source, from which a warning is due

_READERS = {"multi30k": multi30k, "bcontrast": bcontrast, "pairs": pairs}
_LOG = logging.getLogger(__name__)
_SPEC = dict.fromkeys(("id", "source", "target"), tf.string)


def load(
    dataset: str,
    split: str,
    data_dir: Path | str | None = None,
    *,
    source: str = "en",
    target: str = "de",
    seed: int = 0,
    limit: int | None = None,
) -> tf.data.Dataset:
    """The sentence pairs of one split, one at a time, in an order that is always the same.

    Sentences are in Unicode's form NFC, stripped, and each run of white space is one space; case
    and punctuation are the source's own. Pairs that cannot be used (see `cleaning.clean`) are left
    out, counted, and told in one log message at WARNING level: a first pass over the source learns
    that and the number of pairs; each pass over the records is one more. No pass holds more than
    `records.CHUNK` pairs.

    Args:
        dataset: one of `SOURCES`; several with + between them (see `mixture`); or `NAME/CONFIG` of
            a translation data set of tensorflow-datasets, such as `wmt16_translate/de-en`.
        split: `train`, `dev` or `test`.
        data_dir: folder of the raw files (of `pairs` also the one file); `demo` needs none; of
            several sources the folder that has one for each, by its name.
        source, target: languages, as the source names them; any two locales for `demo`.
        seed: which pairs `demo` draws; the other sources do not use it.
        limit: at most so many pairs, the first ones (of several sources, of each), and no further
            line is read; None for all.

    Returns:
        Records of `id <string>[]` (where a pair is from, such as "train:17": a line, from 1),
        `source <string>[]` and `target <string>[]`; the dataset knows its cardinality.

    Raises:
        ValueError: an argument is unknown; files are not there or not in their layout; two aligned
            files differ in length; no pair of the split can be used.
    """
    usable, _, _ = _survey(dataset, split, data_dir, source, target, seed, limit)
    options = (dataset, split, data_dir, source, target, seed, limit)
    return as_records(lambda: _usable(*options, Faults()), _SPEC, usable)


def describe(
    dataset: str,
    splits: Sequence[str] = SPLITS,
    data_dir: Path | str | None = None,
    *,
    source: str = "en",
    target: str = "de",
    seed: int = 0,
    limit: int | None = None,
) -> dict:
    """What `load` understands: `files`, `languages`, each of `splits` with its pairs, `left_out`.

    Raises:
        ValueError: as `load`, for any of `splits`.
    """
    surveys = {
        split: _survey(dataset, split, data_dir, source, target, seed, limit) for split in splits
    }
    copies = {split: copied for split, (_, _, copied) in surveys.items() if copied}
    tables = {}
    if dataset == "pairs":
        tables = pairs.layouts(data_dir, source=source, target=target)
    return {
        "dataset": dataset,
        "files": [str(path) for path in raw_files(dataset, data_dir, source=source, target=target)],
        "direction": f"{source} to {target}",
        "tables": tables,
        "splits": {split: {"pairs": usable} for split, (usable, _, _) in surveys.items()},
        "left_out": {split: faults for split, (_, faults, _) in surveys.items() if faults},
        **({"copies_of_their_source": copies} if copies else {}),
    }


def _survey(dataset, split, data_dir, source, target, seed, limit) -> tuple:
    """How many pairs of a split can be used; how many not, by reason; how many are copies."""
    _check(dataset, split, data_dir, source, target, limit)
    files = raw_files(dataset, data_dir, source=source, target=target)
    return _new_survey(
        stamps(*files),
        dataset,
        split,
        data_dir,
        source=source,
        target=target,
        seed=seed,
        limit=limit,
    )


@functools.lru_cache(maxsize=8)
def _new_survey(
    state: tuple, dataset, split, data_dir, *, source, target, seed, limit
) -> tuple[int, dict[str, int], int]:
    """One pass over a split, once for each state of its files; tells what is left out."""
    faults = Faults()
    usable = copies = 0
    options = (dataset, split, data_dir, source, target, seed, limit)
    for _, sentence, translation in _usable(*options, faults):
        usable += 1
        copies += sentence == translation
    where = f"{dataset} ({source} to {target}), split `{split}`"
    if not usable:
        raise ValueError(
            f"`split` must hold a usable pair. Got none in {where}.\n{faults.summary()}".rstrip()
        )
    faults.tell(where)
    if copies > MANY_COPIES * usable:
        _LOG.warning("%s: %d of %d targets are copies of their source.", where, copies, usable)
    return usable, dict(faults.counts), copies


def _usable(
    dataset, split, data_dir, source, target, seed, limit, faults
) -> Iterator[tuple[str, str, str]]:
    """A pass over the pairs of a split that can be used."""
    options = {"source": source, "target": target, "seed": seed, "limit": limit}
    raw = _raw_pairs(dataset, split, data_dir, **options)
    if "+" not in dataset:
        return islice(clean(raw, faults), limit)
    if split == "train":
        return clean(raw, faults)
    state = stamps(*raw_files(dataset, data_dir, source=source, target=target))
    known = _training_keys(state, dataset, data_dir, **options)
    return clean(raw, faults, functools.partial(mixture.among, known=known))


@functools.lru_cache(maxsize=2)
def _training_keys(state: tuple, dataset, data_dir, **options) -> np.ndarray:
    return mixture.keys(_raw_pairs(dataset, "train", data_dir, **options))


def _raw_pairs(dataset, split, data_dir, *, source, target, seed, limit) -> Iterator[RawPair]:
    """A pass over a split's pairs as they lie in the source, or in the sources."""
    options = {"source": source, "target": target, "seed": seed, "limit": limit}
    if "+" not in dataset:
        return _pairs_of(dataset, split, data_dir, **options)
    weights = parts(dataset, SOURCES)
    readers = {
        name: functools.partial(_pairs_of, name, split, folder, **options)
        for name, folder in folders(weights, data_dir).items()
    }
    return mixture.raw_pairs(split, weights, readers, limit)


def _pairs_of(dataset, split, data_dir, *, source, target, seed, limit) -> Iterator[RawPair]:
    languages = {"source": source, "target": target}
    if dataset == "demo":
        return demo.raw_pairs(split, **languages, seed=seed, limit=limit)
    if dataset == "tatoeba":
        return pairs.raw_pairs(split, data_dir, **languages, shares=TATOEBA)
    if dataset in _READERS:
        return _READERS[dataset].raw_pairs(split, data_dir, **languages)
    name = tfds_pairs.ted_config(source, target) if dataset == "ted_hrlr_translate" else dataset
    return tfds_pairs.raw_pairs(name, split, data_dir, **languages)


def raw_files(
    dataset: str, data_dir: Path | str | None = None, *, source: str = "en", target: str = "de"
) -> list[Path]:
    """The files that a source reads, of all splits: what a digest of the data is made of."""
    languages = {"source": source, "target": target}
    if "+" in dataset:
        places = folders(parts(dataset, SOURCES), data_dir)
        return [
            file for one, place in places.items() for file in raw_files(one, place, **languages)
        ]
    if dataset in ("pairs", "tatoeba"):
        splits = pairs.split_files(data_dir, **languages).values()
    elif dataset == "bcontrast":
        splits = [bcontrast.split_files(data_dir).values()]
    elif dataset == "multi30k":
        splits = [multi30k.split_files(split, data_dir, **languages) for split in SPLITS]
    else:
        splits = []
    return [path for files in splits for path in files]


def _check(dataset, split, data_dir, source, target, limit) -> None:
    check_choice("split", split, SPLITS)
    check_limit(limit)
    if source == target:
        raise ValueError(f"`source` and `target` must be two languages. Got {source!r} twice.")
    if "/" not in dataset or "+" in dataset:
        parts(dataset, SOURCES)
    if dataset == "demo":
        check_no_folder(data_dir, "pairs")
