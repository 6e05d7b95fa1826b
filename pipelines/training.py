"""The loop over epochs that all tasks share: train, validate, checkpoint, resume.

What an epoch does is the task's own; here is only what must never differ between tasks: after each
epoch the weights, the optimizer, the random state and the history are on the disk as one, and a
run that was killed goes on from there to the result that an unbroken run has.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import keras

from pipelines import distribution
from pipelines.runs import (
    disk_may_fill,
    file_digest,
    json_digest,
    load_named,
    load_variables,
    read_json,
    save_variables,
    write_json,
)


@dataclass(frozen=True)
class Task:
    """What one training is made of.

    Attributes:
        model: built.
        epochs: passes to make, all phases together.
        begin: epoch number -> compiles the model for that epoch, if a new phase begins with it.
        train_epoch: epoch number, from 0 -> numbers of that epoch. It must depend on the epoch's
            number and the model's state alone: that makes a resumed run equal an unbroken one.
        validate: numbers on the validation split, free-running where it generates.
        monitor: which of validate's numbers says that an epoch is better; larger is better.
        keep: how many best epochs to keep weights of; means of them are tried at the end.
    """

    model: keras.Model
    epochs: int
    begin: Callable[[int], None]
    train_epoch: Callable[[int], Mapping[str, float]]
    validate: Callable[[], Mapping[str, float]]
    monitor: str
    keep: int = 1


@dataclass
class Progress:
    """What state.json holds: `last` and `best` name files under checkpoints/ with their sha256.

    `vocabulary` is the sha256 of the run's vocabulary.json, where it has one.
    """

    epochs_done: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)
    best: list[dict] = field(default_factory=list)
    averaged: float | None = None
    vocabulary: str | None = None


def fit(task: Task, run: Path) -> Progress:
    """Trains to the end, from wherever `run` stands; leaves the best weights in the model.

    Args:
        task: what to train.
        run: the run's folder.

    Raises:
        ValueError: nothing to train or to keep; a checkpoint is not whole; an epoch's loss is not
            finite (the checkpoint before it stays).
    """
    for name in ("epochs", "keep"):
        if getattr(task, name) < 1:
            raise ValueError(f"`{name}` must be at least 1. Got {getattr(task, name)}.")
    progress = resume(task, run)
    distribution.share_batches(task.model)
    with distribution.others_may_end():
        for epoch in range(progress.epochs_done, task.epochs):
            numbers = _one_epoch(task, run, epoch)
            _record(progress, numbers)
            if distribution.is_chief():
                _checkpoint(task, run, progress, numbers[f"val_{task.monitor}"])
                _tensorboard(run, epoch, numbers)
                _say(task, epoch, numbers)
    if distribution.process() == (0, 1):  # of several, each would need what only the first has
        _use_best(task, run, progress)
    return progress


def _one_epoch(task: Task, run: Path, epoch: int) -> dict[str, float]:
    """Trains and validates: the epoch's numbers."""
    started = time.monotonic()
    task.begin(epoch)
    numbers = dict(task.train_epoch(epoch))
    _check_finite(numbers, epoch, run)
    numbers["train_seconds"] = time.monotonic() - started
    numbers.update({f"val_{name}": value for name, value in task.validate().items()})
    _check_finite({task.monitor: numbers[f"val_{task.monitor}"]}, epoch, run)
    numbers["seconds"] = time.monotonic() - started
    return numbers


def resume(task: Task, run: Path) -> Progress:
    """Puts model and optimizer where the run's last whole checkpoint left them."""
    if not (run / "state.json").exists():
        return Progress()
    progress = _read_progress(run)
    task.begin(progress.epochs_done - 1)  # the optimizer must be the one that was saved
    _load(run, progress.last, task.model, with_optimizer=True)
    if distribution.is_chief():
        _remove_others(run, progress)  # a process that was killed may have left some
    if progress.epochs_done < task.epochs:
        print(f"Going on after epoch {progress.epochs_done} of {task.epochs} in {run}.", flush=True)
    return progress


