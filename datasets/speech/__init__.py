"""Recorded speech and its words: `load("demo", "train")` and its likes; README.md has cards.

A source is one file here that lists the utterances of a split; sound is decoded, or made, one
utterance at a time while a pass goes on. What cannot be used is found, counted and left out here,
the same for all.
"""

import functools
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from datasets.arguments import check_choice, check_limit, check_no_folder, check_seed
from datasets.faults import Faults
from datasets.files import stamps
from datasets.speech import an4, demo, folder, fsdd, librispeech, speech_commands
from datasets.speech.audio import ENDINGS
from datasets.speech.utterances import CLIPPED, Survey, stream, survey

DATASETS = (
    *("demo", "an4", "fsdd", "fsdd_strings", "speech_commands", "librispeech"),
    *("asterisk", "folder"),
)
SPLITS = ("train", "dev", "test")

_SOURCES = {
    "an4": an4,
    "speech_commands": speech_commands,
    "librispeech": librispeech,
    "asterisk": folder,
    "folder": folder,
}
_DIGITS = ("fsdd", "fsdd_strings")
_LOG = logging.getLogger(__name__)


def load(
    dataset: str,
    split: str,
    data_dir: Path | str | None = None,
    *,
    limit: int | None = None,
    seed: int = 0,
    unheard: str | None = None,
) -> tf.data.Dataset:
    """The utterances of one split, one at a time, in an order that is always the same.

    Texts are the source's own in Unicode's form NFC, with each run of white space one space; those
    of a source all in capitals (`an4`, `librispeech`, a table of `folder` without a small letter)
    are in lower case. No speaker is in two splits where the source names speakers, but for the
    publisher's split of `fsdd`.

    Each recording is decoded once before this returns (those of `demo`, which are made, are not):
    what cannot be used is left out, counted, and told in one log message at WARNING level, and so
    are recordings with many samples at full scale, which stay. A pass over the records holds one
    recording at a time.

    Args:
        dataset: one of `DATASETS`.
        split: `train`, `dev` or `test`.
        data_dir: folder of the raw files; `demo` needs none.
        limit: at most so many utterances, the first ones; None for all.
        seed: which utterances `demo` and `fsdd_strings` draw; the other sources do not use it.
        unheard: a speaker of `fsdd` or `fsdd_strings` who is all of test, and in no other split.

    Returns:
        Records of `id <string>[]`, `waveform <float32>[samples]` in [-1, 1] (channels averaged),
        `rate <int32>[]` (Hz, the file's own), `text <string>[]` and `speaker <string>[]` ("" where
        it is not known); the dataset knows its cardinality.

    Raises:
        ImportError: `demo` without the package espeakng-loader.
        ValueError: an argument is unknown; files are not there or not in their layout; no utterance
            of the split can be used.
    """
    return stream(_survey(dataset, split, data_dir, limit, seed, unheard).usable)


def describe(
    dataset: str,
    splits: Sequence[str] = SPLITS,
    data_dir: Path | str | None = None,
    *,
    limit: int | None = None,
    seed: int = 0,
    unheard: str | None = None,
) -> dict:
    """What `load` understands: `files`, each of `splits` with its sizes, `left_out`, `clipped`.

    `files` are tables, archives and programs; `audio_files` counts the recordings by their ending.

    A split has its utterances, speakers (None: not known) and, where sound was read, the seconds of
    all, the shortest, median and longest, and how many utterances have which rate.

    Raises:
        ValueError: as `load`, for any of `splits`.
    """
    surveys = {split: _survey(dataset, split, data_dir, limit, seed, unheard) for split in splits}
    files = raw_files(dataset, data_dir)
    clipped = {split: len(found.clipped) for split, found in surveys.items() if found.clipped}
    faults = {split: dict(found.faults.counts) for split, found in surveys.items()}
    return {
        "dataset": dataset,
        "files": [str(path) for path in files if path.suffix not in ENDINGS],
        "audio_files": dict(Counter(path.suffix for path in files if path.suffix in ENDINGS)),
        "splits": {split: _sizes(found) for split, found in surveys.items()},
        "left_out": {split: counts for split, counts in faults.items() if counts},
        **({"clipped": clipped} if clipped else {}),
    }


def raw_files(dataset: str, data_dir: Path | str | None = None) -> list[Path]:
    """The files that a source reads, of all splits: what a digest of the data is made of."""
    check_choice("dataset", dataset, DATASETS)
    if dataset == "demo":
        return demo.raw_files()
    if dataset in _DIGITS:
        return fsdd.raw_files(data_dir)
    return _SOURCES[dataset].raw_files(data_dir)


def _survey(dataset, split, data_dir, limit, seed, unheard) -> Survey:
    _check(dataset, split, data_dir, limit, seed, unheard)
    state = stamps(*raw_files(dataset, data_dir))
    return _new_survey(state, dataset, split, data_dir, limit, seed, unheard)


@functools.lru_cache(maxsize=8)
def _new_survey(state: tuple, dataset, split, data_dir, limit, seed, unheard) -> Survey:
    """One pass over the sound of a split, once for each state of its files; tells its faults."""
    if dataset == "demo":
        made = demo.utterances(split, seed, limit)
        return Survey(tuple(made), Faults(), (), (), ())
    faults = Faults()
    if dataset in _DIGITS:
        listed = fsdd.utterances(split, data_dir, unheard)
    else:
        listed = _SOURCES[dataset].utterances(split, data_dir, faults)
    found = survey(listed, faults, None if dataset == "fsdd_strings" else limit)
    where = f"{dataset} in {data_dir}, split `{split}`"
    if not found.usable:
        message = f"`split` must hold a usable recording. Got none in {where}."
        raise ValueError(f"{message}\n{faults.summary()}".rstrip())
    faults.tell(where)
    if found.clipped:
        _LOG.warning(
            "%s: %d recordings have %s of their samples or more at full scale, such as %s.",
            *(where, len(found.clipped), CLIPPED, found.clipped[0]),
        )
    if dataset == "fsdd_strings":
        made = fsdd.strings(found.usable, split, seed, limit)
        return found._replace(usable=tuple(made), lengths=(), rates=())
    return found


def _check(dataset, split, data_dir, limit, seed, unheard) -> None:
    check_choice("dataset", dataset, DATASETS)
    check_choice("split", split, SPLITS)
    check_limit(limit)
    check_seed(seed)
    if dataset == "demo":
        check_no_folder(data_dir, "folder")
    if unheard is not None and dataset not in _DIGITS:
        raise ValueError(
            f"`unheard` must be None for `{dataset}`: it is of {' and '.join(_DIGITS)} alone. "
            f"Got {unheard!r}."
        )


def _sizes(found: Survey) -> dict:
    """The numbers of a split, which JSON can hold."""
    speakers = {utterance.speaker for utterance in found.usable}
    sizes = {"utterances": len(found.usable), "speakers": None if "" in speakers else len(speakers)}
    if found.lengths:
        quantiles = np.quantile(found.lengths, (0, 0.5, 1)).tolist()
        sizes["seconds"] = {
            "all": round(sum(found.lengths), 1),
            **{
                name: round(value, 2)
                for name, value in zip(("shortest", "median", "longest"), quantiles, strict=True)
            },
        }
        sizes["rates"] = {str(rate): count for rate, count in Counter(found.rates).items()}
    return sizes
