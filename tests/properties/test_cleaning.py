"""What holds of cleaning, decoding and cutting, whatever the text."""

import csv
import io
import re
import unicodedata

import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from datasets.captioning.faults import CAPTION_FAULTS, Faults, clean_captions, printable
from datasets.sentiment import CLEANING, clean, delimited
from datasets.sentiment.cleaning import is_blank, share_of, words
from datasets.text import files
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
    found = list(delimited.rows(file, delimiter, "double"))
    wanted = [list(row) for row in table if any(cell.strip() for cell in row)]
    assert [row.fields for row in found] == wanted


@given(any_texts, st.sampled_from(delimited.DELIMITERS), st.sampled_from(list(delimited.QUOTING)))
def test_every_line_of_a_table_is_counted_once(text, delimiter, quoting):
    text = text.replace("\0", "")
    found = list(delimited.rows(io.StringIO(text, newline=""), delimiter, quoting))
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
    found = cleaning.clean((f"{i}", *pair) for i, pair in enumerate(raw))
    assert len(found.sources) == len(found.targets) == len(found.ids)
    assert len(found.ids) + sum(found.skipped.values()) == len(raw)
    assert all(map(is_unicode, (*found.sources, *found.targets)))
    assert all((*found.sources, *found.targets))
    assert [int(name) for name in found.ids] == sorted(int(name) for name in found.ids)


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


@given(texts, st.integers(1, 9))
def test_text_comes_back_from_every_encoding(text, size):
    text = text.removeprefix("\ufeff")
    wanted = text.replace("\r\n", "\n").replace("\r", "\n")
    for encoding in ("utf-8", "utf-16", "utf-32", "utf-8-sig"):
        raw = in_pieces(text.encode(encoding), size)
        decoded = "".join(files.decoded(raw, encoding, "x"))
        assert decoded.removeprefix("\ufeff") == wanted.removeprefix("\ufeff")


@given(
    st.binary(max_size=60),
    st.sampled_from(["utf-8", "utf-16", "shift-jis", "idna", "utf-7"]),
    st.integers(1, 9),
)
def test_bytes_are_text_or_an_error_that_names_the_file(raw, encoding, size):
    try:
        found = "".join(files.decoded(in_pieces(raw, size), encoding, "/data/x.txt"))
    except ValueError as error:
        found = str(error).removeprefix("/data/x.txt must be text in the encoding")
        assert found != str(error)  # noqa: PT017
    assert is_unicode(found)
    assert "\r" not in found


@given(st.binary(max_size=60), st.sampled_from(["utf-8", "utf-32", "shift-jis"]), st.integers(1, 9))
def test_pieces_are_decoded_as_the_whole(raw, encoding, size):
    answers = []
    for pieces in ([raw], in_pieces(raw, size)):
        try:
            answers.append("".join(files.decoded(pieces, encoding, "x.txt")))
        except ValueError as error:  # which names the byte
            answers.append(str(error))
    assert answers[0] == answers[1]


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
