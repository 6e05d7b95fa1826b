"""A constant feature: a bias's work, within the lecture's bias-free equations."""

import keras
from keras import ops

from zoo.checks import check


@keras.saving.register_keras_serializable(package="unfold")
class ConstantFeature(keras.layers.Layer):
    """x -> [x, 1]: `<float>[..., features]` -> `<float>[..., features + 1]`.

    The row of W that meets the constant 1 adds the same number at every step, so W [h, x] can
    do all that W [h, x] + b does, and the cells stay exactly as the lecture prints them. A mask
    goes through.

    Example:

        >>> import numpy as np
        >>> from zoo.layers.constant_feature import ConstantFeature
        >>> x = ConstantFeature()(np.array([[3.0, 4.0]], "float32"))
        >>> [float(feature) for feature in x[0]]
        [3.0, 4.0, 1.0]
    """

    supports_masking = True

    def call(self, inputs):
        return ops.concatenate([inputs, ops.ones_like(inputs[..., :1])], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)


@keras.saving.register_keras_serializable(package="unfold")
class GateOffsets(keras.initializers.Initializer):
    """Initial LSTM kernel for inputs whose last feature is the constant 1.

    All rows but the last are drawn from Glorot's uniform distribution (2010); the last row, which
    meets the constant, starts each gate at a chosen offset, as a bias would:

        f = σ(... + forget),  i = σ(... + input),  C̃ = φ(... + candidate),  o = σ(... + output)

    Gate order f, i, c, o, as in `zoo.layers.LSTM`. A forget offset above 0 keeps the cell state
    over more steps (Gers, Schmidhuber and Cummins 2000; Jozefowicz et al. 2015): a state decays
    by σ(forget) a step.

    Example, an LSTM of one unit over two features and the constant:

        >>> from zoo.layers.constant_feature import GateOffsets
        >>> kernel = GateOffsets(forget=1.0, input=-1.0)((3, 4))
        >>> [float(offset) for offset in kernel[-1]]
        [1.0, -1.0, 0.0, 0.0]

    Args:
        forget, input, candidate, output: the offsets, dimensionless (arguments of φ or σ).
        seed: integer or `keras.random.SeedGenerator`.
    """

    def __init__(self, forget=1.0, input=-1.0, candidate=0.0, output=0.0, seed=None):
        self.offsets = {"forget": forget, "input": input, "candidate": candidate, "output": output}
        self.seed = seed

    def __call__(self, shape, dtype=None):
        rows, columns = shape
        check("shape[1]", "hold four gates of equal size", columns, columns % 4 == 0)
        units = columns // 4
        # Glorot's range for one gate's fan-out: the gates are four matrices that lie side by side.
        limit = (6.0 / (rows - 1 + units)) ** 0.5
        gates = keras.initializers.RandomUniform(-limit, limit, self.seed)(
            (rows - 1, columns), dtype
        )
        row = [ops.full((1, units), offset, dtype) for offset in self.offsets.values()]
        return ops.concatenate([gates, ops.concatenate(row, axis=1)], axis=0)

    def get_config(self):
        return {**self.offsets, "seed": self.seed}
