"""The user's own recordings: their tables, splits and faults."""

import gzip
import logging

import numpy as np
import pytest

from datasets.speech import SPLITS, describe, folder, load, raw_files
from datasets.speech.utterances import NOT_UTF8, split_of
from tests.datasets.speech.sounds import records, speakers, texts, tone, write

NAMES = [f"n{i:02d}" for i in range(40)]


def everything(root):
    return {name: text for split in SPLITS for name, text in texts("folder", split, root).items()}


def collection(root, table="transcripts.tsv", line="{name}\tText of {name}.", header=()):
    for name in NAMES:
        write(root / "wavs" / f"{name}.wav")
    rows = [line.format(name=name) for name in NAMES]
    (root / table).write_text("\n".join([*header, *rows]) + "\n")
    return root


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("transcripts.tsv", "{name}\tText of {name}."),
        ("anything.txt", "wavs/{name}.wav\t Text  of {name}.\r"),
        ("metadata.csv", "{name}|TXT OF {name}|Text of {name}."),
        ("metadata.csv", "{name}|Text of {name}."),
        ("metadata.csv", "{name}|a tab\there|Text of {name}."),
    ],
)
def test_tables(tmp_path, table, line):
    found = everything(collection(tmp_path, table, line))
    assert found == {f"wavs/{name}.wav": f"Text of {name}." for name in NAMES}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_packed_table_of_any_marked_encoding(tmp_path, encoding):
    write(tmp_path / "a.wav")
    with gzip.open(tmp_path / "train.tsv.gz", "wt", encoding=encoding) as file:
        file.write("a\tE\u0301te\u0301\n")
    assert texts("folder", "train", tmp_path) == {"a.wav": "Été"}


def test_a_line_that_is_not_utf8_is_told(tmp_path):
    root = collection(tmp_path, line="{name}\tÄ long täxt öf its own")
    table = root / "transcripts.tsv"
    table.write_bytes(table.read_bytes().replace(b"n07\t\xc3\x84", b"n07\t\xc4"))
    found = {split: describe("folder", [split], root)["left_out"].get(split) for split in SPLITS}
    told = {split: {NOT_UTF8: 1} if split_of("wavs/n07.wav") == split else None for split in SPLITS}
    assert found == told


def test_a_header_names_the_columns(tmp_path):
    header = ["speaker\tup_votes\tsentence\tpath"]
    line = "s{name}\t2\tText of {name}.\t.\\wavs\\{name}.wav"
    root = collection(tmp_path, line=line, header=header)
    assert everything(root) == {f"wavs/{name}.wav": f"Text of {name}." for name in NAMES}
    wanted = {f"s{name}" for name in NAMES if split_of(f"s{name}") == "train"}
    assert speakers("folder", "train", root) == wanted


def test_a_table_in_capitals_is_lowered_and_another_is_not(tmp_path):
    capitals = collection(tmp_path / "a", line="{name}\tTEXT OF IT")
    assert set(everything(capitals).values()) == {"text of it"}
    (capitals / "transcripts.tsv").write_text(
        "".join(f"{name}\tTEXT OF {'it' if name == 'n39' else 'IT'}\n" for name in NAMES)
    )
    assert set(everything(capitals).values()) == {"TEXT OF IT", "TEXT OF it"}


def test_a_table_that_can_be_read_in_two_ways(tmp_path):
    for name in ("a.wav", "a|b.wav"):
        write(tmp_path / name)
    (tmp_path / "transcripts.tsv").write_text("a|b\tc\n")
    with pytest.raises(ValueError, match=r"must be readable in one way.*'a\|b\\tc'"):
        load("folder", "train", tmp_path)


@pytest.mark.parametrize("line", ["Text of it.\t{name}", "{name} Text", "{name}\tone\ttwo", "?\t?"])
def test_a_table_that_cannot_be_read(tmp_path, line):
    with pytest.raises(ValueError, match="must have the name of a recording"):
        load("folder", "train", collection(tmp_path, line=line))


def test_two_columns_of_text(tmp_path):
    root = collection(tmp_path, header=["path\ttext\tsentence"])
    with pytest.raises(ValueError, match=r"must have one column of the text. Got text, sentence"):
        load("folder", "train", root)


def test_no_table_and_two_tables(tmp_path):
    write(tmp_path / "a.wav")
    with pytest.raises(ValueError, match=r"`data_dir` must be .* Got none in"):
        load("folder", "train", tmp_path)
    (tmp_path / "one.txt").write_text("a\tb\n")
    (tmp_path / "two.tsv").write_text("a\tb\n")
    with pytest.raises(ValueError, match=r"Got two.tsv, one.txt in|Got one.txt, two.tsv in"):
        load("folder", "train", tmp_path)


@pytest.mark.parametrize("place", [None, "/no/such/folder"])
def test_no_folder(place):
    with pytest.raises(ValueError, match="`data_dir` must be a folder of audio files"):
        load("folder", "train", place)


