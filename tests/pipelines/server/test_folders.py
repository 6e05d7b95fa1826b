"""Which folders are models and versions."""

import pytest

from pipelines.server import folders


def test_names_to_serve(tmp_path):
    for name in ("b/1", "a/1", "empty", "none/one", "none/-1", "none/1.5", "none/.writing-1"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "none" / "2").touch()  # a file
    assert folders.find(tmp_path, []) == ["a", "b"]
    assert folders.find(tmp_path, ["b", "b"]) == ["b"]
    for name in ("empty", "none", f"../{tmp_path.name}/a", "a/1", "", "."):
        with pytest.raises(ValueError, match=r"`models` must be among a, b\. Got"):
            folders.find(tmp_path, ["a", name])
    for nothing in (tmp_path / "empty", tmp_path / "missing"):
        with pytest.raises(ValueError, match="`saved_models` must hold folders of versions"):
            folders.find(nothing, [])


def test_versions_are_numbers(tmp_path):
    for name in ("1", "020", "3" * 19, "\u0661", "1a"):
        (tmp_path / name).mkdir()
    assert folders.versions(tmp_path) == {1: tmp_path / "1", 20: tmp_path / "020"}


def test_what_changed_is_seen(tmp_path):
    (tmp_path / "variables").mkdir()
    before = folders.files(tmp_path)
    (tmp_path / "variables" / "data").write_bytes(b"a")
    between = folders.files(tmp_path)
    (tmp_path / "variables" / "data").write_bytes(b"ab")
    assert len({before, between, folders.files(tmp_path)}) == 3
