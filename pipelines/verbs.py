"""The verbs: free functions over any Pipeline. Here is what is true of every task, only that."""

import contextlib
import dataclasses
import json
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras

from pipelines import distribution, exporting, inspection, onnx_export, report, runs, training
from pipelines.contract import Evaluation, Pipeline
from pipelines.flags import EvaluateFlags, ExportFlags, PredictFlags, TrainFlags, check_bounds
from pipelines.loading import Model
from pipelines.machine import machine, peak_memory
from pipelines.precision import policy_of
from pipelines.server import launch
from pipelines.whole_files import answer_file

PATHS = ("data_dir", "runs_dir", "cache_dir")  # flags that say where things lie on one machine
# Flags that a run may go on without: they are no part of what it is.
ANY_TIME = ("strategy", "callback", "runs_dir", "cache_dir")


def inspect(pipeline: Pipeline, flags: TrainFlags) -> None:
    """Prints what the loader understands of a data set; with `output`, as JSON too.

    Raises:
        ValueError: a flag is out of its bounds; the data cannot be used.
    """
    check_bounds(flags)
    description = _describe(pipeline, flags)
    inspection.show(description)
    if flags.output is not None:
        runs.write_json(flags.output, description)


def train(pipeline: Pipeline, flags: TrainFlags) -> None:
    """Data -> model -> fit -> best checkpoint -> export -> evaluate -> report.

    Raises:
        ValueError: a flag is out of its bounds or contradicts another; the data cannot be used, or
            are not those of the run.
    """
    check_bounds(flags)
    pipeline.check(flags)
    run = runs.folder_of(pipeline.name, flags)
    distribution.start(flags.strategy)
    with runs.only_writer(run) if distribution.is_chief() else contextlib.nullcontext():
        if distribution.is_chief():
            runs.open_run(run, flags, ANY_TIME)
        if (run / "metrics.json").exists():
            pipeline.trainer(flags, run)  # which refuses other data than the run's
            print(f"{run} is complete; `--run NAME` begins another.\n")
            print(json.dumps(runs.read_json(run / "metrics.json"), indent=2))
            return
        started = time.monotonic()
        description = _describe(pipeline, flags)
        if distribution.is_chief():
            inspection.show(description)
            runs.write_json(run / "description.json", description)
        keras.config.set_dtype_policy(policy_of(flags, run))
        keras.utils.set_random_seed(flags.seed)
        progress = training.fit(pipeline.trainer(flags, run), run, flags.callback)
        if keras.backend.backend() != "tensorflow":
            print(
                "Trained. Only TensorFlow exports: the same command without KERAS_BACKEND and "
                f"--strategy goes on from here to the metrics and the report. Run: {run}",
                flush=True,
            )
            return
        model_dir, metrics = _finish(pipeline, flags, run, progress)
    _print_table(metrics)
    print(f"\n{time.monotonic() - started:.0f} s in all. Model: {model_dir}")
    print(f"Report: {run / 'report.html'}", flush=True)


def _finish(
    pipeline: Pipeline, flags: TrainFlags, run: Path, progress: training.Progress
) -> tuple[Path, Mapping[str, float]]:
    """Export, metrics, report and card of a run that is trained; metrics.json ends it."""
    keras.config.set_dtype_policy("float32")  # exports compute in float32
    print("Exporting ...", flush=True)
    train_seconds = sum(progress.history.get("seconds", []))
    # A process that was killed after its export left one: the run is not complete without
    # metrics.json, so nobody uses it yet.
    shutil.rmtree(run / "saved_model", ignore_errors=True)
    made = {"train_seconds": train_seconds}
    model_dir = export_run(pipeline, flags, run, run / "saved_model", made)
    evaluation = _measure(pipeline, flags, model_dir)
    metrics = {
        "metrics": dict(evaluation.metrics),
        "dataset": flags.dataset,
        "train_seconds": train_seconds,
        "peak_memory": peak_memory(),
        "machine": machine(),
    }
    _write_report(pipeline, flags, run, progress, evaluation)
    card = pipeline.card(flags, metrics)
    runs.write_atomically(model_dir.parent / "README.md", lambda f: f.write(card.encode()))
    runs.write_json(run / "metrics.json", metrics)  # last: now the run is complete
    return model_dir, evaluation.metrics


def evaluate(pipeline: Pipeline, flags: EvaluateFlags) -> None:
    """Loads a SavedModel and measures its answers."""
    check_bounds(flags)
    model, folder = exporting.load_saved_model(flags.model or default_model(pipeline, flags))
    evaluation = pipeline.evaluate(model, complete(flags, folder))
    _print_table(evaluation.metrics)
    if flags.output is not None:
        runs.write_json(flags.output, {"metrics": evaluation.metrics, "machine": machine()})
    if flags.update_card:
        made = runs.read_json(folder / exporting.RUN)
        measured = {**made, "metrics": evaluation.metrics, "machine": machine()}
        card = pipeline.card(from_json(pipeline, made["flags"]), measured)
        runs.write_atomically(folder.parent / "README.md", lambda f: f.write(card.encode()))


