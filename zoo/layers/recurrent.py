"""The shared part of the recurrent layers: checked arguments, the way from a sequence to the loop.

A layer on top of `RecurrentLayer` hands a whole sequence to its cell (`unfold`), which runs it in a
loop with its own gradient: terms that do not depend on the step before are worked out for all
steps at once, outside the loop. Where the cell cannot (see `RecurrentLayer`), Keras' generic loop
runs the same cell step by step; tests hold the two together.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.checks import check, check_integers, check_rates

Tensor = Any


def check_cell_arguments(units: int, dropout: float, recurrent_dropout: float) -> int:
    """Checks the arguments of all cells and gives `units` as a plain int.

    Raises:
        ValueError: `units` is no positive integer, or a rate is outside [0, 1).
    """
    check_integers(units=units)
    check_rates(dropout=dropout, recurrent_dropout=recurrent_dropout)
    return int(units)


def check_lecture_weights(
    weights: Mapping[str, Any], present: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Compares weights by the lecture's names with those that a cell has, in names and shapes.

    Raises:
        ValueError: a name is missing or unknown, or a shape is wrong.
    """
    same = weights.keys() == present.keys()
    check("weights", f"be exactly {list(present)}", list(weights), same)
    arrays = {name: np.asarray(weights[name]) for name in present}
    for name, array in arrays.items():
        shape = present[name].shape
        check(name, f"have the shape {shape}", array.shape, array.shape == shape)
    return arrays


def check_built(cell: keras.Layer) -> None:
    """Raises a ValueError if the cell has no weights yet."""
    if not cell.built:
        raise ValueError(
            f"The weights of '{cell.name}' do not exist yet. Call the layer on data, or its "
            "`build(input_shape)`, first."
        )


class RecurrentLayer(keras.layers.RNN):
    """`keras.layers.RNN` over one cell that knows a fast way through a whole sequence.

    The cell has, beside Keras' cell interface,

        cell.can_unfold    whether the fast way holds for its options
        cell.unfold(inputs, states, keep, training, return_sequences, weights=None)
                           -> (h of all steps, last states)

    with `inputs`: `<float>[time, batch, input]`, `keep`: `<bool>[time, batch, 1]` or None (False:
    the step is masked, the states pass through it), h of all steps: `<float>[time, batch, units]`,
    or None where the last state is all that is wanted. `weights`: kernel and recurrent kernel to
    take in place of the cell's own; kernel None: `inputs` stand for their product with it.

    The generic loop is taken for `fast=False`, `unroll=True`, `recurrent_dropout` above 0, or an
    activation without a known slope.

    Masks mean what they mean in Keras: a masked step leaves the states as they are, and repeats the
    output before it (zero, if there was none), or gives zero with `zero_output_for_mask=True`; and
    whatever x it holds, NaN too, has no part in any gradient. (On
    JAX alone, Keras' generic loop repeats the initial state where there was no output before.)

    Args:
        units: the size of h.
        return_sequences: whether to give out h of all steps, or of the last.
        return_state: whether to give out the last states too.
        go_backwards: whether to walk from the last step to the first; outputs in that order.
        stateful: whether each batch begins with the states that the batch before ended with.
        unroll: whether to unfold the steps into the graph, one by one, in place of a loop.
        zero_output_for_mask: whether masked steps give out zero.
        activity_regularizer: of the output.
        fast: whether to take the fast way where there is one.
        name: of the layer.
        trainable: whether the weights are.
        dtype: the dtype, or the name of a Keras dtype policy.
        **cell_options: the options of the cell.

    Raises:
        ValueError: an argument is out of its range or unknown.
    """

    cell_class: type[keras.Layer]

    def __init__(
        self,
        units: int,
        *,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        activity_regularizer=None,
        fast: bool = True,
        name: str | None = None,
        trainable: bool = True,
        dtype=None,
        **cell_options,
    ):
        check("fast", "be True or False", repr(fast), isinstance(fast, bool))
        shared = {"trainable": trainable, "dtype": dtype}
        super().__init__(
            self.cell_class(units, name="cell", **shared, **cell_options),
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            zero_output_for_mask=zero_output_for_mask,
            activity_regularizer=activity_regularizer,
            name=name,
            **shared,
        )
        self.fast = fast
        self.input_spec = keras.layers.InputSpec(ndim=3)

    @property
    def units(self) -> int:
        """The size of the output."""
        return self.cell.units

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Keras' hook: `(last output, outputs, last states)` of a batch of sequences."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        if mask is not None:
            # 0 · NaN is NaN: a masked step would reach the gradient of W by the x that it holds.
            seen = ops.cast(mask, "bool")[..., None]
            sequences = ops.where(seen, sequences, ops.zeros_like(sequences))
        if not self.fast or self.unroll or not self.cell.can_unfold:
            return super().inner_loop(sequences, initial_state, mask, training=training)

        if training and self.cell.dropout:
            dropout_mask = self.cell.get_dropout_mask(sequences[:, 0, :])
            sequences = sequences * ops.expand_dims(dropout_mask, axis=1)
        inputs = self._time_major(sequences)
        keep = None if mask is None else self._time_major(ops.cast(mask, "bool")[..., None])
        h, states = self.cell.unfold(
            inputs, initial_state, keep, training, return_sequences=self.return_sequences
        )
        h = states[0][None] if h is None else h
        if keep is not None:
            # h already repeats itself at masked steps, from the initial state on.
            any_so_far = ops.cumsum(ops.cast(keep, "int32"), axis=0) > 0
            shown = keep if self.zero_output_for_mask else any_so_far
            h = ops.where(shown if self.return_sequences else shown[-1:], h, ops.zeros_like(h))
        return h[-1], ops.transpose(h, (1, 0, 2)), states

    def _time_major(self, batch_major: Tensor) -> Tensor:
        time_major = ops.transpose(batch_major, (1, 0, 2))
        return ops.flip(time_major, axis=0) if self.go_backwards else time_major

    def get_config(self):
        """The options of the layer and of its cell, side by side, as Keras' layers have them."""
        config = super().get_config()
        del config["cell"]
        own = ("name", "trainable", "dtype")
        cell = {key: value for key, value in self.cell.get_config().items() if key not in own}
        activity = keras.regularizers.serialize(self.activity_regularizer)
        return {**config, **cell, "fast": self.fast, "activity_regularizer": activity}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The layer of a config."""
        return cls(**config)


def shift(first: Tensor, steps: Tensor) -> Tensor:
    """`[first, s_1, ..., s_{T-1}]`: the value before each step."""
    return ops.concatenate([first[None], steps[:-1]], axis=0)


def product_over_time(left: Tensor, right: Tensor) -> Tensor:
    """Σ_t a_t^T b_t, of `[time, batch, m]` and `[time, batch, n]`, as one product: `[m, n]`."""
    rows = ops.reshape(left, (-1, left.shape[-1]))
    return ops.matmul(ops.transpose(rows), ops.reshape(right, (-1, right.shape[-1])))
