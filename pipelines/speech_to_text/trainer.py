"""How the recogniser is trained: batches of recordings of similar length, each epoch otherwise."""

import keras
import numpy as np
import tensorflow as tf

from pipelines import training
from pipelines.epochs import Batches, dataset, draws
from pipelines.flags import arguments_of
from pipelines.schedules import WarmupCosine
from pipelines.speech_to_text import metrics
from pipelines.speech_to_text.augmentation import Augmentation
from pipelines.speech_to_text.characters import least_frames
from pipelines.speech_to_text.data import join, padded
from pipelines.speech_to_text.flags import Train
from pipelines.store import FILLER, Store
from zoo.decoding.ctc import ctc_greedy
from zoo.models.recognizer import REDUCTION, Recognizer

CLIP = 1.0  # norm of a gradient
VALIDATION_BATCH = 32  # recordings
LABELS = 8  # characters that a batch's longest text is filled up to a multiple of


class Trainer(training.Trainer):
    """CTC over characters, on recordings that are played otherwise in each epoch.

    Args:
        flags: of the run.
        model: built.
        train, dev: columns `features` and `labels`.
    """

    monitor = "word_accuracy"

    def __init__(self, flags: Train, model: Recognizer, train: Store, dev: Store):
        self.flags, self.model, self.train, self.dev = flags, model, train, dev
        self.epochs, self.keep = flags.epochs, flags.keep
        self.augment = Augmentation(**arguments_of(Augmentation, flags))
        longest = np.ceil(train.lengths("features") * self.augment.slowest).astype(int)
        self.batches = Batches(longest, flags.batch_size, flags.seed)

    def compile(self, phase: str) -> None:
        """AdamW whose rate rises over a tenth of the steps and falls to 0."""
        steps = self.epochs * self.batches.steps
        optimizer = keras.optimizers.AdamW(
            WarmupCosine(self.flags.learning_rate, steps, steps // 10),
            weight_decay=self.flags.weight_decay,
            clipnorm=CLIP,
        )
        self.model.compile(optimizer, jit_compile="auto")

    def steps(self, epoch: int) -> int:
        return self.batches.steps

    def dataset(self, epoch: int, start: int = 0) -> tf.data.Dataset:
        """`features` and `lengths`, labels `<int32>[batch, characters]`, weights."""
        mels = self.model.mels

        def read(records, time):
            rows = [self._heard(int(record), epoch) for record in records]
            lengths = np.array([len(row) for row in rows], np.int32)
            inputs = {"features": padded(rows, max(time, REDUCTION), mels), "lengths": lengths}
            labels = [self.train.row("labels", record) for record in records]
            longest = max(map(len, labels))
            labels = self.train.padded("labels", records, -(-longest // LABELS) * LABELS)
            return inputs, labels, (records != FILLER).astype(np.float32)

        spec = (
            {
                "features": tf.TensorSpec([None, None, mels], tf.float32),
                "lengths": tf.TensorSpec([None], tf.int32),
            },
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None], tf.float32),
        )
        return dataset(self.batches.plan(epoch), read, spec, start)

    def _heard(self, record: int, epoch: int) -> np.ndarray:
        """A recording as this epoch plays it, `<float32>[frames, mels]`."""
        features = self.train.row("features", record).astype(np.float32)
        if record == FILLER:
            return features
        least = REDUCTION * least_frames(self.train.row("labels", record).tolist())
        return self.augment(features, least, draws(self.flags.seed, epoch, record))

    def validate(self) -> dict[str, float]:
        """On dev, of the best path: word and character error rate, and 1 - the former."""
        texts, references = transcribe(self.model, self.dev)
        rates = metrics.error_rates(references, texts)
        return {"word_accuracy": 1 - rates["wer"], **rates}


def transcribe(model: Recognizer, store: Store) -> tuple[list[str], list[str]]:
    """The text of each recording's best path, and its transcript, in the order of the store."""
    texts = [""] * len(store)
    batches = Batches(store.lengths("features"), VALIDATION_BATCH)
    for records, time in zip(*batches.in_order(), strict=True):
        rows = [store.row("features", record) for record in records]
        lengths = np.array([len(row) for row in rows], np.int32)
        features = padded(rows, max(int(time), REDUCTION), model.mels)
        logits = model.predict_on_batch({"features": features, "lengths": lengths})
        found = keras.ops.convert_to_numpy(ctc_greedy(logits, lengths // REDUCTION).tokens)
        for record, (tokens,) in zip(records, found, strict=True):
            if record != FILLER:
                texts[record] = join(tokens).strip()
    return texts, [join(store.row("labels", record)) for record in range(len(store))]
