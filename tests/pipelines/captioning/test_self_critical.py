"""The rewards against NumPy, and the policy gradient against its definition."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.captioning.ciderd import cider_d, document_frequencies, prepare_references
from pipelines.captioning.data import END, PAD, SPECIAL, START, UNKNOWN, shift_right
from pipelines.captioning.self_critical import SelfCritical, with_end
from pipelines.store import FILLER
from tests.pipelines.captioning.stores import words_of
from zoo.losses import SmoothedCrossentropy

VOCABULARY = [*SPECIAL, "a", "red", "dog", "runs", "two", "cats"]
REFERENCES = [
    [["a", "red", "dog"], ["a", "dog", "runs"]],
    [["two", "cats"], ["two", "zebras"]],
    [["a", "cats", "runs", "red"]],
]


def log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def critic_of(references):
    """Captions of images, as words -> their critic."""
    numbers = {word: index for index, word in enumerate(VOCABULARY)}
    encode = lambda words: [*(numbers.get(word, UNKNOWN) for word in words), END]  # noqa: E731
    return SelfCritical(words_of([[encode(words) for words in image] for image in references]))


@pytest.mark.parametrize(
    ("tokens", "ended"),
    [
        ([[4, 5, 0, 0]], [[4, 5, END, 0]]),
        ([[4, 5, 6, 7]], [[4, 5, 6, 7]]),  # cut
        ([[0, 0]], [[END, 0]]),
        ([[4, 5, END, 0]], [[4, 5, END, 0]]),
        ([[[4, 0], [5, 6]], [[7, 0], [0, 0]]], [[[4, END], [5, 6]], [[7, END], [END, 0]]]),
    ],
)
def test_with_end(tokens, ended):
    tokens = np.array(tokens, np.int32)
    before = tokens.copy()
    np.testing.assert_array_equal(with_end(tokens), ended)
    np.testing.assert_array_equal(tokens, before)


def rewards_by_words(rows, sampled):
    """CIDEr-D over words and a word for the end, from strings: `<float64>[batch, n]`."""
    known = [
        [[w if w in VOCABULARY else "<unknown>" for w in words] + ["<end>"] for words in image]
        for image in REFERENCES
    ]
    weights = document_frequencies(known)
    prepared = prepare_references(known, weights)
    found = []
    for row, image in zip(rows, sampled, strict=True):
        texts = []
        for caption in image:
            words = [VOCABULARY[token] for token in caption if token != PAD]
            texts.append(words + ["<end>"] * (len(words) < len(caption)))
        found.append(cider_d(texts, [prepared[row]] * len(texts), weights))
    return np.array(found)


SAMPLED = np.array(
    [
        [[4, 5, 6, 0], [4, 6, 7, 0], [8, 9, 0, 0]],
        [[4, 9, 7, 5], [4, 9, 7, 0], [0, 0, 0, 0]],
        [[8, 9, 0, 0], [8, 9, 0, 0], [8, 8, 8, 8]],
    ],
    np.int32,
)
ROWS = np.array([0, 2, 1])


def test_rewards_are_cider_d_less_the_mean_of_the_other_samples():
    critic = critic_of(REFERENCES)
    tokens, answers, weights, mean = critic.batch(ROWS, SAMPLED)
    rewards = rewards_by_words(ROWS, SAMPLED)
    assert mean == pytest.approx(rewards.mean())
    assert rewards[0, 0] > rewards[0, 2]  # the right words are worth more
    np.testing.assert_array_equal(answers, with_end(SAMPLED))
    np.testing.assert_array_equal(tokens, shift_right(answers))
    assert (tokens[..., 0] == START).all()
    for b in range(3):
        for k in range(3):
            advantage = rewards[b, k] - np.delete(rewards[b], k).mean()
            expected = advantage * (answers[b, k] != PAD)
            np.testing.assert_allclose(weights[b, k], expected, rtol=1e-5, atol=1e-6)
    assert weights.dtype == np.float32


def test_weights_of_an_image_sum_to_zero():
    _, _, weights, _ = critic_of(REFERENCES).batch(ROWS, SAMPLED)
    assert np.abs(weights).max() > 0.1
    np.testing.assert_allclose(weights[:, :, 0].sum(axis=1), 0, atol=1e-5)


def test_blank_image_has_no_part_in_it():
    critic = critic_of(REFERENCES)
    *_, whole, reward = critic.batch(ROWS, SAMPLED)
    images = np.array([*ROWS, FILLER, FILLER])
    sampled = np.concatenate([SAMPLED, SAMPLED[:2]])
    *_, weights, same = critic.batch(images, sampled)
    np.testing.assert_array_equal(weights[:3], whole)
    np.testing.assert_array_equal(weights[3:], 0)
    assert same == pytest.approx(reward)


def test_caption_that_breaks_off_is_worth_less_than_one_that_ends():
    critic = critic_of(REFERENCES)
    rows, whole = np.array([0]), [4, 5, 6]
    sampled = np.array([[whole, [8, 9, 8]]], np.int32)
    *_, cut = critic.batch(rows, sampled)
    *_, ended = critic.batch(rows, np.pad(sampled, ((0, 0), (0, 0), (0, 1))))
    assert ended > cut


def gradient_of_the_loss(theta, answers, weights):
    """d loss / d theta of a model whose logits are theta at every place."""
    theta = tf.constant(theta)
    with tf.GradientTape() as tape:
        tape.watch(theta)
        logits = tf.broadcast_to(theta, [*answers.shape, theta.shape[0]])
        loss = SmoothedCrossentropy()(answers, logits, sample_weight=weights)
    return tape.gradient(loss, theta).numpy()


def test_gradient_of_the_weighted_loss_is_the_reinforce_estimate():
    theta = np.random.default_rng(1).normal(size=len(VOCABULARY)).astype("float32")
    _, answers, weights, _ = critic_of(REFERENCES).batch(ROWS, SAMPLED)
    rewards = rewards_by_words(ROWS, SAMPLED)
    p = np.exp(log_softmax(theta.astype("float64")))
    expected = np.zeros(len(VOCABULARY))
    for b in range(3):
        for k in range(3):
            advantage = rewards[b, k] - np.delete(rewards[b], k).mean()
            for word in answers[b, k][answers[b, k] != PAD]:
                expected += advantage * (np.eye(len(VOCABULARY))[word] - p)  # ∇ log p(word)
    found = -gradient_of_the_loss(theta, answers, weights) * answers.size
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_estimate_is_the_gradient_of_the_expected_reward_on_average():
    """Captions of one word, all pairs of samples, each with its probability."""
    critic = critic_of([[["a"]], [["two"], ["a"]]])
    choices = [END, 4, 5, 8]  # an empty caption, and three words
    theta = np.random.default_rng(2).normal(size=len(VOCABULARY)).astype("float32")
    allowed = np.full(len(VOCABULARY), -1e9)
    allowed[choices] = 0
    theta = (theta + allowed).astype("float32")
    p = np.exp(log_softmax(theta.astype("float64")))
    row = np.array([1])

    def answer_of(*words):
        return np.array([[[PAD if word == END else word] for word in words]], np.int32)

    mean = np.zeros(len(VOCABULARY))
    for one in choices:
        for other in choices:
            _, answers, weights, _ = critic.batch(row, answer_of(one, other))
            estimate = -gradient_of_the_loss(theta, answers, weights)
            mean += p[one] * p[other] * estimate
    rewards = {word: critic.batch(row, answer_of(word, word))[3] for word in choices}
    assert rewards[8] > rewards[5] == rewards[END] == 0
    exact = sum(p[w] * r * (np.eye(len(VOCABULARY))[w] - p) for w, r in rewards.items())
    np.testing.assert_allclose(mean, exact, rtol=1e-4, atol=1e-5)
