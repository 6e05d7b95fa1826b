"""The corpora that character and byte models are ranked on."""

from collections.abc import Iterator
from pathlib import Path

from datasets.text.files import (
    decode_utf8,
    existing_folder,
    find_named,
    read_named,
    read_pieces,
)
from datasets.text.source import Source, part

_PTB = {"train": "ptb.train.txt", "dev": "ptb.valid.txt", "test": "ptb.test.txt"}
_MILLION = 10**6
_HUTTER = {  # first byte, bytes
    "train": (0, 90 * _MILLION),
    "dev": (90 * _MILLION, 5 * _MILLION),
    "test": (95 * _MILLION, 5 * _MILLION),
}


def ptb(split: str, data_dir: Path | str | None = None) -> Source:
    """Penn Treebank characters, in Mikolov's files `ptb.{train,valid,test}.txt`.

    Every line is stripped of the blanks around it and ends with a line end: 50 symbols, `<unk>`
    being five of them. In `data_dir`, or in its `simple-examples/data` or `data`.

    Raises:
        ValueError: the file is not there.
    """
    folder, name = existing_folder("ptb", data_dir, _PTB[split]), _PTB[split]
    below = [folder / inner for inner in ("simple-examples/data", "data", "ptb")]
    folder = next((inner for inner in below if inner.is_dir()), folder)

    def pieces() -> list[str]:
        lines = decode_utf8(read_named(folder, name), folder / name).splitlines()
        return ["".join(f"{line.strip()}\n" for line in lines)]

    return Source(pieces, files=(find_named(folder, name),))


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
    path = find_named(existing_folder(name, data_dir, f"{name}.zip"), name)
    start, size = _HUTTER[split]

    def pieces() -> Iterator[bytes]:
        count = 0
        for piece in part(read_pieces(path, name), start, start + size):
            count += len(piece)
            yield piece
        if count != size:
            raise ValueError(
                f"{path.parent / name} must have 100,000,000 bytes. Its part `{split}` has only "
                f"{count:,} of {size:,}."
            )

    return Source(pieces, files=(path,))
