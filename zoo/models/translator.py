"""Many to many: a sentence is read, then written in another language (encoder and decoder)."""

import keras
from keras import ops

from zoo.checks import check_choice, check_integer, check_rate
from zoo.decoding import beam_search, greedy, sample
from zoo.layers.attention import AdditiveAttention, MultiplicativeAttention
from zoo.layers.constant_feature import ConstantFeature
from zoo.models.recurrent_layer import CELLS, recurrent_layer
from zoo.models.sentence_encoder import SentenceEncoder

ATTENTIONS = ("additive", "multiplicative", "none")
PAD = 0
FAR_BELOW = -1e4  # below every h, and finite in 16 bits


@keras.saving.register_keras_serializable(package="unfold")
class Translator(keras.Model):
    """Tokens of one language -> tokens of another.

        m_j  = [h→_j, h←_j]                    encoder: LSTMs over [x_j, 1], forwards and backwards
        s    = tanh(W_s [h→_n, h←_1, mean_j m_j])         the sentence as a whole
        h¹_0, C¹_0, h²_0, C²_0 = tanh(W_b s)              the decoder begins with it
        h¹_t = LSTM¹([y_t, 1])                 y_t: the word before
        c_t  = Σ_j α_tj m_j                    attention with the query h¹_t
        h²_t = LSTM²([h¹_t, c_t, 1])
        p(w_{t+1}) = softmax(E (W_r [h²_t, c_t, y_t]) + b)

    Without attention c_t = s, and s reads max_j m_j, too, as all of the sentence passes through it.
    x and y are rows of the embedding E, times the root of their size. With `encoder_layers` above
    1, [h→, h←] of a layer are what the next one reads; m is the last one's, layer-normalised.

    No layer waits for a later layer's previous step, so that training runs each layer over all time
    steps at once (as the two-layer captioners of Anderson et al. 2018).
    Sources: Sutskever, Vinyals and Le 2014 (encoder and decoder), Bahdanau, Cho and Bengio 2015
    (both directions, attention), Luong, Pham and Manning 2015 (multiplicative attention), Press and
    Wolf 2017 (one embedding for source, target and readout), Gal and Ghahramani 2016 (dropout that
    is the same at all steps).

    Inputs of `call` (teacher forcing), a dict:
        source: `<int32>[batch, source_time]`, the sentence and its end token; 0 is padding, on the
            right. A padded batch gives what each sentence alone does.
        tokens: `<int32>[batch, time]`, the words before each answer, start token first. 0 is
            padding, on the right, so that no mask is needed: the loss leaves padding out.
    Returns logits `<float32>[batch, time, vocabulary_size]`.

    Args:
        vocabulary_size: tokens of both languages together, padding 0 among them.
        units: size of the decoder's h.
        encoder_units: size of h in each direction.
        embedding_units: size of the embeddings' rows.
        attention_units: size of the additive attention's hidden layer.
        encoder_layers: layers of the encoder.
        attention: "additive", "multiplicative" or "none".
        cell: "lstm" (the lecture's), "lstm_tanh" (the usual candidate) or "simple_rnn".
        embedding_dropout: share of the embeddings dropped in training, the same at all steps.
        dropout: the same for memory, states and readout.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        vocabulary_size: int,
        units: int = 512,
        encoder_units: int = 256,
        embedding_units: int = 256,
        attention_units: int = 256,
        encoder_layers: int = 1,
        attention: str = "additive",
        cell: str = "lstm",
        embedding_dropout: float = 0.0,
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._config = {
            "vocabulary_size": vocabulary_size,
            "units": units,
            "encoder_units": encoder_units,
            "embedding_units": embedding_units,
            "attention_units": attention_units,
            "encoder_layers": encoder_layers,
            "attention": attention,
            "cell": cell,
            "embedding_dropout": embedding_dropout,
            "dropout": dropout,
        }
        _check(self._config)
        self.vocabulary_size = vocabulary_size
        self.constant = ConstantFeature(name="constant")
        self.embedding = keras.layers.Embedding(
            vocabulary_size,
            embedding_units,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=embedding_units**-0.5),
            name="embedding",
        )
        self.encoder = SentenceEncoder(encoder_units, encoder_layers, cell, dropout, name="encoder")
        dense = keras.layers.Dense
        self.sentence = dense(units, activation="tanh", use_bias=False, name="sentence")
        self.first = recurrent_layer(cell, units, "first", return_state=True)
        self.second = recurrent_layer(cell, units, "second", return_state=True)
        states = 2 * (1 if cell == "simple_rnn" else 2)
        self.bridge = dense(states * units, activation="tanh", use_bias=False, name="bridge")
        self.attention = {
            "additive": lambda: AdditiveAttention(attention_units, name="attention"),
            "multiplicative": lambda: MultiplicativeAttention(name="attention"),
            "none": lambda: None,
        }[attention]()
        if self.attention is not None:
            self.memory_norm = keras.layers.LayerNormalization(name="memory_norm")
        self.readout = dense(embedding_units, use_bias=False, name="readout")
        same_at_all_steps = (None, 1, None)
        self.drop_embeddings = keras.layers.Dropout(embedding_dropout, same_at_all_steps)
        self.drop = keras.layers.Dropout(dropout, same_at_all_steps)

    def build(self, input_shape=None):
        config = self._config
        width, units = config["embedding_units"], config["units"]
        memory = 2 * config["encoder_units"]
        context = memory if self.attention is not None else units
        self.embedding.build((None, None))
        self.encoder.build((None, None, width))
        self.sentence.build((None, memory * (2 if self.attention is not None else 3)))
        self.bridge.build((None, units))
        self.first.build((None, None, width + 1))
        self.second.build((None, None, units + context + 1))
        if self.attention is not None:
            self.memory_norm.build((None, None, memory))
            self.attention.build((None, None, units), (None, None, memory))
        self.readout.build((None, None, units + context + width))
        self.offsets = self.add_weight(
            name="offsets", shape=(self.vocabulary_size,), initializer="zeros"
        )
        self.built = True

    # Teacher forcing: all time steps at once.

    def call(self, inputs, training=False):
        logits, _ = self.logits_and_attention(inputs, training)
        return logits

    def logits_and_attention(self, inputs, training=False):
        """Logits as `call` and weights `<float32>[batch, time, source_time]` or None."""
        memory = self.read_source(inputs["source"], training)
        words = self._embed(inputs["tokens"], training)
        hidden, context, weights = self._decode(words, memory, training)
        return self._logits(hidden, context, words, training), weights

    def read_source(self, source, training=False):
        """The sentence as the decoder reads it.

        `<int32>[batch, source_time]` -> a dict of the cells m and their keys, the mask of what is
        no padding, and the sentence as a whole.
        """
        mask = ops.not_equal(source, PAD)
        cells = self._embed(source, training)
        cells, ends = self.encoder(cells, mask=mask, training=training)
        real = ops.cast(mask, cells.dtype)[..., None]
        parts = [ends, ops.sum(cells * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1)]
        if self.attention is None:
            parts.append(ops.max(cells + FAR_BELOW * (1 - real), axis=1))
        sentence = self.sentence(ops.concatenate(parts, axis=-1))
        sentence = self.drop(sentence[:, None], training=training)[:, 0]
        memory = {"mask": mask, "sentence": sentence}
        if self.attention is not None:
            memory["cells"] = self.drop(self.memory_norm(cells), training=training)
            memory["keys"] = self.attention.keys(memory["cells"])
        return memory

    def _decode(self, words, memory, training):
        """h² and context `[batch, time, ...]`, weights or None: each layer over all steps."""
        first, second = self._first_states(memory)
        hidden = self.first(self.constant(words), initial_state=first, training=training)[0]
        hidden = self.drop(hidden, training=training)
        context, weights = self._attend(hidden, memory)
        joined = self._join(hidden, context)
        hidden = self.second(joined, initial_state=second, training=training)[0]
        return self.drop(hidden, training=training), context, weights

    # Free running: one step at a time, over the same weights.

    def begin(self, memory):
        """The decoder's state before the first word: a list of `<float>[batch, 1, ...]`.

        The states of the first layer, then of the second.
        """
        first, second = self._first_states(memory)
        return [ops.expand_dims(value, 1) for value in [*first, *second]]

    def step(self, tokens, state, memory):
        """One word on: tokens `<int32>[batch, beams]` -> logits `[batch, beams, vocabulary_size]`.

        state is `begin`'s, `[batch, beams, ...]` each; memory is shared by a sentence's beams.
        """
        batch, beams = ops.shape(tokens)
        words = self._embed(tokens, training=False)

        def flat(value):
            return ops.reshape(value, (-1, value.shape[-1]))

        def wide(value):
            return ops.reshape(value, (batch, beams, value.shape[-1]))

        count = len(self._first_states_shape)
        state = [flat(value) for value in state]
        hidden, first = self.first.cell(self.constant(flat(words)), state[:count])
        context, _ = self._attend(wide(hidden), memory)
        hidden, second = self.second.cell(self._join(hidden, flat(context)), state[count:])
        logits = self._logits(wide(hidden), context, words, training=False)
        return logits, [wide(value) for value in (*_as_list(first), *_as_list(second))]

    def translate(self, source, *, method: str = "beam", samples: int = 1, **options):
        """Free-running words for sentences: `zoo.decoding.Decoded`.

        Args:
            source: `<int32>[batch, source_time]`, as `call`'s.
            method: "beam", "greedy" or "sample"; options go to the search of that name.
            samples: independent translations of each sentence, for "sample".
        """
        searches = {"beam": beam_search, "greedy": greedy, "sample": sample}
        if method not in searches:
            raise ValueError(f"`method` must be one of {tuple(searches)}. Got {method!r}.")
        memory = self.read_source(source)
        state = [ops.repeat(value, samples, axis=1) for value in self.begin(memory)]
        return searches[method](
            lambda tokens, state: self.step(tokens, state, memory), state, **options
        )

    # Parts.

    def _embed(self, tokens, training):
        # Scaled back to unit variance: the rows are small because they serve as readout, too.
        words = self.embedding(tokens) * self._config["embedding_units"] ** 0.5
        return self.drop_embeddings(words, training=training)

    def _join(self, *parts):
        return self.constant(ops.concatenate(parts, axis=-1))

    @property
    def _first_states_shape(self) -> list:
        """One entry for each state of a decoder layer: h, and C of an LSTM."""
        return _as_list(self.first.cell.state_size)

    def _first_states(self, memory):
        count = len(self._first_states_shape)
        states = ops.split(self.bridge(memory["sentence"]), 2 * count, axis=-1)
        return list(states[:count]), list(states[count:])

    def _attend(self, queries, memory):
        """Context `[batch, time, ...]` of queries `[batch, time, units]`, and weights or None."""
        if self.attention is None:
            sentence = memory["sentence"]
            shape = (*ops.shape(queries)[:2], sentence.shape[-1])
            return ops.broadcast_to(sentence[:, None], shape), None
        return self.attention(
            queries, memory["cells"], keys=memory["keys"], memory_mask=memory["mask"]
        )

    def _logits(self, hidden, context, words, training):
        readout = self.readout(ops.concatenate([hidden, context, words], axis=-1))
        readout = self.drop(readout, training=training)
        embeddings = ops.cast(self.embedding.embeddings, readout.dtype)
        logits = ops.cast(ops.matmul(readout, ops.transpose(embeddings)), "float32")
        return logits + ops.cast(self.offsets, "float32")

    def get_config(self):
        return {**super().get_config(), **self._config}


def _as_list(states) -> list:
    return list(states) if isinstance(states, (list, tuple)) else [states]


def _check(config: dict) -> None:
    """Raises ValueError for an argument out of its range."""
    for name, value in config.items():
        if name.endswith(("units", "size", "layers")):
            check_integer(name, value)
        if name.endswith("dropout"):
            check_rate(name, value)
    for name, choices in (("attention", ATTENTIONS), ("cell", CELLS)):
        check_choice(name, config[name], choices)
