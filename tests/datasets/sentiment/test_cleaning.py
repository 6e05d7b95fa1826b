"""Cleaning: what it does, and that TensorFlow does the same with the same list."""

import re

import numpy as np
import pytest
import tensorflow as tf

from datasets.sentiment import CLEANING, clean, load
from datasets.sentiment.cleaning import is_blank, share_of, words

CASES = {
    "Bad.<br /><br />Worse.": "Bad. Worse.",
    "a<br>b<BR/>c</br>d< Br / >e<br clear='all'>f<br\n/>g": "a b c d e f g",
    "<i>not</i> a <bright> <b>break</b> < br": "<i>not</i> a <bright> <b>break</b> < br",
    "AT&T &amp; &quot;you&quot;, it&#39;s &lt;3 &#x27;x&#X27;": "AT&T & \"you\", it's <3 'x'",
    "caf&eacute; &Uuml;ber &aelig;on co&ouml;p &ccedil;a &oslash;": "cafe Uber aeon coop ca o",
    "a&nbsp;b&#160;c&hearts;d&mdash;e&hellip;": "a b c d - e...",
    "&amp;quot;twice&amp;quot;&amp;lt;br&amp;gt;encoded": '"twice" encoded',
    "&lt;br /&gt; is a break": "is a break",
    "Dvo&#345;&aacute;k": "Dvo ak",
    "\x00 tabs\t\tand\r\n\r\nlines\x85of\xa0\u2003all\u3000kinds\ufeff ": (
        "tabs and lines of all kinds"
    ),
    "emoji 😀👨‍👩‍👧 ❤️ and naïve Ünïcode 電影 stay": "emoji 😀👨‍👩‍👧 ❤️ and naïve Ünïcode 電影 stay",
    " <br /> \n&nbsp;": "",
    "": "",
    "&; &#; & ; &nosemicolon": "&; &#; & ; &nosemicolon",
    "word " * 10_000: ("word " * 10_000).strip(),
}


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def clean_in_graph(texts):
    for pattern, replacement in CLEANING:
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    return texts


@pytest.mark.parametrize("text", CASES, ids=lambda text: ascii(text[:20]))
def test_clean(text):
    assert clean(text) == CASES[text]


@pytest.mark.parametrize(
    "text",
    ["", " \n", "\x01", "\x7f\x80", "\u200b", "&nbsp;", "<br>", " " * 99 + "a", "é", "<", "🙂"],
)
def test_is_blank_is_whether_nothing_is_left(text):
    assert is_blank(text) == (clean(text) == "")


def test_the_graph_cleans_alike():
    assert [t.decode() for t in clean_in_graph(list(CASES)).numpy()] == list(CASES.values())


def test_inside_a_tf_data_map():
    dataset = tf.data.Dataset.from_tensor_slices(list(CASES)).batch(4).map(clean_in_graph)
    assert [t.decode() for batch in dataset for t in batch.numpy()] == list(CASES.values())


def test_words_forget_case_punctuation_and_breaks():
    assert words("It's GREAT,<br />really:  (great)!") == ["its", "great", "really", "great"]


def test_a_share_depends_on_the_words_and_the_seed_alone():
    assert share_of("Really great!<br />") == share_of("really   GREAT")
    texts = [f"review number {i}" for i in range(3000)]
    counts = [[share_of(text) for text in texts].count(share) for share in range(10)]
    assert min(counts) > 230
    assert max(counts) < 370
    assert [share_of(t, 1) for t in texts[:50]] != [share_of(t, 2) for t in texts[:50]]
    assert len({share_of(":-)" * n) for n in range(1, 30)}) > 1  # no words: by the signs


@pytest.mark.parametrize(
    ("text", "share", "seeded"),
    [
        ("really great", 4, 5),
        ("It was good.", 5, 5),
        ("Ça m'a plu, vraiment ; très bien !", 9, 5),
        ("Ужасный фильм", 9, 6),
        ("太难看了。", 2, 4),
        (":-)", 0, 4),
        ("<br />It&#39;s &quot;art&quot;", 6, 0),
        ("ﬁne STRAẞE İstanbul", 2, 1),
    ],
)
def test_shares_never_change(text, share, seeded):
    """In no process, on no machine and in no version: a user's splits stay what they are."""
    assert (share_of(text), share_of(text, 3)) == (share, seeded)


def test_words_are_those_of_a_regular_expression():
    rng = np.random.default_rng(0)
    some = "".join(map(chr, rng.integers(0x80, 0x3000, 500).tolist()))
    letters = list("abXYZ '_-.,!?019\t\n\x1c\x85\xa0éÉßİ“”’…中字。😀\u200d½²ªб\ud800\udcff" + some)
    for length in range(300):
        text = "".join(rng.choice(letters, length))
        assert words(text) == re.findall(r"\w+", text.casefold().replace("'", ""))


@pytest.mark.data
def test_the_graph_cleans_real_reviews_alike(real_data):
    dataset = load("imdb", "dev", real_data / "imdb").batch(500)
    for batch in dataset:
        expected = [clean(text.decode()) for text in batch["text"].numpy()]
        assert [text.decode() for text in clean_in_graph(batch["text"]).numpy()] == expected
        assert not any("<br" in text for text in expected)
