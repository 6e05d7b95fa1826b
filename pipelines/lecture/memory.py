"""Tasks that only a long memory solves, and the networks to try on them.

    recall    one of n words, then distractors, then a question: which word was it?
              ("I live in Iran ... its official language is ...")
    adding    numbers with two of them marked: what is the sum of the two?
    copying   some symbols, then a gap, then a cue: say the symbols again, in order

Sources: Hochreiter and Schmidhuber 1997 for all three kinds; adding and copying in the form of Le,
Jaitly and Hinton 2015 and of Arjovsky, Shah and Bengio 2016.
"""

import math

import keras
import numpy as np

from zoo.layers import LSTM, SimpleRNN
from zoo.layers.constant_feature import ConstantFeature, GateOffsets

STARTS = {  # a cell of the lecture, and how its weights start
    "SimpleRNN": SimpleRNN,
    "SimpleRNN, identity": SimpleRNN,
    "LSTM": LSTM,
    "LSTM, gate offsets": LSTM,
}
RNN, IDENTITY, PLAIN, OFFSETS = STARTS


def learning_rate(start: str, span: int) -> float:
    """Adam's learning rate for a cell over so many steps.

    A ReLU recurrence near the identity multiplies a change of W_r over all steps of time, so it
    gets the smaller a rate the more there are; gates are bounded, and need no such care.
    """
    return 1e-2 if STARTS[start] is LSTM else min(1e-3, 0.05 / span)


def network(
    start: str, features: int, outputs: int, *, units: int, span: int, answers: int = 1
) -> keras.Model:
    """`<float32>[batch, time, features]` -> outputs o of the last `answers` steps.

    With gate offsets a constant 1 stands beside x, and its row of W starts the forget gate at
    σ(log span) = 1 - 1/(span + 1) and the input gate at σ(-log span): the cell state then lasts for
    about `span` steps, and each step adds as much less (Tallec and Ollivier 2018).
    With identity recurrence h is kept until training says otherwise (Le, Jaitly and Hinton 2015).

    Args:
        start: one of `STARTS`.
        features: size of x.
        outputs: size of o.
        units: size of h.
        span: steps to hold.
        answers: 1 gives o `<float32>[batch, outputs]`, more `<float32>[batch, answers, outputs]`.
    """
    inputs = keras.Input((None, features))
    x, options = inputs, {}
    if start == OFFSETS:
        x = ConstantFeature()(inputs)
        offset = math.log(max(2, span))
        options["kernel_initializer"] = GateOffsets(forget=offset, input=-offset)
    elif start == IDENTITY:
        options["recurrent_initializer"] = "identity"
        options["kernel_initializer"] = keras.initializers.RandomNormal(stddev=0.001)
    h = STARTS[start](units, return_sequences=answers > 1, name="rnn", **options)(x)
    if answers > 1:
        h = h[:, -answers:]
    return keras.Model(inputs, keras.layers.Dense(outputs, use_bias=False)(h))


def recall(rng: np.random.Generator, span: int, size: int, words: int):
    """x `<float32>[size, 1 + span + 1, 2 words + 1]`, one-hot, and y `<int>[size]`.

    With two words and a span of 3:  Iran, cloud, sky, cloud, ?  ->  Iran
    """
    y = rng.integers(words, size=size)
    distractors = words + rng.integers(words, size=(size, span))
    question = np.full((size, 1), 2 * words)
    tokens = np.concatenate([y[:, None], distractors, question], axis=1)
    return np.eye(2 * words + 1, dtype="float32")[tokens], y


def adding(rng: np.random.Generator, span: int, size: int):
    """x `<float32>[size, span, 2]`, (number in 0..1, mark), and y `<float32>[size, 1]`.

    One number of each half is marked: (.5, 0), (.2, 1), (.9, 0), (.6, 1) -> .8. The answer 1,
    whatever the numbers, has the mean squared error 1/6.
    """
    numbers = rng.uniform(size=(size, span))
    halves = (0, span // 2), (span // 2, span)
    marks = sum(np.eye(span)[rng.integers(*half, size=size)] for half in halves)
    x = np.stack([numbers, marks], axis=-1)
    return x.astype("float32"), (numbers * marks).sum(axis=1, keepdims=True).astype("float32")


def copying(rng: np.random.Generator, span: int, size: int, symbols: int, count: int):
    """x `<float32>[size, count + span + count, symbols + 2]` and y `<int>[size, count]`.

    With two symbols, two of them to say and a span of 2:  a, b, _, _, ?, ?  ->  a, b. Without a
    memory the best is log(symbols) nats for each.
    """
    y = rng.integers(symbols, size=(size, count))
    blanks, cue = np.full((size, span), symbols), np.full((size, count), symbols + 1)
    tokens = np.concatenate([y, blanks, cue], axis=1)
    return np.eye(symbols + 2, dtype="float32")[tokens], y
