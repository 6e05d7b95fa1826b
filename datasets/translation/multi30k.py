"""Multi30k, task 1: captions of Flickr30k in English, and their translations.

Elliott, Frank, Sima'an and Specia, "Multi30K: Multilingual English-German Image Descriptions",
Workshop on Vision and Language 2016; French: Elliott et al., WMT 2017; Czech: Barrault et al.,
WMT 2018.
"""

from collections.abc import Iterator
from pathlib import Path

from datasets.arguments import check_choice
from datasets.files import find_all
from datasets.translation.cleaning import RawPair
from datasets.translation.pairs import read_aligned

LANGUAGES = ("en", "de", "fr", "cs")
STEMS = {"train": "train", "dev": "val", "test": "test_2016_flickr"}
_HINT = (
    "the folder that holds Multi30k's raw files of task 1, {train,val,test_2016_flickr}.{en,de} "
    "packed (.gz) or not: data/task1/raw of https://github.com/multi30k/dataset"
)


def raw_pairs(
    split: str, data_dir: Path | str | None, *, source: str, target: str
) -> Iterator[RawPair]:
    """(id, source, target) of a split's lines: train 29,000, dev 1,014, test 1,000.

    Raises:
        ValueError: a language that Multi30k does not have; a file that is not there; two files of
            different lengths.
    """
    return read_aligned(*split_files(split, data_dir, source=source, target=target))


def split_files(
    split: str, data_dir: Path | str | None, *, source: str, target: str
) -> tuple[Path, Path]:
    """The two files of a split."""
    check_choice("source", source, LANGUAGES)
    check_choice("target", target, LANGUAGES)
    names = [f"{STEMS[split]}.{language}" for language in (source, target)]
    files = find_all(data_dir, _HINT, names)
    return files[names[0]], files[names[1]]
