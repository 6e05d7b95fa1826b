"""What is wrong with raw pairs: found, counted and left out, the same for every source."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# Why a pair is left out; it is counted under the first that holds.
NO_PAIR = "line without a pair"
NOT_UTF8 = "line that is not UTF-8"
EMPTY = "empty sentence"
RATIO = "length ratio beyond reason"

MAX_RATIO = 5  # characters of the longer sentence for each of the shorter ...
SLACK = 20  # ... and so many more: of short sentences the ratio says little


@dataclass(frozen=True)
class Pairs:
    """Sentence pairs, and how many were left out.

    Attributes:
        sources, targets: the sentences; the same place is the same pair.
        ids: where each pair is from, such as "train:17" (a line, from 1).
        skipped: reason -> number of pairs left out for it.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    ids: tuple[str, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)


# (id, source, target); a None is a line that holds no pair.
RawPair = tuple[str, str | None, str | None]


def clean(raw: Iterable[RawPair], limit: int | None = None) -> Pairs:
    """Tidies the sentences and leaves out the pairs that cannot be used.

    Left out are: lines without a pair (`NO_PAIR`); bytes that are not UTF-8, which come as
    surrogates (`errors="surrogateescape"`, so that one broken line does not end the file); a side
    that is empty; and pairs whose longer side has more than 5 characters for each of the shorter
    one's, and 20 more: they are misaligned, or no translation.

    Args:
        raw: the pairs as they lie in the source.
        limit: how many good pairs to stop after.
    """
    kept: list[tuple[str, str, str]] = []
    skipped: Counter[str] = Counter()
    for name, source, target in raw:
        if len(kept) == limit:
            break
        fault = None
        if source is None or target is None:
            fault = NO_PAIR
        else:
            source, target = tidy(source), tidy(target)
            fault = _fault(source, target)
        if fault:
            skipped[fault] += 1
        else:
            kept.append((source, target, name))
    columns = tuple(zip(*kept, strict=True)) or ((), (), ())
    return Pairs(*columns, dict(skipped))


def tidy(sentence: str) -> str:
    """Unicode NFC, stripped, runs of white space as one space (CLDR has narrow no-break ones)."""
    return " ".join(unicodedata.normalize("NFC", sentence).split())


def _fault(source: str, target: str) -> str | None:
    if any("\ud800" <= letter <= "\udfff" for letter in source + target):
        return NOT_UTF8
    shorter, longer = sorted((len(source), len(target)))
    if not shorter:
        return EMPTY
    return RATIO if longer > MAX_RATIO * shorter + SLACK else None
