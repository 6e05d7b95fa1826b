"""What is wrong with raw pairs: found, counted and left out, the same for every source."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator

from datasets.faults import Faults
from datasets.files import broken_letters

# Why a pair is left out; it is counted under the first that holds.
NO_PAIR = "line without a pair"
NOT_UTF8 = "line that is not UTF-8"
EMPTY = "empty sentence"
RATIO = "length ratio beyond reason"
SEEN = "source sentence that is in training, too"

MAX_RATIO = 5  # characters of the longer sentence for each of the shorter ...
SLACK = 20  # ... and so many more: of short sentences the ratio says little

# (id, source, target); a None is a line that holds no pair.
RawPair = tuple[str, str | None, str | None]


def clean(
    raw: Iterable[RawPair],
    faults: Faults,
    seen: Callable[[str], bool] = lambda source: False,
) -> Iterator[tuple[str, str, str]]:
    """Tidies the sentences and leaves out the pairs that cannot be used, one pair at a time.

    Left out are: lines without a pair (`NO_PAIR`); bytes that are not UTF-8, which come as
    surrogates (`errors="surrogateescape"`, so that one broken line does not end the file); a side
    that is empty; and pairs whose longer side has more than 5 characters for each of the shorter
    one's, and 20 more: they are misaligned, or no translation.

    Args:
        raw: the pairs as they lie in the source.
        faults: gets the pairs that are left out, by reason.
        seen: whether a source sentence is to be left out (`SEEN`).
    """
    for name, source, target in raw:
        if source is None or target is None:
            faults.add(NO_PAIR, name)
            continue
        source, target = tidy(source), tidy(target)
        if fault := _fault(source, target):
            faults.add(fault, name)
        elif seen(source):
            faults.add(SEEN, name)
        else:
            yield name, source, target


def tidy(sentence: str) -> str:
    """Unicode NFC, stripped, runs of white space as one space (CLDR has narrow no-break ones)."""
    return " ".join(unicodedata.normalize("NFC", sentence).split())


def _fault(source: str, target: str) -> str | None:
    if broken_letters(source + target):
        return NOT_UTF8
    shorter, longer = sorted((len(source), len(target)))
    if not shorter:
        return EMPTY
    return RATIO if longer > MAX_RATIO * shorter + SLACK else None
