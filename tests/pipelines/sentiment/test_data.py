"""From raw texts to numbers: the tokenizer, the vocabulary, and what is kept of a split."""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from pipelines.sentiment import data
from pipelines.sentiment.flags import Train
from tests.pipelines.sentiment.small import records_of, rows_of

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
    return [word.decode() for word in data.tokenize(tf.constant([text]), **options).numpy()[0]]


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
        ("he said 's' and the 'd' key", "he said ' s ' and the ' d ' key"),
    ],
)
def test_words_and_signs(text, expected):
    assert words(text) == expected.split()


@pytest.mark.parametrize(
    ("tokens", "written"),
    [
        ("it wo n't do .", "It won't do."),
        ("it 's a film , they 've said", "It's a film, they've said"),
        ("`` i 'm not ready '' , he 'd say !", "\"I'm not ready\", he'd say!"),
        ("ca n't say -- it 's 7.5/10", "Can't say -- it's 7.5/10"),
        ("the film 's", "The film's"),
    ],
)
def test_a_text_in_tokens_is_read_as_the_text_that_was_written(tokens, written):
    assert words(tokens) == words(written)


def test_case_is_kept_on_request():
    assert words("It was GREAT", lower_case=False) == ["It", "was", "GREAT"]


def test_nothing_is_lost_but_white_space_and_markup():
    text = "A (fine) film; 'twas 50% off, he'd said -- really!"
    assert "".join(words(text, lower_case=False)) == text.replace(" ", "")


@pytest.mark.parametrize("text", [*NASTY, *BYTES], ids=range(len(NASTY) + len(BYTES)))
def test_nasty_text_gives_tokens_without_spaces_and_never_a_special_one(text):
    found = words(text)
    assert not set(found) & set(data.SPECIAL)
    for word in found:
        assert word
        assert not word.isspace()
        assert "\n" not in word


def test_neighbours_do_not_touch_each_other():
    texts = [*(text.encode("utf-8", "surrogatepass") for text in NASTY), *BYTES]
    whole = data.tokenize(tf.constant(texts)).to_list()
    assert whole == [data.tokenize(tf.constant([text])).to_list()[0] for text in texts]
    assert data.tokenize(tf.constant([], tf.string)).nrows() == 0


def test_inside_tf_data():
    texts = tf.data.Dataset.from_tensor_slices(["It's bad.", ""]).batch(2).map(data.tokenize)
    assert next(iter(texts)).to_list() == [[b"it", b"'s", b"bad", b"."], []]


# Cutting.


def cut_row(row, head, tail):
    """`cut` of one row, as its definition says."""
    return row if len(row) <= head + tail else [*row[:head], *row[len(row) - tail :]]


@pytest.mark.parametrize("part", ["head", "tail", "both"])
@pytest.mark.parametrize("length", [4, 5, 8])
def test_cut_leaves_the_head_and_the_tail(part, length):
    ends = data.ends(part, length)
    rows = [list(range(count)) for count in (0, 1, 4, 5, 6, 8, 9, 30)]
    cut = data.cut(tf.ragged.constant(rows, dtype=tf.int32), *ends).to_list()
    assert cut == [cut_row(row, *ends) for row in rows]
    assert [len(row) for row in cut] == [min(len(row), length) for row in rows]


def test_ends():
    assert data.ends("both", 400) == (100, 300)
    assert cut_row(range(10), *data.ends("both", 4)) == [0, 7, 8, 9]
    assert cut_row(range(10), *data.ends("head", 4)) == [0, 1, 2, 3]
    assert cut_row(range(10), *data.ends("tail", 4)) == [6, 7, 8, 9]


# The vocabulary.


def vocabulary_of(texts, folder, **flags):
    return data.build_vocabulary(Train(cache_dir=folder, **flags), records_of(texts), {})


def test_vocabulary_is_by_frequency_then_alphabet(tmp_path):
    texts = ["b a b", "c a b", "zebra"]
    build = lambda **flags: vocabulary_of(texts, tmp_path, **flags)  # noqa: E731
    assert build(vocabulary_size=5) == [*data.SPECIAL, "b", "a", "c"]
    assert build(vocabulary_size=9, min_count=2) == [*data.SPECIAL, "b", "a"]
    with pytest.raises(ValueError, match=r"`min_count` must leave at least one word. Got 9 for 4"):
        build(min_count=9)


def test_words_as_frequent_as_others_are_in_the_order_of_code_points(tmp_path):
    """Also where the texts have another order, and where the size cuts between them."""
    texts = ["zebra é b zebra z a 2 b", "é 10"]
    ranked = ["b", "zebra", "é", "10", "2", "a", "z"]  # the first three twice
    for size in range(3, 10):
        words = vocabulary_of(texts, tmp_path / str(size), vocabulary_size=size)
        assert words == [*data.SPECIAL, *ranked][:size]


def test_vocabulary_counts_all_batches(tmp_path):
    texts = ["a"] * data.BATCH + ["b b"] * data.BATCH + ["c"]
    assert vocabulary_of(texts, tmp_path) == [*data.SPECIAL, "b", "a", "c"]
    assert data.most_frequent(Counter({b"x": 1, b"y": 2}), Train()) == [*data.SPECIAL, "y", "x"]


