"""The user's own clips: layouts, splits, faults."""

import logging
import os

import numpy as np
import pytest

from datasets.actions import SPLITS, clips, describe, folder, label_names, load, raw_files
from datasets.actions.folder import MISSING, OTHER, STRAY, UNLISTED
from tests.datasets.actions.media import write_frames, write_gif, write_video
from tests.datasets.actions.records import labels, records


def everything(root):
    return {split: labels("folder", split, root) for split in SPLITS}


@pytest.fixture
def mixture(tmp_path):
    """Two classes of twenty clips each; of the second one, one is a video and one frames."""
    for i in range(20):
        write_gif(tmp_path / "run" / f"{i}.gif", 6)
        write_gif(tmp_path / "sit" / "at home" / f"{i}.GIF", 6)
    write_video(tmp_path / "sit" / "film.mp4", 9)
    write_frames(tmp_path / "sit" / "pictures", 7)
    return tmp_path


def test_no_clip_is_in_two_splits(mixture):
    found = everything(mixture)
    ids = [name for split in SPLITS for name in found[split]]
    assert len(ids) == len(set(ids)) == 42
    assert all(found.values())
    assert len(found["train"]) > 25
    for split in found.values():
        assert all(name.startswith(f"{label}/") for name, label in split.items())
    assert label_names("folder", mixture) == ("run", "sit")
    assert len(raw_files("folder", mixture)) == 41 + 7


def test_records_of_each_kind(mixture):
    rows = {row["id"]: row for split in SPLITS for row in records("folder", split, mixture)}
    frames = {"sit/film.mp4": 9, "sit/pictures": 7, "run/3.gif": 6, "sit/at home/4.GIF": 6}
    seconds = {
        "sit/film.mp4": 0.36,
        "sit/pictures": 0,
        "run/3.gif": 0.24,
        "sit/at home/4.GIF": 0.24,
    }
    for name, count in frames.items():
        assert rows[name]["clip"].shape == (count, 64, 64, 3)
        assert rows[name]["seconds"] == pytest.approx(seconds[name], abs=0.01)
        assert rows[name]["subject"] == ""
        np.testing.assert_allclose(
            rows[name]["clip"][:, 32, 32].mean(-1), 4 * np.arange(count), atol=6
        )


def test_folders_of_splits(tmp_path):
    for split, count in (("Train", 40), ("test", 3)):
        for i in range(count):
            write_gif(tmp_path / split / ("run", "sit")[i % 2] / f"{i}.gif", 4)
    found = everything(tmp_path)
    assert found["test"] == {
        "test/run/0.gif": "run",
        "test/sit/1.gif": "sit",
        "test/run/2.gif": "run",
    }
    assert len(found["train"]) + len(found["dev"]) == 40
    assert 0 < len(found["dev"]) < 12
    assert set(found["train"]).isdisjoint(found["dev"])
    write_gif(tmp_path / "valid" / "run" / "0.gif", 4)
    found = everything(tmp_path)
    assert [len(found[split]) for split in SPLITS] == [40, 1, 3]


def test_folders_of_splits_and_others(tmp_path):
    write_gif(tmp_path / "train" / "run" / "0.gif")
    write_gif(tmp_path / "train" / "sit" / "0.gif")
    with pytest.raises(ValueError, match=r"`split` must have a folder: .* none of `test`"):
        load("folder", "test", tmp_path)
    write_gif(tmp_path / "sit" / "0.gif")
    with pytest.raises(ValueError, match="folders of splits alone, or of classes alone"):
        load("folder", "train", tmp_path)


def ucf(root, places=""):
    """Two classes of four films of three clips each; the last film is test."""
    lines = {"train": [], "test": []}
    for number, label in enumerate(("Swing", "ApplyMakeup"), start=1):
        for group in range(1, 13):
            for i in (1, 2):
                name = f"v_{label}_g{group:02d}_c{i:02d}"
                write_gif(root / "UCF-101" / label / f"{name}.gif", 3)
                part = "test" if group < 3 else "train"
                lines[part].append(f"{label}/{name}.avi" + f" {number}" * (part == "train"))
    lists = root / "ucfTrainTestlist"
    lists.mkdir()
    for part, rows in lines.items():
        (lists / f"{part}list01.txt").write_text("\r\n".join(rows) + "\r\n\r\n")
    (lists / "classInd.txt").write_text("1 Swing\r\n2 ApplyMakeup\r\n")
    return root


def test_ucf101(tmp_path):
    root = ucf(tmp_path)
    found = everything(root)
    assert label_names("folder", root) == ("Swing", "ApplyMakeup")
    assert len(found["test"]) == 8
    assert len(found["train"]) + len(found["dev"]) == 40
    films = {split: {name.rpartition("_")[0] for name in found[split]} for split in SPLITS}
    assert all(films[a].isdisjoint(films[b]) for a, b in (("train", "dev"), ("train", "test")))
    assert films["test"] == {
        f"{label}/v_{label}_g0{i}" for label in ("Swing", "ApplyMakeup") for i in (1, 2)
    }
    assert len(films["dev"]) > 0
    assert [path.name for path in raw_files("folder", root)[:3]] == [
        *("trainlist01.txt", "testlist01.txt", "classInd.txt"),
    ]


