"""Numbers from sentences: words, pieces, the vocabulary's sample, and what is cached."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from pipelines.translation import data
from pipelines.translation.flags import Train
from pipelines.translation.subwords import BYTES, END, SPECIAL, Subwords, learn_vocabulary
from tests.pipelines.translation.small import demo, records_of

ODD = ["你好, wörld: €5!", "<end> <0xE2> T-Shirt", "x" * 300, "A  dog", "1234567890 1.234,56"]


@pytest.fixture(scope="module")
def pairs():
    return demo(300)


def rows(column):
    values, lengths = column
    return [row.tolist() for row in np.split(values, np.cumsum(lengths)[:-1])]


def test_tokens_are_those_of_the_exported_graph_and_an_end(pairs):
    columns, vocabulary = pairs
    sources, targets = [*columns.sources, *ODD], [*columns.targets, *ODD[::-1]]
    (batch,) = data.numbered(records_of(sources, targets), vocabulary)
    graph = Subwords(vocabulary)
    for side, texts in (("source", sources), ("target", targets)):
        tokens = graph.encode(tf.constant(texts), 10_000).to_list()
        assert rows(batch[side]) == [[*row, END] for row in tokens]
        assert batch[side][0].dtype == np.uint16


def test_large_vocabulary_has_wider_numbers():
    words = map("".join, itertools.product("abcdefghijklmnopq", repeat=4))
    vocabulary = [*SPECIAL, *BYTES, "▁", *(f"▁{word}" for word in words)]
    assert len(vocabulary) > 2**16
    (batch,) = data.numbered(records_of(["qqqq"]), vocabulary)
    values, lengths = batch["source"]
    assert values.dtype == np.int32
    assert values.tolist() == [len(vocabulary) - 1, END]
    assert lengths == [2]


def test_records_come_in_batches(pairs, monkeypatch):
    columns, vocabulary = pairs
    records = records_of(columns.sources, columns.targets)
    (whole,) = data.numbered(records, vocabulary)
    monkeypatch.setattr(data, "BATCH", 128)
    parts = list(data.numbered(records, vocabulary))
    assert [len(part["source"][1]) for part in parts] == [128, 128, 44]
    joined = np.concatenate([part["target"][0] for part in parts])
    np.testing.assert_array_equal(joined, whole["target"][0])


def test_pieces_of_few_words_are_remembered(pairs, monkeypatch):
    monkeypatch.setattr(data, "CACHED_WORDS", 10)
    pieces = data.word_cutter(pairs[1])
    tokens = [pieces(f"▁{i}".encode()) for i in range(50)]
    assert tokens == [pieces(f"▁{i}".encode()) for i in range(50)]
    assert pieces.cache_info().currsize == 10


def test_subword_dropout_of_one_match_by_hand():
    numbers = {b"a": 0, b"b": 1, b"ab": 2, b"abb": 3}

    class Draws:
        def __init__(self, *numbers):
            self.numbers = list(numbers)

        def random(self):
            return self.numbers.pop(0)

    assert data.longest_pieces(b"abb", numbers, 3) == [3]
    assert data.longest_pieces(b"abb", numbers, 3, 0.5, Draws(0.4, 0.9)) == [2, 1]
    assert data.longest_pieces(b"abb", numbers, 3, 0.5, Draws(0.4, 0.1)) == [0, 1, 1]


# The vocabulary's sample.


def test_sample_is_all_of_few_pairs_and_a_seeded_share_of_many():
    records = records_of([f"s{i}" for i in range(5000)], [f"t{i}" for i in range(5000)])
    texts = list(data.sentences(records, seed=0))
    assert sorted(texts) == sorted(f"{side}{i}" for side in "st" for i in range(5000))
    first, again, other = (set(data.sentences(records, s, most=500)) for s in (0, 0, 1))
    assert first == again != other
    assert 850 < len(first) < 1150
    assert {text[1:] for text in first if text[0] == "s"} == {
        text[1:] for text in first if text[0] == "t"
    }
    places = [int(text[1:]) for text in first]
    assert min(places) < 100
    assert max(places) > 4900  # of the whole, not of its head


def test_vocabulary_says_that_it_is_of_a_sample(pairs, tmp_path, monkeypatch, capsys):
    columns, vocabulary = pairs
    records = records_of(columns.sources, columns.targets)
    flags = Train(vocabulary_size=500, cache_dir=tmp_path)
    assert data.build_vocabulary(flags, records, {"files": "a"}) == vocabulary
    assert "The vocabulary is learnt" not in capsys.readouterr().out
    monkeypatch.setattr(data, "SAMPLE", 150)
    monkeypatch.setattr(data.sentences, "__defaults__", (150,))
    sampled = data.build_vocabulary(flags, records, {"files": "b"})
    assert "The vocabulary is learnt from 150 of 300 pairs." in capsys.readouterr().out
    assert len(sampled) == 500
    assert sampled != vocabulary
    other = data.build_vocabulary(replace(flags, seed=1), records, {"files": "b"})
    assert other != sampled


# The cache.


def write_pairs(folder, count=40):
    for split, start in (("train", 0), ("dev", 1000), ("test", 2000)):
        lines = [f"Line {start + i} of {count}" for i in range(count)]
        (folder / f"{split}.en").write_text("\n".join(lines) + "\n")
        (folder / f"{split}.de").write_text("\n".join(lines).replace("of", "von") + "\n")
    return folder


def test_data_are_read_anew_only_where_they_changed(tmp_path, monkeypatch):
    folder = write_pairs(tmp_path)
    flags = Train(dataset="pairs", data_dir=folder, vocabulary_size=320, cache_dir=folder / "cache")

    def store(flags):
        key, records = data.data_key(flags), data.read_split(flags, "train")
        vocabulary = data.build_vocabulary(flags, records, key)
        return data.encode_split(flags, "train", records, vocabulary, key)

    first = store(flags)
    assert len(first) == 40
    with monkeypatch.context() as patch:
        patch.setattr(data, "longest_pieces", None)
        patch.setattr(data, "learn_vocabulary", None)
        again = store(replace(flags, seed=1, max_length=5, subword_dropout=0.5))
    assert again.digest == first.digest
    assert len(store(replace(flags, limit=7))) == 7
    write_pairs(tmp_path, count=41)
    changed = store(flags)
    assert len(changed) == 41
    assert changed.digest != first.digest


def test_vocabulary_is_read_twice_and_not_held():
    passes = []

    def read():
        passes.append(len(passes))
        return iter(["ab ab ab", "ab ab"] * 3)

    assert "▁ab" in learn_vocabulary(read, 300)
    assert passes == [0, 1]


def test_texts_of_as_many_sentences_are_pairs_of_sentences():
    source = ["Hi! Go on.", "One. Two.", "Alone", "A. b. C! D?", " "]
    target = ["Hallo! Los.", "Eins, zwei.", "Allein", "Aa. b. Cc! Dd?", "x"]
    pairs = data.sentence_pairs({"source": tf.constant(source), "target": tf.constant(target)})
    sides = ([text.decode() for text in pairs[side].numpy()] for side in ("source", "target"))
    assert list(zip(*sides, strict=True)) == [
        ("Hi!", "Hallo!"),
        ("Go on.", "Los."),
        ("One. Two.", "Eins, zwei."),
        ("Alone", "Allein"),
        ("A. b. C!", "Aa. b. Cc!"),
        ("D?", "Dd?"),
        (" ", "x"),
    ]
