"""Attention over a grid or a sequence.

Additive (Bahdanau, Cho and Bengio, ICLR 2015) and multiplicative (Luong, Pham and Manning, EMNLP
2015), called in the same way.
"""

import keras
from keras import ops

from zoo.checks import check_choice, check_integers

ATTENTIONS = ("additive", "multiplicative", "none")


class Attention(keras.layers.Layer):
    """The shared part of all attentions: weights from energies, and a context from weights.

    α_tj = exp(e_tj) / Σ_k exp(e_tk)            weights, one distribution a query
    c_t  = Σ_j α_tj m_j                         context

    A subclass says how well query t fits cell j: `energies(queries, keys)` gives e_tj, and
    `keys(memory)` works out, once for all queries, the part of it that the memory decides.

    `begin` and `step` are for a decoder that goes on word by word. An attention that remembers
    where it last looked has a state, and gives it there; by default there is none.
    """

    supports_masking = True

    def build(self, queries_shape, memory_shape, keys_shape=None, memory_mask_shape=None):
        self.built = True

    def call(self, queries, memory, keys=None, memory_mask=None):
        keys = self.keys(memory) if keys is None else keys
        weights = weights_of(self.energies(queries, keys), memory_mask, self.compute_dtype)
        return ops.matmul(weights, memory), weights

    def begin(self, memory) -> list:
        """The state before the first query: a list of `<float>[batch, 1, ...]`."""
        return []

    def step(self, queries, state, memory, keys=None, memory_mask=None):
        """One query of each of n sequences: `<float>[batch, n, query_features]`.

        Returns:
            context `<float>[batch, n, features]`, weights `<float>[batch, n, cells]` and the state,
            a list of `<float>[batch, n, ...]`.
        """
        context, weights = self(queries, memory, keys=keys, memory_mask=memory_mask)
        return context, weights, state

    def compute_output_shape(
        self, queries_shape, memory_shape, keys_shape=None, memory_mask_shape=None
    ):
        batch, time = queries_shape[:2]
        return (batch, time, memory_shape[-1]), (batch, time, memory_shape[1])


