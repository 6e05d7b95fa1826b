"""The model, as a module of zoo/models/."""

import keras
from keras import ops

from zoo.layers import LSTM
from zoo.layers.constant_feature import ConstantFeature


class BracketReader(keras.Model):
    """Signs -> logits: x_t = E w_t, h_t = LSTM([x_t, 1]), W_o [h_T, 1]; 0 is padding, after them.

    `<int32>[batch, time]` -> `<float32>[batch, 2]`.
    """

    def __init__(self, units: int = 16, dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.embedding = keras.layers.Embedding(3, 4, name="embedding")
        self.constant = ConstantFeature(name="constant")
        self.lstm = LSTM(units, candidate_activation="tanh", name="lstm")
        self.dropout = keras.layers.Dropout(dropout, name="dropout")
        self.readout = keras.layers.Dense(2, use_bias=False, name="readout")

    def call(self, tokens, training=False):
        x = self.constant(self.embedding(tokens))
        h = self.lstm(x, mask=tokens != 0, training=training)
        return ops.cast(self.readout(self.constant(self.dropout(h, training=training))), "float32")
