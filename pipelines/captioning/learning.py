"""How a captioner learns: the likelihood of people's captions, then CIDEr-D of its own."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from pipelines.captioning.ciderd import cider_d, document_frequencies, prepare_references
from pipelines.captioning.data import END, PAD, UNKNOWN, shift_right


@keras.saving.register_keras_serializable(package="unfold")
class SmoothedCrossentropy(keras.losses.Loss):
    """Cross-entropy of each word against a target that is spread a little over all words.

        loss = -(1 - ε) log p(w) - ε/V Σ_v log p(v)

    `<int32>[..., time]` answers and `<float32>[..., time, V]` logits -> `<float32>[..., time]`,
    before Keras applies the sample weights. Source: Szegedy et al. 2016, section 7.

    Args:
        smoothing: ε, 0 <= ε < 1.
    """

    def __init__(self, smoothing: float = 0.0, name: str = "smoothed_crossentropy", **kwargs):
        super().__init__(name=name, **kwargs)
        if not 0 <= smoothing < 1:
            raise ValueError(f"`smoothing` must be at least 0 and below 1. Got {smoothing}.")
        self.smoothing = smoothing

    def call(self, y_true, y_pred):
        log_total = ops.logsumexp(y_pred, axis=-1)
        # A product with a one-hot row, as its gradient is a product again and not a scatter.
        chosen = ops.sum(y_pred * ops.one_hot(y_true, y_pred.shape[-1]), axis=-1)
        loss = log_total - (1 - self.smoothing) * chosen
        return loss - self.smoothing * ops.mean(y_pred, axis=-1) if self.smoothing else loss

    def get_config(self):
        return {**super().get_config(), "smoothing": self.smoothing}


@keras.saving.register_keras_serializable(package="unfold")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate that rises in a line to `peak`, then falls to 0 along half a cosine.

    Args:
        peak: largest learning rate.
        steps: optimizer steps in all; 0 from there on.
        warmup: steps of the rise.
    """

    def __init__(self, peak: float, steps: int, warmup: int):
        self.peak = peak
        self.steps = steps
        self.warmup = max(1, warmup)

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rise = (step + 1) / self.warmup
        share = ops.clip((step - self.warmup) / max(1, self.steps - self.warmup), 0.0, 1.0)
        return self.peak * ops.minimum(rise, 0.5 * (1 + ops.cos(np.pi * share)))

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps, "warmup": self.warmup}


class SelfCritical:
    """Rewards for self-critical sequence training (Rennie et al. 2017) on CIDEr-D.

    The gradient of the expected reward is estimated from samples w¹..wⁿ of each image,

        ∇ ≈ (1/n) Σ_k (r(w^k) - b_k) ∇ log p(w^k),    b_k = mean of the other samples' rewards

    (the leave-one-out baseline of Luo 2020, "A better variant of self-critical sequence
    training", in place of the greedy caption's reward). That is the weighted cross-entropy of the
    samples, so that `train_on_batch` with the samples as answers and r - b as weights does it.

    Args:
        references: tokenised reference captions of each training image.
        vocabulary: word of each number.
    """

    def __init__(self, references: Sequence[Sequence[Sequence[str]]], vocabulary: Sequence[str]):
        numbers = {word: index for index, word in enumerate(vocabulary)}
        # Word numbers instead of words, and the end token as a word of its own: without it a
        # caption that breaks off ("a dog in a") costs nothing.
        encoded = [
            [[*(numbers.get(word, UNKNOWN) for word in words), END] for words in image]
            for image in references
        ]
        self._frequencies = document_frequencies(encoded)
        self._references = prepare_references(encoded, self._frequencies)

    def batch(
        self, rows: np.ndarray, sampled: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Training inputs from samples `<int32>[batch, n, time]` of images `rows`, n at least 2.

        Returns:
            tokens, answers and weights, each `[batch, n, time]`, and the mean reward.
        """
        batch, samples, time = sampled.shape
        answers = with_end(sampled)
        words = [row[row != PAD].tolist() for row in answers.reshape(-1, time)]
        references = [self._references[row] for row in rows for _ in range(samples)]
        rewards = cider_d(words, references, self._frequencies).reshape(batch, samples)
        others = (rewards.sum(axis=1, keepdims=True) - rewards) / (samples - 1)
        # Per caption, not per word: the gradient is of log p of the whole caption.
        weights = (rewards - others)[..., None] * (answers != PAD)
        return shift_right(answers), answers, weights.astype(np.float32), float(rewards.mean())


def with_end(tokens: np.ndarray) -> np.ndarray:
    """Puts the end token behind each caption that ended before the last place.

    [[4, 5, 0, 0]] -> [[4, 5, 2, 0]]; a caption that fills all places was cut and has no end.
    """
    answers = np.where(tokens == END, PAD, tokens)
    lengths = (answers != PAD).sum(axis=-1)
    rows = np.nonzero(lengths < tokens.shape[-1])
    answers[(*rows, lengths[rows])] = END
    return answers
