"""The lecture's cells and the layers built on them: equations; tensors in, tensors out."""

from zoo.layers.lstm import LSTM, LSTMCell
from zoo.layers.simple_rnn import SimpleRNN, SimpleRNNCell

__all__ = ["LSTM", "LSTMCell", "SimpleRNN", "SimpleRNNCell"]
