"""What holds of cleaning, decoding and cutting, whatever the text."""

import csv
import io
import re
import unicodedata
from itertools import chain

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from datasets import files
from datasets.captioning.faults import CAPTION_FAULTS, clean_captions
from datasets.faults import Faults, printable
from datasets.sentiment import CLEANING, clean, delimited
from datasets.sentiment.cleaning import is_blank, share_of, words
from datasets.text.source import SPLITS, limits_of, part
from datasets.translation import cleaning, pairs
from tests.properties.strategies import any_texts, escaped, texts


def is_unicode(text):
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


# Reviews.


@given(any_texts)
def test_clean_review_is_one_line_without_margins(text):
    found = clean(text)
    assert not re.search("[\0-\x1f\x7f-\xa0\ufeff]", found)
    assert found == found.strip(" ")


@given(st.lists(texts, min_size=1, max_size=8))
def test_graph_cleans_as_python_does(batch):
    found = tf.constant([text.encode() for text in batch])
    for pattern, replacement in CLEANING:
        found = tf.strings.regex_replace(found, pattern, replacement)
    assert [text.decode() for text in found.numpy()] == [clean(text) for text in batch]


@given(any_texts)
def test_short_cuts_of_cleaning_change_nothing(text):
    assert is_blank(text) == (clean(text) == "")
    assert words(text) == re.findall(r"\w+", clean(text).casefold().replace("'", ""))


@given(any_texts, st.none() | st.integers())
def test_every_text_has_its_share(text, seed):
    assert share_of(text, seed) in range(10)
    assert share_of(text, seed) == share_of(
        f" {text}\n", seed
    )  # the white space around it counts not


cells = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\n", exclude_categories=["Cs"]), max_size=9
)


@given(
    st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=6),
    st.sampled_from(delimited.DELIMITERS),
)
def test_table_comes_back_from_its_file(table, delimiter):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(table)
    file.seek(0)
    found = list(chain.from_iterable(delimited.rows(file, delimiter, "double")))
    wanted = [list(row) for row in table if any(cell.strip() for cell in row)]
    assert [row.fields for row in found] == wanted


@given(any_texts, st.sampled_from(delimited.DELIMITERS), st.sampled_from(list(delimited.QUOTING)))
def test_every_line_of_a_table_is_counted_once(text, delimiter, quoting):
    text = text.replace("\0", "")
    blocks = delimited.rows(io.StringIO(text, newline=""), delimiter, quoting)
    found = list(chain.from_iterable(blocks))
    starts = [row.line for row in found]
    assert starts == sorted(set(starts))
    assert all(row.lines >= 1 for row in found)
    assert delimited.usual_width(found) >= 0


# Sentence pairs.


@given(any_texts)
def test_tidy_sentence_stays_as_it_is(text):
    found = cleaning.tidy(text)
    assert cleaning.tidy(found) == found
    assert found == " ".join(found.split())
    assert unicodedata.is_normalized("NFC", found)


@given(st.lists(st.tuples(st.none() | any_texts, st.none() | any_texts), max_size=8))
def test_every_pair_is_kept_or_counted(raw):
    faults = Faults()
    rows = list(cleaning.clean(((f"{i}", *pair) for i, pair in enumerate(raw)), faults))
    assert len(rows) + faults.counts.total() == len(raw)
    sentences = [sentence for _, *pair in rows for sentence in pair]
    assert all(sentences)
    assert all(map(is_unicode, sentences))
    assert [int(name) for name, *_ in rows] == sorted(int(name) for name, *_ in rows)


@given(any_texts)
def test_split_of_a_source_forgets_its_white_space(text):
    assert pairs.split_of(text) in SPLITS
    assert pairs.split_of(text) == pairs.split_of(f"  {text}\t")


# Captions.


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "\udcff"]), any_texts), max_size=8))
def test_captions_are_kept_or_told(raw):
    faults = Faults()
    found = clean_captions(raw, faults)
    kept = [caption for captions in found.values() for caption in captions]
    assert len(kept) + faults.count(*CAPTION_FAULTS) == len(raw)
    assert all(map(is_unicode, kept))
    assert all(kept)
    faults.summary().encode()  # whatever the names, the message can be printed


# Long texts.


def in_pieces(content, size):
    return [content[place : place + size] for place in range(0, len(content), size)]


def read(folder, raw, encoding, size):
    """The text of a file that holds `raw`, in pieces of `size` letters."""
    path = folder / "x.txt"
    path.write_bytes(raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "PIECE", size)
        pieces = list(files.read_pieces(path, encoding))
    assert all(0 < len(piece) <= size for piece in pieces)
    return "".join(pieces)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("long")


@given(texts, st.integers(1, 9))
def test_text_comes_back_from_every_encoding(folder, text, size):
    text = text.lstrip("\ufeff\0")  # with a zero, the mark of UTF-16 is that of UTF-32
    wanted = text.replace("\r\n", "\n").replace("\r", "\n")
    for encoding in ("utf-8", "utf-16", "utf-32", "utf-8-sig"):
        assert read(folder, text.encode(encoding), encoding, size) == wanted
        if encoding != "utf-8":  # the mark tells
            assert read(folder, text.encode(encoding), "utf-8", size) == wanted


@given(
    st.binary(max_size=60),
    st.sampled_from(["utf-8", "utf-16", "shift-jis", "idna", "utf-7"]),
    st.integers(1, 9),
)
def test_bytes_are_text_or_an_error_that_names_the_file(folder, raw, encoding, size):
    try:
        text = read(folder, raw, encoding, size)
    except ValueError as error:
        text = str(error)
        assert "x.txt" in text
        assert re.search("must be text|`encoding` must be", text)
    assert is_unicode(text)
    assert "\r" not in text


@given(st.binary(max_size=60), st.sampled_from(["utf-8", "utf-32-le", "shift-jis"]))
def test_error_names_the_first_broken_byte(folder, raw, encoding):
    """Wherever the file's buffers end: the bytes stand behind many that are whole."""
    whole = "a\u3042".encode(encoding) * 3000
    try:
        (whole + raw).decode(encoding)
    except UnicodeDecodeError as error:
        with pytest.raises(ValueError, match=f"at byte {error.start:,}:"):
            read(folder, whole + raw, encoding, 1000)
    else:
        assert read(folder, whole + raw, encoding, 1000)


@given(
    st.one_of(texts, st.binary()),
    st.sampled_from([(90, 10), (80, 10, 10), (90, 5, 5)]),
    st.integers(1, 9),
)
def test_parts_make_up_the_whole(content, shares, size):
    parts = []
    for split in SPLITS[: len(shares)]:
        start, end = (len(content) * share // 100 for share in limits_of(split, shares, "x"))
        parts += part(in_pieces(content, size), start, end)
    assert content[:0].join(parts) == content


@given(escaped)
def test_messages_can_be_printed_whatever_the_name(name):
    assert len(printable(name).encode()) > 0
