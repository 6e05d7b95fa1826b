"""The verbs: free functions over any Pipeline. Here is what is true of every task, only that."""

import contextlib
import dataclasses
import json
import resource
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from pipelines import distribution, exporting, runs, training
from pipelines.flags import EvaluateFlags, ExportFlags, PredictFlags, TrainFlags
from pipelines.server import launch

PATHS = ("data_dir", "runs_dir", "cache_dir")  # flags that say where things lie on one machine
ANY_TIME = ("strategy",)  # flags that a run may go on without


@dataclass(frozen=True)
class Export:
    """What a pipeline hands over to be saved: see `exporting.write_saved_model`."""

    module: Any
    signatures: Mapping[str, Callable]
    warmup: list[tuple[str, Mapping[str, object]]]


@dataclass(frozen=True)
class Evaluation:
    """Metrics, and what the report shows beside them (the pipeline's own)."""

    metrics: Mapping[str, float]
    details: Any = None


@dataclass(frozen=True)
class Pipeline:
    """What one task must answer.

    Attributes:
        name: the task, as in `python -m pipelines.<name>`.
        summary: one line for the usage text.
        train_flags: a frozen dataclass over TrainFlags.
        train_presets: data set -> flags that were measured on it.
        prepare: flags, run folder -> the training Task (and its data).
        export: flags, run folder -> Export of the run's best weights.
        evaluate: loaded SavedModel, flags -> Evaluation on that data set and split.
        predict: loaded SavedModel, flags -> lines to print.
        report: run folder, history, Evaluation -> writes run/report.html.
        card: flags, what metrics.json holds (fewer before it is measured) -> the model card's text.
        test_split: flags -> the split that `train` measures at its end.
        folder: flags of any verb -> the model's folder under saved_models/. Default: the task.
        evaluate_flags, predict_flags, export_flags: more flags than the shared ones, where needed.
    """

    name: str
    summary: str
    train_flags: type[TrainFlags]
    train_presets: Mapping[str, TrainFlags]
    prepare: Callable[[TrainFlags, Path], training.Task]
    export: Callable[[TrainFlags, Path], Export]
    evaluate: Callable[[Any, EvaluateFlags], Evaluation]
    predict: Callable[[Any, PredictFlags], Iterable[str]]
    report: Callable[[Path, TrainFlags, Mapping[str, list[float]], Evaluation], None]
    card: Callable[[TrainFlags, Mapping[str, Any]], str]
    test_split: Callable[[TrainFlags], str] = lambda flags: "test"
    folder: Callable[[Any], str] | None = None
    evaluate_flags: type[EvaluateFlags] = EvaluateFlags
    predict_flags: type[PredictFlags] = PredictFlags
    export_flags: type[ExportFlags] = ExportFlags

    def model_folder(self, flags: Any) -> str:
        """The name under saved_models/ of the model that flags speak of."""
        return self.name if self.folder is None else self.folder(flags)

    def flags(self) -> dict[str, type]:
        """Verb -> the dataclass of its flags."""
        return {
            "train": self.train_flags,
            "evaluate": self.evaluate_flags,
            "predict": self.predict_flags,
            "export": self.export_flags,
            "serve": launch.ServeFlags,
        }

    def presets(self, verb: str) -> Mapping[str, TrainFlags]:
        """Data set -> default flags of a verb."""
        return self.train_presets if verb == "train" else {}


def train(pipeline: Pipeline, flags: TrainFlags) -> None:
    """Data -> model -> fit -> best checkpoint -> export -> evaluate -> report."""
    run = flags.runs_dir / pipeline.name / (flags.run or flags.dataset)
    distribution.start(flags.strategy)
    with runs.only_writer(run) if distribution.is_chief() else contextlib.nullcontext():
        runs.open_run(run, flags, ANY_TIME)
        if (run / "metrics.json").exists():
            print(f"{run} is complete; `--run NAME` begins another.\n")
            print(json.dumps(runs.read_json(run / "metrics.json"), indent=2))
            return
        started = time.monotonic()
        keras.utils.set_random_seed(flags.seed)
        set_precision(flags.mixed_precision)
        progress = training.fit(pipeline.prepare(flags, run), run)
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
    pipeline.report(run, flags, progress.history, evaluation)
    card = pipeline.card(flags, metrics)
    runs.write_atomically(model_dir.parent / "README.md", lambda f: f.write(card.encode()))
    runs.write_json(run / "metrics.json", metrics)  # last: now the run is complete
    return model_dir, evaluation.metrics


