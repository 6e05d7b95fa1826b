"""The user's own files: splits, labels, what is left out and what is refused."""

import csv
import gzip
import logging
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from datasets.sentiment import load
from datasets.sentiment.cleaning import share_of, words
from tests.datasets.sentiment.collected import read


def rows(count: int = 200, labels: tuple[str, ...] = ("neg", "pos"), start: int = 0) -> list[list]:
    return [
        [f"Review number {i}, well; it's so so.", labels[i % len(labels)]]
        for i in range(start, start + count)
    ]


def write(path: Path, table: list[list], *, header=("text", "label"), **options) -> Path:
    encoding = options.pop("encoding", "utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, **options)
        writer.writerows([header, *table] if header else table)
    return path


def found(path: Path, split: str = "train", **options) -> list[tuple[str, str]]:
    reviews = read("csv", split, path, **options)
    return [(text, reviews.names[i]) for text, i in zip(reviews.texts, reviews.labels, strict=True)]


def all_of(path: Path, **options) -> list[tuple[str, str]]:
    return sorted(pair for s in ("train", "dev", "test") for pair in found(path, s, **options))


def test_a_single_file_is_split_by_its_texts(tmp_path):
    path = write(tmp_path / "reviews.csv", rows(1000))
    splits = {split: found(path, split) for split in ("train", "dev", "test")}
    assert sorted(pair for pairs in splits.values() for pair in pairs) == sorted(
        map(tuple, rows(1000))
    )
    assert abs(len(splits["train"]) - 800) < 40
    assert abs(len(splits["dev"]) - 100) < 30
    more = write(tmp_path / "more" / "reviews.csv", rows(1500))  # none changes its split
    assert {split: found(more, split)[: len(splits[split])] for split in splits} == splits
    assert found(tmp_path, "dev") == splits["dev"]  # the folder of the only file
    assert read("csv", "dev", path, seed=7).ids == read("csv", "dev", path).ids
    assert read("csv", "train", path).ids[0] == "reviews.csv:2"


def test_which_texts_are_dev_and_test_never_changes(tmp_path):
    """Another rule would put texts that a user's model was trained on into their test split."""
    table = [[f"Review number {i}.", "ab"[i // 2 % 2]] for i in range(40)]
    dev, test = [18, 19, 23, 33, 39], [16, 25, 26, 30]

    def numbers(path, split):
        return [int(text.split()[2].strip(".")) for text, _ in found(path, split)]

    path = write(tmp_path / "reviews.csv", table)
    assert numbers(path, "dev") == dev
    assert numbers(path, "test") == test
    assert numbers(path, "train") == [i for i in range(40) if i not in dev + test]
    write(tmp_path / "own" / "train.csv", table)
    write(tmp_path / "own" / "test.csv", table[:4])
    assert numbers(tmp_path / "own", "dev") == dev
    assert numbers(tmp_path / "own", "train") == [i for i in range(40) if i not in dev]


def test_no_review_is_in_two_splits(tmp_path):
    forms = ("Film {}: good!", "film {} - GOOD", "<br />Film {} good.")
    variants = [[form.format(i), "ab"[i % 2]] for i in range(300) for form in forms]
    path = write(tmp_path / "a.csv", variants)
    names = ("train", "dev", "test")
    splits = [{" ".join(words(text)) for text, _ in found(path, name)} for name in names]
    assert len(set.union(*splits)) == sum(map(len, splits)) == 300


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
@pytest.mark.parametrize("dev", ["dev", "val", "validation", "Valid"])
def test_a_folder_with_a_file_for_each_split(tmp_path, ending, dev):
    delimiter = "\t" if ending == ".tsv" else ";"
    tables = {"train": rows(50), dev: rows(20, start=100), "test": rows(10, start=200)}
    for name, table in tables.items():
        write(tmp_path / f"{name}{ending}", table, delimiter=delimiter)
    for split, name in (("train", "train"), ("dev", dev), ("test", "test")):
        assert found(tmp_path, split) == list(map(tuple, tables[name]))


def test_without_a_dev_file_training_gives_a_tenth(tmp_path):
    write(tmp_path / "train.csv", rows(500))
    write(tmp_path / "test.csv", rows(20, start=900))
    train, dev = found(tmp_path, "train"), found(tmp_path, "dev")
    assert sorted(train + dev) == sorted(map(tuple, rows(500)))
    assert 25 < len(dev) < 75
    assert found(tmp_path, "test") == list(map(tuple, rows(20, start=900)))


def test_all_files_have_the_columns_of_train(tmp_path):
    write(
        tmp_path / "train.csv",
        [[label, text] for text, label in rows(50)],
        header=("Urteil", "Satz"),
    )
    # too few rows to find anything by content, and another order
    write(tmp_path / "dev.csv", [["x", "a", "pos"]], header=("more", "Satz", "Urteil"))
    assert found(tmp_path, "dev", text_column="Satz", label_column="Urteil") == [("a", "pos")]
    assert found(tmp_path, "dev") == [("a", "pos")]


def test_a_label_that_train_lacks(tmp_path):
    write(tmp_path / "train.csv", rows(50))
    write(tmp_path / "test.csv", [*rows(5), ["what?", "neutral"]])
    with pytest.raises(ValueError, match=r"split `test` .*among .*\(neg, pos\)\. Got 'neutral'"):
        load("csv", "test", tmp_path)


def test_labels_keep_their_places_in_every_split(tmp_path):
    write(tmp_path / "train.csv", rows(60, ("b", "c", "a")))
    write(tmp_path / "test.csv", [["only this", "c"]])
    reviews = read("csv", "test", tmp_path)
    assert (reviews.names, reviews.labels.tolist()) == (("a", "b", "c"), [2])


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (("pos", "neg"), ("neg", "pos")),
        (("10", "9", "1"), ("1", "9", "10")),
        (("1", "-1"), ("-1", "1")),
        (("great", "so so", "bad", "awful"), ("awful", "bad", "great", "so so")),
        ((" pos ", "neg\t"), ("neg", "pos")),
        (("0.5", "1"), ("0.5", "1")),
    ],
)
def test_labels_of_all_kinds(tmp_path, labels, names):
    reviews = read("csv", "train", write(tmp_path / "a.csv", rows(200, labels)))
    assert reviews.names == names
    assert set(reviews.labels.tolist()) == set(range(len(names)))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"delimiter": ";"},
        {"delimiter": "\t"},
        {"delimiter": "|", "quoting": csv.QUOTE_ALL},
        {"header": None},
        {"header": None, "delimiter": ";"},
        {"lineterminator": "\r\n"},
        {"lineterminator": "\r"},
        {"encoding": "utf-8-sig"},
        {"encoding": "utf-16"},
        {"encoding": "cp1252"},
        {"encoding": "latin-1"},
        {"quoting": csv.QUOTE_NONE, "escapechar": None, "delimiter": "\t"},
        {"doublequote": False, "escapechar": "\\"},
    ],
    ids=str,
)
def test_one_table_written_in_many_ways(tmp_path, options):
    table = [[f"Schön, {t} «ça»", label] for t, label in rows(100)]
    if options.get("quoting") != csv.QUOTE_NONE:
        table = [[f'{t}\n\n"quoted", so', label] for t, label in table]
    assert all_of(write(tmp_path / "a.csv", table, **options)) == sorted(map(tuple, table))


