"""The learning rate that all tasks train with."""

import keras
import numpy as np
from keras import ops


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
