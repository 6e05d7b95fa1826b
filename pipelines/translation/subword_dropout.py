"""Other cuts of words into subwords, drawn for each place of the training text anew."""

import functools
import random
import unicodedata
from collections.abc import Sequence

import numpy as np

from pipelines.translation.data import longest_pieces
from pipelines.translation.subwords import (
    BYTES,
    MARK,
    SPECIAL,
    numbered_pieces,
    piece_bytes,
)

VARIANTS = 16  # cuts of a word to choose from
REMEMBERED = 2**18  # variants


class SubwordDropout:
    """Cuts the words of a row of tokens at random.

    Subword dropout leaves out each longest match with some probability and takes the next longest,
    so that a word is seen in several spellings (MaxMatch-Dropout: Hiraoka 2022). A word has
    `VARIANTS` cuts, which follow from the seed and the word alone; a row chooses among them for
    each of its places.

    A word is a run of tokens here: from a piece that begins with a space, or with a character that
    is no letter, to the next such piece. No piece lies across two of them.

    Args:
        vocabulary: see `subwords`.
        rate: probability that a match is left out.
        seed: of the variants.
    """

    def __init__(self, vocabulary: Sequence[str], rate: float, seed: int = 0):
        self.rate, self.seed = rate, seed
        self.pieces, self.numbers = piece_bytes(vocabulary), numbered_pieces(vocabulary)
        self.longest = max(map(len, self.numbers))
        self.begins = np.array([_begins_word(piece) for piece in vocabulary])
        self.variant = functools.lru_cache(REMEMBERED)(self._variant)

    def cut(self, row: np.ndarray, time: int, rng: np.random.Generator) -> list[int]:
        """A row's tokens, each word in a variant that `rng` chooses.

        Words keep the cut that they have where the row would become longer than `time`.

        Args:
            row: `<int>[tokens]`, its end token the last; none of a blank row.
            time: tokens; no less than the row has.
            rng: of the row.
        """
        tokens: list[int] = []
        plain = row.tolist()
        starts = np.flatnonzero(self.begins[row[:-1]]).tolist()
        if starts[:1] != [0]:  # a blank row, or a word that is spelt in bytes
            starts = [0, *starts]
        numbers = rng.integers(VARIANTS, size=len(starts)).tolist()
        spare = time - len(plain)
        for start, end, number in zip(starts, [*starts[1:], len(plain) - 1], numbers, strict=True):
            word = plain[start:end]
            variant = self.variant(tuple(word), number)
            longer = len(variant) - len(word)
            tokens += variant if longer <= spare else word
            spare -= longer if longer <= spare else 0
        return tokens + plain[-1:]

    def _variant(self, word: tuple[int, ...], number: int) -> list[int]:
        text = b"".join(self.pieces[token] for token in word)
        rng = random.Random(f"{self.seed} {number} {text!r}")
        return longest_pieces(text, self.numbers, self.longest, self.rate, rng)


def _begins_word(piece: str) -> bool:
    if piece in SPECIAL or piece in BYTES:
        return False
    return piece[0] == MARK or unicodedata.category(piece[0])[0] not in "LM"
