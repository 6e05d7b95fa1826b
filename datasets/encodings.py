"""Which encoding a text file is in: as named, as its mark says, or found by a pass over its bytes.

What fits no likely encoding is an error: text that is read in a wrong one trains a model of letters
that no request will ever contain.
"""

import logging
import re
from collections import Counter
from pathlib import Path

import charset_normalizer
import numpy as np

from datasets.files import ESCAPE, PIECE, broken_letters, open_text, read_bytes

WESTERN = "cp1252"  # has all of latin-1's printed letters, too

_SAMPLE = 2**16  # bytes of lines beyond ASCII that the detector reads
_WORD = re.compile(r"[^\W\d_]+")
# A letter of another encoding that is none in cp1252: "sch”n", where a DOS page has an ö.
_SIGN_IN_WORD = re.compile(r"(?<=[A-Za-z])[^\w\s\x00-\x7f’‘´·–—…\xad]+(?=[A-Za-z])")
_FEW = 0.02  # of all letters: borrowed words and names in English
_COVERED = 0.9
# French, German, Spanish, Portuguese, Italian, Dutch, Nordic languages, Icelandic, Catalan.
_LETTERS = (
    *("àâæçéèêëîïôœùûüÿ", "äöüßéà", "áéíñóúüç", "àáâãçéêíóôõúü", "àèéìòóùî", "ëïéèöüáóê"),
    *("åäöéü", "æøåéö", "áðéíóúýþæö", "àçèéíïòóúü"),
)
_LOG = logging.getLogger(__name__)


def find_encoding(path: Path, encoding: str | None = None) -> str:
    """The file's encoding, as named or found, by one pass over its bytes.

    With `encoding` None: by the byte-order mark; else UTF-8, unless more than half of the letters
    beyond ASCII are broken: then cp1252, where it reads like a Western European language.

    Raises:
        ValueError: an unknown `encoding`; the bytes are not text in it (many zero bytes); or they
            are neither UTF-8 nor likely cp1252: names what the detector proposes.
    """
    counts = np.zeros(4, np.int64)
    with open_text(path, encoding or "utf-8", errors=ESCAPE, newline="") as file:
        likely = file.encoding
        while text := file.read(PIECE):
            others = 0 if text.isascii() else len(text) - len(text.encode("ascii", "ignore"))
            broken = broken_letters(text) if others else 0
            counts += (len(text), others, broken, text.count("\0"))
    letters, others, broken, zeros = counts.tolist()
    if 10 * zeros > letters:
        raise ValueError(f"{path} is not text, or `encoding` must be named (utf-16-le, say).")
    if encoding is None and likely.startswith("utf-8") and 2 * broken > others:
        return _legacy(path)
    if encoding is None and others and likely.startswith("utf-8"):
        _check_once_encoded(path)
    return likely


def _check_once_encoded(path: Path) -> None:
    """That the text is not UTF-8 that a program read as cp1252 and saved ("trÃ¨s" for "très").

    Raises:
        ValueError: more than half of the lines beyond ASCII are.
    """
    lines = _lines_beyond_ascii(path).decode("utf-8", "replace").split("\n")[:-1]
    mended = [line for line in map(_read_as_western, lines) if line]
    if 2 * len(mended) > len(lines):
        wrong = mended[0].encode("utf-8").decode(WESTERN, "replace")
        raise ValueError(
            f"{path} must be encoded once. Its text was UTF-8, was read as {WESTERN}, and saved: "
            f"{_excerpt(wrong)!r} stands for {_excerpt(mended[0])!r}. Mend it, or name `encoding` "
            "utf-8 to read it as it stands."
        )


def _read_as_western(line: str) -> str | None:
    """The text that a line was before; None where it is right as it stands."""
    try:
        return line.encode(WESTERN).decode("utf-8")
    except UnicodeError:
        return None


def _legacy(path: Path) -> str:
    """cp1252, if the file is likely to be in it: by its letters, or as the detector reads it."""
    sample = _lines_beyond_ascii(path)
    text = sample.decode(WESTERN, "replace")
    guesses = list(charset_normalizer.from_bytes(sample))[:3]
    alike = guesses and WESTERN in {guesses[0].encoding, *guesses[0].could_be_from_charset}
    if _has_western_words(text) and (alike or _has_western_letters(text)):
        _LOG.warning("%s is not UTF-8: read as %s. `encoding` names another.", path, WESTERN)
        return WESTERN
    proposals = [f"{guess.encoding} ({_excerpt(str(guess))!r})" for guess in guesses]
    raise ValueError(
        f"`encoding` must be named for {path}: it is not UTF-8, and no likely {WESTERN} "
        f"({_excerpt(text)!r}). Likely: {'; '.join(proposals) or 'nothing that is known'}. Got "
        "None."
    )


def _has_western_words(text: str) -> bool:
    """Whether most words with a letter beyond ASCII have one of ASCII, too.

    Those of other scripts have none, whatever they are read as.
    """
    words = [word for word in _WORD.findall(text) if len(word) > 1 and not word.isascii()]
    return 2 * sum(re.search("[A-Za-z]", word) is not None for word in words) >= len(words)


def _has_western_letters(text: str) -> bool:
    """Whether letters beyond ASCII are few, or nine in ten are those of one Western language.

    Read as cp1252, Polish has signs within words, Czech and Turkish have letters of several.
    """
    letters = Counter(filter(str.isalnum, re.sub(r"[\x00-\x7f]+", "", text.lower())))
    signs = len(_SIGN_IN_WORD.findall(text))
    covered = max(sum(letters[letter] for letter in own) for own in _LETTERS)
    few = not signs and letters.total() < _FEW * sum(map(str.isalpha, text))
    return few or covered >= _COVERED * (letters.total() + signs)


def _lines_beyond_ascii(path: Path) -> bytes:
    sample = b""
    for piece in read_bytes(path):
        if not piece.isascii():
            sample += b"\n".join(line for line in piece.splitlines() if not line.isascii()) + b"\n"
        if len(sample) >= _SAMPLE:
            break
    return sample[:_SAMPLE]


def _excerpt(text: str) -> str:
    """The first words that show how a text was decoded."""
    start = next((place for place, letter in enumerate(text) if not letter.isascii()), 0)
    return text[start : start + 24].split("\n")[0]