def test_no_speaker_is_in_two_splits(tmp_path):
    root = collection(tmp_path)
    (root / "transcripts.tsv").write_text(
        "path\ttext\tspeaker\n"
        + "".join(f"{name}\tText\tspeaker {i % 20}\n" for i, name in enumerate(NAMES))
    )
    found = {split: records("folder", split, root) for split in SPLITS}
    assert sum(map(len, found.values())) == len(NAMES)
    groups = [{record["speaker"] for record in split} for split in found.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 20


def test_a_recording_stays_in_its_split_when_others_come(tmp_path):
    root = collection(tmp_path)
    before = set(texts("folder", "train", root))
    write(root / "wavs" / "new.wav")
    with (root / "transcripts.tsv").open("a") as file:
        file.write("new\tText\n")
    assert before <= set(texts("folder", "train", root))


def test_common_voice(tmp_path):
    header = "client_id\tpath\tsentence_id\tsentence\tup_votes\n"
    for split, clips in (("train", "abc"), ("dev", "d"), ("test", "ef")):
        for clip in clips:
            write(tmp_path / "clips" / f"common_voice_{clip}.mp3", tone(0.5))
        rows = [f"id{c}\tcommon_voice_{c}.mp3\t9\tIt said {c}.\t2\n" for c in clips]
        (tmp_path / f"{split}.tsv").write_text(header + "".join(rows))
    (tmp_path / "validated.tsv").write_text(header)
    write(tmp_path / "clips" / "common_voice_unlisted.mp3", tone(0.5))
    assert texts("folder", "test", tmp_path) == {
        "clips/common_voice_e.mp3": "It said e.",
        "clips/common_voice_f.mp3": "It said f.",
    }
    assert speakers("folder", "train", tmp_path) == {"ida", "idb", "idc"}
    description = describe("folder", SPLITS, tmp_path)
    assert description["left_out"] == {}
    assert description["audio_files"] == {".mp3": 7}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("id9\tb.wav\tText\n", "A recording must be in one split only. Got 'b.wav'"),
        ("id1\tc.wav\tText\n", "A speaker must be in one split only. Got 'id1'"),
    ],
)
def test_splits_that_share(tmp_path, line, message):
    for name in "abc":
        write(tmp_path / f"{name}.wav")
    header = "client_id\tpath\tsentence\n"
    (tmp_path / "train.tsv").write_text(header + "id0\ta.wav\tText\nid1\tb.wav\tText\n")
    (tmp_path / "test.tsv").write_text(header + line)
    with pytest.raises(ValueError, match=message):
        load("folder", "test", tmp_path)
    with pytest.raises(ValueError, match=r"must hold dev.tsv, the table of `dev`"):
        load("folder", "dev", tmp_path)


def test_faults_are_told_once_with_counts(tmp_path, caplog):
    for name in ("good", "loud", "sub/same", "other/same", "unlisted"):
        write(tmp_path / f"{name}.wav")
    write(tmp_path / "silent.wav", np.zeros(100))
    write(tmp_path / "empty.wav", np.zeros(0))
    write(tmp_path / "long.flac", np.full(61 * 1000, 0.1), 1000)
    write(tmp_path / "loud.wav", tone(level=2.0))
    (tmp_path / "broken.wav").write_bytes(b"no sound at all")
    lines = [
        *(f"{name}\tText" for name in ("good", "loud", "silent", "empty", "long", "broken")),
        *("same\tText", "absent\tText", "good\tAgain", "sub/same\t  ", "good\tone\ttwo"),
    ]
    (tmp_path / "train.tsv").write_text("\n".join(lines))
    with caplog.at_level(logging.WARNING):
        assert texts("folder", "train", tmp_path) == {"good.wav": "Text", "loud.wav": "Text"}
        load("folder", "train", tmp_path)
    assert len(caplog.records) == 2
    for message in (
        "silence: no sample reaches 0.001 of full scale: 1 (silent.wav)",
        "recording without samples: 1 (empty.wav)",
        "recording longer than 60 s: 1 (long.flac)",
        "audio file that cannot be decoded: 1 (broken.wav)",
        f"{folder.AMBIGUOUS}: 1 (same)",
        "transcript without an audio file: 1 (absent)",
        "further transcript of a recording: 1 (good.wav)",
        "recording whose transcript is empty: 1 (sub/same.wav)",
        "line with more or fewer columns than the table has: 1 (good\tone\ttwo)",
        "1 recordings have 0.001 of their samples or more at full scale, such as loud.wav",
    ):
        assert message in caplog.text
    description = describe("folder", ["train"], tmp_path)
    assert sum(description["left_out"]["train"].values()) == 9
    assert description["clipped"] == {"train": 1}
    assert description["splits"]["train"]["rates"] == {"8000": 2}
    assert description["splits"]["train"]["speakers"] is None


def test_a_recording_without_a_line_is_told_in_one_split(tmp_path):
    root = collection(tmp_path)
    write(root / "unlisted.wav")
    left_out = describe("folder", SPLITS, root)["left_out"]
    assert list(left_out.values()) == [{"audio file without a transcript": 1}]


def test_nothing_usable(tmp_path):
    write(tmp_path / "a.wav", np.zeros(100))
    (tmp_path / "train.tsv").write_text("a\tText\n")
    with pytest.raises(ValueError, match=r"`split` must hold a usable recording.*\n  silence"):
        load("folder", "train", tmp_path)


def test_a_split_that_nothing_hashes_to(tmp_path):
    write(tmp_path / "a.wav")
    (tmp_path / "transcripts.tsv").write_text("a\tText\n")
    empty = [split for split in SPLITS if split != split_of("a.wav")]
    for split in empty:
        with pytest.raises(ValueError, match=f"has none of `{split}`"):
            load("folder", split, tmp_path)


def test_raw_files_are_table_and_recordings(tmp_path):
    root = collection(tmp_path)
    (root / "notes.md").write_text("of no account")
    wanted = {root / "transcripts.tsv", *(root / "wavs" / f"{name}.wav" for name in NAMES)}
    assert set(raw_files("folder", root)) == wanted


@pytest.mark.data
def test_real_asterisk_prompts(real_data):
    found = {split: texts("asterisk", split, real_data / "asterisk_prompts") for split in SPLITS}
    names = [name for split in found.values() for name in split]
    assert len(names) == len(set(names)) > 480
    assert found[split_of("wav/added.flac")]["wav/added.flac"] == "Added."
