"""AN4 in its publisher's layout, with the published test part and without."""

import logging

import pytest

from datasets.speech import SPLITS, describe, load, raw_files
from datasets.speech.an4 import HELD_OUT
from tests.datasets.speech.sounds import records, speakers, texts, write

PEOPLE = [f"m{a}{b}x" for a in "abcde" for b in "abcd"] + ["mabx2"]
TEST = ["fcaw", "fmmx"]


def an4(root, ending=".sph", published=True):
    """21 folders of 20 speakers, two utterances each; the test part's lines have no tags."""
    parts = {"train": ("an4_clstk", PEOPLE, "<s> {} </s> ({})")}
    if published:
        parts["test"] = ("an4test_clstk", TEST, "{} ({})")
    for part, (folder, people, form) in parts.items():
        names = [(person, f"cen{i}-{person}-b") for person in people for i in (1, 2)]
        for person, name in names:
            options = {"format": "NIST", "subtype": "PCM_16"} if ending == ".sph" else {}
            write(
                root / "an4" / "wav" / folder / person / f"{name}{ending}", rate=16_000, **options
            )
        etc = root / "an4" / "etc"
        etc.mkdir(exist_ok=True)
        fileids = [f"{folder}/{person}/{name}" for person, name in names]
        lines = [form.format("RUBOUT G M  E", name) for _, name in names]
        (etc / f"an4_{part}.fileids").write_text("\n".join(fileids) + "\n")
        (etc / f"an4_{part}.transcription").write_text("\n".join(lines) + "\n")
    return root


@pytest.mark.parametrize("ending", [".sph", ".flac", ".wav"])
def test_records(tmp_path, ending):
    first = records("an4", "test", an4(tmp_path, ending))[0]
    assert first["id"] == "cen1-fcaw-b"
    assert first["text"] == "rubout g m e"
    assert (first["speaker"], first["rate"], len(first["waveform"])) == ("fcaw", 16_000, 3200)


@pytest.mark.parametrize("published", [True, False])
def test_no_speaker_is_in_two_splits(tmp_path, published):
    root = an4(tmp_path, published=published)
    people = {split: speakers("an4", split, root) for split in SPLITS}
    assert sum(map(len, people.values())) == len(set.union(*people.values()))
    assert len({person.rstrip("2") for person in people["dev"]}) == HELD_OUT
    assert ("mabx" in people["train"]) == ("mabx2" in people["train"])
    assert ("mabx" in people["dev"]) == ("mabx2" in people["dev"])
    if published:
        assert people["test"] == set(TEST)
    else:
        assert len({person.rstrip("2") for person in people["test"]}) == HELD_OUT


def test_dev_is_the_same_with_the_published_test_part_and_without(tmp_path):
    dev = [texts("an4", "dev", an4(tmp_path / str(p), published=p)) for p in (True, False)]
    assert dev[0] == dev[1]


def test_data_dir_may_be_the_folder_itself(tmp_path):
    root = an4(tmp_path)
    assert texts("an4", "dev", root / "an4") == texts("an4", "dev", root)


def test_limit_takes_the_first(tmp_path):
    root = an4(tmp_path)
    assert list(texts("an4", "train", root, limit=3)) == list(texts("an4", "train", root))[:3]


def test_faults_are_told(tmp_path, caplog):
    root = an4(tmp_path)
    (root / "an4/wav/an4test_clstk/fcaw/cen1-fcaw-b.sph").unlink()
    table = root / "an4/etc/an4_test.transcription"
    text = table.read_text().replace("RUBOUT G M  E (cen1-fmmx-b)", "  (cen1-fmmx-b)")
    table.write_text(text.replace("RUBOUT G M  E (cen2-fmmx-b)\n", ""))
    with caplog.at_level(logging.WARNING):
        assert list(texts("an4", "test", root)) == ["cen2-fcaw-b"]
    assert "transcript without an audio file: 1 (an4test_clstk/fcaw/cen1-fcaw-b)" in caplog.text
    assert "audio file without a transcript: 1 (an4test_clstk/fmmx/cen2-fmmx-b)" in caplog.text
    assert "recording whose transcript is empty: 1 (cen1-fmmx-b)" in caplog.text


def test_a_line_of_another_layout(tmp_path):
    root = an4(tmp_path)
    (root / "an4/etc/an4_train.transcription").write_text("RUBOUT G M E\n")
    with pytest.raises(ValueError, match=r"line 1, must be `WORDS \(ID\)`. Got 'RUBOUT G M E'"):
        load("an4", "train", root)


@pytest.mark.parametrize("place", [None, "/no/such/folder", "."])
def test_a_folder_without_it(place):
    with pytest.raises(ValueError, match="`data_dir` must be the folder that holds an4/etc"):
        load("an4", "train", place)


def test_raw_files(tmp_path):
    files = raw_files("an4", an4(tmp_path))
    assert len(files) == len(set(files)) == 4 + 2 * (len(PEOPLE) + len(TEST))


@pytest.mark.data
def test_real_splits(real_data):
    description = describe("an4", SPLITS, real_data / "an4")
    sizes = description["splits"]
    assert description["left_out"] == {}
    assert sizes["train"]["speakers"] + sizes["dev"]["speakers"] >= 66
    assert sum(split["utterances"] for split in sizes.values()) in (948, 948 + 130)
    words = {
        word for text in texts("an4", "dev", real_data / "an4").values() for word in text.split()
    }
    assert {"rubout", "a", "seven"} <= words
