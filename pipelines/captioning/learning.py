"""What a captioner learns after the likelihood of people's captions: CIDEr-D of its own."""

from collections.abc import Sequence

import numpy as np

from pipelines.captioning.ciderd import cider_d, document_frequencies, prepare_references
from pipelines.captioning.data import END, PAD, UNKNOWN, shift_right


class SelfCritical:
    """Rewards for self-critical sequence training (Rennie et al. 2017) on CIDEr-D.

    The gradient of the expected reward is estimated from samples w¹..wⁿ of each image,

        ∇ ≈ (1/n) Σ_k (r(w^k) - b_k) ∇ log p(w^k),    b_k = mean of the other samples' rewards

    (the leave-one-out baseline of Luo 2020, "A better variant of self-critical sequence
    training", in place of the greedy caption's reward). That is the weighted cross-entropy of the
    samples, so that `train_on_batch` with the samples as answers and r - b as weights does it.

    Args:
        references: tokenised reference captions of each training image.
        vocabulary: word of each number.
    """

    def __init__(self, references: Sequence[Sequence[Sequence[str]]], vocabulary: Sequence[str]):
        numbers = {word: index for index, word in enumerate(vocabulary)}
        # Word numbers instead of words, and the end token as a word of its own: without it a
        # caption that breaks off ("a dog in a") costs nothing.
        encoded = [
            [[*(numbers.get(word, UNKNOWN) for word in words), END] for words in image]
            for image in references
        ]
        self._frequencies = document_frequencies(encoded)
        self._references = prepare_references(encoded, self._frequencies)

    def batch(
        self, rows: np.ndarray, sampled: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Training inputs from samples `<int32>[batch, n, time]` of images `rows`, n at least 2.

        Returns:
            tokens, answers and weights, each `[batch, n, time]`, and the mean reward.
        """
        batch, samples, time = sampled.shape
        answers = with_end(sampled)
        words = [row[row != PAD].tolist() for row in answers.reshape(-1, time)]
        references = [self._references[row] for row in rows for _ in range(samples)]
        rewards = cider_d(words, references, self._frequencies).reshape(batch, samples)
        others = (rewards.sum(axis=1, keepdims=True) - rewards) / (samples - 1)
        # Per caption, not per word: the gradient is of log p of the whole caption.
        weights = (rewards - others)[..., None] * (answers != PAD)
        return shift_right(answers), answers, weights.astype(np.float32), float(rewards.mean())


def with_end(tokens: np.ndarray) -> np.ndarray:
    """Puts the end token behind each caption that ended before the last place.

    [[4, 5, 0, 0]] -> [[4, 5, 2, 0]]; a caption that fills all places was cut and has no end.
    """
    answers = np.where(tokens == END, PAD, tokens)
    lengths = (answers != PAD).sum(axis=-1)
    rows = np.nonzero(lengths < tokens.shape[-1])
    answers[(*rows, lengths[rows])] = END
    return answers