def test_vocabulary_is_kept_under_a_key_of_what_made_it(tmp_path):
    flags = Train(cache_dir=tmp_path)
    assert data.build_vocabulary(flags, records_of(["a"]), {"files": 1})[2:] == ["a"]
    assert data.build_vocabulary(flags, records_of(["b"]), {"files": 1})[2:] == ["a"]
    assert data.build_vocabulary(flags, records_of(["b"]), {"files": 2})[2:] == ["b"]


def test_vocabulary_of_a_large_set_is_of_a_sample_that_the_seed_draws(
    monkeypatch, capsys, tmp_path
):
    monkeypatch.setattr(data, "SAMPLE", 300)
    texts = [f"word{i}" for i in range(2000)]
    first, again, other = (
        vocabulary_of(texts, tmp_path / str(run), seed=seed) for run, seed in enumerate((1, 1, 2))
    )
    assert 200 < len(first) < 400
    assert first == again != other
    assert "counted over 300 of 2,000 texts" in capsys.readouterr().out


# Records.


def encoded(texts, vocabulary, folder, labels=None, split="train", **flags):
    flags = Train(cache_dir=folder, **flags)
    return data.encode_split(flags, split, records_of(texts, labels), vocabulary, {})


def test_numbers_of_words(tmp_path):
    vocabulary = [*data.SPECIAL, "a", "b"]
    store = encoded(["b a what", "A", "\udcff"], vocabulary, tmp_path)
    rows = rows_of(store)
    assert rows[:2] == [[3, 2, 1], [2]]
    assert set(rows[2]) == {data.UNKNOWN}
    assert store.columns["tokens"].values.dtype == np.uint16
    kept_case = encoded(["b A"], vocabulary, tmp_path / "case", lower_case=False)
    assert rows_of(kept_case) == [[3, 1]]


def test_a_large_vocabulary_has_room_for_its_numbers(tmp_path):
    vocabulary = [*data.SPECIAL, *(f"w{i}" for i in range(2**16))]
    store = encoded([vocabulary[-1], "w0"], vocabulary, tmp_path)
    assert rows_of(store) == [[2**16 + 1], [2]]


def test_texts_without_a_label_or_without_words_are_left_out(tmp_path):
    texts, labels = ["a", "", "a a", "<i></i>", "a a a"], [1, 0, -1, 1, 0]
    store = encoded(texts, [*data.SPECIAL, "a"], tmp_path, labels)
    assert [len(row) for row in rows_of(store)] == [1, 3]
    assert store.columns["label"].values.tolist() == [1, 0]
    with pytest.raises(ValueError, match=r"must hold some records\. Got 0"):
        encoded(["", "<br>"], [*data.SPECIAL, "a"], tmp_path, split="dev")


def test_records_are_cut_and_in_the_order_of_the_split(tmp_path):
    words = [chr(ord("a") + i) for i in range(26)]
    vocabulary = [*data.SPECIAL, *words]
    texts = [" ".join(words[: 1 + i % 26]) for i in range(data.BATCH + 40)]
    labels = [i % 3 for i in range(len(texts))]
    store = encoded(texts, vocabulary, tmp_path, labels, max_length=8, cut="both")
    wanted = [cut_row(list(range(2, 3 + i % 26)), 2, 6) for i in range(len(texts))]
    assert rows_of(store) == wanted
    assert store.columns["label"].values.tolist() == labels


def test_another_split_cut_or_vocabulary_is_another_entry(tmp_path):
    vocabulary = [*data.SPECIAL, "a", "b"]
    texts = ["a b a b a b"]
    whole = encoded(texts, vocabulary, tmp_path)
    assert rows_of(encoded(["b"], vocabulary, tmp_path)) == rows_of(whole)  # not read again
    assert rows_of(encoded(["b"], vocabulary, tmp_path, split="dev")) == [[3]]
    assert rows_of(encoded(texts, vocabulary, tmp_path, max_length=4)) == [[2, 3, 2, 3]]
    assert rows_of(encoded(texts, vocabulary[:3], tmp_path)) == [[2, 1, 2, 1, 2, 1]]


def test_key_names_all_that_the_tokens_depend_on(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\nfine,1\n")
    flags = {"dataset": "csv", "data_dir": path}
    key = data.data_key(Train(**flags))
    assert key == data.data_key(Train(**flags, units=3, seed=5, epochs=2))
    for name, value in {"limit": 5, "lower_case": False, "text_column": "text"}.items():
        assert data.data_key(Train(**flags, **{name: value})) != key
    path.write_text("text,label\nfine,0\n")
    assert data.data_key(Train(**flags)) != key
    assert data.data_key(Train()) != data.data_key(Train(split_seed=1))


def test_a_letter_and_its_accent_are_one_letter():
    whole, apart = "cliché", "cliche\u0301"
    assert whole != apart
    tokens = data.tokenize(tf.constant([apart, whole])).to_list()
    assert tokens[0] == tokens[1]