def predict(pipeline: Pipeline, flags: PredictFlags) -> None:
    """Prints one answer a line, in the order of the inputs; of a whole file, writes them."""
    check_bounds(flags)
    for_files = {name: getattr(flags, name) for name in ("input", "output", "column", "encoding")}
    given = {name for name, value in for_files.items() if value is not None}
    if given and not given >= {"input", "output"}:
        raise ValueError(f"`input` and `output` must be given together. Got {', '.join(given)}.")
    model, folder = exporting.load_saved_model(flags.model or default_model(pipeline, flags))
    if given:
        _predict_file(pipeline, Model(model, folder), flags)
        return
    for line in pipeline.predict(model, flags):
        print(line, flush=True)


def _predict_file(pipeline: Pipeline, model: Model, flags: PredictFlags) -> None:
    """Answers a whole file; flags of the task that have an input's name are that input."""
    inputs = {*model.inputs} - {*model.rows}
    named = {name: value for name, value in vars(flags).items() if name in inputs}
    _check_used(pipeline, flags, named)
    answer_file(
        model,
        flags.input,
        flags.output,
        flags.column,
        encoding=flags.encoding,
        batch_size=flags.batch_size,
        **named,
    )


def _check_used(pipeline: Pipeline, flags: PredictFlags, named: Mapping[str, Any]) -> None:
    """That no flag is given which has no part in answers for a whole file.

    Raises:
        ValueError: a flag of the task's own is, that is no input and does not pick the model.
    """
    shared = {field.name for field in dataclasses.fields(PredictFlags)} - {"inputs"}
    for field in dataclasses.fields(flags):
        default = () if field.name == "inputs" else field.default
        if field.name in {*shared, *named} or getattr(flags, field.name) == default:
            continue
        without = dataclasses.replace(flags, **{field.name: default})
        if pipeline.model_folder(without) == pipeline.model_folder(flags):
            raise ValueError(
                f"`{field.name}` must be left out with `--input`, where it does nothing. "
                f"Got {getattr(flags, field.name)!r}."
            )


def export(pipeline: Pipeline, flags: ExportFlags) -> None:
    """Copies a complete run's best weights into a new version for serving; or writes them as ONNX.

    Raises:
        ValueError: the run is not there, not complete, of another version or altered.
    """
    check_bounds(flags)
    if flags.format == "onnx":
        print(f"Exported to {_export_onnx(pipeline, flags)}")
        return
    _check_left_out(flags, ("int8", "model", "output"), "without `--format onnx`")
    run = _complete_run(pipeline, flags)
    made_with = from_json(pipeline, runs.read_json(run / "config.json"))
    changes = {
        name: value
        for name, value in vars(flags).items()
        if hasattr(made_with, name) and name not in ("run", "runs_dir") and value is not None
    }
    train_flags = dataclasses.replace(made_with, **changes)
    folder = flags.saved_models / pipeline.model_folder(train_flags)
    measured = runs.read_json(run / "metrics.json")
    if changes:  # the run's metrics hold for the model that the run exported, not for this one
        measured = {"train_seconds": measured["train_seconds"]}
    print(f"Exported to {export_run(pipeline, train_flags, run, folder, measured)}")


def _complete_run(pipeline: Pipeline, flags: ExportFlags) -> Path:
    run = flags.runs_dir / pipeline.name / flags.run
    runs.check_version(run)
    if not (run / "metrics.json").exists():
        raise ValueError(f"`--run` must name a complete run. Got {run}: train it to its end first.")
    return run


def _export_onnx(pipeline: Pipeline, flags: ExportFlags) -> Path:
    """Writes the numeric part of a SavedModel, a run's own or another.

    Raises:
        ValueError: the task has no numeric part; a flag does nothing here; the model or the run is
            not there, or is of another version.
    """
    if isinstance(pipeline.numeric, str):
        raise ValueError(
            f"`--format` must be saved_model for {pipeline.name}: {pipeline.numeric}. Got onnx."
        )
    onnx_export.check_packages()
    own = {field.name for field in dataclasses.fields(ExportFlags)}
    others = [field.name for field in dataclasses.fields(flags) if field.name not in own]
    _check_left_out(flags, ("saved_models", *others), "with `--format onnx`")
    if flags.model is not None:
        _check_left_out(flags, ("run", "runs_dir"), "with `--model`")
    source = flags.model or _complete_run(pipeline, flags) / "saved_model"
    model, folder = exporting.load_saved_model(source)
    made = runs.read_json(folder / exporting.RUN)
    if made["task"] != pipeline.name:
        raise ValueError(f"`--model` must be of {pipeline.name}. Got {source}, of {made['task']}.")
    train_flags = from_json(pipeline, made["flags"])
    name = pipeline.model_folder(train_flags) + ("_int8" if flags.int8 else "")
    numeric = pipeline.numeric(model, train_flags)
    output = flags.output or Path("onnx_models") / name
    return onnx_export.write_onnx(numeric, pipeline.name, folder, output, flags.int8)