def evaluate(pipeline: Pipeline, flags: EvaluateFlags) -> None:
    """Loads a SavedModel and measures its answers."""
    model, folder = exporting.load_saved_model(flags.model or default_model(pipeline, flags))
    evaluation = pipeline.evaluate(model, complete(flags, folder))
    _print_table(evaluation.metrics)
    if flags.output is not None:
        runs.write_json(flags.output, {"metrics": evaluation.metrics, "machine": machine()})
    if flags.update_card:
        made = runs.read_json(folder / exporting.RUN)
        measured = {**made, "metrics": evaluation.metrics, "machine": machine()}
        card = pipeline.card(from_json(pipeline.train_flags, made["flags"]), measured)
        runs.write_atomically(folder.parent / "README.md", lambda f: f.write(card.encode()))


def predict(pipeline: Pipeline, flags: PredictFlags) -> None:
    """Prints one answer a line, in the order of the inputs."""
    model, _ = exporting.load_saved_model(flags.model or default_model(pipeline, flags))
    for line in pipeline.predict(model, flags):
        print(line, flush=True)


def export(pipeline: Pipeline, flags: ExportFlags) -> None:
    """Copies a complete run's best weights into a new version for serving."""
    run = flags.runs_dir / pipeline.name / flags.run
    if not (run / "metrics.json").exists():
        raise ValueError(f"`--run` must name a complete run. Got {run}: train it to its end first.")
    made_with = from_json(pipeline.train_flags, runs.read_json(run / "config.json"))
    changes = {
        name: value
        for name, value in vars(flags).items()
        if hasattr(made_with, name) and name not in ("run", "runs_dir") and value is not None
    }
    train_flags = replace(made_with, **changes)
    folder = flags.saved_models / pipeline.model_folder(train_flags)
    measured = runs.read_json(run / "metrics.json")
    if changes:  # the run's metrics hold for the model that the run exported, not for this one
        measured = {"train_seconds": measured["train_seconds"]}
    print(f"Exported to {export_run(pipeline, train_flags, run, folder, measured)}")


def serve(pipeline: Pipeline, flags: launch.ServeFlags) -> None:
    """Answers requests for exported models, of all tasks, until it is stopped."""
    launch.serve(flags)


# Parts.


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


def from_json(flag_type: type, values: Mapping[str, Any]):
    """A flags dataclass from config.json or run.json; a flag younger than the file has its default.

    Raises:
        ValueError: the file holds a flag that there is no more; names it.
    """
    unknown = sorted(set(values) - {field.name for field in dataclasses.fields(flag_type)})
    if unknown:
        raise ValueError(
            f"The flags of a run must be those of this version. Got {', '.join(unknown)}, which it "
            "does not know: use the version that the run was made with, or train anew."
        )
    return flag_type(
        **{
            name: Path(value) if name in PATHS and value is not None else value
            for name, value in values.items()
        }
    )


def set_precision(mixed: bool) -> None:
    """float32, or the 16 bits that the device at hand is fast at."""
    if mixed:
        import tensorflow as tf

        gpu = bool(tf.config.list_physical_devices("GPU"))
        keras.config.set_dtype_policy("mixed_float16" if gpu else "mixed_bfloat16")


def peak_memory() -> int:
    """The most that this process has held at once, in bytes (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def machine() -> str:
    """One line on what made a number: processor, cores, GPU, library versions."""
    import os
    import platform

    import tensorflow as tf

    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    gpus = [device.name for device in tf.config.list_physical_devices("GPU")]
    return (
        f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, "
        f"GPU: {', '.join(gpus) or 'none'}, TensorFlow {tf.__version__}, Keras {keras.__version__}"
    )
