"""The Large Movie Review Dataset through tensorflow-datasets, where there is a network.

It carries no film and no name of a review: dev is a tenth of training by a hash of the text, so
that a film can be in both and dev flatters. `imdb` holds out by film.
"""

from pathlib import Path

from datasets import tfds
from datasets.sentiment.cleaning import share_of
from datasets.sentiment.imdb import NAMES
from datasets.sentiment.reviews import Reviews, as_reviews

_SPLITS = {"train": "train", "dev": "train", "test": "test", "unlabelled": "unsupervised"}


def read(split: str, data_dir: Path | str | None = None, *, seed: int = 0) -> Reviews:
    """One split; ids are "train/12": the example's place in tensorflow-datasets' own split.

    Args:
      data_dir: tensorflow-datasets' own folder, filled if it is empty (80 MB to download); None for
        its usual place, ~/tensorflow_datasets.

    Raises:
      ImportError: tensorflow-datasets, or a package that it needs, is not installed.
    """
    source = _SPLITS[split]
    examples = tfds.load("imdb_reviews", source, data_dir)
    rows = []
    for i, example in enumerate(examples.as_numpy_iterator()):
        text = example["text"].decode("utf-8", "replace")
        if source != "train" or (share_of(text, seed) == 0) == (split == "dev"):
            rows.append((f"{source}/{i}", text, int(example["label"])))
    return as_reviews(rows, NAMES)
