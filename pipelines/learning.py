"""Loss and learning rate that several tasks train with."""

import keras
import numpy as np
from keras import ops

from zoo.checks import check_rate


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
        check_rate("smoothing", smoothing)
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
