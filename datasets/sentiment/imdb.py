"""The Large Movie Review Dataset as its publisher lays it out: aclImdb/, or its archives.

Maas, Daly, Pham, Huang, Ng and Potts, "Learning word vectors for sentiment analysis", ACL 2011.

    aclImdb/train/pos/ID_RATING.txt    12,500 reviews of 7 to 10 stars; neg/: 12,500 of 1 to 4
    aclImdb/train/urls_pos.txt         line ID (counted from 0) names the film of review ID
    aclImdb/train/unsup/ID_0.txt       50,000 reviews without a label
    aclImdb/test/{pos,neg}/            as train; about other films
"""

import functools
import gzip
import hashlib
import lzma
import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from datasets.sentiment.reviews import UNLABELLED, Reviews, as_reviews

NAMES = ("negative", "positive")
DEV_SHARE = 0.1  # of the training reviews: 1,250 of each label

_LABELS = {"neg": 0, "pos": 1, "unsup": UNLABELLED}
_PARTS = {  # split -> where its reviews are
    "train": ("train/neg", "train/pos"),
    "dev": ("train/neg", "train/pos"),
    "test": ("test/neg", "test/pos"),
    "unlabelled": ("train/unsup",),
}
_PUBLISHED = "aclImdb_v1.tar.gz"
_MD5 = "7c2ac02c03563afcf9b574c7e56c153a"
_ARCHIVES = {
    "train": "aclImdb_train.tar.xz",
    "dev": "aclImdb_train.tar.xz",
    "test": "aclImdb_test.tar.xz",
    "unlabelled": "aclImdb_unsup.tar.xz",
}
_LARGEST = 2**20  # bytes; the longest review has 14 kB
_LARGEST_LIST = 2**26  # bytes; that of the unlabelled reviews has 2.5 MB
_HINT = (
    f"`data_dir` must be the folder that holds {_PUBLISHED} "
    "(https://ai.stanford.edu/~amaas/data/sentiment/) or what it unpacks to."
)


def read(split: str, data_dir: Path | str | None, *, seed: int = 0) -> Reviews:
    """One split; ids are the files' paths ("train/pos/0_9").

    dev is a tenth of the publisher's training split, held out by film (see `hold_out`); train is
    the rest. Texts are the files' contents, HTML breaks and all.

    Raises:
      ValueError: `data_dir` is no folder or lacks the split; an archive that is not whole; a label
        without reviews; for train and dev, a review whose film the urls_*.txt do not name.
    """
    files = _files(split, data_dir)
    rows = []
    for path, text in files.items():
        if name := re.fullmatch(r"((?:train|test)/(neg|pos|unsup))/(\d{1,9})_(\d{1,2})", path):
            rows.append((name[1], int(name[3]), path, text, _LABELS[name[2]]))
    rows.sort()  # by label, then by number
    _require_parts(split, {row[0] for row in rows}, data_dir)
    if split in ("train", "dev"):
        films = films_of([row[2] for row in rows], files)
        held_out = hold_out(films, seed)
        rows = [row for row in rows if (films[row[2]] in held_out) == (split == "dev")]
    return as_reviews([row[2:] for row in rows], NAMES)


def files(data_dir: Path | str | None) -> list[Path]:
    """Where train and dev are read from: the archive, or unpacked files and folders; or nothing."""
    source = _source(_PARTS["train"], "train", data_dir)
    if source is None or source.is_file():
        return [source] if source else []
    return [source / part for parts in (_PARTS["train"], _lists(_PARTS["train"])) for part in parts]


def films_of(paths: Iterable[str], files: dict[str, str]) -> dict[str, str]:
    """The film (the address of its page) of each review, from the `urls_*` among `files`.

    Raises:
      ValueError: a review has none.
    """
    films = {}
    lines = {}
    for path in paths:
        folder, part, name = path.split("/")
        listing = f"{folder}/urls_{part}"
        if listing not in lines:
            lines[listing] = files.get(listing, "").split("\n")
        number = int(name.partition("_")[0])
        film = lines[listing][number].strip() if number < len(lines[listing]) else ""
        if not film:
            raise ValueError(
                f"The film of {path}.txt must stand in line {number + 1} of {listing}.txt, so that "
                "dev can be held out by film: without it, the same film is in both, and dev "
                "flatters. The published archive has that file."
            )
        films[path] = film
    return films


