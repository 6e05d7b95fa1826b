"""`read` and `load`: the contract that all sources keep, and their errors."""

import logging
import tracemalloc

import pytest
import tensorflow as tf

from datasets.records import CHUNK
from datasets.translation import SOURCES, SPLITS, load
from tests.datasets.translation.records import read


def test_elements_are_the_pairs():
    dataset = load("demo", "dev", limit=7)
    text = tf.TensorSpec([], tf.string)
    assert dataset.element_spec == {"id": text, "source": text, "target": text}
    first, again = (list(dataset.as_numpy_iterator()) for _ in range(2))
    assert first == again
    assert [element["id"] for element in first] == [f"dev:{i}".encode() for i in range(1, 8)]
    assert int(dataset.cardinality()) == 7


def test_names():
    assert SOURCES == (
        "demo", "multi30k", "tatoeba", "bcontrast", "pairs", "ted_hrlr_translate",
    )  # fmt: skip
    assert SPLITS == ("train", "dev", "test")


@pytest.mark.parametrize(
    ("dataset", "split", "options", "message"),
    [
        ("multi30", "dev", {}, "`dataset` must be one of .*Got 'multi30'.*Did you mean 'multi30k'"),
        ("demo", "tset", {}, "`split` must be one of train, dev, test. Got 'tset'.*mean 'test'"),
        ("demo", "dev", {"limit": 0}, "`limit` must be a positive integer or None. Got 0"),
        ("demo", "dev", {"limit": True}, "`limit` must be a positive integer or None. Got True"),
        ("demo", "dev", {"target": "en"}, "`source` and `target` must be two languages. Got 'en'"),
        ("demo", "dev", {"data_dir": "x"}, "`data_dir` must be None for `demo`"),
        ("ted_hrlr_translate", "dev", {}, "`source` and `target` must be a pair of ted_hrlr"),
    ],
)
def test_errors_name_the_argument(dataset, split, options, message):
    with pytest.raises(ValueError, match=message):
        load(dataset, split, **options)


def test_what_is_left_out_is_told_once(tmp_path, caplog):
    (tmp_path / "train.en").write_text("A dog.\n\nA cat.\n")
    (tmp_path / "train.de").write_text("Ein Hund.\nEin Esel.\n" + "Eine Katze. " * 20 + "\n")
    for split in ("dev", "test"):
        for language in ("en", "de"):
            (tmp_path / f"{split}.{language}").write_text("x\n")
    with caplog.at_level(logging.WARNING):
        found = read("pairs", "train", tmp_path)
    assert found.pairs == [("A dog.", "Ein Hund.")]
    (record,) = caplog.records
    assert "empty sentence: 1 (train:2)\n" in record.getMessage()
    assert "length ratio beyond reason: 1 (train:3)" in record.getMessage()
    assert "pairs (en to de), split `train`" in record.getMessage()


def test_split_without_a_usable_pair_is_an_error(tmp_path):
    for split in SPLITS:
        (tmp_path / f"{split}.en").write_text("\n")
        (tmp_path / f"{split}.de").write_text("x\n")
    with pytest.raises(ValueError, match=r"`split` must hold a usable pair. Got none in pairs"):
        load("pairs", "dev", tmp_path)


def test_memory_is_the_same_for_ten_times_the_pairs(tmp_path):
    """Python's own memory: neither the passes nor the records hold what they have read."""

    def peak(pairs):
        path = tmp_path / f"{pairs}.tsv"
        path.write_text("".join(f"Sentence {i}.\tSatz {i}.\n" for i in range(pairs)))
        tracemalloc.start()
        seen = sum(1 for _ in load("pairs", "train", path))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert 0.8 * pairs < seen < pairs
        return size

    peak(10)  # what is imported late
    few = peak(3 * CHUNK)
    assert peak(30 * CHUNK) < 1.5 * few
