"""Flickr8k: 8,000 photographs, five captions each, official splits of 6,000, 1,000 and 1,000.

Hodosh, Young and Hockenmaier, "Framing image description as a ranking task", JAIR 47 (2013).
"""

import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from datasets.captioning.faults import Faults, clean_captions, settle, usable_images

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
    "`data_dir` must be the folder that holds Flickr8k_Dataset.zip and Flickr8k_text.zip, or what "
    "they unpack to. The University of Illinois gives them out on request "
    "(https://hockenmaier.cs.illinois.edu/8k-pictures.html)."
)

# base name -> (folder or archive, path in it)
Index = dict[str, tuple[Path, str]]


def examples(
    split: str,
    *,
    data_dir: Path | str | None,
    limit: int | None = None,
    max_bad_share: float = 0.05,
) -> tuple[int, Callable[[], Iterator[tuple[str, bytes, list[str]]]]]:
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
            f"Flickr8k lacks them, or Flickr8k_Dataset.zip is not there. {_HINT}"
        )
    pairs = _pairs(index, set(names), data_dir)
    captions = clean_captions(pairs, faults)
    names = names[:limit]
    with ExitStack() as stack:
        read = _reader(index, stack)
        usable = usable_images(names, captions, read, faults)
    where = f"Flickr8k in {data_dir}, split `{split}`"
    settle(faults, where, len(names), len(pairs), max_bad_share)

    def generate() -> Iterator[tuple[str, bytes, list[str]]]:
        with ExitStack() as stack:
            read = _reader(index, stack)
            for name in usable:
                yield name, read(name), captions[name]

    return len(usable), generate


def raw_files(data_dir: Path | str | None) -> list[Path]:
    """The archives that the images and texts lie in, or these themselves where unpacked."""
    texts = (_CAPTIONS, *_LISTS.values())
    places = [
        place for name, place in _index(data_dir).items() if name in texts or name.endswith(".jpg")
    ]
    paths = {place / member if place.is_dir() else place for place, member in places}
    return sorted(paths)


def _index(data_dir: Path | str | None) -> Index:
    """Where each file is, by base name (unique in Flickr8k): unpacked first, then the archives."""
    if data_dir is None or not Path(data_dir).is_dir():
        got = "None" if data_dir is None else f"{str(data_dir)!r}, which is no folder"
        raise ValueError(f"{_HINT} Got {got}.")
    index: Index = {}
    archives = []
    root = Path(data_dir)
    for folder, subfolders, files in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        subfolders[:] = sorted(subfolders) if depth < _DEPTH else []
        for file in files:
            index.setdefault(file, (Path(folder), file))
        archives += [Path(folder) / file for file in files if file in _ARCHIVES]
    for archive in archives:
        try:
            with zipfile.ZipFile(archive) as opened:
                members = opened.namelist()
        except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
            raise ValueError(f"{archive} is not a whole zip archive: {error}.") from error
        for member in members:
            index.setdefault(PurePosixPath(member).name, (archive, member))
    return index


def _reader(index: Index, stack: ExitStack) -> Callable[[str], bytes]:
    """`read(name)` from folder or archive; `stack` closes the archives that it opened."""
    opened: dict[Path, zipfile.ZipFile] = {}

    def read(name: str) -> bytes:
        place, member = index[name]
        try:
            if place.is_dir():
                return (place / member).read_bytes()
            if place not in opened:
                opened[place] = stack.enter_context(zipfile.ZipFile(place))
            if opened[place].getinfo(member).file_size > _LARGEST:
                raise ValueError(f"larger than {_LARGEST:,} bytes")
            return opened[place].read(member)
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise ValueError(f"cannot be read: {error}") from error

    return read


def _read_text(name: str, index: Index) -> str:
    with ExitStack() as stack:
        return _reader(index, stack)(name).decode("utf-8-sig", errors="surrogateescape")


def _split_names(split: str, index: Index, data_dir: Path | str) -> list[str]:
    """The image names of the official list of `split`, in its order."""
    if _LISTS[split] not in index:
        there = [name for name, file in _LISTS.items() if file in index]
        raise ValueError(
            f"0 of {_OFFICIAL[split]:,} images of split `{split}` are in {data_dir}: its list "
            f"{_LISTS[split]} is not there (splits there: {', '.join(there) or 'none'}). {_HINT}"
        )
    return list(dict.fromkeys(_read_text(_LISTS[split], index).split()))


def _pairs(index: Index, names: set[str], data_dir: Path | str) -> list[tuple[str, str]]:
    """`(image name, caption)` of every line `name#i<TAB>caption` about an image of `names`.

    The published file has captions of `2258277193_586949ec62.jpg.1`, an image that does not exist
    and that no split lists: it drops out here, as do the images of other splits.
    """
    if _CAPTIONS not in index:
        raise ValueError(f"`{_CAPTIONS}`, the captions, is not in {data_dir}. {_HINT}")
    pairs = []
    for line in _read_text(_CAPTIONS, index).split("\n"):
        key, _, caption = line.partition("\t")
        name = key.rpartition("#")[0]
        if name in names:
            pairs.append((name, caption))
    return pairs
