"""What an epoch of the classifier is, and how its logits for many texts are had."""

from collections.abc import Sequence

import keras
import numpy as np

from pipelines.learning import WarmupCosine
from pipelines.sentiment import batches
from pipelines.sentiment.flags import Train
from zoo.models.sentiment import SentimentClassifier

EVALUATION_BATCH = 64  # texts
CLIP = 1.0  # norm of a gradient


def optimizer(
    flags: Train, peak: float, steps: int, epsilon: float = 1e-7
) -> keras.optimizers.Optimizer:
    """AdamW whose rate rises over a tenth of the steps and falls to 0."""
    return keras.optimizers.AdamW(
        WarmupCosine(peak, steps, steps // 10),
        weight_decay=flags.weight_decay,
        epsilon=epsilon,
        clipnorm=CLIP,
    )


class Trainer:
    """Epochs of a classifier: the first `frozen_epochs` for the readout alone, then all of it.

    Args:
        flags: of the run.
        model: built.
        rows: word numbers of each training text, cut.
        labels: `<int>[texts]`.
    """

    def __init__(
        self,
        flags: Train,
        model: SentimentClassifier,
        rows: Sequence[np.ndarray],
        labels: np.ndarray,
    ):
        self.flags = flags
        self.model = model
        self.rows = rows
        self.targets = np.eye(model.classes, dtype=np.float32)[labels]
        self.lengths = batches.boundaries(rows)
        self.steps = batches.count(rows, flags.batch_size, self.lengths)
        self.phase = None

    def begin(self, epoch: int) -> None:
        """Compiles the model for the phase that `epoch` is in, if that is a new one."""
        flags = self.flags
        frozen = epoch < flags.frozen_epochs
        phase = "readout" if frozen else "all"
        if phase == self.phase:
            return
        self.phase = phase
        self.model.reader.trainable = not frozen
        epochs = flags.frozen_epochs if frozen else flags.epochs - flags.frozen_epochs
        self.model.compile(
            optimizer(flags, flags.learning_rate, epochs * self.steps, flags.epsilon),
            keras.losses.CategoricalCrossentropy(
                from_logits=True, label_smoothing=flags.label_smoothing
            ),
            jit_compile="auto",
        )
        self.model.optimizer.build(self.model.trainable_variables)

    def epoch(self, epoch: int) -> dict[str, float]:
        """One pass over the training texts; the same for the same epoch and model."""
        rng = np.random.default_rng([self.flags.seed, epoch])
        progress = keras.utils.Progbar(self.steps, stateful_metrics=["loss"])
        losses = []
        found = batches.shuffled(self.rows, self.flags.batch_size, self.lengths, rng)
        for members, words in found:
            words = batches.drop_words(words, self.flags.word_dropout, rng)
            losses.append(float(self.model.train_on_batch(words, self.targets[members])))
            progress.update(len(losses), [("loss", np.mean(losses))])
        return {"loss": float(np.mean(losses))}


def logits(model: SentimentClassifier, rows: Sequence[np.ndarray]) -> np.ndarray:
    """The model's logits of each text `<float64>[texts, classes]`, in the order of `rows`."""
    found = np.zeros((len(rows), model.classes))
    for members, words in batches.in_order(rows, EVALUATION_BATCH, batches.boundaries(rows)):
        found[members] = np.asarray(model.predict_on_batch(words))[: len(members)]
    return found
