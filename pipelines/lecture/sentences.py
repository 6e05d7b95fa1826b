"""Sentences of a small grammar, in which "but" turns the meaning, and a network that reads them.

A sentence says of two to five things how they were. The words after the last "but" decide, or all
words where there is no "but": positive where more are good than bad.
"""

import keras
import numpy as np

from pipelines.lecture import fitting
from pipelines.lecture.trained import Reading, read
from zoo.models.sentiment import SentimentClassifier

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
    words = text.split()
    if not words or not set(words) <= set(WORDS):
        raise ValueError(
            f"`text` must be made of these words: {', '.join(WORDS[1:])}. Got {text!r}."
        )
    return [WORDS.index(word) for word in words]


def sentence(rng: np.random.Generator) -> tuple[str, bool]:
    """A sentence, and whether it is positive."""
    balance = 0
    while not balance:
        good = rng.integers(2, size=int(rng.integers(2, 6))).astype(bool)
        turn = int(rng.integers(0, len(good)))  # 0: no "but"
        balance = np.where(good[turn:], 1, -1).sum()
    parts = [f"the {rng.choice(THINGS)} {rng.choice(GOOD if g else BAD)}" for g in good]
    halves = [" and ".join(half) for half in (parts[:turn], parts[turn:]) if half]
    return " but ".join(halves), bool(balance > 0)


def batch(rng: np.random.Generator, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Words `<int32>[size, 24]`, 0 after each sentence, and labels `<bool>[size]`."""
    texts, labels = zip(*(sentence(rng) for _ in range(size)), strict=True)
    rows = [numbers(text) for text in texts]
    return keras.utils.pad_sequences(rows, maxlen=LONGEST, padding="post"), np.array(labels)


def network() -> keras.Model:
    """The sentiment model at a small size, reading forwards alone, compiled."""
    sizes = {"units": UNITS, "embedding_units": EMBEDDING}
    model = SentimentClassifier(len(WORDS), pooling="last", bidirectional=False, **sizes)
    model.build((None, None))
    fitting.compile_model(model, 2e-2, fitting.classes_loss())
    return model


def reading(model: keras.Model, words: list[str]) -> Reading:
    """The words as the network's LSTM reads them.

    Raises:
        ValueError: a word is not of the grammar.
    """
    note = (
        f"No `--run` was given: the heat maps show a network of {UNITS} units that was trained "
        f"here, on sentences made by a small grammar ({model.count_params()} parameters)."
    )
    return read(model, words, numbers(" ".join(words)), note)