def _check_left_out(flags: Any, names: Iterable[str], where: str) -> None:
    defaults = {field.name: field.default for field in dataclasses.fields(flags)}
    for name in names:
        if getattr(flags, name) != defaults[name]:
            raise ValueError(
                f"`{name}` must be left out {where}, where it does nothing. "
                f"Got {getattr(flags, name)}."
            )


def serve(pipeline: Pipeline, flags: launch.ServeFlags) -> None:
    """Answers requests for exported models, of all tasks, until it is stopped."""
    launch.serve(flags)


# Parts.


def _describe(pipeline: Pipeline, flags: TrainFlags) -> Mapping[str, Any]:
    """What the loader understands of the splits that `train` reads."""
    splits = dict.fromkeys(("train", "dev", pipeline.test_split(flags)))
    return pipeline.describe(flags, tuple(splits))


def export_run(
    pipeline: Pipeline, flags: TrainFlags, run: Path, folder: Path, measured: Mapping[str, Any]
) -> Path:
    """Writes the run's best weights as the next version under `folder`."""
    exported = pipeline.export(flags, run)
    return exporting.write_saved_model(
        exported.module,
        exported.signatures,
        folder,
        card=pipeline.card(flags, measured),
        warmup=exported.warmup,
        extra={
            "task": pipeline.name,
            "flags": {
                name: v for name, v in runs.flags_to_json(flags).items() if name not in PATHS
            },
            "train_seconds": measured["train_seconds"],
        },
    )


def _measure(pipeline: Pipeline, flags: TrainFlags, model_dir: Path) -> Evaluation:
    model, _ = exporting.load_saved_model(model_dir)
    shared = pipeline.evaluate_flags(
        dataset=flags.dataset,
        data_dir=flags.data_dir,
        split=pipeline.test_split(flags),
        limit=flags.limit,
    )
    return pipeline.evaluate(model, shared)


def _write_report(
    pipeline: Pipeline,
    flags: TrainFlags,
    run: Path,
    progress: training.Progress,
    evaluation: Evaluation,
) -> None:
    """Metrics and curves, the task's own sections, and what made the run."""
    curves = report.figure(report.curves_figure(progress.history), "curves by epoch")
    sections = [
        report.Section("Metrics", [report.metrics_table({"measured split": evaluation.metrics})]),
        report.Section("Curves", [curves]),
        *pipeline.report(flags, evaluation),
        report.Section("Configuration", [report.fields_table(runs.flags_to_json(flags))]),
    ]
    title = f"{pipeline.name.replace('_', ' ').capitalize()}: {flags.dataset}"
    report.write_report(run / "report.html", title, sections)


def _print_table(metrics: Mapping[str, float]) -> None:
    print()
    for name, value in metrics.items():
        print(f"  {name:<24}{value:>12.4f}")


def default_model(pipeline: Pipeline, flags: Any) -> Path:
    """The shipped model's folder, beside the code."""
    return Path(__file__).parent.parent / "saved_models" / pipeline.model_folder(flags)


def complete(flags: EvaluateFlags, folder: Path) -> EvaluateFlags:
    """Fills in the data set that the model was trained on where none is named."""
    if flags.dataset is not None:
        return flags
    made_from = runs.read_json(folder / exporting.RUN)
    return type(flags)(**{**vars(flags), "dataset": made_from["flags"]["dataset"]})


def from_json(pipeline: Pipeline, values: Mapping[str, Any]) -> TrainFlags:
    """Training flags from config.json or run.json.

    A flag younger than the file has its default; one that there is no more is passed over where it
    stood at the value at which it did nothing.

    Raises:
        ValueError: the file holds a flag that there is no more, and that did something; names it.
    """
    flag_type = pipeline.train_flags
    values = dict(values)
    if "mixed_precision" in values:  # of 0.1
        values["precision"] = "mixed" if values.pop("mixed_precision") else "float32"
    names = {field.name for field in dataclasses.fields(flag_type)}
    former = {name for name, off in pipeline.former_flags.items() if values.get(name) == off}
    unknown = sorted(set(values) - names - former)
    if unknown:
        known = set(unknown) <= set(pipeline.former_flags)
        version = (
            "version 0.1, which has them" if known else "the version that the run was made with"
        )
        raise ValueError(
            f"The flags of a run must be those of this version. Got {', '.join(unknown)}, which it "
            f"does not know: use {version}, or train anew."
        )
    return flag_type(
        **{name: _from_json(name, value) for name, value in values.items() if name in names}
    )


def _from_json(name: str, value: Any) -> Any:
    if name in PATHS and value is not None:
        return Path(value)
    return tuple(value) if isinstance(value, list) else value
