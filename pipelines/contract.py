"""What a task answers: the Pipeline that every verb works on. Nothing heavy is imported here."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import inspection
from pipelines.flags import EvaluateFlags, ExportFlags, PredictFlags, TrainFlags

if TYPE_CHECKING:
    from pipelines.report import Section
    from pipelines.training import Trainer


@dataclass(frozen=True)
class Export:
    """What a pipeline hands over to be saved: see `exporting.write_saved_model`."""

    module: Any
    signatures: Mapping[str, Callable]
    warmup: list[tuple[str, Mapping[str, object]]]


@dataclass(frozen=True)
class Numeric:
    """The part of a model between the numbers made from text and the numbers made into text.

    Attributes:
        functions: name -> `tf.function` with an input signature of named tensors, no strings among
            them, that gives a dict of such tensors.
        vocabulary: what each number stands for.
        about: what else onnx_runner.py must know of the model, as JSON can hold it.
        sample: what the model of onnx_runner.py gives for an example, as one number, which is ...
        expected: what the SavedModel gives, so that a conversion that fails is found.
    """

    functions: Mapping[str, Callable]
    vocabulary: Sequence[str]
    about: Mapping[str, Any]
    sample: Callable[[Any], float]
    expected: float


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
        describe: flags, names of splits -> what the loader understands of the data set, as JSON can
            hold it: `files`, `splits` with their sizes, `examples` as the model will read them,
            `lengths`, what was left out, ... It finds what is wrong before anything is trained.
        trainer: flags, run folder -> the Trainer, its data and model ready.
        export: flags, run folder -> Export of the run's best weights.
        numeric: loaded SavedModel, flags -> Numeric; or, in words, why there is none.
        evaluate: loaded SavedModel, flags -> Evaluation on that data set and split.
        predict: loaded SavedModel, flags -> lines to print.
        report: flags, Evaluation -> the task's own sections of the report.
        card: flags, what metrics.json holds (fewer before it is measured) -> the model card's text.
        test_split: flags -> the split that `train` measures at its end.
        folder: flags of any verb -> the model's folder under saved_models/. Default: the task.
        check: raises ValueError where flags contradict each other; what a single flag may be is its
            type's.
        former_flags: flags of version 0.1 that there are no more, name -> the value at which they
            did nothing.
        evaluate_flags, predict_flags, export_flags: more flags than the shared ones, where needed.
    """

    name: str
    summary: str
    train_flags: type[TrainFlags]
    train_presets: Mapping[str, TrainFlags]
    describe: Callable[[TrainFlags, Sequence[str]], Mapping[str, Any]]
    trainer: Callable[[TrainFlags, Path], "Trainer"]
    export: Callable[[TrainFlags, Path], Export]
    evaluate: Callable[[Any, EvaluateFlags], Evaluation]
    predict: Callable[[Any, PredictFlags], Iterable[str]]
    report: Callable[[TrainFlags, Evaluation], Iterable["Section"]]
    card: Callable[[TrainFlags, Mapping[str, Any]], str]
    test_split: Callable[[TrainFlags], str] = lambda flags: "test"
    folder: Callable[[Any], str] | None = None
    numeric: Callable[[Any, TrainFlags], Numeric] | str = "it hands over no numeric part"
    check: Callable[[TrainFlags], None] = lambda flags: None
    former_flags: Mapping[str, Any] = field(default_factory=dict)
    evaluate_flags: type[EvaluateFlags] = EvaluateFlags
    predict_flags: type[PredictFlags] = PredictFlags
    export_flags: type[ExportFlags] = ExportFlags

    def model_folder(self, flags: Any) -> str:
        """The name under saved_models/ of the model that flags speak of."""
        return self.name if self.folder is None else self.folder(flags)

    def flags(self) -> dict[str, type]:
        """Verb -> the dataclass of its flags."""
        from pipelines.server.launch import ServeFlags  # the server's imports are not everybody's

        return {
            "train": self.train_flags,
            "evaluate": self.evaluate_flags,
            "predict": self.predict_flags,
            "export": self.export_flags,
            "serve": ServeFlags,
            "inspect": inspection.inspect_flags(self.train_flags),
        }

    def presets(self, verb: str) -> Mapping[str, TrainFlags]:
        """Data set -> default flags of a verb."""
        if verb == "inspect":
            kind = inspection.inspect_flags(self.train_flags)
            return {name: kind(**vars(flags)) for name, flags in self.train_presets.items()}
        return self.train_presets if verb == "train" else {}