def load_best(model: keras.Model, run: Path) -> Progress:
    """Loads the run's chosen weights: the best epoch's, or the average where that was better."""
    if not (run / "state.json").exists():
        raise ValueError(f"`--run` must name a run with a checkpoint. Got {run}, which has none.")
    progress = _read_progress(run)
    _load(run, progress.best[0], model, with_optimizer=False)
    return progress


def load_trained(model: keras.Model, run: Path) -> None:
    """Loads the run's chosen weights, those that are trained alone, into another run's model.

    What the batch size and the kinds of dropout add to a model, carried and random states, may
    differ.
    """
    path = _checked(run, _read_progress(run).best[0])
    load_named(path, {"model": model.trainable_variables})


def as_graph(function: Callable) -> Callable:
    """`function` as a graph where the backend is TensorFlow; others run it as it is."""
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    return tf.function(function, reduce_retracing=True)


def _check_finite(numbers: Mapping[str, float], epoch: int, run: Path) -> None:
    if not all(math.isfinite(value) for value in numbers.values()):
        raise ValueError(
            f"The numbers of epoch {epoch + 1} must be finite. Got {dict(numbers)}. The checkpoint "
            f"of epoch {epoch} is kept in {run}: try a smaller `--learning-rate`."
        )


def _record(progress: Progress, numbers: Mapping[str, float]) -> None:
    for name, value in numbers.items():
        # A number that begins in a later phase has no value for the epochs before it.
        series = progress.history.setdefault(name, [math.nan] * progress.epochs_done)
        series.append(float(value))
    progress.epochs_done += 1
    for series in progress.history.values():
        series.extend([math.nan] * (progress.epochs_done - len(series)))


def _checkpoint(task: Task, run: Path, progress: Progress, value: float) -> None:
    """Writes new files first, then the state that names them, then removes the files not named."""
    stem = f"epoch-{progress.epochs_done:04d}"
    progress.last = _save(run, f"{stem}.npz", task.model, with_optimizer=True)
    ranked = sorted([*progress.best, {"value": value}], key=lambda entry: -entry["value"])
    if any("file" not in entry for entry in ranked[: task.keep]):
        saved = _save(run, f"{stem}-weights.npz", task.model, with_optimizer=False)
        entry = {"value": value, "epoch": progress.epochs_done, **saved}
        ranked = [entry if "file" not in other else other for other in ranked]
    progress.best = [entry for entry in ranked[: task.keep] if "file" in entry]
    _commit(run, progress)


def _commit(run: Path, progress: Progress) -> None:
    progress.vocabulary = _vocabulary_digest(run)
    state = vars(progress)
    write_json(run / "state.json", {**state, "sha256": json_digest(state)})
    _remove_others(run, progress)


def _read_progress(run: Path) -> Progress:
    path = run / "state.json"
    state = read_json(path)
    digest = state.pop("sha256", None) if isinstance(state, dict) else None
    names = {one.name for one in fields(Progress)}
    whole = isinstance(state, dict) and names - {"vocabulary"} <= set(state) <= names
    if not whole or digest not in (None, json_digest(state)):  # None: of an older version
        raise ValueError(
            f"{path} must be as the training wrote it. It is altered: restore it, or delete {run} "
            "to train anew."
        )
    progress = Progress(**state)
    if progress.vocabulary not in (None, _vocabulary_digest(run)):
        raise ValueError(
            f"{run / 'vocabulary.json'} must be what the run was begun with. It is altered or "
            "missing, or the data are others: restore them, give the run another name with "
            f"`--run`, or delete {run} to train anew."
        )
    return progress


def _vocabulary_digest(run: Path) -> str | None:
    path = run / "vocabulary.json"
    return file_digest(path) if path.exists() else None


