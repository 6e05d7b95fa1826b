"""tensorflow-datasets, which is imported only when one of its data sets is asked for."""

import os
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf


def load(
    name: str,
    split: str,
    data_dir: Path | str | None = None,
    *,
    undecoded: Sequence[str] = (),
    hint: str = "",
) -> tf.data.Dataset:
    """One split of a data set of tensorflow-datasets, in the same order each time.

    Args:
        name, split: as tensorflow-datasets names them.
        data_dir: its own folder, filled (with checksums compared) by what is not there yet; None
            for its usual place, ~/tensorflow_datasets.
        undecoded: features whose bytes are wanted as they lie in the file.
        hint: what else the user can do where the package is missing.

    Raises:
        ImportError: tensorflow-datasets, or a package that it needs, is not installed.
    """
    try:
        import tensorflow_datasets as tfds

        return tfds.load(
            name,
            split=split,
            data_dir=None if data_dir is None else os.fspath(data_dir),
            decoders={feature: tfds.decode.SkipDecoding() for feature in undecoded} or None,
            shuffle_files=False,
        )
    except ImportError as error:
        raise ImportError(
            f"`{name}` needs tensorflow-datasets and, to prepare the data, what that imports only "
            f"then: pip install tensorflow-datasets importlib_resources ({error}).{hint}"
        ) from error
