"""Unbroken text: `read("demo", "train")` and its likes; README.md has a card for each.

A source is a function `(split, data_dir, **options) -> str or bytes`; what it gives is one long
text, read from its start to its end.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from datasets.choices import check_choice
from datasets.text import books, corpora, demo, file
from datasets.text.streams import check_streams, streams

SOURCES: dict[str, Callable[..., str | bytes]] = {
    "demo": demo.text,
    "file": file.text,
    "tiny_shakespeare": books.tiny_shakespeare,
    "war_and_peace": books.war_and_peace,
    "ptb": corpora.ptb,
    "text8": corpora.text8,
    "enwik8": corpora.enwik8,
}
SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Text:
    """One split of a data set.

    Attributes:
        content: the whole text: a string, or bytes where a symbol is a byte.
    """

    content: str | bytes

    @property
    def unit(self) -> str:
        """What a symbol is: "character" (a Unicode code point) or "byte"."""
        return "byte" if isinstance(self.content, bytes) else "character"

    @property
    def symbols(self) -> np.ndarray:
        """`<int32>[symbols]`: the code points, or the bytes' values: "Ab" -> [65, 98]."""
        if isinstance(self.content, bytes):
            return np.frombuffer(self.content, np.uint8).astype(np.int32)
        return np.frombuffer(self.content.encode("utf-32-le"), np.uint32).astype(np.int32)


def read(
    dataset: str,
    split: str,
    data_dir: Path | str | None = None,
    *,
    limit: int | None = None,
    **options,
) -> Text:
    """One split of a data set, whole.

    Args:
        dataset: `demo`, `file`, `tiny_shakespeare`, `war_and_peace`, `ptb`, `text8` or `enwik8`.
        split: `train`, `dev` or `test`; not every set has all three.
        data_dir: the folder of the raw files; for `file`, a text file or a folder of them.
        limit: at most so many symbols, the first ones.
        **options: of the source: `encoding` and `unit` of `file`.

    Raises:
        ValueError: an unknown name; a file that is not there, or not in the layout expected; an
            encoding that is broken; a split that the set has not, or that is empty.
        ImportError: a package that the set needs is not installed.
    """
    check_choice("dataset", dataset, tuple(SOURCES))
    check_choice("split", split, SPLITS)
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise ValueError(f"`limit` must be a positive integer or None. Got {limit!r}.")
    content = SOURCES[dataset](split, data_dir, **options)[:limit]
    if not content:
        raise ValueError(f"Split `{split}` of `{dataset}` must hold text. It is empty.")
    return Text(content)


def load(
    dataset: str,
    split: str,
    data_dir: Path | str | None = None,
    *,
    batch_size: int,
    time: int,
    limit: int | None = None,
    **options,
) -> tf.data.Dataset:
    """Batches of `batch_size` contiguous streams, so that a row goes on where it ended before.

    An element is `{"input": <int32>[batch_size, time], "target": <int32>[batch_size, time]}` of
    symbols (see `Text.symbols`); a target is the symbol after its input. `streams` says which
    symbols are where.

    Args:
        batch_size: streams that the text is cut into, one a batch row.
        time: symbols of each stream in an element.
        dataset, split, data_dir, limit, options: as for `read`.

    Raises:
        ValueError: as `read`; or the text is too short for one batch.
    """
    symbols = read(dataset, split, data_dir, limit=limit, **options).symbols
    check_streams(len(symbols), batch_size, time)

    def elements() -> Iterator[dict[str, np.ndarray]]:
        for inputs, targets in streams(symbols, batch_size, time):
            yield {"input": inputs, "target": targets}

    spec = tf.TensorSpec([batch_size, time], tf.int32)
    found = tf.data.Dataset.from_generator(
        elements, output_signature={"input": spec, "target": spec}
    )
    count = (len(symbols) - 1) // batch_size // time
    return found.apply(tf.data.experimental.assert_cardinality(count))
