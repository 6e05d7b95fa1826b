"""Small stores and records that the tests of translation share."""

import numpy as np
import tensorflow as tf

from pipelines.store import Column, Store
from pipelines.translation.data import numbered
from pipelines.translation.subwords import learn_vocabulary
from tests.datasets.translation.records import read


def demo(count, size=500):
    """Sentence pairs of the demo and a vocabulary of them."""
    columns = read("demo", "train", limit=count)
    texts = [*columns.sources, *columns.targets]
    return columns, learn_vocabulary(lambda: texts, size)


def records_of(sources, targets=None) -> tf.data.Dataset:
    """Sentences, strings or bytes, as `datasets.translation.load` streams them."""
    columns = {
        "id": [f"id:{i}" for i in range(len(sources))],
        "source": list(sources),
        "target": list(sources if targets is None else targets),
    }
    columns = {name: tf.constant(column, tf.string) for name, column in columns.items()}
    return tf.data.Dataset.from_tensor_slices(columns)


def store_of(sources, targets) -> Store:
    """Rows of tokens, as `encode_split` keeps them."""
    return Store({"source": _column(sources), "target": _column(targets)})


def _column(rows) -> Column:
    offsets = np.cumsum([0, *map(len, rows)])
    return Column(np.array([token for row in rows for token in row], np.uint16), offsets)


def encoded(columns, vocabulary) -> Store:
    """The store of sentence pairs."""
    batches = list(numbered(records_of(columns.sources, columns.targets), vocabulary))
    rows = {
        side: np.split(values, np.cumsum(lengths)[:-1])
        for side, (values, lengths) in batches[0].items()
    }
    return store_of(rows["source"], rows["target"])
