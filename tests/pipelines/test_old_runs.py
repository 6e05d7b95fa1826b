"""Two runs of version 0.1 are refused with what to do; models that it exported work on."""

import json
import shutil
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.charlm.pipeline import PIPELINE as CHARLM
from pipelines.sentiment.pipeline import PIPELINE

FIXTURES = Path(__file__).parents[1] / "fixtures" / "run_0_1"
SHIPPED = Path(__file__).parents[2] / "saved_models" / "charlm_shakespeare"  # by version 0.1
SIZES = ["--limit=40", "--units=4", "--embedding-units=4", "--vocabulary-size=50"]
TRAINED = {
    "demo": [*SIZES, "--epochs=1"],
    "unfinished": [*SIZES, "--epochs=2", "--run=unfinished"],
}


@pytest.fixture
def runs_dir(tmp_path):
    """A copy, as a training writes into its folder."""
    shutil.copytree(FIXTURES, tmp_path / "runs")
    return tmp_path / "runs"


def files_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_refused(runs_dir, capsys, arguments):
    before = files_of(runs_dir)
    assert cli.main(PIPELINE, [*arguments, f"--runs-dir={runs_dir}"]) == 2
    message = capsys.readouterr().err
    assert "Got one of version 0.1, which version 0.1 of this project resumes" in message
    for advice in ("exported models work with this one", "another name with `--run`", "delete"):
        assert advice in message
    after = files_of(runs_dir)
    assert {path: after[path] for path in before} == before
    assert {path.name for path in set(after) - set(before)} <= {".lock"}


@pytest.mark.parametrize("run", TRAINED)
def test_train_does_not_go_on_with_an_old_run(runs_dir, tmp_path, capsys, run):
    cache = f"--cache-dir={tmp_path / 'cache'}"
    check_refused(runs_dir, capsys, ["train", *TRAINED[run], cache])
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("run", TRAINED)
def test_export_does_not_take_an_old_run(runs_dir, tmp_path, capsys, run):
    target = f"--saved-models={tmp_path / 'saved_models'}"
    check_refused(runs_dir, capsys, ["export", f"--run={run}", target])
    assert not (tmp_path / "saved_models").exists()


def test_a_model_that_version_0_1_exported_is_measured_and_answers(tmp_path, capsys):
    (tmp_path / "text.txt").write_text("To be, or not to be: that is the question.\n" * 100)
    output = tmp_path / "metrics.json"
    data = ["--dataset=file", f"--data-dir={tmp_path / 'text.txt'}"]
    flags = [*data, f"--model={SHIPPED}", f"--output={output}"]
    assert cli.main(CHARLM, ["evaluate", *flags]) == 0
    metrics = json.loads(output.read_text())["metrics"]
    assert set(metrics) == {"bits_per_char", "nats_per_char", "accuracy", "characters"}
    assert metrics["characters"] > 0
    capsys.readouterr()
    flags = ["--length=9", "--temperature=0", f"--model={SHIPPED}"]
    assert cli.main(CHARLM, ["predict", "ROMEO:", *flags]) == 0
    assert capsys.readouterr().out.startswith("ROMEO:")
