"""Many to many: a character in, the next one out, over unbroken text with carried state."""

from functools import partial
from typing import Any

import keras
from keras import ops

from zoo.checks import check_choice, check_integers, check_rates
from zoo.decoding import sample_text
from zoo.layers.constant_feature import ConstantFeature
from zoo.layers.lecture_layer import CELLS, STATES, lecture_layer
from zoo.layers.reparametrised_rnn import ReparametrisedRNN
from zoo.model import VocabularyModel

Tensor = Any
GAIN, CENTER = 4.0, 0.2  # for the lecture's sigmoid candidate: see `ReparametrisedRNN`


@keras.saving.register_keras_serializable(package="unfold")
class CharLM(VocabularyModel):
    """Characters -> logits of the next character, at every step.

        x_t  = E w_t                              embedding; or one-hot, E = I
        h¹_t = LSTM¹([x_t, 1])                    h^l_t = LSTM^l([h^{l-1}_t, 1])
        p(w_{t+1} | w_1..w_t) = softmax(W_o [h^L_t, 1])

    with the lecture's cells of zoo.layers; 1 is the constant feature. With `layer_norm`, the layer
    norm of h (Ba, Kiros and Hinton 2016) is read in place of h, outside the cell. Dropout on x,
    between layers and before the readout is variational, the same at all steps (Gal and Ghahramani
    2016).

    Symbol 0 is the unknown one, and stands before a text.

    Inputs of `call`: `<int32>[batch, time]`; or, where some rows begin a text, a dict of
        tokens: `<int32>[batch, time]`.
        begins: `<bool>[batch]`, True for a row that starts from a state of zeros and reads the
            symbol 0 in place of its first token.
    In training the state is carried from batch to batch, so that row b must go on where row b of
    the batch before ended, unless it begins; the gradient stops at the batch's first step
    (truncated backpropagation through time, Williams and Peng 1990). Outside training all rows
    start from a state of zeros.
    Returns logits `<float32>[batch, time, vocabulary_size]`; in training, see `VocabularyModel`.

    Args:
        vocabulary_size: symbols, the unknown one among them.
        units: size of h, of each layer.
        layers: recurrent layers.
        embedding_units: size of a symbol's embedding; 0 for one-hot.
        cell: "lstm" (the lecture's), "lstm_tanh" (the usual candidate) or "simple_rnn".
        constant_feature: whether each layer and the readout read a constant 1, too.
        layer_norm: whether a layer's outputs are normed.
        centred: whether the lecture's LSTM is trained in the form that centres h and gives the
            sigmoid candidate its swing: see `ReparametrisedRNN`; the other cells need neither.
        input_dropout: share of the embedding's features dropped in training.
        dropout: share of a layer's outputs dropped.
        weight_dropout: share of the recurrent weights dropped.
        batch_size: rows of a training batch, whose states are carried.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        vocabulary_size: int,
        units: int = 512,
        layers: int = 1,
        embedding_units: int = 64,
        cell: str = "lstm",
        constant_feature: bool = True,
        layer_norm: bool = False,
        centred: bool = True,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        weight_dropout: float = 0.0,
        batch_size: int = 32,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_integers(vocabulary_size=vocabulary_size, units=units, layers=layers)
        check_integers(batch_size=batch_size)
        check_integers(0, embedding_units=embedding_units)
        check_rates(input_dropout=input_dropout, dropout=dropout, weight_dropout=weight_dropout)
        check_choice("cell", cell, CELLS)
        self.vocabulary_size, self.units, self.batch_size = vocabulary_size, units, batch_size
        self.states_each = STATES[cell]  # of a layer
        self.extra = int(constant_feature)  # features beside x, and beside h
        self.constant = ConstantFeature() if constant_feature else keras.layers.Identity()
        self.embedding = None
        if embedding_units:
            self.embedding = keras.layers.Embedding(
                vocabulary_size,
                embedding_units,
                embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0),
                name="embedding",
            )
        centred = centred and cell == "lstm"
        self.recurrences = [
            ReparametrisedRNN(
                lecture_layer(cell, units, "layer", constant_feature=constant_feature).cell,
                rate=weight_dropout,
                gain=GAIN if centred else 1.0,
                center=CENTER if centred and constant_feature else 0.0,
                name=f"recurrence_{index}",
            )
            for index in range(layers)
        ]
        self.norms = [
            keras.layers.LayerNormalization(name=f"norm_{index}")
            for index in range(layers if layer_norm else 0)
        ]
        self.readout = keras.layers.Dense(vocabulary_size, use_bias=False, name="readout")
        self.drop_input = keras.layers.SpatialDropout1D(input_dropout, name="drop_input")
        self.drop = keras.layers.SpatialDropout1D(dropout, name="drop")

    def build(self, input_shape=None):
        width = self.vocabulary_size if self.embedding is None else self.embedding.output_dim
        if self.embedding is not None:
            self.embedding.build((None, None))
        for index, layer in enumerate(self.recurrences):
            layer.build((None, None, (self.units if index else width) + self.extra))
        for norm in self.norms:
            norm.build((None, None, self.units))
        self.readout.build((None, None, self.units + self.extra))
        self.carried = [
            self.add_weight(name="carried", shape=shape, initializer="zeros", trainable=False)
            for shape in self.state_shapes(self.batch_size)
        ]
        self.built = True

    # Over a sequence.

    def readout_rows(self, inputs, training=False):
        tokens, begins = inputs, None
        if isinstance(inputs, dict):
            tokens, begins = inputs["tokens"], ops.expand_dims(inputs["begins"], 1)
            first = ops.where(begins, ops.zeros_like(tokens[:, :1]), tokens[:, :1])
            tokens = ops.concatenate([first, tokens[:, 1:]], axis=1)
        if not training:
            return self._unroll(tokens, self.initial_states(ops.shape(tokens)[0]))[0]
        states = [ops.convert_to_tensor(state) for state in self.carried]
        if begins is not None:
            states = [ops.where(begins, ops.zeros_like(state), state) for state in states]
        rows, states = self._unroll(tokens, states, training=True)
        for variable, state in zip(self.carried, states, strict=True):
            variable.assign(ops.stop_gradient(ops.cast(state, variable.dtype)))
        return rows

    def readout_weights(self):
        return ops.transpose(self.readout.kernel), None

    def unroll(self, tokens, states, keep=None, fixed=None):
        """Reads tokens on from a state.

        Args:
            tokens: `<int32>[batch, time]`.
            states: a list of `<float>[batch, units]`: of the first layer, then of the second, ...
            keep: `<bool>[batch, time]`, False where a token is padding; None: all are read.
            fixed: the result of `lecture_weights`, so that a loop works it out once.

        Returns:
            logits `<float32>[batch, time, vocabulary_size]` of the symbol after each token, and
            the states after the last.
        """
        rows, states = self._unroll(tokens, states, keep, fixed)
        return self.logits(rows), states

    def _unroll(self, tokens, states, keep=None, fixed=None, training=False):
        x = self.drop_input(self._embed(tokens), training=training)
        each, after = self.states_each, []
        for index, layer in enumerate(self.recurrences):
            own = states[index * each : (index + 1) * each]
            given = None if fixed is None else fixed[index]
            h, own = layer(self.constant(x), own, keep, given, training=training)
            after += own
            x = self.drop(self._norm(index, h), training=training)
        return self.constant(x), after

    def next_logits(self, states):
        """Logits `<float32>[batch, vocabulary_size]` of the symbol that follows on a state."""
        last = len(self.recurrences) - 1
        h = ops.expand_dims(states[self.states_each * last], 1)
        return self.logits(self.constant(self._norm(last, h)))[:, 0]

    def step(self, tokens, states, fixed=None):
        """One symbol on: tokens `<int32>[batch]` -> the states after it."""
        return self._unroll(ops.expand_dims(tokens, 1), states, fixed=fixed)[1]

    def lecture_weights(self) -> list[tuple[Tensor, Tensor]]:
        """The lecture's W of each layer, for [x, 1] and for h: see `ReparametrisedRNN`."""
        return [layer.lecture_weights() for layer in self.recurrences]

    def as_printed(self) -> "CharLM":
        """The same model, its cells with the lecture's W for their weights: to read, not to train.

        Where `centred` trains another form of W, each call works W out; this one has it.
        """
        other = CharLM.from_config({**self.get_config(), "centred": False})
        other.build()
        other.set_weights(self.get_weights())
        for layer, (W_x, W_h) in zip(other.recurrences, self.lecture_weights(), strict=True):
            layer.cell.kernel.assign(W_x)
            layer.cell.recurrent_kernel.assign(W_h)
        return other

    def write(self, states, length, **options):
        """Text that goes on from a state: see `zoo.decoding.sample_text`."""
        step = partial(self.step, fixed=self.lecture_weights())
        return sample_text(self.next_logits, step, states, length, **options)

    def score(self, tokens, states, keep=None):
        """The cost of each token, given the state before the first.

        Returns:
            log p of each token `<float32>[batch, time]`, whether it was the likeliest
            `<bool>[batch, time]`, and the states after the last.
        """
        first = ops.expand_dims(self.next_logits(states), 1)
        logits, states = self.unroll(tokens, states, keep)
        logits = ops.concatenate([first, logits[:, :-1]], axis=1)
        chosen = ops.take_along_axis(logits, ops.expand_dims(tokens, -1), axis=-1)[..., 0]
        hit = ops.equal(ops.cast(ops.argmax(logits, axis=-1), tokens.dtype), tokens)
        return chosen - ops.logsumexp(logits, axis=-1), hit, states

    # States.

    def state_shapes(self, batch) -> list[tuple]:
        """Shapes of the states of `batch` rows: h and C of each layer (of a SimpleRNN, h)."""
        return [(batch, self.units)] * (self.states_each * len(self.recurrences))

    def initial_states(self, batch) -> list[Tensor]:
        """States of zeros: nothing was read."""
        return [ops.zeros(shape, self.compute_dtype) for shape in self.state_shapes(batch)]

    def start(self, batch) -> list[Tensor]:
        """The states before a text: after the symbol 0."""
        return self.step(ops.zeros((batch,), "int32"), self.initial_states(batch))

    # Parts.

    def _embed(self, tokens):
        if self.embedding is None:
            return ops.one_hot(tokens, self.vocabulary_size, dtype=self.compute_dtype)
        return self.embedding(tokens)

    def _norm(self, index, h):
        return self.norms[index](h) if self.norms else h
