"""Texts cut into sentences by core TensorFlow operations: the same in training and in the graph.

A translator learns from single sentences, and of two in a line it answers one. The rules are for
languages that end sentences with . ! ? and begin them with a capital, as English and German do; a
text in which they find no boundary is one sentence.
"""

import tensorflow as tf

CUT = "\x1e"  # Unicode's record separator, which no text holds for long
_ABBREVIATIONS = (
    "Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|Hr|Fr|Nr|Abs|Art|Bd|Tel|Mio|Mrd|Co|Inc|Ltd|bzw|ca|usw|etc|vgl|vs"
)
RULES = (
    (CUT, " "),
    (r"[\r\n\v\f\x{2028}\x{2029}]+", CUT),
    # An end, closing quotes and brackets, white space; then an opening quote or not, and a capital
    # or a number.
    (
        r"""([.!?…]["'”’»)\]]*)\s+(["'“„«‘¿¡(\[]*[\p{Lu}\p{Lt}\p{N}])""",
        rf"\1{CUT}\2",
    ),
    # "J. Smith"; twice, for "z. B. Hunde", as matches do not overlap.
    *[(rf"((?:^|[^\p{{L}}])\p{{L}}\.){CUT}", r"\1 ")] * 2,
    (rf"((?:^|[^\p{{L}}])(?:{_ABBREVIATIONS})\.){CUT}", r"\1 "),
    (rf"((?:^|[^\p{{N}}])\p{{N}}{{1,2}}\.){CUT}(\p{{L}})", r"\1 \2"),  # "am 3. Mai"
    (rf"(No\.){CUT}(\p{{N}})", r"\1 \2"),
)


def split_sentences(texts: tf.Tensor) -> tf.RaggedTensor:
    """`<string>[batch]` -> sentences `<string>[batch, (sentences)]`, stripped; of blank texts none.

    "Hi! Dr. Wu is in.\\nAre you?" -> ["Hi!", "Dr. Wu is in.", "Are you?"]
    """
    for pattern, replacement in RULES:
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    sentences = tf.strings.split(texts, sep=CUT)
    sentences = sentences.with_values(tf.strings.strip(sentences.values))
    return tf.ragged.boolean_mask(sentences, sentences.with_values(sentences.values != ""))
