"""Your own pairs: the layouts, the splits, and what is said of files that do not fit."""

import gzip
import logging
import lzma

import pytest

from datasets.translation import raw_files
from datasets.translation.pairs import raw_pairs, split_of
from tests.datasets.translation.records import read

COUNT = 400


def sentences(count=COUNT):
    return [(f"Sentence number {i}.", f"Satz Nummer {i}.") for i in range(count)]


def write(path, lines, open_file=open):
    with open_file(path, "wb") as file:
        file.write("".join(f"{line}\n" for line in lines).encode())


def write_aligned(folder, name, pairs, ending="", open_file=open):
    write(folder / f"{name}.en{ending}", [pair[0] for pair in pairs], open_file)
    write(folder / f"{name}.de{ending}", [pair[1] for pair in pairs], open_file)


def columns(folder, split, **options):
    return read("pairs", split, folder, **options).pairs


def all_splits(folder, **options):
    return {split: columns(folder, split, **options) for split in ("train", "dev", "test")}


def together(found):
    return [pair for pairs in found.values() for pair in pairs]


@pytest.mark.parametrize(
    ("ending", "open_file"), [("", open), (".gz", gzip.open), (".xz", lzma.open)]
)
def test_two_aligned_files_are_split_by_the_source(tmp_path, ending, open_file):
    write_aligned(tmp_path, "corpus", sentences(), ending, open_file)
    found = all_splits(tmp_path)
    assert sorted(together(found)) == sorted(sentences())
    assert 0.02 * COUNT <= len(found["dev"]) <= 0.09 * COUNT
    assert 0.02 * COUNT <= len(found["test"]) <= 0.09 * COUNT
    back = all_splits(tmp_path, source="de", target="en")
    assert sorted(together(back)) == sorted((de, en) for en, de in sentences())


def test_no_source_stands_in_two_splits_however_it_is_written(tmp_path):
    pairs = [
        (spelling, f"{german} {k}")
        for english, german in sentences(60)
        for k, spelling in enumerate((english, english.upper(), english.rstrip(".") + " !"))
    ]
    write(tmp_path / "pairs.tsv", ["\t".join(pair) for pair in pairs])
    found = all_splits(tmp_path)
    numbers = {name: {pair[0].split()[2].strip(".!") for pair in found[name]} for name in found}
    assert all(len(found[name]) == 3 * len(numbers[name]) for name in found)
    assert all(len(found[name]) for name in found)
    assert sum(len(found[name]) for name in found) == len(pairs)


def test_split_is_the_same_on_every_machine():
    assert split_of("Sentence number 16.") == "dev"
    assert split_of("Sentence number 11.") == "test"
    assert split_of("Sentence number 0.") == "train"
    assert split_of("你好") == split_of(" 你好 ")
    assert split_of("!") == split_of("! ")  # nothing but punctuation is a sentence, too


def test_tatoeba_has_english_first_and_more_columns(tmp_path, caplog):
    lines = ["Hi.\tHallo!\tCC-BY 2.0", "Go on.\tMach weiter.\tCC-BY 2.0", "no tab", "\tleer"]
    write(tmp_path / "deu.txt", lines)
    with caplog.at_level(logging.WARNING):
        found = read("pairs", "train", tmp_path, source="de", target="en")
    assert found.pairs == [("Hallo!", "Hi."), ("Mach weiter.", "Go on.")]
    assert found.ids == ["deu:1", "deu:2"]
    assert "line without a pair: 1 (deu:3)\n  empty sentence: 1 (deu:4)" in caplog.text


def test_which_pairs_are_dev_and_test_never_changes(tmp_path):
    """Neither by their own rule, nor where one of the two has a file of its own."""
    pairs = sentences(80)
    dev, test = [16, 25, 29, 50], [11, 39, 47, 69, 75]
    write_aligned(tmp_path, "mine", pairs)
    found = all_splits(tmp_path)
    assert found["dev"] == [pairs[i] for i in dev]
    assert found["test"] == [pairs[i] for i in test]
    (tmp_path / "own").mkdir()
    write_aligned(tmp_path / "own", "train", pairs)
    write_aligned(tmp_path / "own", "test", pairs[:3])
    found = all_splits(tmp_path / "own")
    assert found["dev"] == [pairs[i] for i in dev]
    assert found["test"] == pairs[:3]


def test_header_names_the_columns(tmp_path):
    rows = ["id\tde\ten", *(f"{i}\t{de}\t{en}" for i, (en, de) in enumerate(sentences()))]
    write(tmp_path / "mine.tsv", rows)
    found = all_splits(tmp_path)
    assert sorted(together(found)) == sorted(sentences())


