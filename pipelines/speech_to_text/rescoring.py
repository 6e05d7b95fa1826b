"""The best of several texts by the sound and by a language model of characters, which is another's.

The language model is an export of `pipelines.charlm`, reached through its SavedModel alone.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from pipelines.exporting import load_saved_model

Score = Callable[[list[bytes]], tuple[np.ndarray, np.ndarray]]


def language_model(path: Path) -> Score:
    """Texts -> the nats and the characters of each, by a SavedModel with the signature `score`.

    Raises:
        ValueError: there is none, or it has another signature.
    """
    model, folder = load_saved_model(path)
    outputs = (
        {} if "score" not in model.signatures else model.signatures["score"].structured_outputs
    )
    if not {"bits_per_char", "characters"} <= {*outputs}:
        raise ValueError(
            "`language_model` must be an export of charlm, with `score` of bits_per_char and "
            f"characters. Got {folder}."
        )

    def score(texts: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
        # The end of the line says that a text is whole.
        lines = tf.constant([text + b"\n" for text in texts], tf.string)
        answer = model.signatures["score"](text=lines)
        characters = answer["characters"].numpy().astype(np.float64)
        return answer["bits_per_char"].numpy() * characters * np.log(2), characters

    return score


def best(texts: np.ndarray, log_probs: np.ndarray, score: Score, weight: float) -> np.ndarray:
    """Of each row the place of the text k with the largest

        log P(text_k | sound) - weight · (nats_k - n_k · m),      m = Σ_k nats_k / Σ_k n_k

    with the nats of the language model over its n_k characters. The nats of as many characters of
    the row's mean are taken off, or it would prefer short texts (Hannun et al. 2014 count words).

    Args:
        texts: `<bytes>[recordings, beams]`.
        log_probs: `<float>[recordings, beams]`; below -1e8 there is no text.
        score: see `language_model`.
        weight: 0 leaves the sound alone to decide.
    """
    nats, characters = (part.reshape(texts.shape) for part in score(texts.ravel().tolist()))
    there = log_probs > -1e8
    nats, characters = np.where(there, nats, 0), np.where(there, characters, 0)
    mean = nats.sum(axis=1, keepdims=True) / np.maximum(characters.sum(axis=1, keepdims=True), 1)
    total = log_probs - weight * (nats - characters * mean)
    return np.where(there, total, -np.inf).argmax(axis=1)
