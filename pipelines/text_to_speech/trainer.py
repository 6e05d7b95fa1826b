"""How the synthesizer is trained: batches of recordings of similar length, teacher-forced."""

import keras
import numpy as np
import tensorflow as tf

from pipelines import training
from pipelines.epochs import Batches, dataset
from pipelines.schedules import WarmupCosine
from pipelines.store import FILLER, Store
from pipelines.text_to_speech import alignment, metrics, vocoder
from pipelines.text_to_speech.characters import FIRST_LETTER
from pipelines.text_to_speech.data import Front, padded, steps_of
from pipelines.text_to_speech.flags import Train
from zoo.models.synthesizer import Synthesizer

CLIP = 1.0  # norm of a gradient
CELLS = 8  # characters that a batch's longest text is filled up to a multiple of
FAULTY = 20.0  # dB that a text counts as which is not read at all
VALIDATED, VALIDATION_BATCH = 48, 16  # texts of dev; and at a time


class Trainer(training.Trainer):
    """Frames of the recordings of all voices; validated by speaking with the exported voice.

    Args:
        flags: of the run.
        model: built.
        front: of the run.
        voice: number of the exported voice.
        train, dev: columns `characters`, `mel`, `linear` and `voice`.
    """

    monitor = "nearness"

    def __init__(
        self,
        flags: Train,
        model: Synthesizer,
        front: Front,
        voice: int,
        train: Store,
        dev: Store,
    ):
        self.flags, self.model, self.front, self.voice = flags, model, front, voice
        self.train, self.dev = train, dev
        self.epochs, self.keep = flags.epochs, flags.keep
        steps = steps_of(train.lengths("mel"), front.frames)
        self.batches = Batches(steps, flags.batch_size, flags.seed)
        voices = dev.columns["voice"].values
        self.spoken = np.flatnonzero(voices == voice)[:VALIDATED]
        self._speak = training.as_graph(model.speak)

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
        """The model's inputs, linear frames `<float32>[batch, time, bins]`, weights."""
        store, frames = self.train, self.front.frames

        def read(records, time):
            mels, linears = (
                padded([store.row(name, record) for record in records], time * frames)
                for name in ("mel", "linear")
            )
            counts = np.array([len(store.row("mel", record)) for record in records])
            inputs = {
                "characters": _characters(store, records),
                "voice": store.dense("voice", records),
                "mel": mels,
                "lengths": (steps_of(counts, frames) * frames).astype(np.int32),
            }
            return inputs, linears, (records != FILLER).astype(np.float32)

        integers = tf.TensorSpec([None], tf.int32)
        spec = (
            {
                "characters": tf.TensorSpec([None, None], tf.int32),
                "voice": integers,
                "mel": tf.TensorSpec([None, None, self.front.mels], tf.float32),
                "lengths": integers,
            },
            tf.TensorSpec([None, None, self.front.bins], tf.float32),
            tf.TensorSpec([None], tf.float32),
        )
        return dataset(self.batches.plan(epoch), read, spec, start)

    def validate(self) -> dict[str, float]:
        """Free-running, on texts of dev: distortion (dB), score, and the share that is aligned.

        `nearness`, by which an epoch is better, is the distortion with the sign changed, where a
        fault counts as 20 dB: mean of -(score · distortion + (1 - score) · 20).
        """
        distortions, scores = [], []
        for first in range(0, len(self.spoken), VALIDATION_BATCH):
            records = self.spoken[first : first + VALIDATION_BATCH]
            spoken, score = self._answers(records)
            scores += score.tolist()
            for row, record in enumerate(records):
                frames = spoken["mel"][row, : spoken["lengths"][row]]
                true = self.dev.row("mel", record)
                distortions.append(metrics.mel_cepstral_distortion(frames, true))
        distances, shares = np.array(distortions), np.array(scores)
        return {
            "nearness": -float(np.mean(shares * distances + (1 - shares) * FAULTY)),
            "mcd": float(np.mean(distances)),
            "score": float(np.mean(shares)),
            "aligned": float(np.mean(shares == 1)),
        }

    def _answers(self, records: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """What the model says of some texts, and the scores."""
        rows = np.append(records, np.full(VALIDATION_BATCH - len(records), FILLER))
        characters = tf.constant(_characters(self.dev, rows))
        counts = tf.reduce_sum(tf.cast(characters > 0, tf.int32), axis=1)
        voices = tf.fill([len(rows)], self.voice)
        spoken = self._speak(characters, voices, self.front.limits(counts))
        letters = characters >= FIRST_LETTER
        counted = alignment.faults(spoken, counts, letters, self.front.frames, vocoder.HOP)
        scores = alignment.scores(counted, counts, spoken["ended"])
        return {name: value.numpy() for name, value in spoken.items()}, scores.numpy()[
            : len(records)
        ]


def _characters(store: Store, records: np.ndarray) -> np.ndarray:
    longest = max(len(store.row("characters", record)) for record in records)
    return store.padded("characters", records, -(-longest // CELLS) * CELLS)
