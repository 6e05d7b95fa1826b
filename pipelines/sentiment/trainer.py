"""How the classifier is trained: batches of texts of similar length, and its answers on dev."""

import keras
import numpy as np
import tensorflow as tf

from pipelines import classification, training
from pipelines.epochs import Batches, dataset, draws
from pipelines.schedules import WarmupCosine
from pipelines.sentiment.data import PAD, UNKNOWN
from pipelines.sentiment.flags import Train
from pipelines.store import Store
from zoo.models.sentiment import SentimentClassifier

CLIP = 1.0  # norm of a gradient
VALIDATION_BATCH = 64  # texts


class Trainer(training.Trainer):
    """Cross-entropy of the labels, words dropped at random.

    Args:
        flags: of the run.
        model: built.
        train, dev: columns `tokens` and `label`.
    """

    monitor = "accuracy"

    def __init__(self, flags: Train, model: SentimentClassifier, train: Store, dev: Store):
        self.flags, self.model, self.train, self.dev = flags, model, train, dev
        self.epochs, self.keep = flags.epochs, flags.keep
        self.batches = Batches(train.lengths("tokens"), flags.batch_size, flags.seed)

    def compile(self, phase: str) -> None:
        """AdamW whose rate rises over a tenth of the steps and falls to 0."""
        flags = self.flags
        steps = self.epochs * self.batches.steps
        optimizer = keras.optimizers.AdamW(
            WarmupCosine(flags.learning_rate, steps, steps // 10),
            weight_decay=flags.weight_decay,
            epsilon=flags.epsilon,
            clipnorm=CLIP,
        )
        loss = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=flags.label_smoothing
        )
        self.model.compile(optimizer, loss, jit_compile="auto")

    def steps(self, epoch: int) -> int:
        return self.batches.steps

    def dataset(self, epoch: int, start: int = 0) -> tf.data.Dataset:
        """Words `<int32>[batch, time]`, one-hot labels `<float32>[batch, classes]`, weights."""
        classes = self.model.classes

        def read(records, time):
            words = self.train.padded("tokens", records, time)
            for row, record in zip(words, records, strict=True):
                rng = draws(self.flags.seed, epoch, max(int(record), 0))
                drop_words(row, self.flags.word_dropout, rng)
            targets = np.eye(classes, dtype=np.float32)[self.train.dense("label", records)]
            return words, targets, (records >= 0).astype(np.float32)

        spec = (
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None, classes], tf.float32),
            tf.TensorSpec([None], tf.float32),
        )
        return dataset(self.batches.plan(epoch), read, spec, start)

    def validate(self) -> dict[str, float]:
        """Accuracy and loss (mean -log p of the label, nats) on dev."""
        probabilities = classification.softmax(logits(self.model, self.dev))
        labels = self.dev.columns["label"].values
        return {
            "accuracy": classification.accuracy(probabilities, labels),
            "loss": classification.loss(probabilities, labels),
        }


def drop_words(row: np.ndarray, share: float, rng: np.random.Generator) -> None:
    """Replaces a random share of a row's words, in place, by the unknown word; padding stays.

    A verdict must then rest on more than one word (word dropout, Iyyer et al. 2015).
    """
    if share:
        row[(rng.random(len(row)) < share) & (row != PAD)] = UNKNOWN


def logits(model: SentimentClassifier, store: Store) -> np.ndarray:
    """The model's logits of each text `<float64>[texts, classes]`, in the order of the store."""
    answers = np.zeros((len(store), model.classes))
    batches = Batches(store.lengths("tokens"), VALIDATION_BATCH)
    for records, time in zip(*batches.in_order(), strict=True):
        batch = model.predict_on_batch(store.padded("tokens", records, time))
        answers[records[records >= 0]] = np.asarray(batch)[records >= 0]
    return answers
