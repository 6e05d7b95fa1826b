"""The decoder of a sequence that looks at a memory: two recurrent layers with attention between."""

import keras
from keras import ops

from zoo.checks import check, check_choice, check_integers, check_rates
from zoo.layers.attention import Attention
from zoo.layers.constant_feature import ConstantFeature
from zoo.layers.lecture_layer import CELLS, STATES, lecture_layer


@keras.saving.register_keras_serializable(package="unfold")
class AttentionDecoder(keras.layers.Layer):
    """Inputs and a memory -> the states of two recurrent layers, with attention between them.

        h¹_t = LSTM¹([x_t, 1])
        c_t  = Σ_j α_tj m_j                     attention with the query h¹_t
        h²_t = LSTM²([h¹_t, c_t, 1])

    The readout of h²_t and c_t is the model's own. Without attention the memory has a single cell,
    and c_t is this cell.

    No layer waits for the output of a later layer's previous step, so that training runs each layer
    over all time steps at once. Two-layer captioners have such a decoder (Anderson et al. 2018,
    "Bottom-up and top-down attention"), with a feedback into the first layer that this one lacks.

    Several sequences may share a memory, side by side in the second axis: captions of an image in
    training, the beams of a search. The memory is a dict of

        cells: `<float>[batch, cells, width]`, m
        mask: `<bool>[batch, cells]`, False where a cell is padding; left out, where none is
        keys: the attention's view of the cells, worked out once for all steps

    and `remember` makes it. The state is a list: h¹ (and C¹), h² (and C²), each
    `<float>[batch, n, units]`, and the state of the attention, where it has any.

    Example, step by step and all steps at once:

        >>> import numpy as np
        >>> from zoo.layers.attention import AdditiveAttention
        >>> from zoo.layers.attention_decoder import AttentionDecoder
        >>> decoder = AttentionDecoder(units=5, attention=AdditiveAttention(units=3))
        >>> x, m = np.ones((1, 1, 2, 4), "float32"), np.ones((1, 7, 6), "float32")
        >>> decoder.build(x.shape, {"cells": m.shape})
        >>> memory = decoder.remember(m)
        >>> h, c, weights = decoder(x, memory)
        >>> tuple(h.shape), tuple(c.shape), tuple(weights.shape)
        ((1, 1, 2, 5), (1, 1, 2, 6), (1, 1, 2, 7))
        >>> state = decoder.begin(memory)
        >>> for t in range(2):
        ...     last, c, weights, state = decoder.step(x[:, :, t], state, memory)
        >>> bool(np.allclose(last, h[:, :, -1], atol=1e-6))
        True

    Args:
        units: size of h¹ and h².
        attention: a layer of `zoo.layers.attention`, or another `Attention`; None: no attention.
        cell: one of `CELLS` of `zoo.layers.lecture_layer`.
        dropout: share of h¹ dropped in training, on its way to the attention and to LSTM².
        same_at_all_steps: whether the same features are dropped at all steps (Gal and Ghahramani
            2016), or others at each.

    Call arguments:
        inputs: x, `<float>[batch, n, time, features]`.
        memory: the dict above; keys are worked out where it has none.
        state: from `begin`, before the first step: of n sequences, or one state for all n; None:
            zeros.
        training: whether dropout is on.

    Returns:
        h² `<float>[batch, n, time, units]`, c `<float>[batch, n, time, width]`, and the weights α
        `<float>[batch, n, time, cells]` or None.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        units: int,
        attention: Attention | None = None,
        cell: str = "lstm",
        dropout: float = 0.0,
        same_at_all_steps: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_integers(units=units)
        check_choice("cell", cell, CELLS)
        check_rates(dropout=dropout)
        self.units, self.cell, self.same_at_all_steps = units, cell, same_at_all_steps
        self.constant = ConstantFeature(name="constant")
        self.first = lecture_layer(cell, units, "first")
        self.second = lecture_layer(cell, units, "second")
        self.attention = attention
        shape = (None, 1, None) if same_at_all_steps else None
        self.dropout = keras.layers.Dropout(dropout, shape, name="dropout")

    def build(self, inputs_shape, memory_shape, state_shape=None):
        cells = memory_shape["cells"]
        self.first.build((None, None, inputs_shape[-1] + 1))
        self.second.build((None, None, self.units + cells[-1] + 1))
        if self.attention is not None and not self.attention.built:
            self.attention.build((None, None, self.units), cells)

    # All time steps at once.

    def call(self, inputs, memory, state=None, training=False):
        state = self.begin(memory) if state is None else state
        batch, n, time, _ = ops.shape(inputs)
        alone = isinstance(n, int) and n == 1
        rule = "hold one sequence for each memory, where the attention has a state"
        check("inputs", rule, f"{n} sequences", alone or len(state) == 2 * STATES[self.cell])
        first, second, _ = self._parts(state)
        first, second = (
            [_flat(ops.broadcast_to(value, (batch, n, self.units))) for value in states]
            for states in (first, second)
        )
        rows = ops.reshape(inputs, (batch * n, time, inputs.shape[-1]))
        h = self.first(self.constant(rows), initial_state=first, training=training)
        h = self.dropout(h, training=training)
        context, weights, _ = self._attend(ops.reshape(h, (batch, n * time, self.units)), memory)
        rows = ops.reshape(context, (batch * n, time, context.shape[-1]))
        rows = self.constant(ops.concatenate([h, rows], axis=-1))
        h = self.second(rows, initial_state=second, training=training)
        h, context = (ops.reshape(x, (batch, n, time, x.shape[-1])) for x in (h, context))
        if weights is not None:
            weights = ops.reshape(weights, (batch, n, time, -1))
        return h, context, weights

    # One step at a time, over the same weights.

    def remember(self, cells, mask=None) -> dict:
        """The memory that all steps read, with the attention's keys."""
        memory = {"cells": cells} if mask is None else {"cells": cells, "mask": mask}
        if self.attention is not None:
            memory["keys"] = self.attention.keys(cells)
        return memory

    def begin(self, memory, states=None, lead=None) -> list:
        """The state before the first step, of one sequence for each memory.

        Args:
            memory: from `remember`.
            states: h¹ (and C¹), h² (and C²), each `<float>[batch, units]`; None: zeros.
            lead: `<float>[batch, features]`, an input before the first, which LSTM¹ alone reads.

        Returns:
            A list of `<float>[batch, 1, ...]`.
        """
        if states is None:
            batch = ops.shape(memory["cells"])[0]
            layers = (self.first, self.second)
            states = [value for layer in layers for value in layer.get_initial_state(batch)]
        first, second, _ = self._parts(states)
        if lead is not None:
            _, first = self.first.cell(self.constant(lead), first)
        looking = [] if self.attention is None else self.attention.begin(memory["cells"])
        return [*(ops.expand_dims(value, 1) for value in (*first, *second)), *looking]

    def step(self, inputs, state, memory):
        """One step on: x `<float>[batch, n, features]`, and the state of n sequences.

        Returns:
            h² `<float>[batch, n, units]`, c `<float>[batch, n, width]`, the weights
            `<float>[batch, n, cells]` or None, and the state after it.
        """
        batch, n = ops.shape(inputs)[:2]

        def wide(value):
            return ops.reshape(value, (batch, n, value.shape[-1]))

        first, second, looking = self._parts(state)
        h, first = self.first.cell(self.constant(_flat(inputs)), [_flat(value) for value in first])
        context, weights, looking = self._attend(wide(h), memory, looking)
        joined = self.constant(ops.concatenate([h, _flat(context)], axis=-1))
        h, second = self.second.cell(joined, [_flat(value) for value in second])
        return wide(h), context, weights, [*(wide(value) for value in (*first, *second)), *looking]

    # Parts.

    def _parts(self, state):
        """The states of the first layer, of the second, and of the attention."""
        count = STATES[self.cell]
        return list(state[:count]), list(state[count : 2 * count]), list(state[2 * count :])

    def _attend(self, queries, memory, looking=None):
        """Context `[batch, time, width]` of queries `[batch, time, units]`, and weights or None.

        And, where the attention's state is given for one step of n sequences, the state after it.
        """
        cells = memory["cells"]
        if self.attention is None:
            shape = (*ops.shape(queries)[:2], cells.shape[-1])
            return ops.broadcast_to(cells, shape), None, []
        seen = {"keys": memory.get("keys"), "memory_mask": memory.get("mask")}
        if looking is None:
            return *self.attention(queries, cells, **seen), None
        return self.attention.step(queries, looking, cells, **seen)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "attention": keras.saving.serialize_keras_object(self.attention),
            "cell": self.cell,
            "dropout": self.dropout.rate,
            "same_at_all_steps": self.same_at_all_steps,
        }

    @classmethod
    def from_config(cls, config):
        attention = keras.saving.deserialize_keras_object(config["attention"])
        return super().from_config({**config, "attention": attention})


def _flat(value):
    """`[batch, n, features]` -> `[batch * n, features]`."""
    return ops.reshape(value, (-1, value.shape[-1]))
