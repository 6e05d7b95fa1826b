"""What stands in the columns of a table: gathered over all of its rows, a block at a time."""

import copy
import re
from collections import Counter
from collections.abc import Sequence

VALUES = 1000  # different values of a column that are counted; a column of more has None

_SAMPLES = 1000  # values of a column that are kept, from all over the file, at most
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)


def is_number(field: str) -> bool:
    return _NUMBER.fullmatch(field) is not None


class Column:
    """One column, without the first row and those that are equal to it.

    Attributes:
        first: its field in the first row.
        repeats: how many fields are equal to that.
        values: value -> how often it stands there; None where there are more than `VALUES`.
        samples: some values that are not empty, evenly from all over the file.
    """

    def __init__(self, first: str) -> None:
        self.first, self.repeats = first, 0
        self.values: Counter[str] | None = Counter()
        self.samples: list[str] = []
        self._step, self._blocks = 1, 0

    def add(self, fields: Sequence[str]) -> None:
        """Counts a block of fields."""
        self.repeats += fields.count(self.first)
        if self.values is not None:
            self.values.update(fields)
            self.values = self.values if len(self.values) <= VALUES else None
        if self._blocks % self._step == 0:
            self.samples += filter(None, map(str.strip, fields[:: len(fields) // 16 + 1]))
        self._blocks += 1
        if len(self.samples) > _SAMPLES:  # from now on from every second block
            self.samples, self._step = self.samples[::2], 2 * self._step

    @property
    def different(self) -> set[str] | None:
        """The values but the empty one; None where there are more than `VALUES`."""
        return None if self.values is None else {value.strip() for value in self.values} - {""}

    @property
    def letters(self) -> float:
        """Letters of a value, on average: digits and signs do not count."""
        total = sum(sum(map(str.isalpha, value)) for value in self.samples)
        return total / max(1, len(self.samples))

    @property
    def is_numbers(self) -> bool:
        return bool(self.samples) and all(map(is_number, self.samples))

    @property
    def is_addresses(self) -> bool:
        """Whether most values are addresses of the web."""
        return 2 * sum(map(bool, map(_ADDRESS.fullmatch, self.samples))) > len(self.samples)


class Profile:
    """The columns of a table, and how many rows it has below its first.

    Attributes:
        first: the first row, a header perhaps.
        rows: others.
        again: rows that are equal to the first; they are in no column.
    """

    def __init__(self, first: Sequence[str]) -> None:
        self.first = list(first)
        self.rows = self.again = 0
        self.columns = [Column(field) for field in first]

    def add(self, rows: Sequence[list[str]]) -> None:
        """Counts a block of rows, each as wide as the first."""
        others = [row for row in rows if row != self.first]
        self.again += len(rows) - len(others)
        self._add(others)

    def with_first(self) -> "Profile":
        """The profile with the first row, and those that are equal to it, as rows like others."""
        whole = copy.deepcopy(self)
        whole._add([self.first] * (1 + self.again))
        return whole

    def _add(self, others: Sequence[list[str]]) -> None:
        self.rows += len(others)
        for column, fields in zip(self.columns, zip(*others, strict=True), strict=False):
            column.add(fields)


def profile_of(table: Sequence[list[str]]) -> Profile:
    """The profile of a table in the memory."""
    profile = Profile(table[0])
    profile.add(table[1:])
    return profile
