"""The exported translator: sentences in, sentences out, everything between inside the graph."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipelines.exporting import stored_in_half
from pipelines.translation.subwords import END, PAD, START, Subwords
from pipelines.verbs import Export
from zoo.decoding import Rules
from zoo.models.translator import Translator


def translation_export(
    translator: Translator,
    vocabulary: Sequence[str],
    vocabulary_file: Path,
    *,
    languages: tuple[str, str],
    beam_size: int,
    rules: Mapping[str, Any],
    example: str,
) -> Export:
    """The signatures of an exported translator.

    serving_default: text `<string>[batch]` -> translation `<string>[batch]`, score
        `<float32>[batch]`: the geometric mean of the probabilities of the translation's subwords
        and its end, 0..1. By beam search.
    greedy: the same by greedy search.
    score: text, translation -> score of a translation that is given.
    languages: nothing -> source, target `<string>[]`: the names of the languages.
    attention (of a translator with attention): text -> translation, score, source_pieces
        `<string>[batch, source_time]`, target_pieces `<string>[batch, max_length]` and attention
        `<float32>[batch, max_length, source_time]`: where each piece looked; "" and 0 behind the
        last.

    A text without words gets the translation "" and score 0. A text is read up to its first
    `max_length` - 1 subwords. What is not UTF-8 is read as U+FFFD. No text touches the answers of
    the others.

    Args:
        translator: trained model.
        vocabulary: piece of each token; `vocabulary_file` has one a line and is kept beside it.
        languages: source and target.
        beam_size: width of the search.
        rules: of translations, see `zoo.decoding.Rules`.
        example: a text for the warm-up requests.
    """
    stored, scope = stored_in_half(translator.variables)
    subwords = Subwords(vocabulary)
    module = tf.Module()
    module.stored = stored
    module.table = subwords.table
    module.vocabulary = tf.saved_model.Asset(str(vocabulary_file))  # for people: a piece a line
    pieces = tf.constant(vocabulary)
    longest = rules["max_length"]
    texts = tf.TensorSpec([None], tf.string, name="text")

    def read(text):
        """Tokens of each text and the end token, and which texts have any."""
        tokens = subwords.encode(text, longest - 1)
        end = tf.RaggedTensor.from_tensor(tf.fill([tf.size(text), 1], END))
        padded = tf.concat([tokens, end], axis=1).to_tensor()
        # No text at all: still one step, as a loop over none has no shape.
        some = tf.pad(padded, [[0, 0], [0, tf.maximum(1 - tf.shape(padded)[1], 0)]])
        return some, tokens.row_lengths() > 0

    def search(text, **options):
        source, valid = read(text)
        found = translator.translate(source, **options, **rules)
        tokens = tf.where(valid[:, None], found.tokens[:, 0], PAD)
        translation = tf.where(valid, subwords.decode(tokens), "")
        counted = tf.cast(tf.minimum(found.lengths[:, 0] + 1, longest), tf.float32)
        score = tf.where(valid, tf.exp(found.log_probs[:, 0] / counted), 0.0)
        return source, tokens, {"translation": translation, "score": score}

    def before(tokens):
        """The words before each answer, start token first."""
        start = tf.fill([tf.shape(tokens)[0], 1], START)
        return tf.concat([start, tokens[:, :-1]], axis=1)

    @tf.function(input_signature=[texts])
    def beam(text):  # a function of its own: two signatures share it
        with scope():
            return search(text, method="beam", beam_size=beam_size)

    @tf.function(input_signature=[texts])
    def serving_default(text):
        return beam(text)[-1]

    @tf.function(input_signature=[texts])
    def greedy(text):
        with scope():
            return search(text, method="greedy")[-1]

    @tf.function(input_signature=[texts, tf.TensorSpec([None], tf.string, name="translation")])
    def score(text, translation):
        with scope():
            (source, valid), (answers, _) = read(text), read(translation)
            inputs = {"source": source, "tokens": before(tf.where(answers == END, PAD, answers))}
            log_probs = Rules(**rules).log_probs(translator(inputs), length=longest)
            chosen = tf.gather(log_probs, answers, batch_dims=2)
            real = tf.cast(answers != PAD, tf.float32)
            mean = tf.reduce_sum(chosen * real, axis=1) / tf.reduce_sum(real, axis=1)
            return {"score": tf.where(valid, tf.exp(mean), 0.0)}

    @tf.function(input_signature=[])
    def names():
        return {"source": tf.constant(languages[0]), "target": tf.constant(languages[1])}

    @tf.function(input_signature=[texts])
    def attention(text):
        source, tokens, found = beam(text)
        with scope():
            inputs = {"source": source, "tokens": before(tokens)}
            _, weights = translator.logits_and_attention(inputs)
        kept = (tokens != PAD)[:, :, None] & (source != PAD)[:, None]
        return {
            **found,
            "source_pieces": tf.where(source == PAD, "", tf.gather(pieces, source)),
            "target_pieces": tf.where(tokens == PAD, "", tf.gather(pieces, tokens)),
            "attention": tf.where(kept, weights, 0.0),
        }

    signatures = {"serving_default": serving_default, "greedy": greedy}
    signatures |= {"score": score, "languages": names}
    warmup = [(name, {"text": [example]}) for name in ("serving_default", "greedy")]
    warmup += [("score", {"text": [example], "translation": [example]}), ("languages", {})]
    if translator.attention is not None:
        signatures["attention"] = attention
        warmup.append(("attention", {"text": [example]}))
    module.signatures_ = list(signatures.values())
    return Export(module, signatures, warmup)
