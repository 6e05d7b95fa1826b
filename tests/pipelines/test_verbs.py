"""The verbs over a fifth pipeline, tests/brackets: small, complete, known to the tests alone."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pipelines import exporting, verbs
from pipelines.contract import Evaluation
from pipelines.flags import EvaluateFlags, ExportFlags, PredictFlags
from tests.brackets.flags import Train
from tests.brackets.pipeline import PIPELINE, trainer
from tests.pipelines import verb_checks

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return verb_checks.train(PIPELINE, tmp_path_factory.mktemp("brackets"))


def answer(model):
    """An exported model's answers to fixed lines."""
    answers = model.signatures["serving_default"](text=["(())", "())(", ""])
    return {name: value.numpy() for name, value in answers.items()}


def test_it_learned(run):
    assert json.loads((run / "metrics.json").read_text())["metrics"]["accuracy"] > 0.9


def test_train_leaves_all_that_made_the_run(run):
    verb_checks.check_run_folder(PIPELINE, run)


def test_inspect_says_what_train_kept(run, capsys):
    verb_checks.check_inspect(PIPELINE, run, capsys)


def test_evaluate_gives_the_metrics_of_train(run):
    verb_checks.check_evaluate(PIPELINE, run)


def test_export_answers_the_same(run):
    verb_checks.check_export(PIPELINE, run, answer)


def test_killed_training_ends_as_an_unbroken_one(run, tmp_path):
    verb_checks.check_killed(PIPELINE, "tests.brackets", run, tmp_path)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--units=0", "`units` must be at least 1. Got 0."),
        ("--dropout=1", "`dropout` must be at least 0 and below 1. Got 1.0."),
        ("--learning-rate=nan", "`learning_rate` must be above 0. Got nan."),
        ("--limit=0", "`limit` must be at least 1. Got 0."),
        ("--dataset=file", "`data_dir` must be a folder with train.tsv. Got None."),
        ("--callback=os:path", "`callback` must be module:Class"),
    ],
)
def test_bad_flags_are_errors_before_anything_is_trained(tmp_path, capsys, flag, message):
    verb_checks.check_bad_flag(PIPELINE, tmp_path, capsys, flag, message)


def test_every_record_counts_once(tmp_path):
    made = trainer(Train(cache_dir=tmp_path, limit=333), tmp_path / "run")
    for epoch in range(2):
        verb_checks.check_every_record_counts_once(made, 333, epoch)


def test_file_that_is_sorted_by_label_trains_as_well(tmp_path):
    """The order is a permutation of all records, whatever order the file has."""
    from tests.brackets.loader import load

    for split in ("train", "dev", "test"):
        records = list(load("demo", split).as_numpy_iterator())
        records.sort(key=lambda record: record["label"])
        lines = [f"{record['text'].decode()}\t{record['label']}" for record in records]
        (tmp_path / f"{split}.tsv").write_text("\n".join(lines) + "\n")
    run = verb_checks.train(PIPELINE, tmp_path, "--dataset=file", f"--data-dir={tmp_path}")
    assert json.loads((run / "metrics.json").read_text())["metrics"]["accuracy"] > 0.9


def test_the_pipeline_is_short():
    """Beside model, loader and tests; the shared code knows nothing of it."""
    own = [
        p for p in (ROOT / "tests" / "brackets").glob("*.py") if p.stem not in ("loader", "model")
    ]
    assert sum(len(path.read_text().splitlines()) for path in own) <= 250
    for path in (ROOT / "pipelines").rglob("*.py"):
        assert "tests.brackets" not in path.read_text()


class Killed(BaseException):
    """In the place of a SIGKILL."""


