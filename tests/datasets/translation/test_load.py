"""`read` and `load`: the contract that all sources keep, and their errors."""

import logging

import pytest
import tensorflow as tf

from datasets.translation import SOURCES, SPLITS, load, read


def test_elements_are_the_pairs():
    dataset = load("demo", "dev", limit=7)
    assert dataset.element_spec == {
        "source": tf.TensorSpec([], tf.string),
        "target": tf.TensorSpec([], tf.string),
    }
    pairs = read("demo", "dev", limit=7)
    found = [(e["source"].decode(), e["target"].decode()) for e in dataset.as_numpy_iterator()]
    assert found == list(zip(pairs.sources, pairs.targets, strict=True))
    assert int(dataset.cardinality()) == 7


def test_names():
    assert SOURCES == ("demo", "multi30k", "pairs", "ted_hrlr_translate")
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
        read(dataset, split, **options)


def test_what_is_left_out_is_told_once(tmp_path, caplog):
    (tmp_path / "train.en").write_text("A dog.\n\nA cat.\n")
    (tmp_path / "train.de").write_text("Ein Hund.\nEin Esel.\n" + "Eine Katze. " * 20 + "\n")
    for split in ("dev", "test"):
        for language in ("en", "de"):
            (tmp_path / f"{split}.{language}").write_text("x\n")
    with caplog.at_level(logging.WARNING):
        found = read("pairs", "train", tmp_path)
    assert found.sources == ("A dog.",)
    (record,) = caplog.records
    assert "empty sentence: 1; length ratio beyond reason: 1" in record.getMessage()
    assert "pairs (en to de), split `train`" in record.getMessage()


def test_split_without_a_usable_pair_is_an_error(tmp_path):
    for split in SPLITS:
        (tmp_path / f"{split}.en").write_text("\n")
        (tmp_path / f"{split}.de").write_text("x\n")
    with pytest.raises(ValueError, match=r"`split` must hold a usable pair. Got none in pairs"):
        read("pairs", "dev", tmp_path)
