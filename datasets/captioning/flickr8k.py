"""Flickr8k: 8,000 photographs, five captions each, official splits of 6,000, 1,000 and 1,000.

Hodosh, Young and Hockenmaier, "Framing image description as a ranking task", JAIR 47 (2013).
"""

import os
import zipfile
from pathlib import Path, PurePosixPath

from datasets.captioning.faults import Examples, checked_examples, clean_captions
from datasets.faults import Faults
from datasets.files import check_place, read_small

_CAPTIONS = "Flickr8k.token.txt"
_OFFICIAL = {"train": 6000, "dev": 1000, "test": 1000}  # images
_LISTS = {
    "train": "Flickr_8k.trainImages.txt",
    "dev": "Flickr_8k.devImages.txt",
    "test": "Flickr_8k.testImages.txt",
}
_ARCHIVES = ("Flickr8k_Dataset.zip", "Flickr8k_text.zip")
_DEPTH = 3  # folders below data_dir that are looked into
_LARGEST = 64 * 2**20  # bytes unpacked; the largest published photograph has well under one MiB
_HINT = (
    "the folder that holds Flickr8k_Dataset.zip and Flickr8k_text.zip, or what they unpack to; the "
    "University of Illinois gives them out on request "
    "(https://hockenmaier.cs.illinois.edu/8k-pictures.html)"
)
_WANTED = f"`data_dir` must be {_HINT}."

# By base name: a file in a folder or in an archive, which is open as long as the index is there.
Index = dict[str, Path | zipfile.Path]


def examples(
    split: str,
    *,
    data_dir: Path | str | None,
    limit: int | None = None,
    max_bad_share: float = 0.05,
) -> Examples:
    """`(count, generate)` of one official split; `generate()` reads straight from the zips.

    Raises:
      ValueError: `data_dir` lacks the captions, the split's list or all of its images; an archive
        that is cut off; more than `max_bad_share` of the split unusable.
    """
    index = _index(data_dir)
    faults = Faults()
    names = _split_names(split, index, data_dir)
    if not any(name in index for name in names):
        raise ValueError(
            f"0 of {len(names):,} images of split `{split}` are in {data_dir}: this copy of "
            f"Flickr8k lacks them, or Flickr8k_Dataset.zip is not there. {_WANTED}"
        )
    pairs = _pairs(index, set(names), data_dir)
    captions = clean_captions(pairs, faults)
    return checked_examples(
        names[:limit],
        captions,
        lambda name: read_small(index[name], _LARGEST),
        faults,
        where=f"Flickr8k in {data_dir}, split `{split}`",
        lines=len(pairs),
        max_bad_share=max_bad_share,
    )


def raw_files(data_dir: Path | str | None) -> list[Path]:
    """The archives that the images and texts lie in, or these themselves where unpacked."""
    texts = (_CAPTIONS, *_LISTS.values())
    places = [
        place for name, place in _index(data_dir).items() if name in texts or name.endswith(".jpg")
    ]
    return sorted(
        {place if isinstance(place, Path) else Path(place.root.filename) for place in places}
    )


def _index(data_dir: Path | str | None) -> Index:
    """Where each file is, by base name (unique in Flickr8k): unpacked first, then the archives."""
    root = check_place(data_dir, _HINT)
    index: Index = {}
    for folder, subfolders, files in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        subfolders[:] = sorted(subfolders) if depth < _DEPTH else []
        for file in files:
            index.setdefault(file, Path(folder, file))
    for path in [index[name] for name in _ARCHIVES if name in index]:
        try:
            archive = zipfile.Path(path)
        except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
            raise ValueError(f"{path} is not a whole zip archive: {error}.") from error
        for member in archive.root.namelist():
            index.setdefault(PurePosixPath(member).name, archive / member)
    return index


def _read_text(name: str, index: Index) -> str:
    return read_small(index[name], _LARGEST).decode("utf-8-sig", errors="surrogateescape")


def _split_names(split: str, index: Index, data_dir: Path | str) -> list[str]:
    """The image names of the official list of `split`, in its order."""
    if _LISTS[split] not in index:
        there = [name for name, file in _LISTS.items() if file in index]
        raise ValueError(
            f"0 of {_OFFICIAL[split]:,} images of split `{split}` are in {data_dir}: its list "
            f"{_LISTS[split]} is not there (splits there: {', '.join(there) or 'none'}). {_WANTED}"
        )
    return list(dict.fromkeys(_read_text(_LISTS[split], index).split()))


def _pairs(index: Index, names: set[str], data_dir: Path | str) -> list[tuple[str, str]]:
    """`(image name, caption)` of every line `name#i<TAB>caption` about an image of `names`.

    The published file has captions of `2258277193_586949ec62.jpg.1`, an image that does not exist
    and that no split lists: it drops out here, as do the images of other splits.
    """
    if _CAPTIONS not in index:
        raise ValueError(f"`{_CAPTIONS}`, the captions, is not in {data_dir}. {_WANTED}")
    pairs = []
    for line in _read_text(_CAPTIONS, index).split("\n"):
        key, _, caption = line.partition("\t")
        name = key.rpartition("#")[0]
        if name in names:
            pairs.append((name, caption))
    return pairs