def test_ucf101_lists_and_clips_that_lack_each_other(tmp_path):
    root = ucf(tmp_path)
    (root / "UCF-101" / "Swing" / "v_Swing_g01_c01.gif").unlink()
    write_gif(root / "UCF-101" / "Swing" / "v_Swing_g99_c01.gif")
    assert describe("folder", ["test"], root)["left_out"] == {"test": {UNLISTED: 1, MISSING: 1}}
    path = root / "ucfTrainTestlist" / "testlist01.txt"
    path.write_text(path.read_text() + "Swing/v_Swing_g05_c01.avi\n")
    with pytest.raises(ValueError, match=r"one split only. Got 'v_Swing_g05_c01.avi' in both"):
        load("folder", "test", root)
    path.write_text("v_Swing_g05_c01.avi\n")
    with pytest.raises(ValueError, match="line 1, must be CLASS/NAME"):
        load("folder", "test", root)


@pytest.mark.parametrize("place", ["testTrainMulti_7030_splits", "splits"])
def test_hmdb51(tmp_path, place):
    """Three clips a film; the film's number decides."""
    (tmp_path / place).mkdir()
    for label in ("brush_hair", "run"):
        lines = []
        for film in range(24):
            for i in range(2):
                name = f"Film{film}_{label}_u_nm_np1_ba_goo_{i}"
                write_gif(tmp_path / label / f"{name}.gif", 3)
                lines.append(f"{name}.avi {(1, 1, 2, 0)[film % 4]} ")
        (tmp_path / place / f"{label}_test_split1.txt").write_text("\n".join(lines) + "\n")
        (tmp_path / place / f"{label}_test_split2.txt").write_text("not read\n")
    found = everything(tmp_path)
    assert label_names("folder", tmp_path) == ("brush_hair", "run")
    assert len(found["test"]) == 24
    assert len(found["train"]) + len(found["dev"]) == 48
    assert found["dev"]
    films = {s: {name.partition("/")[2].partition("_")[0] for name in found[s]} for s in SPLITS}
    assert all(films[a].isdisjoint(films[b]) for a, b in (("train", "dev"), ("train", "test")))
    assert describe("folder", ["test"], tmp_path)["left_out"] == {}
    lists = tmp_path / place / "run_test_split1.txt"
    lists.write_text("one.avi 3\n")
    with pytest.raises(ValueError, match=r"line 1, must be NAME and 0, 1 or 2. Got 'one.avi 3'"):
        load("folder", "test", tmp_path)


def test_faults_are_told(tmp_path, caplog):
    for i in range(40):
        write_gif(tmp_path / ("run", "sit")[i % 2] / f"{i}.gif", 4)
    inside = set(labels("folder", "train", tmp_path))
    broken, empty, single, *_ = (tmp_path / name for name in sorted(inside))
    broken.write_bytes(broken.read_bytes()[:-1])
    empty.write_bytes(b"")
    write_gif(single, 1)
    (tmp_path / "run" / "notes.txt").write_text("x")
    (tmp_path / "run" / ".DS_Store").write_text("x")
    write_frames(tmp_path / "run", 2)
    with caplog.at_level(logging.WARNING):
        left = describe("folder", ["train"], tmp_path)["left_out"]["train"]
    expected = {STRAY: 2, OTHER: 1, clips.CUT_OFF: 1, clips.EMPTY: 1, clips.ONE_FRAME: 1}
    assert left == expected
    assert "run/notes.txt" in caplog.text
    assert len(labels("folder", "train", tmp_path)) == len(inside) - 3


def test_pictures_beside_a_video_are_no_clip(tmp_path):
    for i in range(30):
        write_gif(tmp_path / ("run", "sit")[i % 2] / f"{i}.gif", 4)
    write_frames(tmp_path / "run" / "trip", 3)
    write_video(tmp_path / "run" / "trip" / "film.mp4", 5)
    found = everything(tmp_path)
    assert "run/trip/film.mp4" in set().union(*found.values())
    assert sum(map(len, found.values())) == 31
    assert describe("folder", ["train"], tmp_path)["left_out"]["train"] == {STRAY: 3}


def test_no_clips(tmp_path):
    with pytest.raises(ValueError, match="`data_dir` must be a folder that holds one for each"):
        load("folder", "train", tmp_path / "none")
    (tmp_path / "a.mp4").write_bytes(b"")
    with pytest.raises(ValueError, match="Got no clip in"):
        load("folder", "train", tmp_path)
    write_gif(tmp_path / "run" / "0.gif")
    with pytest.raises(ValueError, match=r"two classes or more. Got 'run' alone in"):
        load("folder", "train", tmp_path)
    write_gif(tmp_path / "sit" / "1.gif")
    there = {folder._of_hash(name) for name in ("run/0.gif", "sit/1.gif")}
    for split in set(SPLITS) - there:
        with pytest.raises(ValueError, match="too few clips for three splits by hash"):
            load("folder", split, tmp_path)


def test_nothing_that_can_be_used(tmp_path):
    for label in ("run", "sit"):
        (tmp_path / label).mkdir()
        for i in range(15):
            (tmp_path / label / f"{i}.mp4").write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"`split` must hold a usable clip.*\n.*cannot be decoded"):
        load("folder", "train", tmp_path)


def test_a_class_named_videos_is_a_class(tmp_path):
    for i in range(15):
        write_gif(tmp_path / "videos" / f"{i}.gif", 3)
        write_gif(tmp_path / "films" / f"{i}.gif", 3)
    assert label_names("folder", tmp_path) == ("films", "videos")


def test_names_that_are_not_utf_8(tmp_path):
    for i in range(15):
        for label in (b"caf\xe9", b"run"):
            name = os.fsdecode(label)
            write_gif(tmp_path / name / f"{name}{i}.gif", 3)
            write_video(tmp_path / "film.mp4", 3).rename(tmp_path / name / f"{name}{i}.mp4")
    rows = list(load("folder", "train", tmp_path).as_numpy_iterator())
    assert {row["label"] for row in rows} == {b"caf\xe9", b"run"}
    assert len(rows) > 30
