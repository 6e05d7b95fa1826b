"""Sentences in capitals: read as lower case, answered in capitals, inside the graph.

Of "STATION" a translator's vocabulary has the letters alone, and no training pair says what they
mean; of "station" it has the word. With `--lower-cased` training meets such sources.
"""

import tensorflow as tf

# Two capitals and no small letter; ß has no capital that people type.
_CAPITALS = r"(?:[^\p{Ll}]|ß)*\p{Lu}(?:[^\p{Ll}]|ß)*\p{Lu}(?:[^\p{Ll}]|ß)*"


def in_capitals(sentences: tf.Tensor) -> tf.Tensor:
    """`<string>[batch]` of UTF-8 -> `<bool>[batch]`: "WHERE IS IT?" is, "Is it in the USA?" not."""
    return tf.strings.regex_full_match(sentences, _CAPITALS)


def lowered(sentences: tf.Tensor, where: tf.Tensor) -> tf.Tensor:
    """The sentences, those of `where <bool>[batch]` in lower case."""
    return tf.where(where, tf.strings.lower(sentences, encoding="utf-8"), sentences)


def raised(sentences: tf.Tensor, where: tf.Tensor) -> tf.Tensor:
    """The sentences, those of `where <bool>[batch]` in capitals; "ß" becomes "SS"."""
    return tf.where(where, tf.strings.upper(sentences, encoding="utf-8"), sentences)
