"""SST-2 in the layouts that it is given out in, and what does not fit them."""

import gzip

import numpy as np
import pytest

from datasets.sentiment import label_names, load, raw_files, warn_overlap
from datasets.sentiment.cleaning import words
from tests.datasets.sentiment.collected import read

ROWS = [("it 's a charm , `` really ''", 1), ("they wo n't care .", 0), ("caf\u00e9 noir", 1)]


def write(folder, rows=ROWS, splits=("train", "dev"), header=""):
    for split in splits:
        lines = "".join(f"{sentence}\t{label}\n" for sentence, label in rows)
        (folder / f"{split}.tsv").write_text(header + lines, encoding="utf-8")


def test_lines_are_sentences_and_labels(tmp_path):
    write(tmp_path)
    reviews = read("sst2", "train", tmp_path)
    assert reviews.ids == ("train:1", "train:2", "train:3")
    assert list(zip(reviews.texts, reviews.labels, strict=True)) == ROWS
    assert reviews.names == label_names("sst2", tmp_path) == ("negative", "positive")


def test_glues_header_blanks_and_test_without_labels_are_known(tmp_path):
    write(tmp_path, [("hide new secretions ", 0)], header="sentence\tlabel\n")
    (tmp_path / "test.tsv").write_text("index\tsentence\n0\tuneasy mishmash\n")
    reviews = read("sst2", "dev", tmp_path)
    assert (reviews.ids, reviews.texts) == (("dev:2",), ("hide new secretions",))
    assert [path.name for path in raw_files("sst2", tmp_path)] == ["train.tsv", "dev.tsv"]
    with pytest.raises(ValueError, match=r"Split `test` of SST-2 is not in .*Measure on dev"):
        load("sst2", "test", tmp_path)


def test_a_test_with_labels_is_read_and_files_may_be_packed(tmp_path):
    write(tmp_path, splits=("train", "dev", "test"))
    raw = (tmp_path / "test.tsv").read_bytes()
    (tmp_path / "test.tsv").unlink()
    (tmp_path / "test.tsv.gz").write_bytes(gzip.compress(raw))
    assert read("sst2", "test", tmp_path).labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize("line", ["no label here", "a label\t2", "\t1", "a\t1\tb"])
def test_a_line_of_another_layout_is_named(tmp_path, line):
    write(tmp_path)
    with (tmp_path / "dev.tsv").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(ValueError, match=r"dev\.tsv must have lines of a sentence.* Got line 4: "):
        load("sst2", "dev", tmp_path)


def test_files_that_are_not_there_are_named(tmp_path):
    write(tmp_path, splits=("train",))
    with pytest.raises(ValueError, match=r"SST-2's train\.tsv.* Not in .*: dev\.tsv"):
        load("sst2", "train", tmp_path)
    (tmp_path / "dev.tsv").write_text("\n")
    with pytest.raises(ValueError, match=r"dev\.tsv must have lines"):
        load("sst2", "dev", tmp_path)


@pytest.mark.data
def test_no_sentence_but_cool_is_in_train_and_dev(real_data):
    splits = {split: read("sst2", split, real_data / "sst2") for split in ("train", "dev")}
    assert {split: len(reviews) for split, reviews in splits.items()} == {"train": 6920, "dev": 872}
    assert np.bincount(splits["dev"].labels).tolist() == [428, 444]
    train, dev = ({" ".join(words(t)) for t in reviews.texts} for reviews in splits.values())
    assert train & dev == {"cool"}  # which a mixture leaves out of dev
    folder = real_data / "sst2"
    assert warn_overlap(load("sst2", "train", folder), load("sst2", "dev", folder)) < 5
