"""What a captioner learns after the likelihood of people's captions: CIDEr-D of its own."""

import numpy as np

from pipelines.captioning.ciderd import cider_d, document_frequencies, prepare_references
from pipelines.captioning.data import END, PAD, numbers_of, shift_right
from pipelines.store import FILLER, Store


class SelfCritical:
    """Rewards for self-critical sequence training (Rennie et al. 2017) on CIDEr-D.

    The gradient of the expected reward is estimated from samples w¹..wⁿ of each image,

        ∇ ≈ (1/n) Σ_k (r(w^k) - b_k) ∇ log p(w^k),    b_k = mean of the other samples' rewards

    (the leave-one-out baseline of Luo 2020, "A better variant of self-critical sequence
    training", in place of the greedy caption's reward). That is the weighted cross-entropy of the
    samples, so that `train_on_batch` with the samples as answers and r - b as weights does it.

    Word numbers stand for words, and the end token is a word of its own: without it a caption that
    breaks off ("a dog in a") costs nothing.

    Args:
        words: of the training images, see `data.word_store`.
    """

    def __init__(self, words: Store):
        self._words = words
        images = (numbers_of(words, image) for image in range(len(words)))
        self._frequencies = document_frequencies(images)

    def batch(
        self, images: np.ndarray, sampled: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Training inputs from samples `<int32>[batch, n, time]` of `images`, n at least 2.

        Returns:
            tokens, answers and weights, each `[batch, n, time]`, and the mean reward. The weights
            of a blank image, whose number is `FILLER`, are 0.
        """
        answers, real = with_end(sampled), images != FILLER
        rewards = np.zeros(sampled.shape[:2])
        rewards[real] = self._rewards(images[real], answers[real])
        samples = sampled.shape[1]
        others = (rewards.sum(axis=1, keepdims=True) - rewards) / (samples - 1)
        # Per caption, not per word: the gradient is of log p of the whole caption.
        weights = (rewards - others)[..., None] * (answers != PAD)
        mean = rewards.sum() / max(1, real.sum() * samples)
        return shift_right(answers), answers, weights.astype(np.float32), float(mean)

    def _rewards(self, images: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """CIDEr-D of each answer `<float64>[images, n]`."""
        references = prepare_references(
            [numbers_of(self._words, image) for image in images], self._frequencies
        )
        samples = answers.shape[1]
        candidates = [row[row != PAD].tolist() for image in answers for row in image]
        repeated = [image for image in references for _ in range(samples)]
        return cider_d(candidates, repeated, self._frequencies).reshape(-1, samples)


def with_end(tokens: np.ndarray) -> np.ndarray:
    """Puts the end token behind each caption that ended before the last place.

    [[4, 5, 0, 0]] -> [[4, 5, 2, 0]]; a caption that fills all places was cut and has no end.
    """
    answers = np.where(tokens == END, PAD, tokens)
    lengths = (answers != PAD).sum(axis=-1)
    rows = np.nonzero(lengths < tokens.shape[-1])
    answers[(*rows, lengths[rows])] = END
    return answers