@pytest.mark.parametrize("moment", ["_measure", "machine"])
def test_train_killed_after_its_export_leaves_one_version(tmp_path, monkeypatch, moment):
    def die(*args):
        raise Killed

    flags = Train(runs_dir=tmp_path, cache_dir=tmp_path / "cache", limit=40)
    with monkeypatch.context() as patch:
        patch.setattr(verbs, moment, die)
        with pytest.raises(Killed):
            verbs.train(PIPELINE, flags)
    folder = tmp_path / "brackets" / "demo" / "saved_model"
    assert exporting.latest_version(folder) == 1
    assert not (folder.parent / "metrics.json").exists()
    verbs.train(PIPELINE, flags)
    assert sorted(path.name for path in folder.iterdir()) == ["1", "README.md"]
    assert (folder.parent / "metrics.json").exists()


def _measured(run):
    return str(json.loads((run / "metrics.json").read_text())["metrics"])


@dataclass(frozen=True)
class OtherLength(ExportFlags):
    """Exports with another length."""

    max_length: int | None = None
    """Of the export."""


def test_export_says_only_what_was_measured(run, tmp_path):
    pipeline = replace(PIPELINE, export_flags=OtherLength)
    flags = {"runs_dir": run.parent.parent, "saved_models": tmp_path}
    verbs.export(pipeline, OtherLength(**flags))
    card = tmp_path / "brackets" / "README.md"
    assert _measured(run) in card.read_text()
    verbs.export(pipeline, OtherLength(**flags, max_length=4))
    assert "Measured: nothing" in card.read_text()  # the run measured another model
    kept = json.loads((tmp_path / "brackets" / "2" / exporting.RUN).read_text())
    assert kept["flags"]["max_length"] == 4
    assert not {"data_dir", "runs_dir", "cache_dir"} & set(kept["flags"])


def test_evaluate_writes_the_card_where_asked(run, tmp_path):
    card = run / "saved_model" / "README.md"
    before = card.read_text()
    verbs.evaluate(PIPELINE, EvaluateFlags(model=run / "saved_model", limit=5))
    assert card.read_text() == before
    alone = replace(PIPELINE, evaluate=lambda model, flags: Evaluation({"limit": flags.limit}))
    verbs.evaluate(alone, EvaluateFlags(model=run / "saved_model", limit=5, update_card=True))
    assert "'limit': 5" in card.read_text()
    card.write_text(before)


def test_predict_keeps_the_order(run, capsys):
    capsys.readouterr()
    verbs.predict(PIPELINE, PredictFlags(("(())", "((", "()"), model=run / "saved_model"))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[1] for line in lines] == ["(())", "((", "()"]


def test_task_with_several_shipped_models_names_their_folders(run, tmp_path):
    several = replace(PIPELINE, folder=lambda flags: f"of_{type(flags).__name__.lower()}")
    verbs.export(several, ExportFlags(runs_dir=run.parent.parent, saved_models=tmp_path))
    assert (tmp_path / "of_train" / "1" / "saved_model.pb").exists()
    path = verbs.default_model(several, PredictFlags(("1",)))
    assert path.parts[-2:] == ("saved_models", "of_predictflags")
    assert verbs.default_model(PIPELINE, None).name == "brackets"


def test_flags_come_back_from_json():
    flags = Train(data_dir=Path("/data"), units=3, callback=("a:B",))
    values = {**vars(flags), "data_dir": "/data", "callback": ["a:B"]}
    values |= {"runs_dir": "runs", "cache_dir": "cache"}
    assert verbs.from_json(PIPELINE, values) == flags
    assert verbs.from_json(PIPELINE, {"units": 3}) == Train(units=3)


def test_flags_that_went_are_passed_over_where_they_did_nothing():
    former = replace(PIPELINE, former_flags={"wings": 0})
    assert verbs.from_json(former, {"units": 3, "wings": 0}) == Train(units=3)
    for pipeline, version in ((PIPELINE, "the version that"), (former, "version 0.1, which has")):
        with pytest.raises(ValueError, match=f"Got wings, which it does not know: use {version}"):
            verbs.from_json(pipeline, {"units": 3, "wings": 2})
