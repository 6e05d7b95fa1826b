"""JHMDB in a small copy of its layout."""

import numpy as np
import pytest
from scipy.io import savemat

from datasets.actions import SPLITS, describe, label_names, load, raw_files
from datasets.actions.clips import NOT_FINITE
from datasets.actions.folder import MISSING, UNLISTED
from tests.datasets.actions.records import labels, records


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "splits").mkdir()
    for label in ("catch", "brush_hair"):
        lines = []
        for film in range(20):
            name = f"Film{film}_{label}_u_nm_0"
            place = tmp_path / "joint_positions" / label / name
            place.mkdir(parents=True)
            positions = rng.uniform(0, 320, (2, 15, 20 + film))
            savemat(place / "joint_positions.mat", {"pos_img": positions, "scale": 1.0})
            lines.append(f"{name}.avi {1 + (film < 5)}")
        (tmp_path / "splits" / f"{label}_test_split1.txt").write_text("\n".join(lines))
    return tmp_path


def test_no_clip_is_in_two_splits(folder):
    found = {split: labels("jhmdb", split, folder) for split in SPLITS}
    ids = [name for split in SPLITS for name in found[split]]
    assert len(ids) == len(set(ids)) == 40
    assert len(found["test"]) == 10
    assert 0 < len(found["dev"]) < 10
    assert label_names("jhmdb", folder) == ("brush_hair", "catch")
    assert len(raw_files("jhmdb", folder)) == 42


def test_joints(folder):
    rows = {row["id"]: row for row in records("jhmdb", "test", folder)}
    row = rows["catch/Film3_catch_u_nm_0"]
    assert row["joints"].shape == (23, 15, 3)
    assert row["seconds"] == pytest.approx(23 / 30)
    assert (row["label"], row["subject"]) == ("catch", "")
    assert not row["joints"][..., 2].any()
    assert row["joints"][..., :2].max() > 200
    positions = np.arange(2 * 15 * 4.0).reshape(2, 15, 4)
    path = folder / "joint_positions" / "catch" / "Film3_catch_u_nm_0" / "joint_positions.mat"
    savemat(path, {"pos_img": positions})
    joints = {row["id"]: row for row in records("jhmdb", "test", folder)}[row["id"]]["joints"]
    assert joints[1, 2].tolist() == [positions[0, 2, 1], positions[1, 2, 1], 0]


def test_faults(folder):
    places = folder / "joint_positions" / "catch"
    (places / "Film0_catch_u_nm_0" / "joint_positions.mat").unlink()
    path = places / "Film1_catch_u_nm_0" / "joint_positions.mat"
    savemat(path, {"pos_img": np.full((2, 15, 9), np.nan)})
    (places / "Film2_catch_u_nm_0").rename(places / "another")
    left = describe("jhmdb", ["test"], folder)["left_out"]["test"]
    assert left == {UNLISTED: 1, MISSING: 2, NOT_FINITE: 1}


def test_another_layout(tmp_path):
    with pytest.raises(ValueError, match=r"has no joint_positions/\*/\*/joint_positions.mat"):
        load("jhmdb", "train", tmp_path)
