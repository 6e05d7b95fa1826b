"""The Large Movie Review Dataset as its publisher lays it out: aclImdb/, or its archives.

Maas, Daly, Pham, Huang, Ng and Potts, "Learning word vectors for sentiment analysis", ACL 2011.

    aclImdb/train/pos/ID_RATING.txt    12,500 reviews of 7 to 10 stars; neg/: 12,500 of 1 to 4
    aclImdb/train/urls_pos.txt         line ID (counted from 0) names the film of review ID
    aclImdb/train/unsup/ID_0.txt       50,000 reviews without a label
    aclImdb/test/{pos,neg}/            as train; about other films
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from datasets.files import check_md5, check_place, tar_members
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
_ARCHIVES = dict.fromkeys(("train", "dev"), "aclImdb_train.tar.xz") | {
    "test": "aclImdb_test.tar.xz",
    "unlabelled": "aclImdb_unsup.tar.xz",
}
_LARGEST = 2**20  # bytes; the longest review has 14 kB
_LARGEST_LIST = 2**26  # bytes; that of the unlabelled reviews has 2.5 MB
_HINT = (
    f"the folder that holds {_PUBLISHED} (https://ai.stanford.edu/~amaas/data/sentiment/) or what "
    "it unpacks to"
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
    source = _source("train", data_dir)
    if source is None or source.is_file():
        return [source] if source else []
    return [source / part for parts in (_PARTS["train"], _lists(_PARTS["train"])) for part in parts]


def films_of(paths: Iterable[str], files: dict[str, str]) -> dict[str, str]:
    """The film (the address of its page) of each review, from the `urls_*` among `files`.

    Raises:
      ValueError: a review has none.
    """
    films = {}
    lists = {
        name: dict(enumerate(text.split("\n"))) for name, text in files.items() if "/urls_" in name
    }
    for path in paths:
        folder, part, name = path.split("/")
        listing = f"{folder}/urls_{part}"
        number = int(name.partition("_")[0])
        film = lists.get(listing, {}).get(number, "").strip()
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
    room = Counter({label: round(count * DEV_SHARE) for label, count in totals.items()})
    held_out = set()
    for film in sorted(reviews, key=lambda film: sha256(f"{seed} {film}".encode()).digest()):
        if reviews[film] <= room:  # of every label
            held_out.add(film)
            room -= reviews[film]
    return held_out


def _files(split: str, data_dir: Path | str | None) -> dict[str, str]:
    """Contents by path below aclImdb/, without ".txt": the split's reviews and lists of films."""
    source, parts = _source(split, data_dir), _PARTS[split]
    if source is None:
        return {}
    if source.name == _PUBLISHED:
        check_md5(source, _MD5)
    texts = {}
    for path, raw in (_in_tree if source.is_dir() else _in_archive)(source, parts):
        try:
            texts[path.removesuffix(".txt")] = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"aclImdb/{path} must be UTF-8. Got {error}.") from error
    return texts


def _source(split: str, data_dir: Path | str | None) -> Path | None:
    """The unpacked folder that has a part of the split, else the archive."""
    root = check_place(data_dir, _HINT)
    for tree in (root, root / "aclImdb"):
        if any((tree / part).is_dir() for part in _PARTS[split]):
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
    def largest(name: str) -> int:
        if _below(name) in _lists(parts):
            return _LARGEST_LIST
        return _LARGEST if _below(name).rpartition("/")[0] in parts else 0

    for name, raw in tar_members(archive, largest):
        yield _below(name), raw


def _below(name: str) -> str:
    """A member's path below aclImdb/."""
    return name.removeprefix("./").removeprefix("aclImdb/")


def _require_parts(split: str, there: set[str], data_dir: Path | str) -> None:
    missing = [part for part in _PARTS[split] if part not in there]
    if missing:
        raise ValueError(
            f"Split `{split}` of IMDB is not in {data_dir}: no reviews of "
            f"{' and '.join(f'aclImdb/{part}/' for part in missing)} were found, unpacked or in "
            f"{_PUBLISHED} or {_ARCHIVES[split]}. `data_dir` must be {_HINT}."
        )
