"""Other cuts of the same words: the same text, by chance, and never longer than there is room."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.epochs import draws
from pipelines.translation.subword_dropout import VARIANTS, SubwordDropout
from pipelines.translation.subwords import BYTES, END, SPECIAL, numbered_pieces, piece_bytes
from tests.pipelines.translation.small import demo, encoded

PIECES = [*SPECIAL, *BYTES, "▁", "a", "b", "ab", "▁a", "▁ab", "abab", "-", "▁7", "7"]


@pytest.fixture(scope="module")
def pairs():
    columns, vocabulary = demo(200)
    return columns, vocabulary, encoded(columns, vocabulary)


def joined(tokens, vocabulary):
    pieces = piece_bytes(vocabulary)
    return b"".join(pieces[token] for token in tokens).decode().replace("▁", " ").strip()


def cuts(dropout, store, epoch, time=1000):
    return [
        dropout.cut(store.row("source", record), time, draws(0, epoch, record))
        for record in range(len(store))
    ]


def test_spells_the_same_text_in_more_and_other_pieces(pairs):
    columns, vocabulary, store = pairs
    dropout = SubwordDropout(vocabulary, 0.3, seed=1)
    first, again, other = (cuts(dropout, store, epoch) for epoch in (1, 1, 2))
    assert first == again
    assert first != other
    plain = [store.row("source", record).tolist() for record in range(len(store))]
    assert sum(map(len, first)) > 1.1 * sum(map(len, plain))
    assert [joined(row, vocabulary) for row in first] == columns.sources
    assert all(row[-1] == END and END not in row[:-1] for row in first)


def test_variants_follow_from_seed_and_word_alone(pairs):
    _, vocabulary, store = pairs
    first, again, other = (SubwordDropout(vocabulary, 0.3, seed) for seed in (1, 1, 2))
    backwards = [
        again.cut(store.row("source", record), 1000, draws(0, 1, record))
        for record in reversed(range(len(store)))
    ]
    assert cuts(first, store, 1) == backwards[::-1]
    assert cuts(other, store, 1) != cuts(first, store, 1)
    assert first.variant.cache_info().maxsize is not None


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_a_match_is_left_out_as_often_as_asked(rate):
    """A word of one piece: it stays whole in a share 1 - rate of its variants."""
    vocabulary = [*SPECIAL, *BYTES, "▁", *(f"▁{chr(i)}" for i in range(0x4E00, 0x4F00))]
    vocabulary += [piece[1:] for piece in vocabulary[261:]]
    dropout = SubwordDropout(vocabulary, rate)
    whole = [
        len(dropout.variant((token,), number)) == 1
        for token in range(261, 261 + 256)
        for number in range(VARIANTS)
    ]
    assert np.mean(whole) == pytest.approx(1 - rate, abs=0.03)


def test_words_begin_with_a_space_or_a_sign():
    """ "▁ab" and "-" and "ab" and "▁7": a mark of a space and signs begin words, letters go on."""
    dropout = SubwordDropout(PIECES, 0.999)
    numbers = {piece: number for number, piece in enumerate(PIECES)}
    row = np.array([numbers[piece] for piece in ("▁ab", "-", "ab", "▁7", "<end>")])
    words = []
    dropout.variant = lambda word, number: words.append(word) or list(word)
    assert dropout.cut(row, 9, np.random.default_rng(0)) == row.tolist()
    assert [[PIECES[token] for token in word] for word in words] == [["▁ab"], ["-", "ab"], ["▁7"]]


def test_row_is_never_longer_than_its_room(pairs):
    _, vocabulary, store = pairs
    dropout = SubwordDropout(vocabulary, 0.5)
    plain, tight, wide = 0, 0, 0
    for record in range(40):
        row = store.row("source", record)
        for time in range(len(row), len(row) + 9):
            assert len(dropout.cut(row, time, draws(0, 0, record))) <= time
        plain += len(row)
        tight += len(dropout.cut(row, len(row) + 1, draws(0, 0, record)))
        wide += len(dropout.cut(row, 1000, draws(0, 0, record)))
    assert plain < tight <= plain + 40 < wide


def test_blank_row_stays_blank():
    blank = np.zeros(0, np.uint16)
    assert SubwordDropout(PIECES, 0.5).cut(blank, 5, np.random.default_rng(0)) == []


@settings(deadline=None)
@given(st.text("ab-7 é€", min_size=1).filter(str.strip), st.floats(0, 0.99), st.integers(0, 9))
def test_any_text_stays_the_same_and_fits(text, rate, spare):
    from pipelines.translation.data import word_cutter
    from pipelines.translation.subwords import MARK

    pieces = word_cutter(PIECES)
    words = [MARK + word for word in text.split()]
    row = np.array([*(t for word in words for t in pieces(word.encode())), END], np.uint16)
    tokens = SubwordDropout(PIECES, rate).cut(row, len(row) + spare, draws(0, 0, 0))
    assert joined(tokens, PIECES) == " ".join(text.split())
    assert len(tokens) <= len(row) + spare
    assert set(tokens) <= {END, *numbered_pieces(PIECES).values()}
