"""Numbers, dates and abbreviations in words."""

import pytest

from pipelines.text_to_speech.spelling import in_several_ways, spelt


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("press 1 or 22", "press one or twenty-two"),
        ("1,234 people", "one thousand, two hundred and thirty-four people"),
        ("in 1999, 2005", "in nineteen ninety-nine, two thousand and five"),
        ("dial 0199", "dial zero one nine nine"),
        ("call 5551234567", "call five five five one two three four five six seven"),
        ("it was -3.5 degrees", "it was minus three point five degrees"),
        ("the 21st and the 2nd", "the twenty-first and the second"),
        ("$3.50 and £20", "three dollars, fifty cents and twenty pounds"),
        ("at 9:05, 10:00 and 23:45", "at nine oh five, ten o'clock and twenty-three forty-five"),
        ("on 2026-11-27", "on November twenty-seventh, twenty twenty-six"),
        ("Dr. Ito vs. mr. X", "Doctor Ito versus mister X"),
        ("5% & more", "five percent and more"),
        ("nothing to do, it's fine", "nothing to do, it's fine"),
        ("0", "zero"),
        ("", ""),
    ],
)
def test_words(text, words):
    assert spelt(text) == words


@pytest.mark.parametrize("text", ["on 3/4/2025", "2025/03/04", "on 2025-02-30"])
def test_dates_of_two_readings_or_of_no_calendar_are_errors(text):
    with pytest.raises(ValueError, match="A date must be"):
        spelt(text)


def test_which_numbers_a_recording_may_say_otherwise():
    assert [in_several_ways(text) for text in ("press 1 or 22", "dial 500", "at 9:05", "3.5")] == [
        *(False, True, True, True)
    ]
