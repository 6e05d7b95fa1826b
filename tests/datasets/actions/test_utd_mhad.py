"""UTD-MHAD: both views, the split by subject, what is left out."""

import logging

import numpy as np
import pytest
from scipy.io import savemat

from datasets.actions import SPLITS, describe, label_names, load, raw_files
from datasets.actions.clips import BLANK, EMPTY, NOT_FINITE, ONE_FRAME, UNDECODABLE
from datasets.actions.utd_mhad import LABELS, MISNAMED
from tests.datasets.actions.records import records


def skeleton(root, action, subject, trial, joints):
    path = root / "Skeleton" / f"a{action}_s{subject}_t{trial}_skeleton.mat"
    path.parent.mkdir(exist_ok=True)
    savemat(path, {"d_skel": joints}, do_compression=True)
    return path


def depth(root, action, subject, trial, values, folder="Depth_60x80"):
    path = root / folder / f"a{action}_s{subject}_t{trial}_depth.mat"
    path.parent.mkdir(exist_ok=True)
    savemat(path, {"d_depth": values}, do_compression=True)
    return path


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for subject in range(1, 8):
        for action in (2, 27):
            skeleton(tmp_path, action, subject, 1, rng.normal(size=(20, 3, 40 + subject)))
            values = np.zeros((60, 80, 40 + subject), np.uint8)
            values[:30] = np.arange(40 + subject) + 1
            depth(tmp_path, action, subject, 1, values)
    return tmp_path


def subjects(root, **options):
    return {
        split: {row["subject"] for row in records("utd_mhad", split, root, **options)}
        for split in SPLITS
    }


@pytest.mark.parametrize("view", ["joints", "depth"])
def test_no_subject_is_in_two_splits(folder, view):
    expected = {"train": {"1", "3", "5"}, "dev": {"7"}, "test": {"2", "4", "6"}}
    assert subjects(folder, view=view) == expected
    held = subjects(folder, view=view, heldout=("1", "3"))
    assert held == {"train": {"5", "7"}, "dev": {"1", "3"}, "test": {"2", "4", "6"}}


def test_joints(folder):
    path = folder / "Skeleton" / "a27_s7_t1_skeleton.mat"
    rows = {row["id"]: row for row in records("utd_mhad", "dev", folder, frames=3)}
    assert set(rows) == {"a2_s7_t1", "a27_s7_t1"}
    row = rows["a27_s7_t1"]
    assert row["label"] == "squat"
    assert row["joints"].shape == (47, 20, 3)
    assert row["seconds"] == pytest.approx(47 / 30)
    rng = np.random.default_rng(1)
    joints = rng.normal(size=(20, 3, 5))
    savemat(path, {"d_skel": joints})
    changed = {row["id"]: row for row in records("utd_mhad", "dev", folder)}["a27_s7_t1"]
    for t in range(5):
        np.testing.assert_allclose(changed["joints"][t], joints[:, :, t], rtol=1e-6)


def test_depth_is_grey_sampled_and_padded(folder):
    row = records("utd_mhad", "dev", folder, view="depth", frames=4, size=40)[0]
    assert row["clip"].shape == (4, 40, 40, 3)
    assert (row["clip"][..., :1] == row["clip"]).all()
    # 60 x 80 becomes 30 x 40 with 5 rows of black above and below; the upper half has the frame's
    # number plus one
    values = row["clip"][:, 10, 20, 0].tolist()
    assert values == [place + 1 for place in (5, 17, 29, 41)]
    assert not row["clip"][:, :5].any()
    assert row["clip"][:, 5:18].all()
    assert not row["clip"][:, 22:].any()


def test_depth_as_published_is_in_steps_of_16_mm(tmp_path):
    values = np.full((240, 320, 3), 2900, np.uint16)
    values[0] = 5000
    depth(tmp_path, 1, 7, 1, values, folder="Depth")
    row = records("utd_mhad", "dev", tmp_path, view="depth", size=320)[0]
    assert row["clip"][0, 100, 100].tolist() == [181] * 3
    assert row["clip"][0, 40, 100].tolist() == [255] * 3


def test_faults_are_told(folder, caplog):
    rng = np.random.default_rng(0)
    joints = rng.normal(size=(20, 3, 9))
    whole = skeleton(folder, 3, 7, 1, joints).read_bytes()
    skeleton(folder, 4, 7, 1, joints).write_bytes(whole[: len(whole) // 2])
    skeleton(folder, 5, 7, 1, joints).write_bytes(b"")
    skeleton(folder, 6, 7, 1, joints[:, :, :1])
    skeleton(folder, 7, 7, 1, np.where(joints > 1, np.nan, joints))
    skeleton(folder, 8, 7, 1, 0 * joints)
    skeleton(folder, 9, 7, 1, joints[:, :2])
    skeleton(folder, 28, 7, 1, joints)
    savemat(folder / "Skeleton" / "a10_s7_t1_skeleton.mat", {"other": joints})
    with caplog.at_level(logging.WARNING):
        left = describe("utd_mhad", ["dev"], folder)["left_out"]["dev"]
    assert left == {
        **{MISNAMED: 1, UNDECODABLE: 3, EMPTY: 1, ONE_FRAME: 1, NOT_FINITE: 1, BLANK: 1},
    }
    assert "a28_s7_t1_skeleton.mat" in caplog.text
    depth(folder, 3, 7, 1, np.zeros((60, 80, 5), np.uint8))
    left = describe("utd_mhad", ["dev"], folder, view="depth")["left_out"]
    assert left == {"dev": {BLANK: 1}}


@pytest.mark.parametrize("heldout", [(), ("2",), ("9",), ("1", "3", "5", "7"), "7", (7,)])
def test_heldout_must_be_some_training_subjects(folder, heldout):
    with pytest.raises(ValueError, match=r"`heldout` must be one to three of .* Got"):
        load("utd_mhad", "dev", folder, heldout=heldout)


def test_a_folder_without_the_view(tmp_path):
    with pytest.raises(ValueError, match="which holds neither"):
        load("utd_mhad", "train", tmp_path)
    depth(tmp_path, 1, 1, 1, np.ones((60, 80, 5), np.uint8))
    with pytest.raises(ValueError, match=r"has no \.mat in Skeleton"):
        load("utd_mhad", "train", tmp_path)
    assert [path.parent.name for path in raw_files("utd_mhad", tmp_path)] == ["Depth_60x80"]


@pytest.mark.data
def test_the_data(real_data):
    root = real_data / "utd_mhad"
    assert label_names("utd_mhad", root) == LABELS
    found = describe("utd_mhad", SPLITS, root)
    assert found["left_out"] == {}
    assert found["splits"]["test"]["frames"]["shortest"] >= 41
    assert found == describe("utd_mhad", SPLITS, root, view="depth") | {"view": "joints"}
    assert (
        sum(part["clips"] for part in found["splits"].values())
        == len(raw_files("utd_mhad", root)) // 2
    )
    for part in found["splits"].values():
        assert len(part["labels"]) == 27
    assert set(found["splits"]["test"]["subjects"]) <= {"2", "4", "6", "8"}
    row = records("utd_mhad", "dev", root, limit=1)[0]
    assert 1 < row["joints"][..., 2].mean() < 5  # metres from the camera