def _remove_others(run: Path, progress: Progress) -> None:
    named = {progress.last["file"], *(entry["file"] for entry in progress.best)}
    for file in (run / "checkpoints").iterdir():
        if file.name not in named:
            file.unlink()


def _variables(model: keras.Model, with_optimizer: bool) -> dict[str, list[keras.Variable]]:
    groups = {"model": model.variables}  # the random state of dropout is among them
    return {**groups, "optimizer": model.optimizer.variables} if with_optimizer else groups


def _save(run: Path, name: str, model: keras.Model, with_optimizer: bool) -> dict[str, str]:
    path = run / "checkpoints" / name
    return {"file": name, "sha256": save_variables(path, _variables(model, with_optimizer))}


def _load(run: Path, entry: Mapping[str, str], model: keras.Model, with_optimizer: bool) -> None:
    load_variables(_checked(run, entry), _variables(model, with_optimizer))


def _checked(run: Path, entry: Mapping[str, str]) -> Path:
    """The checkpoint file, if it is what the run's state says."""
    path = run / "checkpoints" / entry["file"]
    if not path.exists() or file_digest(path) != entry["sha256"]:
        raise ValueError(
            f"{path} must be the file that {run / 'state.json'} describes (sha256 "
            f"{entry['sha256'][:12]}...). It is missing, cut off or altered: restore it, or delete "
            f"{run} to train anew."
        )
    return path


def _use_best(task: Task, run: Path, progress: Progress) -> None:
    """Loads the best epoch's weights, or a mean of the best epochs' where that validates better."""
    if progress.averaged is None and len(progress.best) > 1:
        progress.averaged, epochs = _greedy_mean(task, run, progress.best)
        if len(epochs) > 1:
            saved = _save(run, "average-weights.npz", task.model, with_optimizer=False)
            mean = {"value": progress.averaged, "epoch": 0, "epochs": epochs, **saved}
            progress.best = [mean, *progress.best]
        _commit(run, progress)
    _load(run, progress.best[0], task.model, with_optimizer=False)


def _greedy_mean(task: Task, run: Path, best: list[dict]) -> tuple[float, list[int]]:
    """Leaves the best mean of epochs' weights in the model; its value, and the epochs in it.

    From the best epoch on, the next best joins the mean if that validates better: a greedy soup
    (Wortsman et al. 2022). The mean of weights near one optimum lands in its flatter middle
    (Izmailov et al. 2018).
    """
    value, epochs = best[0]["value"], [best[0]["epoch"]]
    total = _weights_of(task, run, best[0])
    for entry in best[1:]:
        tried = [a + b for a, b in zip(total, _weights_of(task, run, entry), strict=True)]
        _assign(task.model, tried, len(epochs) + 1)
        found = float(task.validate()[task.monitor])
        with_it = [*epochs, entry["epoch"]]
        print(f"Mean of epochs {with_it}: {task.monitor} {found:.4f} ({value:.4f} before)")
        if found > value:
            value, epochs, total = found, with_it, tried
    _assign(task.model, total, len(epochs))
    return value, epochs


def _weights_of(task: Task, run: Path, entry: Mapping[str, str]) -> list:
    _load(run, entry, task.model, with_optimizer=False)
    return [keras.ops.convert_to_numpy(variable.value) for variable in task.model.weights]


def _assign(model: keras.Model, sums: list, count: int) -> None:
    for variable, total in zip(model.weights, sums, strict=True):
        variable.assign(total / count)


def _tensorboard(run: Path, epoch: int, numbers: Mapping[str, float]) -> None:
    import tensorflow as tf  # only here: the loop itself runs on every backend

    folder = run / "tensorboard"
    with disk_may_fill(folder), tf.summary.create_file_writer(str(folder)).as_default(epoch + 1):
        for name, value in numbers.items():
            tf.summary.scalar(name, value)


def _say(task: Task, epoch: int, numbers: Mapping[str, float]) -> None:
    shown = "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
    print(f"epoch {epoch + 1}/{task.epochs}  {shown}", flush=True)
