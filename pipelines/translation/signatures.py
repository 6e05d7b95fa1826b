"""The exported translator: sentences in, sentences out, everything between inside the graph."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipelines.contract import Export
from pipelines.exporting import signatures_of, stored_in_half
from pipelines.translation.capitals import in_capitals, lowered, raised
from pipelines.translation.sentences import split_sentences
from pipelines.translation.subwords import END, PAD, START, Subwords
from pipelines.unicode import compose
from zoo.decoding import Rules
from zoo.models.translator import Translator

TEXTS = tf.TensorSpec([None], tf.string, name="text")


class Signatures:
    """What each signature computes; `translation_export` says what they are for."""

    def __init__(self, translator, vocabulary, languages, beam_size, rules):
        self.stored, self.scope = stored_in_half(translator.variables)
        self.translator, self.languages_ = translator, languages
        self.subwords, self.pieces = Subwords(vocabulary), tf.constant(vocabulary)
        self.beam_size, self.rules = beam_size, rules
        # A function of its own, as two signatures share it.
        self._beam = tf.function(self._search_beam, input_signature=[TEXTS])

    def serving_default(self, text):
        sentences = split_sentences(text)
        return _joined(self._beam(sentences.values)[-1], sentences)

    def greedy(self, text):
        sentences = split_sentences(text)
        with self.scope():
            return _joined(self._search(sentences.values, method="greedy")[-1], sentences)

    def score(self, text, translation):
        with self.scope():
            (source, valid, *_), (answers, *_) = self._read(text), self._read(translation)
            before = _before(tf.where(answers == END, PAD, answers))
            logits = self.translator({"source": source, "tokens": before})
            log_probs = Rules(**self.rules).log_probs(logits, length=self.rules["max_length"])
            chosen = tf.gather(log_probs, answers, batch_dims=2)
            real = tf.cast(answers != PAD, tf.float32)
            mean = tf.reduce_sum(chosen * real, axis=1) / tf.reduce_sum(real, axis=1)
            return {"score": tf.where(valid, tf.exp(mean), 0.0)}

    def languages(self):
        return dict(zip(("source", "target"), map(tf.constant, self.languages_), strict=True))

    def attention(self, text):
        source, tokens, found = self._beam(text)
        with self.scope():
            inputs = {"source": source, "tokens": _before(tokens)}
            _, weights = self.translator.logits_and_attention(inputs)
        kept = (tokens != PAD)[:, :, None] & (source != PAD)[:, None]
        return {
            "translation": found["translation"],
            "score": tf.where(found["valid"], tf.exp(found["log_prob"] / found["count"]), 0.0),
            "source_pieces": tf.where(source == PAD, "", tf.gather(self.pieces, source)),
            "target_pieces": tf.where(tokens == PAD, "", tf.gather(self.pieces, tokens)),
            "attention": tf.where(kept, weights, 0.0),
        }

    def _read(self, text):
        """Tokens of each text and the end token; which have any, are cut, and are in capitals."""
        longest = self.rules["max_length"]
        text = compose(tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace"))
        capitals = in_capitals(text)
        tokens = self.subwords.encode(lowered(text, capitals), longest)
        cut = tokens.row_lengths() == longest
        tokens = tokens[:, : longest - 1]
        end = tf.RaggedTensor.from_tensor(tf.fill([tf.size(text), 1], END))
        padded = tf.concat([tokens, end], axis=1).to_tensor()
        # No text at all: still one step, as a loop over none has no shape.
        some = tf.pad(padded, [[0, 0], [0, tf.maximum(1 - tf.shape(padded)[1], 0)]])
        return some, tokens.row_lengths() > 0, cut, capitals

    def _search(self, text, **options):
        """Tokens of sentences and of their translations, and what is said of each.

        log_prob is of `count` subwords, valid says which sentences have any, and cut which of them
        were not read, or not translated, to their end.
        """
        source, valid, cut, capitals = self._read(text)
        found = self.translator.translate(source, **options, **self.rules)
        tokens = tf.where(valid[:, None], found.tokens[:, 0], PAD)
        translation = tf.where(valid, raised(self.subwords.decode(tokens), capitals), "")
        longest, lengths = self.rules["max_length"], found.lengths[:, 0]
        return (
            source,
            tokens,
            {
                "translation": translation,
                "log_prob": found.log_probs[:, 0],
                "count": tf.cast(tf.minimum(lengths + 1, longest), tf.float32),
                "valid": valid,
                "cut": valid & (cut | (lengths == longest)),
            },
        )

    def _search_beam(self, text):
        with self.scope():
            return self._search(text, method="beam", beam_size=self.beam_size)


def _joined(found, sentences):
    """The answers for texts from those for their sentences."""

    def rows(name):
        values = tf.cast(found[name], tf.float32) * tf.cast(found["valid"], tf.float32)
        return sentences.with_values(values)

    counts = tf.reduce_sum(rows("count"), axis=1)
    mean = tf.reduce_sum(rows("log_prob"), axis=1) / tf.maximum(counts, 1.0)
    translations = sentences.with_values(found["translation"])
    return {
        "translation": tf.strings.strip(tf.strings.reduce_join(translations, 1, separator=" ")),
        "score": tf.where(counts > 0, tf.exp(mean), 0.0),
        "cut": tf.reduce_any(sentences.with_values(found["cut"]), axis=1),
    }


def _before(tokens):
    """The words before each answer, start token first."""
    start = tf.fill([tf.shape(tokens)[0], 1], START)
    return tf.concat([start, tokens[:, :-1]], axis=1)


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

    serving_default: text `<string>[batch]` -> translation `<string>[batch]`; score
        `<float32>[batch]`, the geometric mean of the probabilities of the translation's subwords
        and ends, 0..1; cut `<bool>[batch]`, whether a sentence of the text, or its translation, was
        longer than `max_length`, and its end is missing. By beam search. Each sentence of a text is
        translated by itself (`split_sentences`), and the translations are joined by spaces.
    greedy: the same by greedy search.
    score: text, translation -> score of a translation that is given, each read as one sentence.
    languages: nothing -> source, target `<string>[]`: the names of the languages.
    attention (of a translator with attention): text, read as one sentence -> translation, score,
        source_pieces
        `<string>[batch, source_time]`, target_pieces `<string>[batch, max_length]` and attention
        `<float32>[batch, max_length, source_time]`: where each piece looked; "" and 0 behind the
        last.

    A text without words gets the translation "" and score 0. A sentence is read up to its first
    `max_length` - 1 subwords. One in capitals is read as lower case and answered in capitals. What
    is not UTF-8 is read as U+FFFD, a letter and its accent as one. No text touches the answers of
    the others.

    Args:
        translator: trained model.
        vocabulary: piece of each token; `vocabulary_file` has one a line and is kept beside it.
        languages: source and target.
        beam_size: width of the search.
        rules: of translations, see `zoo.decoding.Rules`.
        example: a text for the warm-up requests.
    """
    parts = Signatures(translator, vocabulary, languages, beam_size, rules)
    module = tf.Module()
    module.stored, module.table = parts.stored, parts.subwords.table
    module.vocabulary = tf.saved_model.Asset(str(vocabulary_file))  # for people: a piece a line
    given = tf.TensorSpec([None], tf.string, name="translation")
    inputs = {"serving_default": [TEXTS], "greedy": [TEXTS], "score": [TEXTS, given]}
    inputs["languages"] = []
    if translator.attention is not None:
        inputs["attention"] = [TEXTS]
    signatures = signatures_of(module, parts, inputs)
    warmup = [(name, {spec.name: [example] for spec in specs}) for name, specs in inputs.items()]
    return Export(module, signatures, warmup)
