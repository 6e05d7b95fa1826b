"""A disk that is full: a clear message, nothing finished is lost, and room is all that it takes."""

import contextlib
import errno
import os
import subprocess

import numpy as np
import pytest

from pipelines import exporting, runs, store, training
from tests.faults import small_pipeline
from tests.pipelines.tiny_training import TinyTraining

ROOMS = (8, 32, 52)  # kB in which a run of some 90 does not fit


@contextlib.contextmanager
def mounted(folder, kilobytes):
    """A file system of that size in memory; skips the test where none may be mounted."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def give_room(folder):
    subprocess.run(["mount", "-o", "remount,size=8m", str(folder)], check=True)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return small_pipeline.outcome(small_pipeline.train(tmp_path_factory.mktemp("unbroken")))


def test_training_on_a_full_disk_goes_on_when_there_is_room(tmp_path, unbroken):
    reached = set()
    for kilobytes in ROOMS:
        disk = tmp_path / f"disk{kilobytes}"
        with mounted(disk, kilobytes):
            with pytest.raises(OSError, match=r"No space left to write.*make room.*same command"):
                small_pipeline.train(disk)
            run = disk / "small" / "demo"
            assert not (run / "metrics.json").exists()
            if (run / "state.json").exists():
                done = runs.read_json(run / "state.json")["epochs_done"]
                reached.add(done)
            give_room(disk)
            small_pipeline.train(disk)
            np.testing.assert_equal(small_pipeline.outcome(run), unbroken)
    assert len(reached) >= 2  # it was full at different moments


def test_export_to_a_full_disk_leaves_the_versions_that_are_there(tmp_path):
    run = small_pipeline.train(tmp_path / "runs")
    prepared = small_pipeline.export(small_pipeline.Train(), run)

    def export():
        return exporting.write_saved_model(
            prepared.module, prepared.signatures, disk / "models", card="", warmup=prepared.warmup
        )

    disk = tmp_path / "disk"
    with mounted(disk, 100):
        first = export()
        (disk / "ballast").write_bytes(bytes(30_000))
        for _ in range(2):
            with pytest.raises(OSError, match="No space left to write"):
                export()
            assert sorted(path.name for path in (disk / "models").iterdir()) == ["1", "README.md"]
            found, _ = exporting.load_saved_model(first)
            assert np.isfinite(small_pipeline.answers(found)).all()
        (disk / "ballast").unlink()
        assert export() == disk / "models" / "2"


FEATURES = (np.arange(60_000) % 1000).astype(np.float16).reshape(5000, 3, 4)


def cached(folder, count=5000, key=1):
    batches = ({"features": part} for part in np.split(FEATURES[:count], 10))
    return store.cached_store(folder, {"k": key}, batches, count).columns["features"].values


def test_store_on_a_full_disk(tmp_path, monkeypatch):
    disk = tmp_path / "disk"
    with mounted(disk, 140):
        whole = np.array(cached(disk / "cache", count=100))
        (disk / "ballast").write_bytes(bytes(90_000))
        with pytest.raises(runs.DiskFullError, match=r"No space left.*120,000 bytes are needed"):
            cached(disk / "cache", key=2)
        with monkeypatch.context() as patch:  # there was room when it began
            patch.setattr(store, "_check_room", lambda *arguments: None)
            with pytest.raises(runs.DiskFullError, match=r"No space left to write.*make room"):
                cached(disk / "cache", key=2)
        with monkeypatch.context() as patch:  # the first one is not made again
            patch.setattr(store, "write_store", None)
            np.testing.assert_array_equal(cached(disk / "cache", count=100), whole)
        (disk / "ballast").unlink()
        give_room(disk)
        np.testing.assert_array_equal(cached(disk / "cache", key=2), FEATURES)
        names = sorted(path.name for path in (disk / "cache").iterdir())
        assert len(names) == 3
        assert names[0] == ".lock"


def test_every_write_of_a_training_may_fail(tmp_path, monkeypatch):
    """No file system of one's own is needed here: each flush to the disk fails in turn."""

    def train(run):
        tiny = TinyTraining(epochs=2)
        training.fit(tiny, run)
        return [np.asarray(variable) for variable in tiny.model.variables]

    flush, calls = os.fsync, []
    monkeypatch.setattr(os, "fsync", lambda file: (calls.append(file), flush(file)))
    wanted = train(tmp_path / "unbroken")
    assert len(calls) >= 6
    for number in range(len(calls)):
        run, left = tmp_path / f"run{number}", iter(range(len(calls)))

        def full(file, left=left, number=number):
            if next(left) == number:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            flush(file)

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(runs.DiskFullError, match=f"make room.*{run}"):
            train(run)
        assert not list(run.rglob(".*-*"))  # nothing half-written stays
        monkeypatch.setattr(os, "fsync", flush)
        np.testing.assert_equal(train(run), wanted)


def test_other_errors_keep_their_words(tmp_path):
    with (
        pytest.raises(PermissionError, match="not yours"),
        runs.disk_may_fill(tmp_path),
    ):
        raise PermissionError(errno.EACCES, "not yours")
