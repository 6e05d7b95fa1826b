"""Which sentences are in capitals, and what becomes of them."""

import pytest
import tensorflow as tf

from pipelines.translation.capitals import in_capitals, lowered, raised


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("WHERE IS THE STATION?", True),
        ("WO IST DIE STRAßE 5?", True),
        ("ÄÖ", True),
        ("Is it in the USA?", False),
        ("I", False),
        ("A 3", False),
        ("", False),
        ("12:30", False),
        ("東京", False),
    ],
)
def test_capitals(text, expected):
    assert bool(in_capitals(tf.constant([text]))[0]) is expected


def test_letters_beyond_ascii_are_lowered_and_raised():
    texts = tf.constant(["ÄRGER, DANKE", "Ärger, danke", "größer"])
    where = tf.constant([True, False, True])
    low, high = (
        [text.decode() for text in change(texts, where).numpy()] for change in (lowered, raised)
    )
    assert low == ["ärger, danke", "Ärger, danke", "größer"]
    assert high == ["ÄRGER, DANKE", "Ärger, danke", "GRÖSSER"]
