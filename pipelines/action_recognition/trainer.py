"""How the recogniser is trained: batches of clips, each epoch otherwise; its answers on dev."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from datasets.actions import sample_places
from pipelines import classification, training
from pipelines.action_recognition.augmentation import Augmentation
from pipelines.action_recognition.data import inputs_of, watch
from pipelines.action_recognition.flags import Train
from pipelines.epochs import Batches, dataset, draws
from pipelines.flags import arguments_of
from pipelines.schedules import WarmupCosine
from pipelines.store import FILLER, Store
from zoo.models.action_recognizer import ActionRecognizer

CLIP = 1.0  # norm of a gradient
VALIDATION_BATCH = 32  # clips


class Trainer(training.Trainer):
    """Cross-entropy of the labels, on clips that are played otherwise in each epoch.

    Args:
        flags: of the run.
        model: built.
        train, dev: columns `clip` and `label`.
    """

    monitor = "accuracy"

    def __init__(self, flags: Train, model: ActionRecognizer, train: Store, dev: Store):
        self.flags, self.model, self.train, self.dev = flags, model, train, dev
        self.epochs, self.keep = flags.epochs, flags.keep
        self.augment = Augmentation(**arguments_of(Augmentation, flags))
        lengths = np.minimum(train.lengths("clip"), flags.frames)
        self.batches = Batches(lengths, flags.batch_size, flags.seed, limits=[flags.frames])

    def compile(self, phase: str) -> None:
        """AdamW whose rate rises over a tenth of the steps and falls to 0."""
        steps = self.epochs * self.batches.steps
        optimizer = keras.optimizers.AdamW(
            WarmupCosine(self.flags.learning_rate, steps, steps // 10),
            weight_decay=self.flags.weight_decay,
            clipnorm=CLIP,
        )
        loss = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=self.flags.label_smoothing
        )
        self.model.compile(optimizer, loss, jit_compile="auto")

    def steps(self, epoch: int) -> int:
        return self.batches.steps

    def dataset(self, epoch: int, start: int = 0) -> tf.data.Dataset:
        """Clips and `lengths`, one-hot labels `<float32>[batch, classes]`, weights."""
        classes, place = self.model.classes, self.model.place

        def read(records, time):
            rows = [self._watched(int(record), epoch) for record in records]
            targets = np.eye(classes, dtype=np.float32)[self.train.dense("label", records)]
            return inputs_of(rows, time, place), targets, (records != FILLER).astype(np.float32)

        dtype = self.train.columns["clip"].values.dtype
        spec = (
            {
                self.model.input_name: tf.TensorSpec([None, self.flags.frames, *place], dtype),
                "lengths": tf.TensorSpec([None], tf.int32),
            },
            tf.TensorSpec([None, classes], tf.float32),
            tf.TensorSpec([None], tf.float32),
        )
        return dataset(self.batches.plan(epoch), read, spec, start)

    def _watched(self, record: int, epoch: int) -> np.ndarray:
        """A clip as this epoch plays it."""
        clip = self.train.row("clip", record)
        return (
            clip if record == FILLER else self.augment(clip, draws(self.flags.seed, epoch, record))
        )

    def validate(self) -> dict[str, float]:
        """Accuracy and loss (mean -log p of the label, nats) on dev."""
        clips = [self.dev.row("clip", record) for record in range(len(self.dev))]
        answers = logits(self.model, clips, self.flags.frames, self.flags.shuffled)
        probabilities = classification.softmax(answers)
        labels = self.dev.columns["label"].values
        return {
            "accuracy": classification.accuracy(probabilities, labels),
            "loss": classification.loss(probabilities, labels),
        }


def logits(
    model: ActionRecognizer, clips: Sequence[np.ndarray], frames: int, shuffled: bool = False
) -> np.ndarray:
    """The model's logits of each clip `<float64>[clips, classes]`, as the exported graph has them.

    Args:
        model: built.
        clips: `[time, ...]` each.
        frames, shuffled: of the run.
    """
    answers = np.zeros((len(clips), model.classes))
    for start in range(0, len(clips), VALIDATION_BATCH):
        rows = [
            watch(clip, frames, model.size, True).numpy()
            if shuffled
            else clip[sample_places(len(clip), frames)]
            for clip in clips[start : start + VALIDATION_BATCH]
        ]
        count = len(rows)
        rows += [rows[0]] * (VALIDATION_BATCH - count)  # one shape, so that one graph does for all
        batch = model.predict_on_batch(inputs_of(rows, frames, model.place))
        answers[start : start + count] = np.asarray(batch)[:count]
    return answers
