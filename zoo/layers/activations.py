"""Derivatives of the activations whose slope can be read off their own output.

    sigmoid   y = 1 / (1 + e^-z)      dy/dz = y (1 - y)
    tanh      y = tanh(z)             dy/dz = 1 - y^2
    relu      y = max(z, 0)           dy/dz = 1 where y > 0, else 0
    linear    y = z                   dy/dz = 1

So a layer need not keep z for its backward pass. Other activations have no entry, and a layer that
is given one leaves its gradient to the backend.
"""

from collections.abc import Callable
from typing import Any

import keras

Tensor = Any

SLOPES: dict[Callable, Callable[[Tensor], Tensor]] = {  # activation -> dy/dz from y
    keras.activations.sigmoid: lambda y: y * (1 - y),
    keras.activations.tanh: lambda y: 1 - y * y,
    keras.activations.relu: lambda y: keras.ops.cast(y > 0, y.dtype),
    keras.activations.linear: keras.ops.ones_like,
}
