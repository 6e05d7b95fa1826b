"""Taking HTML out of a review, by one list of regular expressions for training and serving."""

import hashlib
import re

# (pattern, replacement), applied in this order, everywhere in the text. The syntax is what Python's
# `re` and RE2 (`tf.strings.regex_replace`) read alike: no \s, \w, \b or (?i), whose meaning beyond
# ASCII differs between the two, no look-around; a replacement refers to a group as \1.
CLEANING: tuple[tuple[str, str], ...] = (
    # Before the others, for what was encoded twice: &amp;quot; is a quotation mark
    (r"&(?:amp|#0*38|#[xX]0*26);", "&"),
    # An accent written as an entity is lost, the letter stays: caf&eacute; -> cafe, &aelig; -> ae
    (r"&([A-Za-z])(?:acute|grave|circ|uml|tilde|cedil|ring|slash|caron);", r"\1"),
    (r"&([A-Za-z]{2})lig;", r"\1"),
    (r"&(?:apos|[lr]squo|#0*39|#0*821[67]|#[xX]0*27|#[xX]0*201[89]);", "'"),
    (r"&(?:quot|[lr]dquo|#0*34|#0*822[01]|#[xX]0*22|#[xX]0*201[cdCD]);", '"'),
    (r"&(?:[mn]dash|#0*821[12]|#[xX]0*201[34]);", " - "),
    (r"&(?:hellip|#0*8230|#[xX]0*2026);", "..."),
    (r"&(?:lt|#0*60|#[xX]0*3[cC]);", "<"),
    (r"&(?:gt|#0*62|#[xX]0*3[eE]);", ">"),
    # All other entities, no-break spaces among them. They end in a semicolon: AT&T is none.
    (r"&(?:[A-Za-z][A-Za-z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});", " "),
    # <br />, <br>, <BR/>, </br>, < br >, <br clear="all">
    (r"<[ \t\r\n]*/?[ \t\r\n]*[Bb][Rr](?:[ \t\r\n/][^<>]*)?>", " "),
    # White space of all kinds, control characters (U+0080 to U+009F are what is left of a text
    # that was read in the wrong encoding: 811 of IMDB's 25,000 have some), byte-order marks
    (r"[\x00-\x20\x7f-\xa0" + "\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]+", " "),
    (r"^ | $", ""),
)
_COMPILED = tuple((re.compile(pattern), replacement) for pattern, replacement in CLEANING)


def clean(text: str) -> str:
    """The text on one line, without HTML breaks and entities.

        clean("Bad.<br /><br />It&#39;s &quot;art&quot;\\n")  ->  'Bad. It's "art"'

    The exported graph does the same to its texts: `tf.strings.regex_replace` with each
    pair of `CLEANING` in turn. So clean with that list alone, and change the list, not this.
    """
    for pattern, replacement in _COMPILED:
        text = pattern.sub(replacement, text)
    return text


def is_blank(text: str) -> bool:
    """Whether the cleaned text is empty."""
    if "&" not in text and "<" not in text and _SIGN.search(text, 0, 64):
        return False  # a sign that `clean` does not touch; the rest need not be looked at
    return not clean(text)


_SIGN = re.compile("[!-~]")
_ASCII = bytes(range(128))
# Bytes of UTF-8: ASCII's letters and digits and all of other letters stay, the rest are spaces.
_LETTERS = bytes(i if i == ord("_") or i > 127 or chr(i).isalnum() else 32 for i in range(256))


def words(text: str) -> list[str]:
    """The words of the cleaned text in lower case, without punctuation: for comparing texts.

    They are the runs of `\\w` of a regular expression, apostrophes aside, in a third of the time.
    """
    return [word.decode() for word in _words(text)]


def _words(text: str) -> list[bytes]:
    # Without tags and entities, all that `clean` would change is no word anyway.
    plain = text if "&" not in text and "<" not in text else clean(text)
    plain = plain.casefold()
    raw = plain.encode("utf-8", "replace")
    if len(raw) > len(plain):
        others = raw.translate(None, _ASCII).decode()
        if not others.isalnum():
            for sign in {letter for letter in set(others) if not letter.isalnum()}:
                plain = plain.replace(sign, " ")
            raw = plain.encode("utf-8", "replace")
    return raw.translate(_LETTERS, b"'").split()


def key_of(text: str, seed: int | None = None) -> bytes:
    """8 bytes of a hash of the text's `words` (and the seed): alike texts get the same ones.

    The hash is the same on every machine and does not change when other texts come or go.
    """
    # Texts of signs alone (":-)") have no words: they are told apart by their signs.
    key = b" ".join(_words(text)) or clean(text).encode("utf-8", "replace")
    salted = key if seed is None else b"%d %s" % (seed, key)
    return hashlib.sha256(salted).digest()[:8]


def share_of(text: str, seed: int | None = None) -> int:
    """0 to 9, by the text's key."""
    return int.from_bytes(key_of(text, seed)) % 10
