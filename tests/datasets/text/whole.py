"""A split as one string, or as bytes: for texts that are small."""

import numpy as np

from datasets.text import load, unit_of


def whole(dataset, split, data_dir=None, **options):
    """All symbols that `load` gives, put together."""
    records = load(dataset, split, data_dir, **options).as_numpy_iterator()
    symbols = np.concatenate([record["symbols"] for record in records])
    if unit_of(dataset, options.get("unit", "character")) == "byte":
        return symbols.astype(np.uint8).tobytes()
    return "".join(map(chr, symbols))
