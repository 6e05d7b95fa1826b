"""The bases of the project's models."""

from typing import Any

import keras
from keras import ops

from zoo.layers.readout_loss import readout_crossentropy
from zoo.losses import SmoothedCrossentropy

Tensor = Any
MEANS = ("sum_over_batch_size", "mean_with_sample_weight")  # reductions that blocks know
LARGE = 1024  # words: of fewer, the logits of a batch stay in the cache, and blocks gain nothing


class Model(keras.Model):
    """A Keras model that records its constructor's arguments as its config, as Keras' layers do.

    So a model of plain arguments (numbers, strings, True, False, None) needs no `get_config`.
    """

    def __new__(cls, *args, **kwargs):
        # keras.Model's own `__new__` leaves the arguments out; the layers' records them.
        return keras.layers.Layer.__new__(cls, *args, **kwargs)


class VocabularyModel(Model):
    """A model whose answers are logits over a vocabulary: z = W r + b.

    A training step with `SmoothedCrossentropy` takes the loss and the gradients of a large
    vocabulary by blocks (`readout_crossentropy`) of r. So in training `call` gives
    `{"readout": r, "logits": z}`, and a compiled step, in which nothing reads z, never forms it.

    A subclass has the method `readout_rows(inputs, training)`, r `<float>[..., units]`, and the
    method `readout_weights()`, W `<float>[vocabulary, units]` and b `<float>[vocabulary]` or None.
    """

    def call(self, inputs, training=False):
        rows = self.readout_rows(inputs, training)
        logits = self.logits(rows)
        return {"readout": rows, "logits": logits} if training else logits

    def logits(self, rows: Tensor) -> Tensor:
        """z `<float32>[..., vocabulary]` of r `<float>[..., units]`."""
        kernel, bias = self.readout_weights()
        product = ops.matmul(rows, ops.transpose(ops.cast(kernel, rows.dtype)))
        logits = ops.cast(product, "float32")
        return logits if bias is None else logits + ops.cast(bias, "float32")

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if not isinstance(y_pred, dict):  # logits already: outside training
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        rows = y_pred["readout"]
        kernel, bias = self.readout_weights()
        small = kernel.shape[0] < LARGE
        shared = keras.distribution.distribution() is not None  # each device has rows of its own
        smoothed = isinstance(self.loss, SmoothedCrossentropy)
        if small or shared or not smoothed or self.loss.reduction not in MEANS:
            return super().compute_loss(x, y, y_pred["logits"], sample_weight, training)
        weights = ops.ones(ops.shape(y)) if sample_weight is None else sample_weight
        rows, answers = ops.reshape(rows, (-1, rows.shape[-1])), ops.reshape(y, (-1,))
        weights = ops.reshape(ops.cast(weights, "float32"), (-1,))
        if self.loss.reduction == "mean_with_sample_weight":
            weights = weights / ops.maximum(ops.mean(weights), keras.config.epsilon())
        loss = readout_crossentropy(rows, kernel, answers, weights, bias, self.loss.smoothing)
        return sum(self.losses, loss)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        y_pred = y_pred["logits"] if isinstance(y_pred, dict) else y_pred
        return super().compute_metrics(x, y, y_pred, sample_weight)
