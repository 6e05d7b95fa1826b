"""How likely it is that people's references bear a caption out: a number that knows its limits.

A captioner's own probabilities say how well a sentence goes on, not whether the model has ever seen
what is in the picture: of a page of text it writes a fluent "man in a blue tunnel". So its score is
joined with how near the image is to the photographs that it was trained on:

    z(a)    = mean_j a_j / ‖mean_j a_j‖                       the encoder's cells a_j, pooled
    near(a) = the k-th largest of z(a) · z(b), b in the bank  of training images
    confidence = σ(w₀ + Σ_i w_i x_i),   w_i ≥ 0
    x = (log score, log of the least likely word's probability, near)

The similarity to the k-th nearest training image is that of Sun et al. 2022, "Out-of-Distribution
Detection with Deep Nearest Neighbors"; a share of the training images serves as well as all of them
(docs/experiments.md has what was tried).

A caption is borne out by the references of its image if at least half of it is in them, each word
weighted by its inverse document frequency (that of CIDEr-D), so that "a" and "in" weigh next to
nothing:

    Σ_{w in caption and in some reference} idf(w) ≥ 1/2 Σ_{w in caption} idf(w)

An image without references, of another world than the data set, bears no caption out.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from pipelines.captioning.ciderd import Frequencies
from pipelines.captioning.metrics import tokenize_for_metrics

BORNE_OUT = 0.5  # of the weight of a caption's words
STAY_SURE = 0.9  # of the captions of dev that the references bear out
NEIGHBOURS = 10  # k
INPUTS = ("log_score", "log_least", "near")


def bank_of(pooled: np.ndarray) -> np.ndarray:
    """Training images in the encoder's feature space: z of each `<float16>[images, channels]`.

    Args:
        pooled: their cells' means `<float32>[images, channels]`.
    """
    lengths = np.linalg.norm(pooled, axis=1, keepdims=True)
    return (pooled / np.maximum(lengths, 1e-6)).astype(np.float16)


def near(pooled: tf.Tensor, bank: tf.Tensor) -> tf.Tensor:
    """`<float32>[batch, channels]` and `bank_of` -> `<float32>[batch]`: the equation above."""
    place = tf.math.l2_normalize(pooled, axis=1, epsilon=1e-12)
    similarities = tf.matmul(place, tf.cast(bank, tf.float32), transpose_b=True)
    neighbours = min(NEIGHBOURS, bank.shape[0])
    return tf.math.top_k(similarities, neighbours).values[:, -1]


class Calibration(NamedTuple):
    """What makes a confidence of the inputs, and below which the caption is called unsure.

    weights: w_i, in the order of `INPUTS`.
    bias: w₀.
    threshold: the confidence that 90% (`STAY_SURE`) of dev's captions that are borne out reach.
    """

    weights: tuple[float, ...]
    bias: float
    threshold: float

    def confidence(self, inputs: np.ndarray) -> np.ndarray:
        """`<float>[captions, inputs]` -> `<float>[captions]`, 0 to 1."""
        return 1 / (1 + np.exp(-(inputs @ np.array(self.weights) + self.bias)))


def calibrate(inputs: np.ndarray, borne_out: np.ndarray, of_dev: np.ndarray) -> Calibration:
    """The calibration that fits captions of dev and of images from elsewhere.

    Args:
        inputs: `<float>[captions, inputs]`, in the order of `INPUTS`.
        borne_out: `<bool>[captions]`.
        of_dev: `<bool>[captions]`, of which the threshold is taken. Where none of them is borne
            out, it is 1: nothing is sure.
    """
    weights, bias = logistic_regression(inputs, borne_out)
    calibration = Calibration(tuple(map(float, weights)), float(bias), 1.0)
    right = calibration.confidence(inputs[of_dev & borne_out])
    threshold = np.quantile(right, 1 - STAY_SURE) if len(right) else 1.0
    return calibration._replace(threshold=float(threshold))


def logistic_regression(inputs: np.ndarray, truths: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights w ≥ 0 and bias b of σ(inputs w + b) with the least mean -log p of the truths.

    Each input is scaled to variance 1 for a small ridge (that of one caption with weight 1), which
    keeps the weights finite where the truths can be told without a mistake. Newton's method; an
    input whose weight comes out negative is left out, so that the answer rises with every input.
    """
    centre, spread = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-6)
    scaled = np.column_stack([(inputs - centre) / spread, np.ones(len(inputs))])
    kept = np.arange(scaled.shape[1])
    while True:
        solution = _newton(scaled[:, kept], truths)
        wrong = [index for index in kept[:-1] if solution[kept == index] < 0]
        if not wrong:
            break
        kept = np.setdiff1d(kept, min(wrong, key=lambda index: solution[kept == index][0]))
    full = np.zeros(scaled.shape[1])
    full[kept] = solution
    weights = full[:-1] / spread
    return weights, float(full[-1] - weights @ centre)


def _newton(inputs: np.ndarray, truths: np.ndarray, steps: int = 50) -> np.ndarray:
    """The minimum of Σ -log p + ‖w‖²/2 for p = σ(inputs w)."""
    weights = np.zeros(inputs.shape[1])
    for _ in range(steps):
        chances = 1 / (1 + np.exp(-inputs @ weights))
        slope = inputs.T @ (chances - truths) + weights
        curvature = (inputs.T * (chances * (1 - chances))) @ inputs + np.eye(len(weights))
        step = np.linalg.solve(curvature, slope)
        weights = weights - step * min(1, 5 / np.linalg.norm(step).clip(1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return weights


# Against references.


def is_borne_out(caption: str, references: Sequence[str], frequencies: Frequencies) -> bool:
    """Whether at least half of a caption's words, by weight, stand in some reference.

    Args:
        caption: the model's; without words of any weight it is not borne out.
        references: what people wrote; none for an image from elsewhere.
        frequencies: of the references of a split, see `ciderd.document_frequencies`.
    """
    words = tokenize_for_metrics(caption)
    known = {word for text in references for word in tokenize_for_metrics(text)}
    weights = [frequencies.idf.get((word,), frequencies.unseen) for word in words]
    held = sum(weight for word, weight in zip(words, weights, strict=True) if word in known)
    return held > 0 and held >= BORNE_OUT * sum(weights)


def auroc(inside: np.ndarray, outside: np.ndarray) -> float:
    """How often a number of `inside` is above one of `outside`; equal ones count half.

    The area under the receiver's curve, chance 0.5: `<float>[n]`, `<float>[m]` -> 0 to 1.
    """
    outside = np.sort(outside)
    below = np.searchsorted(outside, inside, "left") + np.searchsorted(outside, inside, "right")
    return float(below.mean() / (2 * len(outside)))


def calibration_error(confidence: np.ndarray, borne_out: np.ndarray, bins: int = 15) -> float:
    """Σ_b n_b/n |share borne out_b - mean confidence_b| over equal ranges (Guo et al. 2017, 5)."""
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(places, weights=borne_out - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def risk_coverage(confidence: np.ndarray, borne_out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coverage and risk `<float>[captions]` as the threshold falls past each caption.

    Coverage is the share of captions at or above the threshold, risk the share of these that are
    not borne out (El-Yaniv and Wiener 2010, "On the Foundations of Noise-free Selective
    Classification", JMLR 11, section 2).
    """
    order = np.argsort(-confidence, kind="stable")
    count = np.arange(1, len(order) + 1)
    return count / len(order), np.cumsum(~borne_out[order]) / count