@keras.saving.register_keras_serializable(package="unfold")
class AdditiveAttention(Attention):
    """Which cells of the memory each query reads.

    e_tj = v · tanh(W_q q_t + W_k m_j)          how well query t fits cell j
    α_tj = exp(e_tj) / Σ_k exp(e_tk)            weights, one distribution a query
    c_t  = Σ_j α_tj m_j                         context

    Bias-free, as the lecture's cells are. The queries of all time steps are answered at once:
    no step of the loop waits for the attention of the step before.

    Example, two words that look at a memory of one cell and one of padding:

        >>> import numpy as np
        >>> from zoo.layers.attention import AdditiveAttention
        >>> queries, memory = np.ones((1, 2, 3), "float32"), np.ones((1, 2, 4), "float32")
        >>> look = AdditiveAttention(units=5)
        >>> context, weights = look(queries, memory, memory_mask=np.array([[True, False]]))
        >>> tuple(context.shape), [float(weight) for weight in weights[0, 1]]
        ((1, 2, 4), [1.0, 0.0])

    Call arguments:
        queries: `<float>[batch, time, query_features]`
        memory: `<float>[batch, cells, features]`
        keys: `<float>[batch, cells, units]`, W_k m_j, from `keys(memory)`; worked out when not
            given. A decoder computes them once and hands them to every step.
        memory_mask: `<bool>[batch, cells]`, False where a cell is padding; Keras fills it in where
            the memory carries a mask. A row with no cell left reads the mean of its padding and
            stays finite. A mask that the queries carry goes on to the context.

    Returns:
        context `<float>[batch, time, features]` and weights `<float>[batch, time, cells]`.

    Source: Bahdanau, Cho and Bengio (2015), equations 5 and 6 and appendix A.1.2.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        check_integers(units=units)
        self.units = units
        self.query_projection = keras.layers.Dense(
            units, use_bias=False, dtype=self.dtype_policy, name="query"
        )
        self.key_projection = keras.layers.Dense(
            units, use_bias=False, dtype=self.dtype_policy, name="key"
        )

    def build(self, queries_shape, memory_shape, keys_shape=None, memory_mask_shape=None):
        self.query_projection.build(queries_shape)
        self.key_projection.build(memory_shape)
        self.score_vector = self.add_weight(
            name="score_vector", shape=(self.units,), initializer="glorot_uniform"
        )

    def keys(self, memory):
        """W_k m_j: `<float>[batch, cells, features]` -> `<float>[batch, cells, units]`."""
        return self.key_projection(memory)

    def energies(self, queries, keys):
        """e_tj `<float>[batch, time, cells]`."""
        sums = ops.expand_dims(self.query_projection(queries), 2) + ops.expand_dims(keys, 1)
        # A product, as a sum over elements would write all of time x cells x units once more.
        return ops.matmul(ops.tanh(sums), ops.expand_dims(self.score_vector, 1))[..., 0]


@keras.saving.register_keras_serializable(package="unfold")
class MultiplicativeAttention(Attention):
    """Which cells of the memory each query reads, by one product of both.

    e_tj = q_t · W m_j                          how well query t fits cell j
    α_tj = exp(e_tj) / Σ_k exp(e_tk)            weights, one distribution a query
    c_t  = Σ_j α_tj m_j                         context

    Cheaper than `AdditiveAttention`: nothing of the size time x cells x units is formed.

    Example:

        >>> import numpy as np
        >>> from zoo.layers.attention import MultiplicativeAttention
        >>> queries, memory = np.ones((1, 2, 3), "float32"), np.ones((1, 2, 4), "float32")
        >>> context, weights = MultiplicativeAttention()(queries, memory)
        >>> tuple(context.shape), [float(weight) for weight in weights[0, 1]]
        ((1, 2, 4), [0.5, 0.5])

    Call arguments:
        queries: `<float>[batch, time, query_features]`
        memory: `<float>[batch, cells, features]`
        keys: `<float>[batch, cells, query_features]`, W m_j, from `keys(memory)`; worked out when
            not given.
        memory_mask: `<bool>[batch, cells]`, False where a cell is padding, as in
            `AdditiveAttention`.

    Returns:
        context `<float>[batch, time, features]` and weights `<float>[batch, time, cells]`.

    Source: Luong, Pham and Manning (2015), equation 8 ("general").
    """

    def build(self, queries_shape, memory_shape, keys_shape=None, memory_mask_shape=None):
        self.key_projection = keras.layers.Dense(
            queries_shape[-1], use_bias=False, dtype=self.dtype_policy, name="key"
        )
        self.key_projection.build(memory_shape)

    def keys(self, memory):
        """W m_j: `<float>[batch, cells, features]` -> `<float>[batch, cells, query_features]`."""
        return self.key_projection(memory)

    def energies(self, queries, keys):
        """e_tj `<float>[batch, time, cells]`."""
        return ops.matmul(queries, ops.transpose(keys, (0, 2, 1)))


def attention_layer(attention: str, units: int, name: str) -> Attention | None:
    """An attention by its name, or None for "none".

    Args:
        attention: one of `ATTENTIONS`.
        units: size of the additive attention's hidden layer.
        name: of the layer.

    Raises:
        ValueError: an unknown attention, or `units` is not a positive integer.
    """
    check_choice("attention", attention, ATTENTIONS)
    if attention == "additive":
        return AdditiveAttention(units, name=name)
    return MultiplicativeAttention(name=name) if attention == "multiplicative" else None


def weights_of(energies, memory_mask, dtype):
    """α from e `<float>[batch, time, cells]` and the mask `<bool>[batch, cells]`, or None.

    Padding has α = 0, save in a row that is all padding: there all α are alike.
    """
    # At least 32 bits: a softmax in 16 loses small weights.
    energies = ops.cast(energies, keras.backend.result_type(energies.dtype, "float32"))
    if memory_mask is not None:
        # A large finite number: with -inf a row that is all padding would turn NaN.
        energies = ops.where(ops.expand_dims(memory_mask, 1), energies, -1e9)
    return ops.cast(ops.softmax(energies, axis=-1), dtype)