def hold_out(films: dict[str, str], seed: int) -> set[str]:
    """The films of dev: about `DEV_SHARE` of the reviews of each label.

    Films come in the order of a hash of (seed, film), and each is taken whole unless that gave
    dev more than its share of a label. So the choice depends on seed and films alone, no film is in
    both splits, and both labels fill up to within a few reviews.

    Args:
      films: by the review's path, "train/pos/0_9" say.
    """
    reviews: dict[str, Counter] = {}
    for path, film in films.items():
        reviews.setdefault(film, Counter())[path.split("/")[1]] += 1
    totals = Counter(path.split("/")[1] for path in films)
    room = {label: round(count * DEV_SHARE) for label, count in totals.items()}
    held_out = set()
    for film in sorted(
        reviews, key=lambda film: hashlib.sha256(f"{seed} {film}".encode()).digest()
    ):
        if all(room[label] >= count for label, count in reviews[film].items()):
            held_out.add(film)
            for label, count in reviews[film].items():
                room[label] -= count
    return held_out


def _files(split: str, data_dir: Path | str | None) -> dict[str, str]:
    """Contents by path below aclImdb/, without ".txt": the split's reviews and lists of films."""
    parts = _PARTS[split]
    source = _source(parts, split, data_dir)
    if source is None:
        return {}
    return _decoded((_in_tree if source.is_dir() else _in_archive)(source, parts))


def _source(parts: tuple[str, ...], split: str, data_dir: Path | str | None) -> Path | None:
    """The unpacked folder that has a part of the split, else the archive."""
    if data_dir is None or not Path(data_dir).is_dir():
        got = "None" if data_dir is None else f"{str(data_dir)!r}, which is no folder"
        raise ValueError(f"{_HINT} Got {got}.")
    root = Path(data_dir)
    for tree in (root, root / "aclImdb"):
        if any((tree / part).is_dir() for part in parts):
            return tree
    archives = [root / name for name in (_PUBLISHED, _ARCHIVES[split])]
    return next((archive for archive in archives if archive.is_file()), None)


def _lists(parts: tuple[str, ...]) -> list[str]:
    """The lists of the films of some parts."""
    return [part.replace("/", "/urls_") + ".txt" for part in parts]


def _in_tree(tree: Path, parts: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    lists = [tree / path for path in _lists(parts) if (tree / path).is_file()]
    for file in [*lists, *(file for part in parts for file in (tree / part).glob("*.txt"))]:
        yield file.relative_to(tree).as_posix(), file.read_bytes()


def _in_archive(archive: Path, parts: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """One pass from start to end: a compressed archive cannot be entered in the middle.

    Members are read into memory and nothing is unpacked, so that no name in the archive, link or
    device can reach the disk.
    """
    if archive.name == _PUBLISHED:
        _check_whole(archive, archive.stat().st_mtime_ns)
    unpacked = gzip.open if archive.suffix == ".gz" else lzma.open
    try:
        # tarfile's own unpacking takes the end of a file that was cut off for the archive's end.
        with unpacked(archive) as file, tarfile.open(fileobj=file, mode="r|") as members:
            for member in members:
                path = member.name.removeprefix("./").removeprefix("aclImdb/")
                is_list = path in _lists(parts)
                if member.isreg() and (is_list or path.rpartition("/")[0] in parts):
                    largest = _LARGEST_LIST if is_list else _LARGEST
                    if member.size > largest:
                        raise ValueError(
                            f"A review must have at most {_LARGEST:,} bytes, a list of films "
                            f"{_LARGEST_LIST:,}. {member.name} of {archive} has {member.size:,}."
                        )
                    yield path, members.extractfile(member).read()
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
        raise ValueError(f"{archive} is not a whole archive: {error}.") from error


@functools.lru_cache
def _check_whole(archive: Path, changed: int) -> None:
    """Once for each state of the file (`changed`: its time stamp)."""
    with archive.open("rb") as file:
        md5 = hashlib.file_digest(file, "md5").hexdigest()
    if md5 != _MD5:
        raise ValueError(
            f"{archive} must have its publisher's MD5 {_MD5}. Got {md5}: load it again. "
            "(One that you packed yourself can be used unpacked.)"
        )


def _decoded(files: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    texts = {}
    for path, raw in files:
        try:
            texts[path.removesuffix(".txt")] = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"aclImdb/{path} must be UTF-8. Got {error}.") from error
    return texts


def _require_parts(split: str, there: set[str], data_dir: Path | str) -> None:
    missing = [part for part in _PARTS[split] if part not in there]
    if missing:
        raise ValueError(
            f"Split `{split}` of IMDB is not in {data_dir}: no reviews of "
            f"{' and '.join(f'aclImdb/{part}/' for part in missing)} were found, unpacked or in "
            f"{_PUBLISHED} or {_ARCHIVES[split]}. {_HINT}"
        )
