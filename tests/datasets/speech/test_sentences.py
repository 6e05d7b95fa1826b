"""Numbers, dates and times in words, against lists written by hand; room and noise."""

import numpy as np
import pytest

from datasets.speech import sentences
from datasets.speech.acoustics import add_noise, add_room
from tests.datasets.speech.sounds import tone


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (20, "twenty"),
        (99, "ninety nine"),
        (100, "one hundred"),
        (342, "three hundred forty two"),
        (1000, "one thousand"),
        (70_015, "seventy thousand fifteen"),
        (999_999, "nine hundred ninety nine thousand nine hundred ninety nine"),
    ],
)
def test_cardinal(number, words):
    assert " ".join(sentences.cardinal(number)) == words


def test_ordinal():
    words = [" ".join(sentences.ordinal(day)) for day in (1, 2, 3, 4, 5, 8, 9, 12, 20, 21, 30, 31)]
    assert words == [
        *("first", "second", "third", "fourth", "fifth", "eighth", "ninth", "twelfth"),
        *("twentieth", "twenty first", "thirtieth", "thirty first"),
    ]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1901, "nineteen oh one"),
        (1910, "nineteen ten"),
        (1999, "nineteen ninety nine"),
        (2000, "two thousand"),
        (2009, "two thousand nine"),
        (2026, "twenty twenty six"),
    ],
)
def test_year(number, words):
    assert " ".join(sentences.year(number)) == words


def test_sentences_are_of_letters_in_lower_case():
    rng = np.random.default_rng(0)
    drawn = [" ".join(sentences.draw(rng)) for _ in range(2000)]
    assert set("".join(drawn)) == set("abcdefghijklmnopqrstuvwxyz '")
    assert len(set(drawn)) > 1000
    words = {word for sentence in drawn for word in sentence.split()}
    assert words >= {*sentences.DIGITS, *sentences.MONTHS, "o'clock", "stop", "zoe", "q"}


@pytest.mark.parametrize("decibels", [0, 20])
def test_noise_has_the_power_asked_for(decibels):
    clean = tone(1.0)
    noise = add_noise(clean, decibels, np.random.default_rng(0)) - clean
    ratio = 10 * np.log10(np.mean(clean**2) / np.mean(noise**2))
    assert ratio == pytest.approx(decibels, abs=1e-6)


def test_a_room_begins_with_the_sound_itself_and_rings_after_it():
    pulse = np.zeros(1000)
    pulse[0] = 1.0
    response = add_room(pulse, 8000, np.random.default_rng(0))
    assert response[0] == pytest.approx(1.0)
    assert 1000 + 0.1 * 8000 - 2 <= len(response) <= 1000 + 0.5 * 8000
    tail = response[1:-1000]
    assert 0.02 <= np.sum(tail**2) <= 0.502
    tenth = len(tail) // 10
    assert np.mean(tail[:tenth] ** 2) > 1e4 * np.mean(tail[-tenth:] ** 2)


def test_a_room_is_a_convolution():
    rng = np.random.default_rng(3)
    signal = rng.standard_normal(300)
    pulse = np.eye(1, 300)[0]
    response, heard = (add_room(x, 8000, np.random.default_rng(0)) for x in (pulse, signal))
    np.testing.assert_allclose(heard, np.convolve(signal, response)[: len(heard)], atol=1e-9)
