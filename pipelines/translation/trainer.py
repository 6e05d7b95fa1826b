"""How the translator is trained: batches of pairs of similar length, and its BLEU on dev."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipelines import training
from pipelines.epochs import Batches, bucket_limits, dataset, draws
from pipelines.schedules import WarmupCosine
from pipelines.store import FILLER, Store, padded
from pipelines.translation.data import SIDES
from pipelines.translation.flags import Train
from pipelines.translation.metrics import bleu
from pipelines.translation.subword_dropout import SubwordDropout
from pipelines.translation.subwords import END, PAD, START, UNKNOWN, Subwords
from zoo.losses import SmoothedCrossentropy
from zoo.models.translator import Translator

CLIP = 1.0  # norm of a gradient
VALIDATION_BATCH = 64  # sentences


class Trainer(training.Trainer):
    """Cross-entropy of each subword, given those before it.

    Args:
        flags: of the run.
        model: built.
        vocabulary: of the run.
        train, dev: columns `source` and `target`.
        rules: of translations, see `zoo.decoding.Rules`.

    Raises:
        ValueError: no training pair is as short as `max_length`.
    """

    monitor = "bleu"

    def __init__(
        self,
        flags: Train,
        model: Translator,
        vocabulary: Sequence[str],
        train: Store,
        dev: Store,
        rules: Mapping[str, Any],
    ):
        self.flags, self.model, self.train, self.dev = flags, model, train, dev
        self.epochs, self.keep = flags.epochs, flags.keep
        self.subwords = Subwords(vocabulary)
        rate = flags.subword_dropout
        self.dropout = SubwordDropout(vocabulary, rate, flags.seed) if rate else None
        self.lengths = longer_sides(train)
        rooms = rooms_for(self.lengths, rate, flags.max_length)
        fitting = rooms[self.lengths <= flags.max_length]
        if not len(fitting):
            raise ValueError(f"`max_length` must leave a pair to train on. Got {flags.max_length}.")
        limits = bucket_limits(fitting, flags.batch_size)
        self.batches = Batches(rooms, flags.batch_size, flags.seed, limits)
        self.references = self._references()
        self.search = training.as_graph(
            lambda source: model.translate(source, method="greedy", **rules).tokens
        )

    def compile(self, phase: str) -> None:
        """Adam whose rate rises over a twentieth of the steps and falls to 0."""
        flags = self.flags
        steps = self.epochs * self.batches.steps
        rate = WarmupCosine(flags.learning_rate, steps, steps // 20)
        self.model.compile(
            keras.optimizers.Adam(rate, clipnorm=CLIP),
            # Of several processes, too, the mean over all words of a batch.
            SmoothedCrossentropy(flags.label_smoothing, reduction="mean_with_sample_weight"),
            jit_compile=flags.jit_compile or "auto",
        )

    def steps(self, epoch: int) -> int:
        return self.batches.steps

    def dataset(self, epoch: int, start: int = 0) -> tf.data.Dataset:
        """Inputs, answers `<int32>[batch, time]`, and weights: 1 for a word, 0 for padding.

        The inputs are `source` and `tokens` (the words before each answer), `<int32>[batch, time]`.
        """

        def read(records, time):
            rngs = [draws(self.flags.seed, epoch, max(int(record), 0)) for record in records]
            source, answers = (self._rows(side, records, time, rngs) for side in SIDES)
            inputs = {"source": source, "tokens": shift_right(answers)}
            inputs = {
                name: drop_words(words, self.flags.word_dropout, rngs)
                for name, words in inputs.items()
            }
            return inputs, answers, (answers != PAD).astype(np.float32)

        words = tf.TensorSpec([None, None], tf.int32)
        spec = ({"source": words, "tokens": words}, words, tf.TensorSpec([None, None], tf.float32))
        return dataset(self.batches.plan(epoch), read, spec, start)

    def _rows(
        self, side: str, records: np.ndarray, time: int, rngs: Sequence[np.random.Generator]
    ) -> np.ndarray:
        """One side of pairs `<int32>[rows, time]`, cut anew where there is subword dropout."""
        if self.dropout is None:
            return self.train.padded(side, records, time)
        rows = (self.train.row(side, record) for record in records)
        pairs = zip(rows, rngs, strict=True)
        return padded([self.dropout.cut(row, time, rng) for row, rng in pairs], time)

    def validate(self) -> dict[str, float]:
        """BLEU of greedy translations of dev."""
        longest = self.flags.max_length
        translations = [""] * len(self.dev)
        lengths = self.dev.lengths("source").clip(max=longest)
        for records, time in zip(*Batches(lengths, VALIDATION_BATCH).in_order(), strict=True):
            records = records[records != FILLER]
            rows = [shortened(self.dev.row("source", record), longest) for record in records]
            tokens = keras.ops.convert_to_numpy(self.search(padded(rows, time)))[:, 0]
            for record, text in zip(records, self._written(tokens), strict=True):
                translations[record] = text
        return {"bleu": bleu(translations, self.references, self.flags.target)}

    def _references(self) -> list[str]:
        """The target sentences of dev: their pieces give the text back."""
        rows = np.array_split(np.arange(len(self.dev)), -(-len(self.dev) // VALIDATION_BATCH))
        lengths = self.dev.lengths("target")
        return [
            text
            for part in rows
            for text in self._written(self.dev.padded("target", part, lengths[part].max()))
        ]

    def _written(self, tokens: np.ndarray) -> list[str]:
        return [text.decode() for text in self.subwords.decode(tf.constant(tokens)).numpy()]


def longer_sides(store: Store) -> np.ndarray:
    """Tokens of the longer side of each pair, its end token among them: `<int64>[pairs]`."""
    return np.maximum(*(store.lengths(side) for side in SIDES))


def rooms_for(lengths: np.ndarray, rate: float, most: int) -> np.ndarray:
    """Tokens that each pair is given room for: more than its own, as subword dropout adds some.

    Of pairs longer than `most`, which no batch has room for, the length.
    """
    return np.maximum(lengths, np.minimum(np.ceil(lengths * (1 + rate)).astype(np.int64), most))


def shortened(row: np.ndarray, longest: int) -> np.ndarray:
    """A row as the exported graph reads it: of a longer one its first tokens, then the end."""
    return row if len(row) <= longest else np.append(row[: longest - 1], END)


def shift_right(answers: np.ndarray) -> np.ndarray:
    """The words before each answer: [[4, 5, 2, 0]] -> [[1, 4, 5, 0]]; padding stays padding."""
    before = np.zeros_like(answers)
    before[:, 0] = START
    before[:, 1:] = answers[:, :-1]
    return np.where(before == END, PAD, before)


def drop_words(tokens: np.ndarray, share: float, rngs: Sequence[np.random.Generator]) -> np.ndarray:
    """Replaces a random share of the words by the unknown word (word dropout).

    Gal and Ghahramani 2016; Bowman et al. 2016. Start, end and padding stay.

    Args:
        tokens: `<int32>[rows, time]`.
        share: of the words.
        rngs: one for each row.
    """
    if not share:
        return tokens
    chances = np.stack([rng.random(tokens.shape[1]) for rng in rngs])
    return np.where((chances < share) & (tokens > UNKNOWN), UNKNOWN, tokens)
