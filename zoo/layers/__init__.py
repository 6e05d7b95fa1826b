"""The lecture's cells and what belongs to them: equations; tensors in, tensors out."""

from zoo.layers.lstm import LSTM, LSTMCell
from zoo.layers.simple_rnn import SimpleRNN, SimpleRNNCell

__all__ = ["LSTM", "LSTMCell", "SimpleRNN", "SimpleRNNCell"]
