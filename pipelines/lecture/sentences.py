"""Sentences of a small grammar, in which "but" turns the meaning, and a network that reads them.

A sentence says of two to five things how they were. The words after the last "but" decide, or all
words where there is no "but": positive where more are good than bad.
"""

import keras
import numpy as np

from pipelines.lecture import fitting
from pipelines.lecture.trained import Reading
from zoo.layers import LSTM
from zoo.layers.constant_feature import ConstantFeature, GateOffsets

GOOD = ("great", "moving", "witty", "superb")
BAD = ("dull", "awful", "slow", "silly")
THINGS = ("plot was", "music was", "actors were", "dialogues were", "end was")
WORDS = ("", "the", "and", "but", *sorted({w for t in THINGS for w in t.split()}), *GOOD, *BAD)
LONGEST = 5 * 5 - 1  # words
UNITS, EMBEDDING = 16, 8


def numbers(text: str) -> list[int]:
    """The words of a text by their place in `WORDS`.

    Raises:
        ValueError: a word is not of the grammar.
    """
    unknown = [word for word in text.split() if word not in WORDS]
    if unknown or not text.split():
        raise ValueError(
            f"`text` must be made of these words: {', '.join(WORDS[1:])}. Got {text!r}."
        )
    return [WORDS.index(word) for word in text.split()]


def sentence(rng: np.random.Generator) -> tuple[str, bool]:
    """A sentence, and whether it is positive."""
    while True:
        count = int(rng.integers(2, 6))
        good = rng.integers(2, size=count).astype(bool)
        turn = int(rng.integers(0, count))  # 0: no "but"
        balance = np.where(good[turn:], 1, -1).sum()
        if balance:
            break
    words = []
    for place, is_good in enumerate(good):
        if place:
            words.append("but" if place == turn else "and")
        words += ["the", str(rng.choice(THINGS)), str(rng.choice(GOOD if is_good else BAD))]
    return " ".join(words), bool(balance > 0)


def batch(rng: np.random.Generator, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Words `<int32>[size, 24]`, 0 before each sentence, and labels `<float32>[size, 1]`."""
    tokens = np.zeros((size, LONGEST), "int32")
    labels = np.zeros((size, 1), "float32")
    for row, label in zip(tokens, labels, strict=True):
        text, label[0] = sentence(rng)
        words = numbers(text)
        row[-len(words) :] = words
    return tokens, labels


def network() -> keras.Model:
    """Words -> the lecture's LSTM -> one logit, compiled."""
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(len(WORDS), EMBEDDING, name="embedding")(tokens)
    lstm = LSTM(UNITS, kernel_initializer=GateOffsets(), name="rnn")
    h = lstm(ConstantFeature()(x))
    model = keras.Model(tokens, keras.layers.Dense(1, use_bias=False)(h), name="sentences")
    fitting.compile_model(model, 2e-2, keras.losses.BinaryCrossentropy(from_logits=True))
    return model


def reading(model: keras.Model, words: list[str]) -> Reading:
    """The words, and the network's LSTM with its input for them.

    Raises:
        ValueError: a word is not of the grammar.
    """
    trained = model.get_layer("rnn")
    table = keras.ops.convert_to_numpy(model.get_layer("embedding").embeddings)
    x = table[numbers(" ".join(words))]
    layer = LSTM(trained.units, return_sequences=True)
    layer.build((None, None, EMBEDDING + 1))
    layer.cell.set_lecture_weights(trained.cell.lecture_weights())
    return Reading(words, np.concatenate([x, np.ones_like(x[:, :1])], axis=1), layer)
