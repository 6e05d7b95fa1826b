"""Small stores and records that the tests of sentiment share."""

import numpy as np
import tensorflow as tf

from pipelines.store import Column, Store


def records_of(texts, labels=None) -> tf.data.Dataset:
    """Texts, strings or bytes, as `datasets.sentiment.load` streams them."""
    texts = [text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
             for text in texts]  # fmt: skip
    labels = [0] * len(texts) if labels is None else labels
    columns = {
        "id": tf.constant([f"id{i}" for i in range(len(texts))], tf.string),
        "text": tf.constant(texts, tf.string),
        "label": tf.constant(labels, tf.int32),
    }
    return tf.data.Dataset.from_tensor_slices(columns)


def store_of(rows, labels) -> Store:
    """Rows of numbers and their labels, as `encode_split` keeps them."""
    offsets = np.cumsum([0, *map(len, rows)])
    tokens = np.concatenate([np.asarray(row, np.uint16) for row in rows])
    return Store(
        {"tokens": Column(tokens, offsets), "label": Column(np.array(labels, np.int32), None)}
    )


def rows_of(store: Store) -> list[list[int]]:
    """The tokens of each record."""
    return [store.row("tokens", record).tolist() for record in range(len(store))]
