"""What `load` streams, as lists to compare."""

from typing import NamedTuple

from datasets.translation import load


class Columns(NamedTuple):
    ids: list[str]
    sources: list[str]
    targets: list[str]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return list(zip(self.sources, self.targets, strict=True))


def read(*arguments, **options) -> Columns:
    """All records of a split."""
    records = list(load(*arguments, **options).as_numpy_iterator())
    names = ("id", "source", "target")
    return Columns(*([record[name].decode() for record in records] for name in names))