def test_named_options_are_used(tmp_path):
    table = [["id", t, "x", label, "1" if i % 3 else "0"] for i, (t, label) in enumerate(rows(90))]
    path = write(tmp_path / "a.csv", table, header=None, delimiter="^", encoding="cp1253")
    options = {"delimiter": "^", "encoding": "cp1253", "quoting": "double", "header": False}
    assert all_of(path, text_column=1, label_column=3, **options) == sorted(map(tuple, rows(90)))
    assert {label for _, label in all_of(path, text_column=1, label_column="4", **options)} == {
        "0",
        "1",
    }


def test_what_is_left_out_is_told_once(tmp_path, caplog):
    path = write(tmp_path / "a.csv", rows(200))
    lines = path.read_text().splitlines()
    lines[10] += ",too,many"
    lines[20] = '"stray" quote,pos'
    lines[30] = '"no label",'
    lines[40] = '"",pos'
    lines[50] = '"<br /> &nbsp;",neg'
    lines[60] = '"br\udcffoken",neg'
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    with caplog.at_level(logging.WARNING):
        kept = all_of(path, encoding="utf-8")
    assert len(kept) == 200 - 6
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.partition("\n")[0] == f"Left out of {path}:"
    assert sorted(message.split("\n")[1:]) == [
        "  broken letters: 1 (line 61)",
        "  empty text: 2 (line 41; line 51)",
        "  no label: 1 (line 31)",
        "  not 2 fields: 1 (line 11)",
        "  not in the file's quoting: 1 (line 21)",
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize(("ending", "pack"), [("", bytes), (".gz", gzip.compress)])
def test_marks_and_packed_files(tmp_path, encoding, ending, pack):
    path = write(tmp_path / "a.csv", [*rows(100), ["très bon été", "pos"]])
    expected = all_of(path)
    packed = tmp_path / "packed" / f"a.csv{ending}"
    packed.parent.mkdir()
    packed.write_bytes(pack(path.read_text("utf-8").encode(encoding)))
    assert all_of(packed) == all_of(packed.parent) == expected
    assert ("très bon été", "pos") in expected


def test_a_file_that_changes_is_read_again(tmp_path):
    path = write(tmp_path / "a.csv", rows(100))
    assert len(all_of(path)) == 100
    write(path, rows(120))
    assert len(all_of(path)) == 120


def test_a_file_that_changes_between_its_two_readings_is_an_error(tmp_path):
    path = write(tmp_path / "a.csv", rows(100))
    records = load("csv", "train", path)
    write(path, rows(90))
    with pytest.raises(tf.errors.InvalidArgumentError, match="is longer than"):
        list(records)


@pytest.mark.slow
def test_a_large_file_is_read_with_little_memory(tmp_path):
    """20 MB: memory grows by a few bytes a row, and the records are those of a plain reading."""
    rng = np.random.default_rng(0)
    draws = rng.integers(1000, size=(20_000, 130))
    table = [
        [f'{i}: "{" ".join(f"word{n}" for n in row)}",\nwell', "ab"[i % 2]]
        for i, row in enumerate(draws.tolist())
    ]
    small = write(tmp_path / "small" / "a.csv", table[:5000])
    large = write(tmp_path / "large" / "a.csv", table)
    assert large.stat().st_size > 20e6

    def peak(path):
        """Bytes that Python and NumPy held at most while a split streamed through."""
        tracemalloc.start()
        count = sum(1 for _ in load("csv", "train", path).batch(100))
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count >= 40
        return held

    assert peak(large) - peak(small) < 1e6
    for place, split in ((range(8), "train"), ([8], "dev"), ([9], "test")):
        assert found(large, split) == [tuple(row) for row in table if share_of(row[0]) in place]


def test_more_than_one_broken_row_in_twenty_is_an_error(tmp_path):
    path = write(tmp_path / "a.csv", [*rows(190), *[["x", "pos", "more"]] * 10])
    assert len(all_of(path)) == 190  # at the limit is within it
    write(path, [*rows(190), *[["x", "pos", "more"]] * 11])
    with pytest.raises(
        ValueError, match=r"11 of 201 rows in .*limit is 5.0%.*delimiter ','(.|\n)*192"
    ):
        load("csv", "train", path)


def test_empty_texts_are_no_broken_rows_but_some_must_be_left(tmp_path):
    path = write(tmp_path / "a.csv", [*rows(100), *[["", "pos"]] * 90])
    assert len(all_of(path)) == 100
    write(path, [["", "pos"], ["", "neg"]] * 20)
    with pytest.raises(ValueError, match=r"0 of 0 rows (.|\n)*empty text: 40"):
        load("csv", "train", path)


def test_a_single_label_is_named(tmp_path):
    path = write(tmp_path / "a.csv", rows(100, ("pos",)))
    with pytest.raises(ValueError, match=r"two labels or more. Got 'pos' alone, in all of its 100"):
        load("csv", "train", path)


def test_labels_that_never_repeat_are_none(tmp_path):
    table = [[text, f"id{i}"] for i, (text, _) in enumerate(rows(100))]
    with pytest.raises(ValueError, match=r"labels that repeat. Got 100 of them in 100 rows"):
        load("csv", "train", write(tmp_path / "a.csv", table))


@pytest.mark.parametrize(("most", "warned"), [(89, False), (90, False), (91, True)])
def test_an_unbalanced_file_is_warned_of(tmp_path, caplog, most, warned):
    table = [[t, "pos" if i < most else "neg"] for i, (t, _) in enumerate(rows(100))]
    path = write(tmp_path / "a.csv", table)
    with caplog.at_level(logging.WARNING):
        assert Counter(label for _, label in all_of(path)) == {"pos": most, "neg": 100 - most}
    assert len(caplog.records) == warned
    assert ("is unbalanced: 91.0% of its rows are 'pos'" in caplog.text) == warned


def test_ten_thousand_words_and_emoji(tmp_path):
    long = "word " * 60_000
    path = write(
        tmp_path / "a.csv", [*rows(50), [long, "pos"], ["😀 👨‍👩‍👧 great", "pos"], ["😡", "neg"]]
    )
    assert {(long, "pos"), ("😀 👨‍👩‍👧 great", "pos"), ("😡", "neg")} < set(all_of(path))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "must hold a single .csv or .tsv file, .*Got none"),
        (["a.csv", "b.csv"], "Got a.csv, b.csv"),
        (["dev.csv", "test.csv"], "Got dev.csv, test.csv"),
        (["train.csv", "train.tsv"], "one file of `train`. Got train.csv, train.tsv"),
        (["train.csv", "dev.csv", "val.csv"], "one file of `dev`. Got dev.csv, val.csv"),
    ],
)
def test_folders_that_cannot_be_used(tmp_path, names, message):
    for name in names:
        write(tmp_path / name, rows(20))
    with pytest.raises(ValueError, match=message):
        load("csv", "train", tmp_path)


def test_missing_splits_and_files(tmp_path):
    write(tmp_path / "train.csv", rows(20))
    write(tmp_path / "dev.csv", rows(20))
    with pytest.raises(ValueError, match=r"Split `test` is not in .*no test\.csv or \.tsv"):
        load("csv", "test", tmp_path)
    few = write(tmp_path / "few" / "a.csv", rows(2))
    with pytest.raises(ValueError, match=r"no review in split `(dev|test)` of .*too few rows"):
        [load("csv", split, few) for split in ("dev", "test")]
    (tmp_path / "empty.csv").write_text(" \n")
    with pytest.raises(ValueError, match=r"empty\.csv is empty"):
        load("csv", "train", tmp_path / "empty.csv")
    for data_dir in (None, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match=r"`data_dir` must be a \.csv or \.tsv file"):
            read("csv", "train", data_dir)
