"""Distortion, warping, and what is wrong with an alignment."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from pipelines.text_to_speech import alignment, metrics, vocoder
from pipelines.text_to_speech.ears import words_of

RNG = np.random.default_rng(0)


def test_the_warped_mean_is_that_of_the_best_of_all_paths():
    distances = RNG.uniform(size=(4, 5))

    def paths(i, j):
        if (i, j) == (3, 4):
            yield [distances[i, j]]
            return
        for down, right in ((1, 0), (0, 1), (1, 1)):
            if i + down < 4 and j + right < 5:
                for rest in paths(i + down, j + right):
                    yield [distances[i, j], *rest]

    best = min(paths(0, 0), key=sum)
    assert metrics.warped_mean(distances) == pytest.approx(np.mean(best))


def test_a_sound_is_nearest_to_itself_at_any_pace():
    mel = np.cumsum(RNG.normal(scale=0.05, size=(30, 20)), axis=0) % 1
    slow = np.repeat(mel, 2, axis=0)
    assert metrics.mel_cepstral_distortion(mel, mel) == 0
    assert metrics.mel_cepstral_distortion(mel, slow) == pytest.approx(0, abs=1e-9)
    assert metrics.mel_cepstral_distortion(mel, mel[::-1]) > 1


def test_the_distortion_is_the_distance_of_smooth_spectra_in_decibels():
    """One coefficient that differs by c: 20 log10(e) · c · √½, its cosine's root mean square."""
    bands, c = 40, 0.3
    cosine = np.cos(np.pi * 2 * (np.arange(bands) + 0.5) / bands)
    one = np.full((3, bands), 0.5)
    other = one + c * cosine / vocoder.RANGE
    expected = np.sqrt(np.mean((20 * np.log10(np.e) * c * cosine) ** 2))
    assert metrics.mel_cepstral_distortion(one, other) == pytest.approx(expected)
    louder = one + 0.2
    assert metrics.mel_cepstral_distortion(one, louder) == pytest.approx(0, abs=1e-9)


def faults_of(weights, lengths, levels=1.0, letters=True):
    """Faults of steps of two frames of 0.125 s each, whose mean is `levels`."""
    batch, steps, cells = weights.shape
    mel = np.broadcast_to(levels, (batch, steps)).repeat(2, axis=1)[..., None] * np.ones(3)
    spoken = {"alignment": weights, "mel": mel, "lengths": 2 * np.array(lengths)}
    types = {"alignment": tf.float32, "mel": tf.float32, "lengths": tf.int32}
    spoken = {name: tf.constant(value, types[name]) for name, value in spoken.items()}
    letters = tf.constant(np.broadcast_to(letters, (batch, cells)))
    return alignment.faults(spoken, tf.fill([batch], cells), letters, 2, 0.125)


def paths_to_faults(*paths, cells=8, **options):
    """Faults of hard alignments, and scores of texts of `cells` characters that ended."""
    weights = np.zeros((len(paths), max(map(len, paths)), cells), np.float32)
    for row, path in enumerate(paths):
        weights[row, np.arange(len(path)), path] = 1
    counted = faults_of(weights, [*map(len, paths)], **options)
    counts = tf.fill([len(paths)], cells)
    scores = alignment.scores(counted, counts, tf.ones(len(paths), tf.bool))
    return {name: value.numpy().tolist() for name, value in counted.items()}, scores.numpy()


def test_faults_of_an_alignment():
    good, skips, back, stalls = (
        list(range(8)),
        [0, 1, 6, 7],
        [0, 1, 2, 3, 1, 2, 3, 4, 5, 6, 7],
        [0, 1, 2, 3, 3, 3, 3, 3, 3, 4, 5, 6, 7],
    )
    counted, scores = paths_to_faults(good, skips, back, stalls)
    assert counted["skipped"] == [0, 2, 0, 0]  # 3 and 4: 2 and 5 are beside a character read
    assert counted["repeated"] == [0, 0, 2, 0]
    assert counted["stalled"] == [0, 0, 0, 2]
    np.testing.assert_allclose(scores, [1, 0.75, 0.75, 0.75])
    every_other, _ = paths_to_faults(list(range(0, 8, 2)))
    assert not any(itertools.chain(*every_other.values()))


def test_letters_that_are_read_in_silence():
    levels = np.array([1, 1, 1, 0.1, 0.1, 0.1, 0, 0])
    counted, scores = paths_to_faults(list(range(8)), levels=levels)
    assert counted["silent"] == [4]  # 3 is beside a step that is loud
    assert scores == [0.5]
    letters = np.array([1, 1, 1, 1, 1, 0, 0, 0], bool)  # and signs
    counted, _ = paths_to_faults(list(range(8)), levels=levels, letters=letters)
    assert counted["silent"] == [1]


def test_attention_that_is_everywhere_reads_nothing():
    weights = np.full((1, 6, 8), 1 / 8, np.float32)
    counted = faults_of(weights, [6])
    assert counted["skipped"].numpy() == 8
    ended = tf.constant([True])
    assert alignment.scores(counted, tf.constant([8]), ended).numpy() == 0


def test_speech_that_does_not_end_and_no_text_have_score_0():
    counted = {"skipped": tf.constant([0, 0])}
    scores = alignment.scores(counted, tf.constant([5, 0]), tf.constant([False, True]))
    np.testing.assert_array_equal(scores, [0, 0])


def test_words_as_ears_write_them():
    assert words_of("hello, it's me. 'yes' ' ok!") == "hello it's me 'yes' ok"
