"""Features less their mean: what a microphone, a room and a loudness add to all frames alike."""

import keras
from keras import ops

from zoo.checks import check

PRIOR = 100.0  # frames that the mean of the training data counts as


@keras.saving.register_keras_serializable(package="unfold")
class MeanSubtraction(keras.layers.Layer):
    """Subtracts a recording's mean from its features, and divides by a fixed scale.

        whole:    y_t = (x_t - m_T) / s
        running:  y_t = (x_t - m_t) / s,        m_t = (n μ + Σ_{u ≤ t} x_u) / (n + t)

    μ and s, of the training data (`set_statistics`), are no trainable weights; they count as n =
    100 frames, so that a recording of a few frames is not its own mean. Cepstral mean subtraction
    (Atal 1974), on log-mel features; the running kind depends on no later frame, so that a stream
    can be heard piece by piece.

    Example of μ = 0 and s = 1, a recording whose first 100 frames are 1 and of which no more is
    known: m = 100 / 200.

        >>> import numpy as np
        >>> from zoo.layers.mean_subtraction import MeanSubtraction
        >>> layer = MeanSubtraction()
        >>> y = layer(np.ones((1, 120, 4), "float32"), np.array([100]))
        >>> float(y[0, 0, 0])
        0.5

    Args:
        running: whether the mean is over the frames so far, or over all.

    Call arguments:
        features: `<float>[batch, time, features]`.
        lengths: `<int>[batch]`, frames of each row; without a meaning if `running`.
        state: `running` only: the state after the frames before, from `start` or `call`.

    Returns:
        y `<float>[batch, time, features]`; if `running`, a pair of it and the state: sums
        `<float32>[batch, features]` and frames `<float32>[batch, 1]`.

    Raises:
        ValueError: `running` is no truth value.
    """

    def __init__(self, running: bool = False, **kwargs):
        super().__init__(**kwargs)
        check("running", "be True or False", repr(running), isinstance(running, bool))
        self.running = running

    def build(self, features_shape, *_):
        width = (features_shape[-1],)
        self.mean = self.add_weight(width, "zeros", trainable=False, name="mean")
        self.scale = self.add_weight(width, "ones", trainable=False, name="scale")
        self.built = True

    def set_statistics(self, mean, scale) -> None:
        """Sets μ and s, each `<float>[features]`; s above 0."""
        self.mean.assign(mean)
        self.scale.assign(scale)

    def start(self, batch):
        """The state before the first frame."""
        return ops.zeros((batch, self.mean.shape[0])), ops.zeros((batch, 1))

    def call(self, features, lengths=None, state=None):
        features = ops.cast(features, "float32")
        places = ops.arange(ops.shape(features)[1], dtype="int32")
        if not self.running:
            lengths = ops.cast(ops.convert_to_tensor(lengths), "int32")[:, None]
            seen = ops.where((places < lengths)[..., None], features, 0.0)
            mean = self._mean(ops.sum(seen, axis=1), ops.cast(lengths, "float32"))[:, None]
            return ops.cast((features - mean) / self.scale, self.compute_dtype)
        sums, frames = self.start(ops.shape(features)[0]) if state is None else state
        sums = sums[:, None] + ops.cumsum(features, axis=1)
        counts = frames + ops.cast(places + 1, "float32")
        y = (features - self._mean(sums, counts[..., None])) / self.scale
        return ops.cast(y, self.compute_dtype), (sums[:, -1], counts[:, -1:])

    def _mean(self, sums, frames):
        return (PRIOR * self.mean + sums) / (PRIOR + frames)

    def get_config(self):
        return {**super().get_config(), "running": self.running}
