"""Texts as the characters that the model reads, by core TensorFlow: small letters and a few signs.

"Café No. 5: “It's  OPEN!”" -> "cafe no. it's open!", and "5" is not read
"""

import functools
import unicodedata

import tensorflow as tf

ALPHABET = " ',.?!abcdefghijklmnopqrstuvwxyz"  # of the numbers 2, 3, ...
END = 1  # behind the last character of a text; 0 is padding
NUMBERS = len(ALPHABET) + 2
FIRST_LETTER = ALPHABET.index("a") + 2  # numbers from it on are letters
LONGEST = 120  # characters of a piece, which the model reads at once
LONGEST_TEXT = 5000  # characters; a longer text is not spoken

_PASSES = (  # in this order, on small letters without accents
    (r"[’‘ʼ`´]", "'"),
    (r"[…。]", "."),
    (r"[;:–—]", ","),
    (r"[\s\-‐‑/_\"“”„«»()]+", " "),
    (r" *([,.?!])[,.?! ]*", r"\1 "),
    (r"^[,.?! ]+", ""),
)
_OTHERS = r"[^ ',.?!a-z]"
_CUTS = r"$", r"[.?!] ", r", ", r" ", r""  # where a piece ends, the first the dearest


def readable(texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """What the model reads of texts, and the characters that it leaves out: `<string>[batch]` each.

    A text without a letter a to z is "" to it. Accents go (é is e); a digit, a sign that is read
    aloud (&, %, @) and a letter of another script are left out.
    """
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    texts = tf.strings.lower(texts, encoding="utf-8")
    for letters, plain in accented():
        texts = tf.strings.regex_replace(texts, f"[{letters}]", plain)
    texts = tf.strings.regex_replace(texts, r"[\p{M}\p{Cf}]", "")
    for pattern, sign in _PASSES[:4]:
        texts = tf.strings.regex_replace(texts, pattern, sign)
    unread = tf.strings.regex_replace(texts, r"[ ',.?!a-z]", "")
    texts = tf.strings.regex_replace(texts, _OTHERS, "")
    for pattern, sign in _PASSES[4:]:
        texts = tf.strings.regex_replace(texts, pattern, sign)
    texts = tf.strings.strip(tf.strings.regex_replace(texts, " +", " "))
    return tf.where(tf.strings.regex_full_match(texts, ".*[a-z].*"), texts, ""), unread


@functools.cache
def accented() -> list[tuple[str, str]]:
    """Letters with accents -> the letter without: ("àáâ...", "a"), ...; and ß, æ, œ, ø, ł."""
    groups = {"ss": "ß", "ae": "æ", "oe": "œ", "o": "ø", "l": "ł"}
    for code in range(0xC0, 0x250):
        parts = unicodedata.normalize("NFD", chr(code))
        if len(parts) > 1 and "a" <= parts[0] <= "z":
            groups[parts[0]] = groups.get(parts[0], "") + chr(code)
    return [(letters, plain) for plain, letters in sorted(groups.items())]


def pieces(texts: tf.Tensor) -> tf.RaggedTensor:
    """Readable texts in pieces of at most 120 characters: `<string>[batch, (pieces)]`.

    A text that is short enough is one piece. A piece ends at the last end of a sentence that it can
    hold, else at a comma, else between words, else within a word. "" has no piece.
    """
    pattern = "|".join(f".{{1,{LONGEST}}}{cut}" for cut in _CUTS)
    parts = tf.strings.split(tf.strings.regex_replace(texts, f"({pattern})", "\\1\n"), "\n")
    parts = tf.ragged.map_flat_values(tf.strings.strip, parts)
    return tf.ragged.boolean_mask(parts, parts != "")


def numbers_of(texts: tf.Tensor) -> tf.RaggedTensor:
    """Readable texts as numbers, `END` behind each: `<string>[batch]` -> `<int32>[batch, (n)]`."""
    codes = tf.strings.unicode_decode(texts, "UTF-8")
    table = [0] * 128
    for number, character in enumerate(ALPHABET, start=2):
        table[ord(character)] = number
    numbers = tf.ragged.map_flat_values(lambda code: tf.gather(tf.constant(table), code), codes)
    end = tf.fill([tf.size(texts), 1], END)
    return tf.concat([numbers, tf.RaggedTensor.from_tensor(end)], axis=1)


def text_of(numbers) -> str:
    """The text of numbers, without end and padding."""
    return "".join(ALPHABET[number - 2] for number in numbers if number > END)
