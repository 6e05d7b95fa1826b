"""What a run is, through the verbs: its place is no part of it, all that it was made of is."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines import runs, verbs
from pipelines.flags import ExportFlags, PredictFlags
from tests.faults import small_pipeline
from tests.faults.small_pipeline import PIPELINE, Train

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return small_pipeline.train(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def run(finished, tmp_path):
    """A copy of a finished run, for a test to alter."""
    folder = tmp_path / "runs" / "small" / "demo"
    shutil.copytree(finished, folder)
    return folder


def go_on(run, **flags):
    """Trains a run that lacks its end only."""
    (run / "metrics.json").unlink(missing_ok=True)
    verbs.train(PIPELINE, replace(Train(runs_dir=run.parents[1]), **flags))


OTHERS = str.maketrans("4ä", "5a")  # epochs; a letter of the vocabulary


def export(run, folder):
    verbs.export(PIPELINE, ExportFlags(runs_dir=run.parents[1], saved_models=folder))


def test_a_run_that_was_moved_goes_on(finished, run, tmp_path, monkeypatch):
    state = (run / "state.json").read_text()
    go_on(run, cache_dir=tmp_path / "another cache")
    np.testing.assert_equal(small_pipeline.outcome(run), small_pipeline.outcome(finished))
    monkeypatch.chdir(tmp_path)
    for spelling in ("runs", "./runs", "runs/../runs/", f"../{tmp_path.name}/runs"):
        go_on(run, runs_dir=Path(spelling), cache_dir=Path(spelling))
    assert (run / "state.json").read_text() == state
    export(run, tmp_path / "models")
    assert (tmp_path / "models" / "small" / "1").is_dir()


@pytest.mark.parametrize("damage", ["exchanged", "missing", "cut off"])
@pytest.mark.parametrize("name", ["config.json", "kept/vocabulary.json"])
def test_export_refuses_a_run_of_which_a_part_is_another(run, tmp_path, name, damage):
    path = run / name
    if damage == "missing":
        path.unlink()
    else:
        text = path.read_text()
        path.write_text(text[:-3] if damage == "cut off" else text.translate(OTHERS))
    with pytest.raises((ValueError, OSError), match=str(path)):
        export(run, tmp_path / "models")
    assert not list(tmp_path.glob("models/small/*"))


def test_other_flags_without_the_file_of_the_first_are_refused(run):
    (run / "config.json").unlink()
    for flags in ({"epochs": 9}, {}):
        with pytest.raises(ValueError, match=f"{run} must have the config.json"):
            go_on(run, **flags)
    assert not (run / "config.json").exists()


def test_flags_exchanged_in_the_file_are_refused(run):
    config = runs.read_json(run / "config.json")
    runs.write_json(run / "config.json", {**config, "epochs": 9})
    with pytest.raises(ValueError, match=f"{run / 'config.json'} must be what the run was begun"):
        go_on(run, epochs=9)


# Names that are not UTF-8.


@pytest.mark.parametrize(
    ("verb", "flags", "name"),
    [
        (verbs.train, Train(runs_dir=Path("r\udcff")), "runs_dir"),
        (verbs.train, Train(cache_dir=Path("r\udcff")), "cache_dir"),
        (verbs.export, ExportFlags(runs_dir=Path("r\udcff")), "runs_dir"),
        (verbs.predict, PredictFlags(model=Path("r\udcff")), "model"),
    ],
)
def test_a_name_that_is_not_utf8_is_named(verb, flags, name):
    with pytest.raises(ValueError, match=rf"`{name}` must be UTF-8. Got 'r\\udcff'.") as caught:
        verb(PIPELINE, flags)
    assert str(caught.value).isascii()  # so that any terminal can show it


def test_a_command_line_that_is_not_utf8_is_an_error_that_names_the_flag(tmp_path):
    command = [sys.executable, "-m", "pipelines.sentiment", "train", "--runs-dir", b"runs\xff"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert process.returncode == 2
    assert "error: `runs_dir` must be UTF-8. Got 'runs\\udcff'." in process.stderr
    assert not list(tmp_path.iterdir())


# A kept file of arrays.


def test_every_byte_of_a_kept_file_of_arrays(tmp_path):
    """A flipped bit has no effect, or is an error that names the file."""
    arrays = {"words": np.arange(40, dtype=np.uint16), "labels": np.array([1, 0])}
    runs.keep(tmp_path, "dev", arrays)
    path = tmp_path / "kept" / "dev.npz"
    raw = path.read_bytes()
    refused = 0
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        try:
            runs.keep(tmp_path, "dev", arrays)
        except ValueError as error:
            refused += 1
            assert str(tmp_path) in str(error)  # noqa: PT017
    assert refused > len(raw) / 2
