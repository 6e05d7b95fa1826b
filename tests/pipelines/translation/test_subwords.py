"""Subwords: what the graph does is what the library does, and no text is lost."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.translation.data import longest_pieces
from pipelines.translation.subwords import (
    BYTES,
    SPECIAL,
    UNKNOWN,
    Subwords,
    learn_vocabulary,
    library_tokenizer,
    numbered_pieces,
    piece_bytes,
    split_words,
)
from tests.datasets.translation.records import read

ODD = [
    "",
    "  \t ",
    "你好, wörld: €5!",
    "<end> <0xE2> <padding>",
    "Σίσυφος हिन्दी 👩‍👩‍👧 e\u0301",
    "a\u00a0b\u202fc\u2028d\te\x00f\x1fg",
    "x" * 300,
    "1234567890 1.234,56",
    "'quoted' (and so on) -- it's",
]


@pytest.fixture(scope="module")
def texts():
    pairs = read("demo", "train", limit=400)
    return [*pairs.sources, *pairs.targets]


@pytest.fixture(scope="module")
def vocabulary(texts):
    return learn_vocabulary(lambda: texts, 500)


@pytest.fixture(scope="module")
def subwords(vocabulary):
    return Subwords(vocabulary)


def library_tokens(tokenizer, vocabulary, text):
    """The library's tokens; where it knows no piece for a word, those of its characters' bytes."""
    numbers = numbered_pieces(vocabulary)
    tokens = []
    normal = tokenizer.normalizer.normalize_str(text)
    for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal):
        found = [token.id for token in tokenizer.model.tokenize(word)]
        if UNKNOWN in found:
            found = longest_pieces(word.encode(), numbers, 1000)
            known = [token for token in found if vocabulary[token] not in BYTES]
            assert len(known) < len(found)  # only where a character is unknown, indeed
        tokens += found
    return tokens


def graph_tokens(subwords, texts, max_length=1000):
    encode = tf.function(lambda text: subwords.encode(text, max_length))
    return encode(tf.constant(texts)).to_list()


def test_vocabulary_has_specials_bytes_characters_and_words(vocabulary, texts):
    assert len(vocabulary) == len(set(vocabulary)) == 500
    assert tuple(vocabulary[: len(SPECIAL) + 256]) == SPECIAL + BYTES
    assert {"▁", "a", "7", "▁Januar"} <= set(vocabulary)
    assert learn_vocabulary(lambda: iter(texts), 500) == vocabulary


def test_rare_characters_are_left_to_bytes():
    found = learn_vocabulary(lambda: ["ab ab ab ž", "ab ž"], 300)
    assert "a" in found
    assert "ž" not in found


@pytest.mark.parametrize("size", [0, 260, 280])
def test_vocabulary_must_have_room(texts, size):
    with pytest.raises(ValueError, match=f"`vocabulary_size` must be above .* Got {size}"):
        learn_vocabulary(lambda: texts, size)


def test_graph_equals_the_library_and_python(subwords, vocabulary, texts):
    tokenizer = library_tokenizer(vocabulary)
    given = [*texts, *ODD]
    found = graph_tokens(subwords, given)
    assert found == [library_tokens(tokenizer, vocabulary, text) for text in given]
    numbers = numbered_pieces(vocabulary)
    words = split_words(tf.constant(given)).to_list()
    assert found == [
        [t for word in row for t in longest_pieces(word, numbers, 99)] for row in words
    ]


def test_decoding_gives_every_text_back(subwords, texts):
    given = [*texts, *ODD]
    tokens = subwords.encode(tf.constant(given), 1000).to_tensor()
    found = [text.decode() for text in subwords.decode(tokens).numpy()]
    controls = dict.fromkeys([*range(32), 0x2581], " ")
    assert found == [" ".join(text.translate(controls).split()) for text in given]


def test_longest_piece_first_by_hand():
    subwords = Subwords([*SPECIAL, *BYTES, "▁", "a", "b", "c", "▁a", "ab", "bc", "▁abc"])
    pieces = {"▁": 260, "a": 261, "b": 262, "c": 263, "▁a": 264, "ab": 265, "bc": 266, "▁abc": 267}
    found = graph_tokens(subwords, ["abc", "abb", "cab", "ac d", "é"])
    assert found == [
        [pieces["▁abc"]],
        [pieces["▁a"], pieces["b"], pieces["b"]],
        [pieces["▁"], pieces["c"], pieces["ab"]],
        [pieces["▁a"], pieces["c"], pieces["▁"], 4 + ord("d")],
        [pieces["▁"], 4 + 0xC3, 4 + 0xA9],
    ]


def test_long_text_is_cut_and_touches_no_other(subwords):
    whole = graph_tokens(subwords, ["12 meters", "x" * 5000 + " y" * 5000])
    short = graph_tokens(subwords, ["12 meters", "x" * 5000 + " y" * 5000], max_length=7)
    assert short == [tokens[:7] for tokens in whole]


def test_what_is_not_utf8_is_the_replacement_character(subwords):
    found = subwords.encode(tf.constant([b"1\xff2", "1\ufffd2".encode()]), 50).to_list()
    assert found[0] == found[1]


def test_batch_of_none_and_broken_bytes(subwords, vocabulary):
    assert subwords.encode(tf.constant([], tf.string), 9).to_list() == []
    broken = [[4 + 0xE2, 4 + 0x82, 261 + 5]]  # two bytes of three, then a character
    text = subwords.decode(tf.constant(broken)).numpy()[0].decode()
    assert text == piece_bytes(vocabulary)[266].decode()


@pytest.mark.data
@pytest.mark.parametrize("language", ["de", "fr", "cs"])
def test_equals_the_library_on_the_whole_of_multi30k(real_data, language):
    splits = [
        read("multi30k", split, real_data / "multi30k", target=language)
        for split in ("train", "dev", "test")
    ]
    vocabulary = learn_vocabulary(lambda: [*splits[0].sources, *splits[0].targets], 8000)
    tokenizer, subwords = library_tokenizer(vocabulary), Subwords(vocabulary)
    texts = [text for pairs in splits for text in (*pairs.sources, *pairs.targets)]
    encode = tf.function(
        lambda text: subwords.encode(text, 500),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    for part in np.array_split(np.array(texts, object), 30):
        tokens = encode(tf.constant(part.tolist()))
        wanted = [
            encoding.ids
            if UNKNOWN not in encoding.ids
            else library_tokens(tokenizer, vocabulary, text)
            for text, encoding in zip(part, tokenizer.encode_batch(part.tolist()), strict=True)
        ]
        assert tokens.to_list() == wanted
        back = subwords.decode(tokens.to_tensor()).numpy()
        assert [text.decode() for text in back] == part.tolist()
