"""What `load` makes of a split, for the tests of sources."""

from datasets.actions import load

STRINGS = ("id", "label", "subject")


def records(dataset, split, data_dir=None, **options):
    """The records of a split, strings decoded."""
    stream = load(dataset, split, data_dir, **options)
    rows = list(stream.as_numpy_iterator())
    assert len(rows) == int(stream.cardinality())
    return [row | {name: row[name].decode() for name in STRINGS} for row in rows]


def labels(*arguments, **options):
    """id -> label of a split's records."""
    return {row["id"]: row["label"] for row in records(*arguments, **options)}
