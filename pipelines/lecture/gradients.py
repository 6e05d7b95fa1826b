"""Gradients of a loss for any tensors on its way, by TensorFlow's tape."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

Tensor = Any


def gradients(
    forward: Callable[[], Tensor], loss: Callable[[Tensor], Tensor], sources: Sequence[Any]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The output of `forward`, and the gradients of its loss for `sources`.

    Args:
        forward: () -> output. It may fill `sources` itself, with tensors made on the way.
        loss: output -> a number.
        sources: Keras variables, or tensors that the output depends on.

    Raises:
        ValueError: the backend is not TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "This lesson reads gradients of states off TensorFlow's tape: KERAS_BACKEND must be "
            f"'tensorflow'. Got {keras.backend.backend()!r}."
        )
    import tensorflow as tf

    with tf.GradientTape() as tape:
        output = forward()
        value = loss(output)
    tensors = [s.value if isinstance(s, keras.Variable) else s for s in sources]
    return output.numpy(), [g.numpy() for g in tape.gradient(value, tensors)]
