"""Clips of people who do something: `load("demo", "train")` and its likes; README.md has cards.

A source is one file here that lists the clips of a split; frames are decoded, or drawn, one clip at
a time while a pass goes on. What cannot be used is found, counted and left out here, the same for
all.
"""

import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from datasets.actions import demo, folder, jhmdb, utd_mhad
from datasets.actions.clips import (
    Clip,
    Survey,
    check_positive,
    mixed,
    sample_places,
    survey,
)
from datasets.arguments import check_choice, check_limit, check_no_folder, check_seed
from datasets.faults import Faults
from datasets.files import stamps

__all__ = [
    "DATASETS",
    "SPLITS",
    "VIEWS",
    "describe",
    "label_names",
    "load",
    "raw_files",
    "sample_places",
]

_SOURCES = {"utd_mhad": utd_mhad, "jhmdb": jhmdb, "folder": folder}
DATASETS = ("demo", *_SOURCES)
SPLITS = ("train", "dev", "test")
VIEWS = {"demo": demo.VIEWS, **{name: source.VIEWS for name, source in _SOURCES.items()}}


def load(
    dataset: str,
    split: str,
    data_dir: Path | str | None = None,
    *,
    view: str | None = None,
    frames: int = 32,
    size: int = 64,
    limit: int | None = None,
    seed: int = 0,
    heldout: tuple[str, ...] | None = None,
) -> tf.data.Dataset:
    """The clips of one split, one at a time, in an order that is always the same.

    The order is that of a hash of the ids, so that the first clips are of many classes; the clips
    of `demo` have their classes in turn. No subject is in two splits where the source names
    subjects.

    Each clip is decoded once before this returns (those of `demo`, which are drawn, are not): what
    cannot be used is left out, counted, and told in one log message at WARNING level. A pass over
    the records holds one clip at a time, and of a video that is read no more than the sampled
    frames.

    Args:
        dataset: one of `DATASETS`.
        split: `train`, `dev` or `test`.
        data_dir: folder of the raw files; `demo` needs none.
        view: one of the source's `VIEWS` (`video`, `depth`, `joints`); None for the first.
        frames: at most so many frames of a clip, evenly sampled (`sample_places`); of joints all
            frames are given.
        size: a frame lies in a black square of this side, whole, aspect kept (`clips.fit`).
        limit: at most so many clips, the first ones; None for all.
        seed: which clips `demo` draws; the other sources do not use it.
        heldout: the training subjects of `utd_mhad` who are dev; None for ("7",).

    Returns:
        Records of `id <string>[]`, `clip <uint8>[time, size, size, 3]` (`joints <float32>[time,
        joints, 3]` of the view `joints`, in the source's units), `label <string>[]`, `subject
        <string>[]` ("" where it is not known) and `seconds <float32>[]` (of the whole clip; 0 where
        it is not known); the dataset knows its cardinality.

    Raises:
        ValueError: an argument is unknown; files are not there or not in their layout; no clip of
            the split can be used.
    """
    check_positive("frames", frames)
    check_positive("size", size)
    clips = _survey(dataset, split, data_dir, view, limit, seed, heldout)
    spec = _record(view or VIEWS[dataset][0])

    def records() -> Iterator[dict]:
        for clip, extent in zip(clips.usable, clips.extents, strict=True):
            values = clip.read(extent, frames, size)
            # surrogates stand for the bytes of a file's name that is not UTF-8
            name, label = (
                text.encode("utf-8", "surrogateescape") for text in (clip.id, clip.label)
            )
            fields = (name, values, label, clip.subject, extent.seconds)
            yield dict(zip(spec, fields, strict=True))

    stream = tf.data.Dataset.from_generator(records, output_signature=spec)
    return stream.apply(tf.data.experimental.assert_cardinality(len(clips.usable)))


def _record(view: str) -> dict[str, tf.TensorSpec]:
    values = {
        "joints": ("joints", tf.TensorSpec([None, None, 3], tf.float32)),
    }.get(view, ("clip", tf.TensorSpec([None, None, None, 3], tf.uint8)))
    return {
        "id": tf.TensorSpec([], tf.string),
        values[0]: values[1],
        "label": tf.TensorSpec([], tf.string),
        "subject": tf.TensorSpec([], tf.string),
        "seconds": tf.TensorSpec([], tf.float32),
    }


