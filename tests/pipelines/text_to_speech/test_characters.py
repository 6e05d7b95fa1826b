"""What the graph reads of a text, and what it says that it does not."""

import pytest
import tensorflow as tf

from pipelines.text_to_speech.characters import (
    ALPHABET,
    END,
    LONGEST,
    numbers_of,
    pieces,
    readable,
    text_of,
)


@pytest.mark.parametrize(
    ("text", "read", "unread"),
    [
        ("Café No. 5: “It’s  OPEN!”", "cafe no. it's open!", "5"),
        ("e\u0301te\u0301, stra\u00dfe", "ete, strasse", ""),
        ("well-known — yes; no…", "well known, yes, no.", ""),
        ("50% & more @ home", "more home", "50%&@"),
        ("Привет", "", "привет"),
        ("...", "", ""),
        ("", "", ""),
        (b"ok \xff", "ok", "\ufffd"),
        ("a\tb\n c\u200b", "a b c", ""),
        ("What?! Really ?", "what? really?", ""),
    ],
)
def test_what_is_read_and_what_is_left_out(text, read, unread):
    texts, others = readable(tf.constant([text, "neighbour"]))
    assert texts.numpy()[0].decode() == read
    assert others.numpy()[0].decode() == unread
    assert texts.numpy()[1] == b"neighbour"


def test_in_a_dataset_as_alone():
    texts = tf.data.Dataset.from_tensors(["Hello, World!"]).map(readable)
    assert next(iter(texts))[0].numpy()[0] == b"hello, world!"


def cut(text):
    return [piece.decode() for piece in pieces(tf.constant([text, "b"])).to_list()[0]]


def test_pieces_end_where_a_sentence_ends_if_they_can():
    assert cut("one. two, three") == ["one. two, three"]
    assert cut("") == []
    sentence = "word " * 15 + "end."
    assert cut(" ".join([sentence] * 3)) == [sentence] * 3
    comma = "word " * 15 + "and,"
    assert cut(f"{comma} {'word ' * 15}end.") == [comma, "word " * 15 + "end."]
    assert cut("a" * 250) == ["a" * LONGEST, "a" * LONGEST, "a" * 10]
    for piece in cut("some words and then some " * 40):
        assert 0 < len(piece) <= LONGEST
        assert piece == piece.strip()


def test_numbers_come_back_as_their_text():
    rows = numbers_of(tf.constant([ALPHABET, "a", ""])).to_list()
    assert [row[-1] for row in rows] == [END] * 3
    assert [text_of(row) for row in rows] == [ALPHABET, "a", ""]
    assert len({*rows[0]}) == len(ALPHABET) + 1
