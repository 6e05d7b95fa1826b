"""Run folders: whole files only, one writer, the same flags, variables that come back exactly."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pytest

from pipelines import runs

ROOT = Path(__file__).parents[2]

# Holds the folder's lock and stops in the middle of writing a file, until it is killed.
_STUCK = """
import sys, time
from pathlib import Path
from pipelines import runs

folder = Path(sys.argv[1])

def stuck(file):
    file.write(b"new " * 100_000)
    file.flush()
    print("in the middle", flush=True)
    time.sleep(600)

with runs.only_writer(folder):
    runs.write_atomically(folder / "file", stuck)
"""


@dataclass(frozen=True)
class Flags:
    units: int = 8
    learning_rate: float = 0.1
    data_dir: Path | None = None
    heldout: tuple[str, ...] = ()


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_written_file_is_there_with_its_bytes_and_readable_by_a_server(tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    runs.write_atomically(path, lambda file: file.write(b"bytes"))
    assert path.read_bytes() == b"bytes"
    assert path.stat().st_mode & 0o777 == 0o644
    assert _names(path.parent) == ["file"]


def test_bytes_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    """Else a machine that stops could leave a whole name of no bytes."""
    done = []
    sync, rename = os.fsync, os.replace

    def recorded_sync(handle):
        done.append(("sync", os.fstat(handle).st_size, (tmp_path / "file").exists()))
        sync(handle)

    def recorded_rename(source, target):
        done.append(("rename", Path(source).stat().st_size, target))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", recorded_sync)
    monkeypatch.setattr(os, "replace", recorded_rename)
    runs.write_atomically(tmp_path / "file", lambda file: file.write(b"a" * 5000))
    assert done == [("sync", 5000, False), ("rename", 5000, tmp_path / "file")]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_writer_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(file):
        file.write(b"new, but not")
        raise error

    with pytest.raises(type(error)):
        runs.write_atomically(path, fail)
    assert path.read_bytes() == b"old"
    assert _names(tmp_path) == ["file"]


def test_killed_writer_leaves_the_old_file_and_frees_its_folder(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    command = [sys.executable, "-c", _STUCK, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "in the middle\n"
            with pytest.raises(ValueError, match=f"no other process trains in. Got {tmp_path}"):
                runs.only_writer(tmp_path).__enter__()
            assert path.read_bytes() == b"old"
        finally:
            os.kill(process.pid, signal.SIGKILL)
    assert path.read_bytes() == b"old"
    assert len(_names(tmp_path)) == 3  # with the lock, and what the killed writer left
    with runs.only_writer(tmp_path):
        assert _names(tmp_path) == [".lock", "file"]
        runs.write_atomically(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"


def test_folder_is_free_again_after_an_error_in_it(tmp_path):
    with pytest.raises(ZeroDivisionError), runs.only_writer(tmp_path / "run"):
        raise ZeroDivisionError
    with (
        runs.only_writer(tmp_path / "run"),
        pytest.raises(ValueError, match="no other process"),
        runs.only_writer(tmp_path / "run"),
    ):
        pass


def test_run_goes_on_with_the_same_flags(tmp_path):
    flags = Flags(data_dir=tmp_path / "photos")
    runs.open_run(tmp_path / "run", flags)
    written = (tmp_path / "run" / "config.json").read_text()
    runs.open_run(tmp_path / "run", flags)
    assert (tmp_path / "run" / "config.json").read_text() == written
    assert json.loads(written) == {
        "units": 8,
        "learning_rate": 0.1,
        "data_dir": str(tmp_path / "photos"),
        "heldout": [],
    }


def trained(folder):
    """As after an epoch."""
    runs.write_json(folder / "state.json", {"version": runs.VERSION})


def test_run_that_never_trained_begins_anew_with_other_flags(tmp_path):
    runs.open_run(tmp_path, Flags())
    runs.keep(tmp_path, "vocabulary", ["of", "those", "flags"])
    runs.open_run(tmp_path, Flags())
    assert runs.kept(tmp_path, "vocabulary") == ["of", "those", "flags"]
    runs.open_run(tmp_path, Flags(units=9))
    assert json.loads((tmp_path / "config.json").read_text())["units"] == 9
    assert not list((tmp_path / "kept").iterdir())
    trained(tmp_path)  # ended, and its checkpoints deleted since
    with pytest.raises(ValueError, match="--units was 9, is 8"):
        runs.open_run(tmp_path, Flags())


def test_flags_that_are_no_part_of_a_run_may_differ(tmp_path):
    runs.open_run(tmp_path, Flags())
    trained(tmp_path)
    runs.open_run(tmp_path, Flags(data_dir=tmp_path), free=("data_dir",))
    assert json.loads((tmp_path / "config.json").read_text())["data_dir"] is None


def test_run_without_its_config_is_refused(tmp_path):
    runs.open_run(tmp_path, Flags())
    trained(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(ValueError, match=f"{tmp_path} must have the config.json"):
        runs.open_run(tmp_path, Flags(units=9))
    assert not (tmp_path / "config.json").exists()


def test_run_of_another_version_is_refused(tmp_path):
    runs.open_run(tmp_path, Flags())
    runs.write_json(tmp_path / "state.json", {"epochs_done": 1})  # as version 0.1 wrote it
    with pytest.raises(ValueError, match=r"Got one of version 0\.1, which version 0\.1"):
        runs.open_run(tmp_path, Flags())


KEPT = [
    ["the", "of"],
    {"train": "3f", "dev": "4e"},
    {},
    {"words": np.arange(5, dtype=np.uint16), "labels": np.array([1, 0])},
]


@pytest.mark.parametrize("value", KEPT)
def test_kept_value_comes_back_and_may_be_kept_again(tmp_path, value):
    for _ in range(2):
        runs.keep(tmp_path, "name", value)
    np.testing.assert_equal(runs.kept(tmp_path, "name"), value)
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_kept_arrays_may_be_those_of_a_memory_map(tmp_path):
    np.arange(5, dtype=np.uint16).tofile(tmp_path / "words")
    mapped = {"words": np.memmap(tmp_path / "words", np.uint16, mode="r")}
    for _ in range(2):
        runs.keep(tmp_path, "name", mapped)
    np.testing.assert_array_equal(runs.kept(tmp_path, "name")["words"], np.arange(5))
    with pytest.raises(ValueError, match="Got another name"):
        runs.keep(tmp_path, "name", {"words": mapped["words"][:4]})


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (KEPT[0], ["of", "the"]),
        (KEPT[1], {"train": "3f", "dev": "00"}),
        (KEPT[3], {**KEPT[3], "labels": np.array([0, 1])}),
        (KEPT[3], {"words": KEPT[3]["words"]}),
    ],
)
def test_another_value_under_a_run_that_goes_on_is_refused(tmp_path, value, other):
    runs.keep(tmp_path, "name", value)
    with pytest.raises(ValueError, match=f"that {tmp_path} was begun with. Got another name"):
        runs.keep(tmp_path, "name", other)
    np.testing.assert_equal(runs.kept(tmp_path, "name"), value)


@pytest.mark.parametrize("damage", ["altered", "missing", "new"])
@pytest.mark.parametrize("name", ["config.json", "kept/labels.json", "kept/rows.npz"])
def test_file_that_is_not_as_the_state_lists_it_is_named(tmp_path, name, damage):
    runs.open_run(tmp_path, Flags())
    runs.keep(tmp_path, "labels", ["negative", "positive"])
    runs.keep(tmp_path, "rows", {"words": np.arange(3)})
    digests = runs.kept_digests(tmp_path)
    runs.check_kept(tmp_path, digests)
    if damage == "altered":
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b" ")
    elif damage == "missing":
        (tmp_path / name).unlink()
    else:
        del digests[name]
    with pytest.raises(ValueError, match=f"{tmp_path / name} must be what the run was begun with"):
        runs.check_kept(tmp_path, digests)


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all"])
def test_kept_file_that_cannot_be_read_is_named(tmp_path, content):
    runs.keep(tmp_path, "rows", {"words": np.arange(3)})
    (tmp_path / "kept" / "rows.npz").write_bytes(content)
    with pytest.raises(ValueError, match=f"{tmp_path / 'kept' / 'rows'} must be as the run wrote"):
        runs.kept(tmp_path, "rows")
    with pytest.raises(ValueError, match="cannot be read"):
        runs.kept(tmp_path, "never kept")


def test_changed_flags_are_named_with_their_old_and_new_values(tmp_path):
    runs.open_run(tmp_path, Flags())
    trained(tmp_path)
    with pytest.raises(ValueError, match="other flags") as caught:
        runs.open_run(tmp_path, replace(Flags(), learning_rate=0.2, data_dir=Path("photos")))
    message = str(caught.value)
    assert str(tmp_path) in message
    assert "--learning-rate was 0.1, is 0.2" in message
    assert "--data-dir was None, is 'photos'" in message
    assert "units" not in message
    assert json.loads((tmp_path / "config.json").read_text())["learning_rate"] == 0.1


def test_flag_that_is_younger_than_the_run_counts_as_its_default(tmp_path):
    runs.open_run(tmp_path, Flags())
    trained(tmp_path)
    old = {"units": 8, "learning_rate": 0.1}  # before there was --data-dir
    runs.write_json(tmp_path / "config.json", old)
    runs.open_run(tmp_path, Flags())
    with pytest.raises(ValueError, match="--data-dir was None, is 'photos'"):
        runs.open_run(tmp_path, Flags(data_dir=Path("photos")))
    runs.write_json(tmp_path / "config.json", {**old, "gone": 3})
    with pytest.raises(ValueError, match="--gone was 3, is None"):
        runs.open_run(tmp_path, Flags())


def test_flag_of_several_values_goes_on_as_it_was_begun(tmp_path):
    runs.open_run(tmp_path, Flags(heldout=("7", "5")))
    trained(tmp_path)
    runs.open_run(tmp_path, Flags(heldout=("7", "5")))
    with pytest.raises(ValueError, match=r"--heldout was \['7', '5'\], is \['7'\]"):
        runs.open_run(tmp_path, Flags(heldout=("7",)))


def test_json_keeps_numpy_numbers_and_not_a_number(tmp_path):
    value = {"a": np.float32(0.5), "b": np.int64(3), "c": [float("nan"), 0.1 + 0.2], "d": tmp_path}
    runs.write_json(tmp_path / "x.json", value)
    found = runs.read_json(tmp_path / "x.json")
    np.testing.assert_equal(found, {"a": 0.5, "b": 3, "c": [np.nan, 0.1 + 0.2], "d": str(tmp_path)})


@pytest.mark.parametrize("content", [b"", b'{"epochs_done": 3, "hist', b"\xff\xfe"])
def test_file_that_is_not_json_is_named(tmp_path, content):
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(ValueError, match=f"{tmp_path / 'state.json'} is not JSON"):
        runs.read_json(tmp_path / "state.json")


def _variables(fill):
    values = [np.arange(6, dtype="float32").reshape(2, 3), np.float32(0.1), np.int32(7)]
    values += [np.full(2, i, "float32") for i in range(9)]  # more than nine: order as numbers
    return [keras.Variable(value * fill, dtype=value.dtype) for value in values]


def test_variables_come_back_exactly(tmp_path):
    saved = {"model": _variables(1), "optimizer": [keras.Variable(np.float32(1 / 3))]}
    digest = runs.save_variables(tmp_path / "x.npz", saved)
    assert digest == runs.file_digest(tmp_path / "x.npz")
    loaded = {"model": _variables(0), "optimizer": [keras.Variable(np.float32(0))]}
    runs.load_variables(tmp_path / "x.npz", loaded)
    for group, members in saved.items():
        for wanted, found in zip(members, loaded[group], strict=True):
            np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))
            assert found.dtype == wanted.dtype


def test_one_group_loads_alone(tmp_path):
    groups = {"model": _variables(1), "optimizer": _variables(3)}
    runs.save_variables(tmp_path / "x.npz", groups)
    loaded = _variables(0)
    runs.load_variables(tmp_path / "x.npz", {"model": loaded})
    np.testing.assert_array_equal(np.asarray(loaded[0]), np.asarray(groups["model"][0]))


def test_file_of_another_model_is_an_error(tmp_path):
    runs.save_variables(tmp_path / "x.npz", {"model": _variables(1)})
    with pytest.raises(ValueError, match=r"must hold 11 `model` variables\. Got 12"):
        runs.load_variables(tmp_path / "x.npz", {"model": _variables(1)[1:]})
    with pytest.raises(ValueError, match=r"must hold 1 `optimizer` variables\. Got 0"):
        runs.load_variables(tmp_path / "x.npz", {"optimizer": _variables(1)[:1]})
    other = [keras.Variable(np.zeros((3, 2), "float32"), name="kernel"), *_variables(1)[1:]]
    with pytest.raises(ValueError, match=r"`kernel` must have shape \(3, 2\). Got \(2, 3\)"):
        runs.load_variables(tmp_path / "x.npz", {"model": other})


def test_variables_load_by_name_out_of_a_file_that_holds_others_too(tmp_path):
    saved = [keras.Variable(np.full(2, i, "float32"), name=f"weight_{i}") for i in range(12)]
    runs.save_variables(tmp_path / "x.npz", {"model": saved, "optimizer": _variables(3)})
    loaded = [keras.Variable(np.zeros(2, "float32"), name=f"weight_{i}") for i in (11, 3)]
    runs.load_named(tmp_path / "x.npz", {"model": loaded})
    assert [float(variable[0]) for variable in loaded] == [11, 3]


def test_variable_that_is_not_in_the_file_is_named(tmp_path):
    kernel = keras.Variable(np.zeros((2, 3), "float32"), name="kernel")
    runs.save_variables(tmp_path / "x.npz", {"model": [kernel]})
    with pytest.raises(ValueError, match=r"x\.npz must hold `gone`\. It does not\."):
        runs.load_named(tmp_path / "x.npz", {"model": [keras.Variable(0.0, name="gone")]})
    other = [keras.Variable(np.zeros((3, 2), "float32"), name="kernel")]
    with pytest.raises(ValueError, match=r"`kernel` must have shape \(3, 2\). Got \(2, 3\)"):
        runs.load_named(tmp_path / "x.npz", {"model": other})


class Hostile:
    """Makes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_pickle_in_a_checkpoint_does_not_run(tmp_path):
    evidence = tmp_path / "it ran"
    hostile = np.array([Hostile(evidence)], dtype=object)
    np.savez(tmp_path / "x.npz", **{"model/0000/kernel": hostile})
    with pytest.raises(ValueError, match="allow_pickle=False"):
        runs.load_variables(tmp_path / "x.npz", {"model": _variables(1)[:1]})
    assert not evidence.exists()
