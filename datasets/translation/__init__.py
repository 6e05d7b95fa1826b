"""Sentence pairs: `read("demo", "train")` and its likes; README.md has a card for each source.

A source is one file here with a function `raw_pairs(split, ...)` that gives the pairs as they lie
in the source; what is wrong with them is found, counted and left out here, the same for all.
"""

import logging
from pathlib import Path

import tensorflow as tf

from datasets.choices import check_choice
from datasets.translation import demo, multi30k, pairs, prepared
from datasets.translation.cleaning import Pairs, clean

SOURCES = ("demo", "multi30k", "pairs", "ted_hrlr_translate")
SPLITS = ("train", "dev", "test")

_LOG = logging.getLogger(__name__)


def read(
    dataset: str,
    split: str,
    data_dir: Path | str | None = None,
    *,
    source: str = "en",
    target: str = "de",
    seed: int = 0,
    limit: int | None = None,
) -> Pairs:
    """The sentence pairs of one split, in an order that is always the same.

    Sentences are in Unicode's form NFC, stripped, and each run of white space is one space; case
    and punctuation are the source's own. Pairs that cannot be used (see `cleaning.clean`) are left
    out, counted in `skipped`, and named in one log message at WARNING level.

    Args:
        dataset: one of `SOURCES`, or `NAME/CONFIG` of a translation data set of
            tensorflow-datasets, such as `wmt16_translate/de-en`.
        split: `train`, `dev` or `test`.
        data_dir: folder of the raw files (of `pairs` also the one file); `demo` needs none.
        source, target: languages, as the source names them; any two locales for `demo`.
        seed: which pairs `demo` draws; the other sources do not use it.
        limit: at most so many pairs, the first ones; None for all.

    Raises:
        ValueError: an argument is unknown; files are not there or not in their layout; two aligned
            files differ in length; no pair of the split can be used.
    """
    check_choice("split", split, SPLITS)
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise ValueError(f"`limit` must be a positive integer or None. Got {limit!r}.")
    if source == target:
        raise ValueError(f"`source` and `target` must be two languages. Got {source!r} twice.")
    found = clean(_raw(dataset, split, data_dir, source, target, seed, limit), limit)
    where = f"{dataset} ({source} to {target}), split `{split}`"
    if found.skipped:
        counts = "; ".join(f"{kind}: {count:,}" for kind, count in found.skipped.items())
        _LOG.warning("Left out of %s: %s.", where, counts)
    if not found.sources:
        raise ValueError(f"`split` must hold a usable pair. Got none in {where}.")
    return found


def load(dataset: str, split: str, data_dir: Path | str | None = None, **options):
    """The same as a `tf.data.Dataset` of `{"source": <string>[], "target": <string>[]}`."""
    found = read(dataset, split, data_dir, **options)
    return tf.data.Dataset.from_tensor_slices(
        {"source": list(found.sources), "target": list(found.targets)}
    )


def _raw(dataset, split, data_dir, source, target, seed, limit):
    if "/" in dataset:
        return prepared.raw_pairs(dataset, split, data_dir, source=source, target=target)
    check_choice("dataset", dataset, SOURCES)
    if dataset == "ted_hrlr_translate":
        config = prepared.ted_config(source, target)
        return prepared.raw_pairs(config, split, data_dir, source=source, target=target)
    if dataset == "demo":
        if data_dir is not None:
            raise ValueError(
                "`data_dir` must be None for `demo`, which is made by code (`pairs` reads your own "
                f"files). Got {str(data_dir)!r}."
            )
        return demo.raw_pairs(split, source=source, target=target, seed=seed, limit=limit)
    files = multi30k if dataset == "multi30k" else pairs
    return files.raw_pairs(split, data_dir, source=source, target=target)
