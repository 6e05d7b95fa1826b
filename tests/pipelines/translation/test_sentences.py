"""Texts are cut where sentences end, and nowhere else."""

import pytest
import tensorflow as tf

from pipelines.translation.sentences import split_sentences


def split(*texts):
    rows = split_sentences(tf.constant(texts, tf.string)).to_list()
    return [[sentence.decode() for sentence in row] for row in rows]


@pytest.mark.parametrize(
    "sentences",
    [
        ["A man rides a bike.", "A dog runs."],
        ["Really?!", "Yes.", "I think so…", "We shall see."],
        ["Dr. Wu met Mr. J. R. Smith in St. Louis.", "He was late."],
        ["Das kostet z. B. Geld.", "Wir kommen am 3. Mai."],
        ["Sie wurde 1990.", "Er nicht."],
        ['She said "Stop!"', '"Why?" he asked.', "(Nobody knew.)", "The end."],
        ["Ich habe ca. 3.5 Liter bzw. 4 Liter.", "Das ist viel."],
        ["It is 5.30 p.m. now and e.g. that is late.", "Go!"],
        ["Room No. 5 is free.", "The answer is no.", "He left."],
        ["Über uns.", "Ärger gibt es.", "Привет.", "Как дела?"],
        ["no capital. no boundary"],
    ],
)
def test_boundaries(sentences):
    assert split(" ".join(sentences)) == [sentences]
    assert split("  \n".join(sentences)) == [sentences]


def test_lines_are_boundaries_whatever_their_end():
    assert split("one\r\ntwo\n\nthree\u2028four\x0bfive") == [
        ["one", "two", "three", "four", "five"]
    ]


def test_blank_texts_have_no_sentence():
    assert split("", " \n ", "a", "\x1e") == [[], [], ["a"], []]
    assert split() == []
