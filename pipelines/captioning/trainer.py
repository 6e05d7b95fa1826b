"""What an epoch of a captioning run is: cross-entropy first, then self-critical training."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipelines.captioning import data
from pipelines.captioning.flags import Train
from pipelines.captioning.inputs import Inputs
from pipelines.captioning.learning import SelfCritical
from pipelines.captioning.metrics import tokenize_for_metrics
from pipelines.losses import SmoothedCrossentropy
from pipelines.schedules import WarmupCosine
from zoo.encoders import learn
from zoo.models.captioner import Captioner


class Trainer:
    """Epochs of a captioning run: cross-entropy first, then self-critical ones."""

    def __init__(
        self,
        flags: Train,
        model: Captioner,
        train_inputs: Inputs,
        texts: Sequence[Sequence[str]],
        vocabulary: Sequence[str],
        rules: Mapping[str, Any],
    ):
        self.flags = flags
        self.model = model
        self.inputs = train_inputs
        self.texts = texts
        self.rules = rules
        self.captions = data.encode_captions(texts, vocabulary, flags.max_length)
        self.vocabulary = vocabulary
        self.boundaries = data.boundaries(self.captions)
        self.phase = None

    @property
    def epochs(self) -> int:
        """Epochs of all phases."""
        return sum(epochs for _, epochs in self._phases())

    def _phases(self) -> list[tuple[str, int]]:
        flags = self.flags
        return [
            ("likelihood", flags.epochs),
            ("fine-tuning", flags.fine_tune_epochs),
            ("self-critical", flags.self_critical_epochs),
        ]

    def phase_of(self, epoch: int) -> str:
        """The phase that an epoch, from 0, is in."""
        for phase, epochs in self._phases():
            if epoch < epochs:
                return phase
            epoch -= epochs
        raise ValueError(f"`epoch` must be below {self.epochs}. Got {epoch + self.epochs}.")

    def begin(self, epoch: int) -> None:
        """Compiles the model for the phase that `epoch` is in, if that is a new one."""
        phase = self.phase_of(epoch)
        if phase == self.phase:
            return
        self.phase = phase
        flags = self.flags
        if flags.fine_tune_from is not None:
            learn(self.model.encoder, phase == "fine-tuning")
        smoothing = flags.label_smoothing
        if phase == "self-critical":
            smoothing = 0.0  # a sample is made likelier or not; nothing is a target
            references = [[tokenize_for_metrics(text) for text in image] for image in self.texts]
            self.critic = SelfCritical(references, self.vocabulary)
            self.sampler = self._sampler()
        self.model.compile(
            keras.optimizers.Adam(self._learning_rate(phase), clipnorm=5.0),
            SmoothedCrossentropy(smoothing),
            # On a CPU, XLA takes four times longer over dropout's random numbers than over the rest
            # of the step; "auto" leaves it off there.
            jit_compile="auto",
        )
        self.model.optimizer.build(self.model.trainable_variables)

    def _learning_rate(self, phase: str) -> float | WarmupCosine:
        flags = self.flags
        if phase == "self-critical":
            return flags.self_critical_learning_rate
        peak, epochs = {
            "likelihood": (flags.learning_rate, flags.epochs),
            "fine-tuning": (flags.fine_tune_learning_rate, flags.fine_tune_epochs),
        }[phase]
        steps = epochs * data.batch_count(self.captions, flags.batch_size, self.boundaries)
        return WarmupCosine(peak, steps, steps // 20)

    def epoch(self, epoch: int) -> dict[str, float]:
        """One pass over the training images; the same for the same epoch and model."""
        rng = np.random.default_rng([self.flags.seed, epoch])
        if self.phase == "self-critical":
            return self._self_critical_epoch(rng)
        steps = data.batch_count(self.captions, self.flags.batch_size, self.boundaries)
        progress = keras.utils.Progbar(steps, stateful_metrics=["loss"])
        losses = []
        for batch in self._batches(rng):
            losses.append(float(self.model.train_on_batch(*batch)))
            progress.update(len(losses), [("loss", np.mean(losses))])
        progress.update(steps, [("loss", np.mean(losses))], finalize=True)
        return {"loss": float(np.mean(losses))}

    def _batches(self, rng):
        return data.training_batches(
            self.inputs.read,
            self.captions,
            batch_size=self.flags.batch_size,
            captions_per_image=self.flags.captions_per_image,
            boundaries=self.boundaries,
            word_dropout=self.flags.word_dropout,
            rng=rng,
        )

    def _self_critical_epoch(self, rng) -> dict[str, float]:
        rows = rng.permutation(len(self.captions))
        size = self.flags.batch_size
        rows = np.resize(rows, -(-len(rows) // size) * size).reshape(-1, size)
        progress = keras.utils.Progbar(len(rows), stateful_metrics=["reward"])
        rewards = []
        for batch in rows:
            image = self.inputs.read(batch, rng)
            sampled = np.asarray(self.sampler(image, rng.integers(0, 2**31, 2, np.int32)))
            tokens, answers, weights, reward = self.critic.batch(batch, sampled)
            self.model.train_on_batch({**image, "tokens": tokens}, answers, weights)
            rewards.append(reward)
            progress.update(len(rewards), [("reward", np.mean(rewards))])
        return {"reward": float(np.mean(rewards))}

    def _sampler(self):
        def draw(image, seed):
            return self.model.caption(
                image,
                method="sample",
                samples=self.flags.captions_per_image,
                seed=seed,
                **self.rules,
            ).tokens

        return tf.function(draw)
