"""From rows of Python values to a `tf.data.Dataset` of records."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice

import tensorflow as tf

CHUNK = 1000  # records that pass from Python to TensorFlow at a time


def as_records(
    rows: Callable[[], Iterator[tuple]], spec: Mapping[str, tf.DType], count: int
) -> tf.data.Dataset:
    """A dataset of scalars by name, with known cardinality; no pass holds more than `CHUNK` rows.

        as_records(lambda: iter([("a", 1)]), {"id": tf.string, "label": tf.int32}, 1)
        -> {"id": "a", "label": 1}

    Args:
        rows: begins a pass over the rows, which are tuples in the order of `spec`.
        spec: the names and their types; strings that hold lone surrogates (file names may) keep
            them.
        count: the number of rows.
    """

    def chunks() -> Iterator[dict[str, list]]:
        passing = rows()
        while chunk := list(islice(passing, CHUNK)):
            columns = zip(spec, zip(*chunk, strict=True), strict=True)
            yield {name: [_encoded(value) for value in column] for name, column in columns}

    signature = {name: tf.TensorSpec([None], dtype) for name, dtype in spec.items()}
    chunked = tf.data.Dataset.from_generator(chunks, output_signature=signature)
    return chunked.unbatch().apply(tf.data.experimental.assert_cardinality(count))


def _encoded(value: object) -> object:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