def test_splits_with_files_of_their_own(tmp_path):
    pairs = sentences()
    write_aligned(tmp_path, "train", pairs[:300])
    write_aligned(tmp_path, "val", pairs[300:350])
    found = all_splits(tmp_path)
    assert found["dev"] == pairs[300:350]  # all of the file, in its order
    assert found["test"]  # held out of train
    assert sorted(found["train"] + found["test"]) == sorted(pairs[:300])
    write(tmp_path / "test.tsv", ["\t".join(pair) for pair in pairs[350:]])
    found = all_splits(tmp_path)
    assert found["train"] == pairs[:300]
    assert found["test"] == pairs[350:]


def test_digest_is_of_all_files_that_are_read(tmp_path):
    write_aligned(tmp_path, "train", sentences(3))
    write_aligned(tmp_path, "val", sentences(3), ".gz", gzip.open)
    (tmp_path / "other.txt").write_text("x")
    names = {path.name for path in raw_files("pairs", tmp_path)}
    assert names == {"train.en", "train.de", "val.en.gz", "val.de.gz"}


def test_limit_reads_no_further(tmp_path):
    """The last line is longer on one side alone: what nobody reads is no error."""
    write_aligned(tmp_path, "train", sentences())
    write_aligned(tmp_path, "dev", sentences(2))
    write_aligned(tmp_path, "test", sentences(2))
    with open(tmp_path / "train.en", "a") as file:
        file.write("one more\n")
    assert columns(tmp_path, "train", limit=COUNT) == sentences()
    with pytest.raises(ValueError, match="same number of lines"):
        columns(tmp_path, "train")


def test_several_tables_are_told_apart_by_their_names(tmp_path):
    write(tmp_path / "deu-eng.tsv", ["\t".join(pair) for pair in sentences()])
    write(tmp_path / "fra-eng.tsv", [f"{en}\tPhrase {i}" for i, (en, _) in enumerate(sentences())])
    assert columns(tmp_path, "train")[0][1].startswith("Satz")
    assert columns(tmp_path, "train", target="fr")[0][1].startswith("Phrase")
    assert columns(tmp_path / "fra-eng.tsv", "train", target="es")[0][1].startswith("Phrase")
    with pytest.raises(ValueError, match=r"deu-eng\.tsv, fra-eng\.tsv.*may also be the one file"):
        columns(tmp_path, "train", target="it")


def test_files_of_different_lengths_are_an_error_that_names_both(tmp_path):
    write_aligned(tmp_path, "corpus", sentences())
    write(tmp_path / "corpus.de", [de for _, de in sentences(COUNT - 1)])
    with pytest.raises(ValueError, match=rf"Got {COUNT} in .*corpus\.en and {COUNT - 1} in .*\.de"):
        columns(tmp_path, "train")


def test_lines_end_at_line_feeds_alone(tmp_path):
    (tmp_path / "c.en").write_bytes("One\u2028line.\r\nTwo\x0blines.\n".encode() + b"bad \xff.")
    (tmp_path / "c.de").write_bytes("Eine\u0085Zeile.\nZwei Zeilen.\nDrei.\n".encode())
    splits = ("train", "dev", "test")
    languages = {"source": "en", "target": "de"}
    found = [pair for split in splits for pair in raw_pairs(split, tmp_path, **languages)]
    assert len(found) == 3
    assert {pair[0] for pair in found} == {"c:1", "c:2", "c:3"}
    assert ("c:3", "bad \udcff.", "Drei.") in found


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_tells_the_encoding(tmp_path, encoding):
    for language, text in (("en", "Café.\r\nTea.\n"), ("cs", "Kávička.\nČaj.\n")):
        (tmp_path / f"train.{language}").write_bytes(text.encode(encoding))
    found = raw_pairs("train", tmp_path, source="en", target="cs")
    assert [pair[1:] for pair in found] == [("Café.", "Kávička."), ("Tea.", "Čaj.")]


@pytest.mark.parametrize("data_dir", [None, "nowhere"])
def test_data_dir_must_be_there(tmp_path, data_dir):
    place = data_dir and tmp_path / data_dir
    with pytest.raises(ValueError, match="`data_dir` must be a folder with two aligned"):
        read("pairs", "train", place)


def test_folder_without_pairs_says_what_is_wanted(tmp_path):
    with pytest.raises(ValueError, match="none that fits"):
        columns(tmp_path, "train")
    (tmp_path / "a.en.gz").write_bytes(b"no gzip")
    (tmp_path / "a.de.gz").write_bytes(b"no gzip")
    with pytest.raises(ValueError, match=r"a\.en\.gz is not a whole \.gz file"):
        columns(tmp_path, "train")


@pytest.mark.data
def test_tatoeba_whole(real_data):
    folder = real_data / "tatoeba"
    sources = {split: read("pairs", split, folder).sources for split in ("train", "dev", "test")}
    total = sum(map(len, sources.values()))
    assert total > 160_000
    assert all(0.045 < len(sources[split]) / total < 0.055 for split in ("dev", "test"))
    assert not set(sources["train"]) & set(sources["test"])
    assert not set(sources["train"]) & set(sources["dev"])
