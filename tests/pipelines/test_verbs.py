"""The verbs over the smallest pipeline there is: it learns one number and serves it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from pipelines import exporting, training, verbs


@dataclass(frozen=True)
class Train(verbs.TrainFlags):
    """Learns a number."""

    target: float = 2.0
    """The number."""


@dataclass(frozen=True)
class ExportFlags(verbs.ExportFlags):
    """Exports it, scaled."""

    target: float | None = None
    """Another target's name on the same weights."""


def _model():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile("sgd", "mse", run_eagerly=True)
    return model


def prepare(flags, run):
    model = _model()
    weight = model.trainable_variables[0]

    def train_epoch(epoch):
        weight.assign([[flags.target * (epoch + 1) / 2]])
        return {"loss": abs(flags.target - float(weight.value[0, 0]))}

    def validate():
        return {"nearness": -abs(flags.target - float(weight.value[0, 0]))}

    begin: Callable = lambda epoch: model.optimizer.build(model.trainable_variables)  # noqa: E731
    return training.Task(model, 3, begin, train_epoch, validate, "nearness")


def export(flags, run):
    model = _model()
    training.load_best(model, run)
    module = tf.Module()
    module.number = tf.Variable(model.trainable_variables[0].value)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def answer(x):
        return {"y": x * module.number[0, 0]}

    return verbs.Export(
        module, {"serving_default": answer}, [("serving_default", {"x": [1.0, 2.0]})]
    )


def evaluate(model, flags):
    found = float(model.signatures["serving_default"](x=tf.constant([1.0]))["y"][0])
    return verbs.Evaluation({"number": found, "limit": float(flags.limit or 0)})


def predict(model, flags):
    for text in flags.inputs:
        yield f"{text}\t{float(model.signatures['serving_default'](x=[float(text)])['y'][0]):.1f}"


def report(run, flags, history, evaluation):
    (run / "report.html").write_text(f"<p>{evaluation.metrics['number']}")


PIPELINE = verbs.Pipeline(
    name="number",
    summary="Learns a number.",
    train_flags=Train,
    train_presets={"demo": Train()},
    prepare=prepare,
    export=export,
    evaluate=evaluate,
    predict=predict,
    report=report,
    card=lambda flags, measured: f"target {flags.target}, metrics {measured.get('metrics')}\n",
    export_flags=ExportFlags,
)


@pytest.fixture
def run(tmp_path):
    verbs.train(PIPELINE, Train(runs_dir=tmp_path / "runs"))
    return tmp_path / "runs" / "number" / "demo"


def test_train_leaves_the_best_weights_and_what_they_measure(run, capsys):
    found = json.loads((run / "metrics.json").read_text())
    assert found["metrics"] == {"number": 2.0, "limit": 0.0}  # of 1, 2 and 3
    assert (run / "saved_model" / "README.md").read_text() == (
        "target 2.0, metrics {'number': 2.0, 'limit': 0.0}\n"
    )
    assert (run / "report.html").read_text() == "<p>2.0"


class Killed(BaseException):
    """In the place of a SIGKILL."""


@pytest.mark.parametrize("moment", ["_measure", "machine"])
def test_train_killed_after_its_export_leaves_one_version(tmp_path, monkeypatch, moment):
    def die(*args):
        raise Killed

    flags = Train(runs_dir=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(verbs, moment, die)
        with pytest.raises(Killed):
            verbs.train(PIPELINE, flags)
    folder = tmp_path / "number" / "demo" / "saved_model"
    assert exporting.latest_version(folder) == 1
    assert not (folder.parent / "metrics.json").exists()
    verbs.train(PIPELINE, flags)
    assert sorted(path.name for path in folder.iterdir()) == ["1", "README.md"]
    assert (folder.parent / "metrics.json").exists()


def test_export_numbers_versions_and_says_only_what_was_measured(run, tmp_path, capsys):
    folder = tmp_path / "served"
    flags = {"runs_dir": tmp_path / "runs", "saved_models": folder}
    verbs.export(PIPELINE, ExportFlags(**flags))
    card = folder / "number" / "README.md"
    assert "'number': 2.0" in card.read_text()
    verbs.export(PIPELINE, ExportFlags(**flags, target=7.0))
    assert card.read_text() == "target 7.0, metrics None\n"  # the run measured another model
    assert exporting.latest_version(folder / "number") == 2
    kept = json.loads((folder / "number" / "2" / exporting.RUN).read_text())
    assert kept["flags"]["target"] == 7.0
    assert not {"data_dir", "runs_dir", "cache_dir"} & set(kept["flags"])


def test_evaluate_writes_metrics_and_card_where_asked(run, tmp_path, capsys):
    model, output = run / "saved_model", tmp_path / "found.json"
    before = (model / "README.md").read_text()
    verbs.evaluate(PIPELINE, verbs.EvaluateFlags(model=model, limit=5, output=output))
    assert json.loads(output.read_text())["metrics"] == {"number": 2.0, "limit": 5.0}
    assert (model / "README.md").read_text() == before
    verbs.evaluate(PIPELINE, verbs.EvaluateFlags(model=model, limit=5, update_card=True))
    assert "'limit': 5.0" in (model / "README.md").read_text()


def test_predict_keeps_the_order(run, capsys):
    capsys.readouterr()
    flags = verbs.PredictFlags(("3", "-1", "0.5"), model=run / "saved_model")
    verbs.predict(PIPELINE, flags)
    assert capsys.readouterr().out.splitlines() == ["3\t6.0", "-1\t-2.0", "0.5\t1.0"]


def test_task_with_several_shipped_models_names_their_folders(run, tmp_path, monkeypatch, capsys):
    several = verbs.Pipeline(
        **{**vars(PIPELINE), "folder": lambda flags: f"number_{type(flags).__name__.lower()}"}
    )
    flags = ExportFlags(runs_dir=tmp_path / "runs", saved_models=tmp_path)
    verbs.export(several, flags)
    assert (tmp_path / "number_train" / "1" / "saved_model.pb").exists()
    path = verbs.default_model(several, verbs.PredictFlags(("1",)))
    assert path.parts[-2:] == ("saved_models", "number_predictflags")
    assert verbs.default_model(PIPELINE, None).name == "number"


def test_flags_come_back_from_json_and_unknown_ones_are_named():
    flags = Train(data_dir=Path("/data"), target=3.0)
    values = {**vars(flags), "data_dir": "/data", "runs_dir": "runs", "cache_dir": "cache"}
    assert verbs.from_json(Train, values) == flags
    assert verbs.from_json(Train, {"target": 3.0}) == Train(target=3.0)
    with pytest.raises(ValueError, match="Got wings, which it does not know"):
        verbs.from_json(Train, {**values, "wings": 2})
