"""Unicode's form NFC inside a graph, where core TensorFlow has none.

"é" may be one code point or two, e and an accent, which look alike and are other words to a
vocabulary. A loader may normalise with `unicodedata`; a served text comes as its sender wrote it.
"""

import functools
import unicodedata

import numpy as np
import tensorflow as tf

LAST = 0x2FFFF  # code point of a letter that has a decomposition, at most
PASSES = 3  # marks on one letter, at most (polytonic Greek)


@functools.cache
def compositions() -> tuple[np.ndarray, np.ndarray]:
    """Pairs of code points `<int64>[n]`, first · 2^32 + second, sorted; and what each composes to.

    Hangul, whose syllables are composed by a formula, is not among them.
    """
    table = {}
    for code in range(LAST + 1):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            first, second = (int(part, 16) for part in parts)
            if unicodedata.normalize("NFC", chr(first) + chr(second)) == chr(code):
                table[first << 32 | second] = code
    keys = np.array(sorted(table), np.int64)
    return keys, np.array([table[key] for key in keys.tolist()], np.int32)


def compose(texts: tf.Tensor) -> tf.Tensor:
    """`<string>[batch]` with each letter and its marks as one code point, where there is one.

    That is NFC, but for Hangul and for a mark that composes across another one before it. Texts
    without a mark cost one look.
    """
    marked = tf.reduce_any(tf.strings.regex_full_match(texts, r"(?s).*\p{M}.*"))
    return tf.cond(marked, lambda: _composed(texts), lambda: texts)


def _composed(texts: tf.Tensor) -> tf.Tensor:
    keys, codes = (tf.constant(values) for values in compositions())
    rows = tf.strings.unicode_decode(texts, "UTF-8", errors="replace")
    for _ in range(PASSES):
        letters, owners = tf.cast(rows.values, tf.int64), rows.value_rowids()
        pairs = tf.bitwise.left_shift(letters[:-1], tf.constant(32, tf.int64)) | letters[1:]
        places = tf.minimum(tf.searchsorted(keys, pairs), len(keys) - 1)
        composes = (tf.gather(keys, places) == pairs) & (owners[:-1] == owners[1:])
        composes = tf.concat([composes, [False]], 0)[: tf.size(letters)]
        places = tf.concat([places, [0]], 0)[: tf.size(letters)]
        letters = tf.where(composes, tf.gather(codes, places), rows.values)
        follows = tf.concat([[False], composes[:-1]], 0)[: tf.size(letters)]
        rows = tf.ragged.boolean_mask(rows.with_values(letters), rows.with_values(~follows))
    return tf.strings.unicode_encode(tf.cast(rows, tf.int32), "UTF-8")
