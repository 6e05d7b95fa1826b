"""The tokenizer called directly, inside a graph, and on texts that are not nice."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.sentiment import tokens

NASTY = [
    "",
    " \t\r\n\u00a0\u2003\x00\x85",
    "word " * 10_000,
    "x" * 50_000,
    "🙂" * 300,
    "<" * 500 + ">" * 500,
    "'" * 99 + "a'b" + "'" * 99,
    "." * 99 + "5." + "/" * 99,
    "((((:((((;))))-'-'-",
    "\ufeffBOM \u202eright-to-left \ud7ff \U0010ffff",
    "<padding> <unknown>",
]
BYTES = [b"\xff\xfe\xfa", b"good \xc3", b"\xed\xa0\x80 surrogate", b"\x00", b"a\xf0\x9f\x99"]


def words(text, **options):
    return [word.decode() for word in tokens.tokenize(tf.constant([text]), **options).numpy()[0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's GREAT!!<br />8/10 :)", "it 's great !! 8/10 🙂"),
        ("I don't, CAN'T, won’t.", "i do n't , ca n't , wo n't ."),
        ("'quoted' o'clock dogs' rock 'n' roll", "' quoted ' o'clock dogs ' rock ' n ' roll"),
        ("Really?! No!!!! Hm... What??", "really ?! no !! hm ... what ??"),
        ("7.5/10, 1,000 at 3:30. U.S.A.", "7.5/10 , 1,000 at 3:30 . u . s . a ."),
        ("well-made -- a ****1/2 (nearly)", "well - made -- a **** 1/2 ( nearly )"),
        ("a<br>b<BR/>c<i>d</i> 1 < 2", "a b c d 1 < 2"),
        ("&quot;Tom &amp; Jerry&quot;&nbsp;rock", '" tom & jerry " rock'),
        ("❤️ 👍🏽 👨‍👩‍👧", "❤ 👍 👨 👩 👧"),
        ("Café ÀÉ naïve ÄÖÜ", "café àé naïve äöü"),
        ("非常好。とても", "非 常 好 。 と て も"),
        (":-( bad =D (fun:)", "🙁 bad 🙂 ( fun : )"),
    ],
)
def test_words_and_signs(text, expected):
    assert words(text) == expected.split()


def test_case_is_kept_on_request():
    assert words("It was GREAT", lower_case=False) == ["It", "was", "GREAT"]


def test_nothing_is_lost_but_white_space_and_markup():
    text = "A (fine) film; 'twas 50% off, he'd said -- really!"
    assert "".join(words(text, lower_case=False)) == text.replace(" ", "")


@pytest.mark.parametrize("text", [*NASTY, *BYTES], ids=range(len(NASTY) + len(BYTES)))
def test_nasty_text_gives_tokens_without_spaces_and_never_a_special_one(text):
    found = words(text)
    assert not set(found) & set(tokens.SPECIAL)
    for word in found:
        assert word
        assert not word.isspace()
        assert "\n" not in word


def test_neighbours_do_not_touch_each_other():
    texts = [*(text.encode("utf-8", "surrogatepass") for text in NASTY), *BYTES]
    whole = tokens.tokenize(tf.constant(texts)).to_list()
    assert whole == [tokens.tokenize(tf.constant([text])).to_list()[0] for text in texts]
    assert tokens.tokenize(tf.constant([], tf.string)).nrows() == 0


def test_inside_tf_data():
    data = tf.data.Dataset.from_tensor_slices(["It's bad.", ""]).batch(2).map(tokens.tokenize)
    assert next(iter(data)).to_list() == [[b"it", b"'s", b"bad", b"."], []]


def test_vocabulary_is_by_frequency_then_alphabet():
    texts = ["b a b", "c a b", "zebra"]
    assert tokens.build_vocabulary(texts, 5) == [*tokens.SPECIAL, "b", "a", "c"]
    assert tokens.build_vocabulary(texts, 9, min_count=2) == [*tokens.SPECIAL, "b", "a"]
    with pytest.raises(ValueError, match=r"`min_count` must leave at least one word. Got 9 for 4"):
        tokens.build_vocabulary(texts, 5, min_count=9)


def test_encode_numbers_words_and_keeps_empty_rows():
    vocabulary = tokens.build_vocabulary(["a b"], 4)
    rows = tokens.encode(["b a what", "", "A", "\udcff"], vocabulary)
    assert [row.tolist() for row in rows] == [[3, 2, 1], [], [2], [1] * len(rows[3])]
    assert tokens.encode([], vocabulary) == []
    assert all(row.dtype == np.int32 for row in rows)


def test_telling_pairs_are_those_that_the_labels_depend_on():
    good, bad, both, once = [2, 3], [3, 4], [5, 5], [4, 2]
    rows = [good + both, good + both, bad + both, [*bad, 1, *both, 1], good + once, [], [2]]
    rows = [np.array(row, np.int32) for row in rows]
    labels = np.array([1, 1, 0, 0, -1, 0, 1])
    found = tokens.telling_pairs(rows, labels, 2)
    assert found.tolist() == [good, bad]
    everything = tokens.telling_pairs(rows, labels, 9).tolist()
    # Across the joints, too; none with the unknown word, 1, and none of a text without a label.
    assert everything == [good, bad, [3, 5], [4, 5], both]
    assert tokens.telling_pairs(rows[5:], labels[5:], 2).shape == (0, 2)


def test_how_much_a_pair_tells_is_its_chi_squared():
    """Of 4 texts with label 1 and 6 with label 0, a pair in 3 and 1, of which 1.6 and 2.4 were
    expected: 1.4² / 1.6 + 1.4² / 2.4 = 2.04."""
    labels = np.array([1] * 4 + [0] * 6)
    first, second = [2, 3], [3, 2]
    rows = [[2]] * 10
    for text in (0, 1, 2, 4):
        rows[text] = first
    assert tokens.telling_pairs([np.array(r) for r in rows], labels, 1).tolist() == [first]
    for text in (3, 5, 6):
        rows[text] = second  # 1 and 2, of which 1.2 and 1.8 were expected: 0.06
    assert tokens.telling_pairs([np.array(r) for r in rows], labels, 1).tolist() == [first]


@pytest.mark.parametrize("part", ["head", "tail", "both"])
@pytest.mark.parametrize("length", [4, 5, 8])
def test_cut_of_a_graph_equals_cut_of_a_row(part, length):
    ends = tokens.ends(part, length)
    rows = [np.arange(count, dtype=np.int32) for count in (0, 1, 4, 5, 6, 8, 9, 30)]
    found = tokens.cut(tf.ragged.constant(rows, dtype=tf.int32), *ends).to_list()
    assert found == [tokens.cut_row(row, *ends).tolist() for row in rows]
    assert [len(row) for row in found] == [min(len(row), length) for row in rows]


def test_ends():
    assert tokens.ends("both", 400) == (100, 300)
    assert tokens.cut_row(np.arange(10), *tokens.ends("both", 4)).tolist() == [0, 7, 8, 9]
    assert tokens.cut_row(np.arange(10), *tokens.ends("head", 4)).tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"`cut` must be one of .* Got 'middle'"):
        tokens.ends("middle", 4)
