"""What an epoch of a translation run is: cross-entropy on batches of pairs of similar length."""

import keras
import numpy as np

from pipelines.losses import SmoothedCrossentropy
from pipelines.schedules import WarmupCosine
from pipelines.translation import data
from pipelines.translation.flags import Train
from zoo.models.translator import Translator


class Trainer:
    """Epochs of a translation run.

    Args:
        flags: of the run.
        model: built.
        sources, targets: the training pairs, the same place being the same pair.
    """

    def __init__(self, flags: Train, model: Translator, sources: data.Corpus, targets: data.Corpus):
        self.flags = flags
        self.model = model
        self.sources = sources
        self.targets = targets
        self.limits = data.boundaries(
            *self._encode(np.random.default_rng(0)),
            max_length=flags.max_length,
            batch_size=flags.batch_size,
        )
        self.steps = data.batch_count(len(sources.sentences), flags.batch_size, self.limits)
        self.compiled = False

    def _encode(self, rng: np.random.Generator) -> tuple[list[list[int]], list[list[int]]]:
        return self.sources.encode(rng), self.targets.encode(rng)

    def begin(self, epoch: int) -> None:
        """Compiles the model once."""
        if self.compiled:
            return
        self.compiled = True
        flags = self.flags
        steps = flags.epochs * self.steps
        rate = WarmupCosine(flags.learning_rate, steps, steps // 20)
        self.model.compile(
            keras.optimizers.Adam(rate, clipnorm=1.0),
            SmoothedCrossentropy(flags.label_smoothing),
            jit_compile=flags.jit_compile or "auto",
        )
        self.model.optimizer.build(self.model.trainable_variables)

    def epoch(self, epoch: int) -> dict[str, float]:
        """One pass over the training pairs; the same for the same epoch and model."""
        rng = np.random.default_rng([self.flags.seed, epoch])
        progress = keras.utils.Progbar(self.steps, stateful_metrics=["loss"])
        batches = data.training_batches(
            *self._encode(rng), batch_size=self.flags.batch_size, limits=self.limits, rng=rng
        )
        losses = []
        for sources, answers in batches:
            inputs = self._inputs(sources, answers, rng)
            weights = data.token_weights(answers)
            losses.append(float(self.model.train_on_batch(inputs, answers, weights)))
            progress.update(len(losses), [("loss", np.mean(losses))])
        progress.update(self.steps, [("loss", np.mean(losses))], finalize=True)
        return {"loss": float(np.mean(losses))}

    def _inputs(self, sources, answers, rng) -> dict[str, np.ndarray]:
        share = self.flags.word_dropout
        return {
            "source": data.drop_words(sources, share, rng),
            "tokens": data.drop_words(data.shift_right(answers), share, rng),
        }
