"""Attention that knows where it has looked, so that it reads a text from its first letter on."""

import keras
from keras import ops

from zoo.checks import check_integers
from zoo.layers.attention import AdditiveAttention, weights_of
from zoo.layers.time_loop import scan

LEAST = 1e-6  # of the share of a cell that is out of reach: its gradient stays alive


@keras.saving.register_keras_serializable(package="unfold")
class LocationSensitiveAttention(AdditiveAttention):
    """Which cells each query reads, given those that the queries before it have read.

        f_t  = F * [α_{t-1}, Σ_{s<t} α_s]           a convolution over the cells
        e_tj = v · tanh(W_q q_t + W_k m_j + W_f f_tj)
        α_tj = a_tj exp(e_tj) / Σ_k a_tk exp(e_tk)
        c_t  = Σ_j α_tj m_j                         context

    with a_tj = 1, or, where the attention may `advance` by n cells a step and never goes back,
    a_tj = Σ_{i=0..n} α_{t-1,j-i}, and 1e-6 more. Before the first query α_0 is all on the first
    cell, and the sum is 0. Bias-free, as the lecture's cells are.

    The weights of a query need those of the query before: `call` goes through the queries one at a
    time, and equals `step` after `step`.

    Example, an attention that may go on by one cell a step reaches the third with its third query:

        >>> import numpy as np
        >>> from zoo.layers.location_attention import LocationSensitiveAttention
        >>> queries, memory = np.ones((1, 3, 3), "float32"), np.ones((1, 4, 4), "float32")
        >>> look = LocationSensitiveAttention(units=5, filters=2, kernel=3, advance=1)
        >>> context, weights = look(queries, memory)
        >>> [[bool(weight > 0.01) for weight in row] for row in weights[0, :, 2:]]
        [[False, False], [True, False], [True, True]]

    Args:
        units: size of the hidden layer.
        filters: of F.
        kernel: cells that a filter of F spans.
        advance: cells that the attention goes on by in one step, at most; 0: no such bound.

    Call arguments and returns as `AdditiveAttention`'s, for one sequence of queries a memory. The
    state is [α_{t-1}, Σ_{s<t} α_s], each `<float>[batch, n, cells]`.

    Raises:
        ValueError: an argument is out of its range.

    Sources: Chorowski et al. (2015), equation 9, and Shen et al. (2018) for the sum; for a, Zhang,
    Ling and Dai (2018), "Forward attention in sequence-to-sequence acoustic modeling", equation 7.
    """

    def __init__(self, units: int, filters: int = 8, kernel: int = 15, advance: int = 0, **kwargs):
        super().__init__(units, **kwargs)
        check_integers(filters=filters, kernel=kernel)
        check_integers(0, advance=advance)
        self.filters, self.kernel, self.advance = filters, kernel, advance
        self.location = keras.layers.Conv1D(
            filters, kernel, padding="same", use_bias=False, dtype=self.dtype_policy, name="filters"
        )
        self.location_projection = keras.layers.Dense(
            units, use_bias=False, dtype=self.dtype_policy, name="location"
        )

    def build(self, queries_shape, memory_shape, keys_shape=None, memory_mask_shape=None):
        super().build(queries_shape, memory_shape)
        self.location.build((None, None, 2))
        self.location_projection.build((None, None, self.filters))

    def call(self, queries, memory, keys=None, memory_mask=None):
        keys = self.keys(memory) if keys is None else keys
        projected = ops.transpose(self.query_projection(queries), (1, 0, 2))
        first = [value[:, 0] for value in self.begin(memory)]

        def step(state, row):
            state = [value[:, None] for value in state]
            weights, state = self._look(row[0][:, None], state, keys, memory_mask)
            return tuple(value[:, 0] for value in state), (weights[:, 0],)

        _, (weights,) = scan(step, first, (projected,), (memory.shape[1],))
        weights = ops.transpose(weights, (1, 0, 2))
        return ops.matmul(weights, memory), weights

    def begin(self, memory) -> list:
        nothing = ops.zeros_like(memory[:, None, :, 0])
        first = ops.cast(ops.arange(ops.shape(memory)[1]) == 0, nothing.dtype)
        return [nothing + first, nothing]

    def step(self, queries, state, memory, keys=None, memory_mask=None):
        keys = self.keys(memory) if keys is None else keys
        weights, state = self._look(self.query_projection(queries), state, keys, memory_mask)
        return ops.matmul(weights, memory), weights, state

    def _look(self, projected, state, keys, memory_mask):
        """α_t `<float>[batch, n, cells]` and the state after it; `projected` is W_q q_t."""
        last, total = state
        sums = projected[:, :, None] + keys[:, None] + self._location(last, total)
        energies = ops.matmul(ops.tanh(sums), ops.expand_dims(self.score_vector, 1))[..., 0]
        if self.advance:
            reach = ops.cast(last, keras.backend.result_type(last.dtype, "float32"))
            cells = ops.shape(reach)[2]
            ahead = ops.pad(reach, ((0, 0), (0, 0), (self.advance, 0)))
            reach = sum(ahead[:, :, i : i + cells] for i in range(self.advance + 1))
            energies = ops.cast(energies, reach.dtype) + ops.log(reach + LEAST)
        weights = weights_of(energies, memory_mask, self.compute_dtype)
        return weights, [weights, total + weights]

    def _location(self, last, total):
        """W_f f_t `<float>[batch, n, cells, units]`."""
        batch, n, cells = ops.shape(last)
        pairs = ops.reshape(ops.stack([last, total], axis=-1), (batch * n, cells, 2))
        features = self.location_projection(self.location(pairs))
        return ops.reshape(features, (batch, n, cells, self.units))