def describe(
    dataset: str,
    splits: Sequence[str] = SPLITS,
    data_dir: Path | str | None = None,
    *,
    view: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    heldout: tuple[str, ...] | None = None,
) -> dict:
    """What `load` understands: `view`, `labels`, `files`, each of `splits`, what was left out.

    `files` counts the raw files by their ending. A split has its clips, how many are of each label,
    its subjects (None: not known), and the shortest, median and longest in seconds and in frames.

    Raises:
        ValueError: as `load`, for any of `splits`.
    """
    arguments = (data_dir, view, limit, seed, heldout)
    surveys = {split: _survey(dataset, split, *arguments) for split in splits}
    faults = {split: dict(clips.faults.counts) for split, clips in surveys.items()}
    endings = Counter(path.suffix.lower() for path in raw_files(dataset, data_dir))
    return {
        "dataset": dataset,
        "view": view or VIEWS[dataset][0],
        "labels": list(label_names(dataset, data_dir)),
        "files": dict(endings),
        "splits": {split: _sizes(clips) for split, clips in surveys.items()},
        "left_out": {split: counts for split, counts in faults.items() if counts},
    }


def raw_files(dataset: str, data_dir: Path | str | None = None) -> list[Path]:
    """The files that a source reads, of all splits: what a digest of the data is made of."""
    check_choice("dataset", dataset, DATASETS)
    if dataset == "demo":
        return demo.raw_files()
    return _SOURCES[dataset].raw_files(data_dir)


def label_names(dataset: str, data_dir: Path | str | None = None) -> tuple[str, ...]:
    """The labels of a source, of all splits: in the publisher's order, else sorted."""
    check_choice("dataset", dataset, DATASETS)
    if dataset == "demo":
        return demo.LABELS
    return tuple(_SOURCES[dataset].label_names(data_dir))


def _survey(dataset, split, data_dir, view, limit, seed, heldout) -> Survey:
    _check(dataset, split, data_dir, view, limit, seed, heldout)
    state = stamps(*raw_files(dataset, data_dir))
    view = view or VIEWS[dataset][0]
    heldout = tuple(heldout) if isinstance(heldout, list) else heldout
    return _new_survey(state, dataset, split, data_dir, view, limit, seed, heldout)


@functools.lru_cache(maxsize=8)
def _new_survey(state: tuple, dataset, split, data_dir, view, limit, seed, heldout) -> Survey:
    """One pass over the clips of a split, once for each state of its files; tells its faults."""
    if dataset == "demo":
        drawn = tuple(demo.clips(split, seed, limit, view))
        return Survey(drawn, tuple(clip.inspect() for clip in drawn), Faults())
    faults = Faults()
    clips = survey(_listed(dataset, split, data_dir, view, heldout, faults), faults, limit)
    where = f"{dataset} in {data_dir}, split `{split}`"
    if not clips.usable:
        message = f"`split` must hold a usable clip. Got none in {where}."
        raise ValueError(f"{message}\n{faults.summary()}".rstrip())
    faults.tell(where)
    return clips


def _listed(dataset, split, data_dir, view, heldout, faults: Faults) -> list[Clip]:
    """The clips of a split as its source lists them, mixed."""
    if dataset == "utd_mhad":
        return mixed(utd_mhad.clips(split, data_dir, faults, view, heldout))
    return mixed(_SOURCES[dataset].clips(split, data_dir, faults))


def _check(dataset, split, data_dir, view, limit, seed, heldout) -> None:
    check_choice("dataset", dataset, DATASETS)
    check_choice("split", split, SPLITS)
    check_limit(limit)
    check_seed(seed)
    if view is not None and view not in VIEWS[dataset]:
        raise ValueError(
            f"`view` must be one of {', '.join(VIEWS[dataset])} for `{dataset}`, or None. "
            f"Got {view!r}."
        )
    if dataset == "demo":
        check_no_folder(data_dir, "folder")
    if heldout is not None and dataset != "utd_mhad":
        raise ValueError(
            f"`heldout` must be None for `{dataset}`: it is of utd_mhad alone. Got {heldout!r}."
        )


def _sizes(clips: Survey) -> dict:
    """The numbers of a split, which JSON can hold."""
    subjects = {clip.subject for clip in clips.usable}
    sizes = {
        "clips": len(clips.usable),
        "labels": dict(sorted(Counter(clip.label for clip in clips.usable).items())),
        "subjects": None if "" in subjects else sorted(subjects),
        "frames": _spread([extent.frames for extent in clips.extents], 0),
    }
    seconds = [extent.seconds for extent in clips.extents]
    return sizes | ({"seconds": _spread(seconds, 2)} if all(seconds) else {})


def _spread(values: Sequence[float], digits: int) -> dict[str, float]:
    quantiles = np.quantile(values, (0, 0.5, 1)).tolist()
    names = ("shortest", "median", "longest")
    return {name: round(value, digits) for name, value in zip(names, quantiles, strict=True)}
