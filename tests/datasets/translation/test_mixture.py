"""Several sources as one data set: weights, folders, and splits that share no sentence."""

import json
import logging

import pytest

from datasets.mixture import parts
from datasets.translation import describe, load, raw_files
from datasets.translation.pairs import split_of
from tests.datasets.translation.records import read

NAMES = ("pairs", "tatoeba")


@pytest.fixture
def folder(tmp_path):
    """Own pairs with split files, beside a table of Tatoeba's."""
    own = tmp_path / "pairs"
    own.mkdir()
    for split, names in (("train", "abc"), ("dev", "de"), ("test", "fg")):
        rows = [f"Sentence {name}.\tSatz {name}." for name in names]
        (own / f"{split}.tsv").write_text("\n".join(rows) + "\n")
    (tmp_path / "tatoeba").mkdir()
    rows = [f"Number {i} is here.\tDie Nummer {i} ist da." for i in range(500)]
    # Of own dev and test a sentence is in Tatoeba's training, in another spelling.
    taken = [name for name in "defg" if split_of(f"Sentence {name}.", shares={}) == "train"]
    rows += [f"sentence {name}\tder Satz {name}" for name in taken[:3:2]]
    (tmp_path / "tatoeba" / "deu-eng.tsv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_training_holds_each_source_as_often_as_it_is_named(folder):
    found = read("pairs+tatoeba+pairs", "train", folder)
    tatoeba = read("tatoeba", "train", folder / "tatoeba").pairs
    assert found.ids[:6] == [f"pairs/train:{line}" for line in (1, 2, 3, 1, 2, 3)]
    assert found.pairs == 2 * read("pairs", "train", folder / "pairs").pairs + tatoeba
    assert len(load("pairs+tatoeba+pairs", "train", folder)) == len(found.pairs)


def test_dev_and_test_are_once_and_without_what_is_trained_on(folder, caplog):
    trained = {
        "".join(filter(str.isalnum, source.lower()))
        for source in read("tatoeba+pairs+pairs", "train", folder).sources
    }
    for split in ("dev", "test"):
        with caplog.at_level(logging.WARNING):
            found = read("tatoeba+pairs+pairs", split, folder)
        keys = ["".join(filter(str.isalnum, source.lower())) for source in found.sources]
        assert len(keys) == len(set(keys))
        assert not trained & set(keys)
        assert {name.partition("/")[0] for name in found.ids} == set(NAMES)
    assert "source sentence that is in training, too: 1 (pairs/dev:" in caplog.text


def test_limit_is_of_each_source(folder):
    found = read("pairs+tatoeba", "train", folder, limit=2)
    assert [name.partition("/")[0] for name in found.ids] == ["pairs"] * 2 + ["tatoeba"] * 2


def test_demo_needs_no_folder_and_the_others_one_each(folder):
    found = read("demo+pairs", "train", folder, limit=2)
    assert [name.partition("/")[0] for name in found.ids] == ["demo"] * 2 + ["pairs"] * 2
    with pytest.raises(ValueError, match=r"`data_dir` .*multi30k/ among them\. .* is no folder"):
        load("pairs+multi30k", "train", folder)
    with pytest.raises(ValueError, match="`data_dir` must be a folder that holds one for each"):
        load("pairs+tatoeba", "train")


@pytest.mark.parametrize("dataset", ["pairs+", "pairs+tatoebas", "pairs+wmt16_translate/de-en"])
def test_names_are_checked(dataset, folder):
    with pytest.raises(ValueError, match=r"`dataset` must be one of demo, .*Got '"):
        load(dataset, "train", folder)


def test_parts_are_counted_in_their_order():
    assert list(parts("b+a+b", "abc").items()) == [("b", 2), ("a", 1)]


def test_files_and_description_are_those_of_all(folder):
    files = raw_files("pairs+tatoeba", folder)
    assert [path.name for path in files] == ["train.tsv", "dev.tsv", "test.tsv", "deu-eng.tsv"]
    found = describe("pairs+tatoeba", ("train", "dev"), folder)
    assert found["files"] == [str(path) for path in files]
    assert found["left_out"]["dev"] == {"source sentence that is in training, too": 1}


# BConTrasT.

TURNS = [
    {"utteranceID": 0, "speaker": "agent", "source": "Hi!", "target": "Hallo!"},
    {"utteranceID": 1, "speaker": "customer", "source": "Guten Tag.", "target": "Good day."},
]


def write(folder, **splits):
    for split, dialogues in splits.items():
        (folder / f"{split}.json").write_text(json.dumps(dialogues))


def test_turns_are_turned_to_the_direction_asked_for(tmp_path):
    write(tmp_path, train={"one": TURNS}, dev={"two": TURNS}, test={"three": TURNS[:1]})
    pairs = [("Hi!", "Hallo!"), ("Good day.", "Guten Tag.")]
    assert read("bcontrast", "dev", tmp_path).pairs == pairs
    assert read("bcontrast", "train", tmp_path).ids == ["train:one:0", "train:one:1"]
    turned = read("bcontrast", "dev", tmp_path, source="de", target="en").pairs
    assert turned == [pair[::-1] for pair in pairs]
    assert read("bcontrast", "test", tmp_path).pairs == pairs[:1]


def test_without_a_test_file_a_share_of_train_is_held_out(tmp_path):
    turns = [
        {"utteranceID": i, "speaker": "agent", "source": f"Order {i}", "target": f"Nummer {i}"}
        for i in range(300)
    ]
    write(tmp_path, train={"one": turns}, dev={"two": TURNS})
    train, test = (read("bcontrast", split, tmp_path).pairs for split in ("train", "test"))
    assert sorted(train + test) == sorted((f"Order {i}", f"Nummer {i}") for i in range(300))
    assert 5 <= len(test) <= 30


@pytest.mark.parametrize("dialogues", [[], {"one": ["Hi"]}, {"one": [{"speaker": "agent"}]}, 3])
def test_other_json_is_refused(tmp_path, dialogues):
    write(tmp_path, train=dialogues or {"one": [{}]}, dev={"two": TURNS})
    with pytest.raises(ValueError, match=r"train\.json must be BConTrasT's own: dialogues of"):
        read("bcontrast", "train", tmp_path)


def write_both(folder):
    write(folder, train={"one": TURNS}, dev={"two": TURNS})
    return folder


def test_what_is_not_there_is_named(tmp_path):
    write(tmp_path, train={"one": TURNS})
    with pytest.raises(ValueError, match=r"Not in .*: dev\.json"):
        load("bcontrast", "train", tmp_path)
    with pytest.raises(ValueError, match="`source` and `target` must be en and de, of `bcontrast`"):
        load("bcontrast", "train", write_both(tmp_path), target="fr")
