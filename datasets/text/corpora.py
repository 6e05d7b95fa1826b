"""The texts that character and byte models are compared on."""

from collections.abc import Iterator
from pathlib import Path

from datasets import tfds
from datasets.files import check_place, find_files, find_named, read_bytes, read_pieces
from datasets.text.source import Source, part

_PTB = {"train": "ptb.train.txt", "dev": "ptb.valid.txt", "test": "ptb.test.txt"}
_MILLION = 10**6
_HUTTER = {  # first byte, bytes
    "train": (0, 90 * _MILLION),
    "dev": (90 * _MILLION, 5 * _MILLION),
    "test": (95 * _MILLION, 5 * _MILLION),
}


def tiny_shakespeare(split: str, data_dir: Path | str | None = None) -> Source:
    """Karpathy's forty thousand lines of Shakespeare: the first 90% train, the rest dev.

    The raw file, `tinyshakespeare.txt` or `input.txt` as published, from `data_dir`; without a
    `data_dir` through tensorflow-datasets, whose three parts are put together again.

    Raises:
        ValueError: the file is not there, or cannot be read.
        ImportError: of its pieces, where there is no `data_dir` and tensorflow-datasets is not
            installed.
    """
    if data_dir is None:
        return Source(_from_tensorflow_datasets, (90, 10))
    folder = check_place(data_dir, "a folder with tinyshakespeare.txt for `tiny_shakespeare`")
    name = "input.txt" if "input.txt" in find_files(folder) else "tinyshakespeare.txt"
    path = find_named(folder, name)
    return Source(lambda: read_pieces(path), (90, 10), (path,))


def _from_tensorflow_datasets() -> Iterator[str]:
    hint = " Or name the folder of tinyshakespeare.txt as `data_dir`."
    for split in ("train", "validation", "test"):
        for example in tfds.load("tiny_shakespeare", split, hint=hint).as_numpy_iterator():
            yield example["text"].decode()


def war_and_peace(split: str, data_dir: Path | str | None = None) -> Source:
    """Tolstoy's War and Peace in English: 80% train, 10% dev, 10% test, in that order.

    `warandpeace.txt` from `data_dir`. Of a Project Gutenberg file the preface and the licence are
    left out.

    Raises:
        ValueError: the file is not there, or is not UTF-8.
    """
    folder = check_place(data_dir, "a folder with warandpeace.txt for `war_and_peace`")
    path = find_named(folder, "warandpeace.txt")
    return Source(lambda: [_between_the_marks("".join(read_pieces(path)))], (80, 10, 10), (path,))


def _between_the_marks(text: str) -> str:
    """What lies between Project Gutenberg's "*** START" and "*** END" lines, if it has them."""
    start, end = text.find("*** START OF"), text.find("*** END OF")
    if start < 0 or end < start:
        return text
    return text[text.index("\n", start) : end].strip() + "\n"


def ptb(split: str, data_dir: Path | str | None = None) -> Source:
    """Penn Treebank characters, in Mikolov's files `ptb.{train,valid,test}.txt`.

    Every line is stripped of the blanks around it and ends with a line end: 50 symbols, `<unk>`
    being five of them. In `data_dir`, or in its `simple-examples/data` or `data`.

    Raises:
        ValueError: the file is not there.
    """
    folder = check_place(data_dir, f"a folder with {_PTB[split]} for `ptb`")
    below = [folder / inner for inner in ("simple-examples/data", "data", "ptb")]
    folder = next((inner for inner in below if inner.is_dir()), folder)
    path = find_named(folder, _PTB[split])

    def pieces() -> list[str]:
        lines = "".join(read_pieces(path)).splitlines()
        return ["".join(f"{line.strip()}\n" for line in lines)]

    return Source(pieces, files=(path,))


def text8(split: str, data_dir: Path | str | None = None) -> Source:
    """Mahoney's text8, `text8.zip` or `text8`: 90, 5 and 5 million characters, a to z and blank.

    Raises:
        ValueError: the file is not there.
    """
    source = _hutter("text8", split, data_dir)
    return source._replace(pieces=lambda: (piece.decode("ascii") for piece in source.pieces()))


def enwik8(split: str, data_dir: Path | str | None = None) -> Source:
    """Hutter's enwik8, `enwik8.zip` or `enwik8`: 90, 5 and 5 million bytes of Wikipedia's XML.

    Raises:
        ValueError: the file is not there.
    """
    return _hutter("enwik8", split, data_dir)


def _hutter(name: str, split: str, data_dir: Path | str | None) -> Source:
    """Its pieces raise ValueError where the file is not as long as it must be."""
    folder = check_place(data_dir, f"a folder with {name}.zip for `{name}`")
    path = find_named(folder, name)
    start, size = _HUTTER[split]

    def pieces() -> Iterator[bytes]:
        count = 0
        for piece in part(read_bytes(path), start, start + size):
            count += len(piece)
            yield piece
        if count != size:
            raise ValueError(
                f"{path.parent / name} must have 100,000,000 bytes. Its part `{split}` has only "
                f"{count:,} of {size:,}."
            )

    return Source(pieces, files=(path,))
