"""The loss of every model with a vocabulary, from logits."""

import keras
from keras import ops

from zoo.checks import check_rates


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
        check_rates(smoothing=smoothing)
        self.smoothing = smoothing

    def call(self, y_true, y_pred):
        log_total = ops.logsumexp(y_pred, axis=-1)
        # A product with a one-hot row, as its gradient is a product again and not a scatter.
        chosen = ops.sum(y_pred * ops.one_hot(y_true, y_pred.shape[-1]), axis=-1)
        loss = log_total - (1 - self.smoothing) * chosen
        return loss - self.smoothing * ops.mean(y_pred, axis=-1) if self.smoothing else loss

    def get_config(self):
        return {**super().get_config(), "smoothing": self.smoothing}
