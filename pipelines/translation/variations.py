"""Training pairs as they might have been written, too: other names and numbers, lower case.

What stands on both sides in the same letters is copied, whatever it is: a translator that meets
many names, made-up ones among them, learns so (compare Currey, Miceli Barone and Heafield, "Copied
Monolingual Data Improves Low-Resource Neural Machine Translation", WMT 2017). And people who type
in lower case want the sentence as it is written.
"""

import re
from collections.abc import Sequence

import numpy as np

Words = list[bytes]  # as `subwords.split_words` gives them: a space before is the mark ▁

_NAME = re.compile(r"▁[^\W\d_]{3,}")
NAMES = 2000  # that are remembered, about


class Variations:
    """Changes pairs of sentences, one after the other.

    Args:
        other_names: share of the pairs whose names and digits are replaced by others.
        lower_cased: share of the pairs whose source becomes lower case.
        seed: of the draws.
    """

    def __init__(self, other_names: float, lower_cased: float, seed: int):
        self.other_names, self.lower_cased = other_names, lower_cased
        self.rng = np.random.default_rng(seed)
        self.plain: set[str] = set()  # words that were met in lower case: no names
        self.names: list[str] = []  # that were met, each once
        self.known: set[str] = set()  # the same

    def vary(self, source: Words, target: Words) -> tuple[Words, Words]:
        """A pair as it is, or as it might have been, by the draw."""
        sides = [[word.decode() for word in side] for side in (source, target)]
        names = self._names(*sides)
        draws = self.rng.random(2)
        if draws[0] < self.other_names:
            others = {name: self._another_name() for name in names} | self._other_digits(*sides)
            sides = [[others.get(word, word) for word in side] for side in sides]
        if draws[1] < self.lower_cased:
            sides[0] = [word.lower() for word in sides[0]]
        return tuple([word.encode() for word in side] for side in sides)

    def _names(self, source: Sequence[str], target: Sequence[str]) -> list[str]:
        """Capitalised words that stand on both sides, never in lower case, and not as "Toms"."""
        for word in (*source, *target):
            if word.islower():
                self.plain.add(word)
        found = [
            word
            for word in set(source) & set(target)
            if _NAME.fullmatch(word) and word[1:].istitle() and word.lower() not in self.plain
        ]
        if len(self.names) < NAMES:
            self.names += [name for name in sorted(found) if name not in self.known]
            self.known.update(found)
        return [name for name in sorted(found) if f"{name}s" not in {*source, *target}]

    def _another_name(self) -> str:
        """One that was met, or the beginning of one with the end of another."""
        places = self.rng.integers(len(self.names), size=2)
        first, second = (self.names[place] for place in places)
        if self.rng.random() < 0.5:
            return first
        return first[: (len(first) + 3) // 2] + second[(len(second) + 1) // 2 :]

    def _other_digits(self, source: Sequence[str], target: Sequence[str]) -> dict[str, str]:
        """Digit -> another, where both sides hold the same; 0 and 1 stay: of 1 there is one."""
        digits = [
            sorted(word[-1] for word in side if word[-1:].isdigit()) for side in (source, target)
        ]
        if digits[0] != digits[1]:
            return {}
        changed = self.rng.permutation(list("23456789"))
        return {
            mark + old: mark + str(new)
            for old, new in zip("23456789", changed, strict=True)
            for mark in ("", "▁")
        }
