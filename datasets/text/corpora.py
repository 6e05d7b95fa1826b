"""The corpora that character and byte models are ranked on."""

from pathlib import Path

from datasets.text.files import decode_utf8, existing_folder, read_named

_PTB = {"train": "ptb.train.txt", "dev": "ptb.valid.txt", "test": "ptb.test.txt"}
_MILLION = 10**6
_HUTTER = {  # first byte, bytes
    "train": (0, 90 * _MILLION),
    "dev": (90 * _MILLION, 5 * _MILLION),
    "test": (95 * _MILLION, 5 * _MILLION),
}


def ptb(split: str, data_dir: Path | str | None = None) -> str:
    """Penn Treebank characters, in Mikolov's files `ptb.{train,valid,test}.txt`.

    Every line is stripped of the blanks around it and ends with a line end: 50 symbols, `<unk>`
    being five of them. In `data_dir`, or in its `simple-examples/data` or `data`.

    Raises:
        ValueError: the file is not there.
    """
    folder = existing_folder("ptb", data_dir, _PTB[split])
    below = [folder / name for name in ("simple-examples/data", "data", "ptb")]
    folder = next((one for one in below if one.is_dir()), folder)
    lines = decode_utf8(read_named(folder, _PTB[split]), folder / _PTB[split]).splitlines()
    return "".join(f"{line.strip()}\n" for line in lines)


def text8(split: str, data_dir: Path | str | None = None) -> str:
    """Mahoney's text8, `text8.zip` or `text8`: 90, 5 and 5 million characters, a to z and blank.

    Raises:
        ValueError: the file is not there, or is not as long as it must be.
    """
    return _hutter("text8", split, data_dir).decode("ascii")


def enwik8(split: str, data_dir: Path | str | None = None) -> bytes:
    """Hutter's enwik8, `enwik8.zip` or `enwik8`: 90, 5 and 5 million bytes of Wikipedia's XML.

    Raises:
        ValueError: the file is not there, or is not as long as it must be.
    """
    return _hutter("enwik8", split, data_dir)


def _hutter(name: str, split: str, data_dir: Path | str | None) -> bytes:
    folder = existing_folder(name, data_dir, f"{name}.zip")
    start, size = _HUTTER[split]
    content = read_named(folder, name, start=start, size=size)
    if len(content) != size:
        raise ValueError(
            f"{folder / name} must have 100,000,000 bytes. Its part `{split}` has only "
            f"{len(content):,} of {size:,}."
        )
    return content
