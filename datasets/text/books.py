"""Two texts of the public domain that character models are compared on."""

from pathlib import Path

from datasets.text.files import decode_utf8, existing_folder, find_named, read_named
from datasets.text.source import Source


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
        return Source(lambda: [_from_tensorflow_datasets()], (90, 10))
    folder = existing_folder("tiny_shakespeare", data_dir, "tinyshakespeare.txt")
    published = (folder / "input.txt").is_file()
    name = "input.txt" if published else "tinyshakespeare.txt"
    return Source(lambda: [_text(folder, name)], (90, 10), (find_named(folder, name),))


def _from_tensorflow_datasets() -> str:
    try:
        import tensorflow_datasets as tfds

        parts = tfds.load("tiny_shakespeare", split=["train", "validation", "test"])
    except ImportError as error:
        raise ImportError(
            "`tiny_shakespeare` without `data_dir` needs tensorflow-datasets: pip install "
            f"tensorflow-datasets importlib_resources ({error}). Or name the folder of "
            "tinyshakespeare.txt as `data_dir`."
        ) from error
    return "".join(
        example["text"].decode() for part in parts for example in part.as_numpy_iterator()
    )


def war_and_peace(split: str, data_dir: Path | str | None = None) -> Source:
    """Tolstoy's War and Peace in English: 80% train, 10% dev, 10% test, in that order.

    `warandpeace.txt` from `data_dir`. Of a Project Gutenberg file the preface and the licence are
    left out.

    Raises:
        ValueError: the file is not there, or is not UTF-8.
    """
    folder = existing_folder("war_and_peace", data_dir, "warandpeace.txt")
    name = "warandpeace.txt"
    return Source(
        lambda: [_between_the_marks(_text(folder, name))],
        (80, 10, 10),
        (find_named(folder, name),),
    )


def _text(folder: Path, name: str) -> str:
    return decode_utf8(read_named(folder, name), folder / name)


def _between_the_marks(text: str) -> str:
    """What lies between Project Gutenberg's "*** START" and "*** END" lines, if it has them."""
    start, end = text.find("*** START OF"), text.find("*** END OF")
    if start < 0 or end < start:
        return text
    return text[text.index("\n", start) : end].strip() + "\n"
