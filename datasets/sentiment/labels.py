"""Labels as they are written, and the names that a model has for them."""

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping

from datasets.sentiment.cleaning import clean
from datasets.sentiment.names import MISSING

# Of so few digits that no two become one; another is a word like others.
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,9}(?:\.[0-9]{0,6})?|\.[0-9]{1,6})")


@functools.lru_cache(maxsize=10_000)
def cleaned(field: str) -> str:
    """A field as a label, in Unicode NFC; "" where it says that there is none ("nan", say)."""
    label = unicodedata.normalize("NFC", clean(field))
    return "" if label in MISSING else label


def meaning(label: str) -> str | float:
    """The same for labels that differ in case, or as numbers, only: "1" and "1.0" are 1."""
    return float(label) if _NUMBER.fullmatch(label) else " ".join(label.casefold().split())


def names_of(counts: Mapping[str, int]) -> tuple[str, ...]:
    """The labels' names in order: as numbers if all are numbers, else by the alphabet.

    Of several spellings of one label ("Good", "good"; "1", "1.0") the most frequent is its name,
    among equals the shortest.

    Args:
        counts: label -> how often it is there.
    """
    names: dict[str | float, str] = {}
    for label in sorted(counts, key=lambda label: (-counts[label], len(label), label)):
        names.setdefault(meaning(label), label)
    numbers = all(isinstance(key, float) for key in names)
    return tuple(names[key] for key in sorted(names)) if numbers else tuple(sorted(names.values()))


def spellings(labels: Iterable[str], names: Iterable[str]) -> dict[str, list[str]]:
    """Name -> the other spellings that stand for it; of labels of one spelling, nothing."""
    by_meaning = {meaning(name): name for name in names}
    others: dict[str, list[str]] = {}
    for label in labels:
        name = by_meaning.get(meaning(label), label)
        if label != name:
            others.setdefault(name, []).append(label)
    return others
