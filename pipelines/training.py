"""The one loop that all tasks train in: `fit` with a `Trainer` that the task fills in.

Each pass is a call of Keras' `model.fit` on the task's `tf.data.Dataset`. After each pass, and
within one every ten minutes, weights, optimizer, random state and history are on the disk as one: a
run that is killed at any moment goes on from there to the result of an unbroken run.
"""

import importlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from pipelines import distribution, runs
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

CHECKPOINT_SECONDS = 600  # at most, between two checkpoints
PROGRESS_SECONDS = 1.0  # between two looks at the loss: each makes the host wait for the device


class Trainer:
    """What one training is made of. A task sets the attributes, and overrides what differs.

    Attributes:
        model: built.
        epochs: passes to make, all phases together.
        monitor: which number of `validate` says that an epoch is better; larger is better.
        keep: how many best epochs to keep weights of; means of them are tried at the end.
        callbacks: Keras callbacks of the task's own.
    """

    model: keras.Model
    epochs: int
    monitor: str
    keep: int = 1
    callbacks: Sequence[keras.callbacks.Callback] = ()

    def phase(self, epoch: int) -> str:
        """Name of the phase that an epoch, from 0, is in; a new one compiles the model anew."""
        return "train"

    def compile(self, phase: str) -> None:
        """Compiles the model for a phase."""
        raise NotImplementedError

    def steps(self, epoch: int) -> int:
        """Steps of an epoch."""
        raise NotImplementedError

    def dataset(self, epoch: int, start: int = 0) -> Any:
        """Batches of an epoch from step `start` on, as `model.fit` takes them.

        They depend on the epoch's number and the seed alone: so a resumed run equals an unbroken
        one. Of several processes each gives its own rows of each batch.
        """
        raise NotImplementedError

    def validate(self) -> Mapping[str, float]:
        """Numbers on the validation split, free-running where the task generates."""
        raise NotImplementedError

    def run_epoch(self, epoch: int, start: int, callbacks: "Callbacks") -> Mapping[str, float]:
        """Trains from step `start` of an epoch to its end: numbers of that stretch.

        Override it where a batch depends on the model, as in self-critical training.
        """
        self.model.fit(
            self.dataset(epoch, start),
            initial_epoch=epoch,
            epochs=epoch + 1,
            steps_per_epoch=self.steps(epoch) - start,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        )
        return callbacks.logs


@dataclass
class Progress:
    """What state.json holds: `last` and `best` name files under checkpoints/ with their sha256.

    version: of this project, as the run began.
    partial: within an epoch, {"step", "logs", "seconds"} of its part that is done.
    stopped: whether a callback ended the training before its last epoch.
    kept: sha256 of each file that says what the run is (see `runs.keep`).
    """

    version: str = runs.VERSION
    epochs_done: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)
    best: list[dict] = field(default_factory=list)
    averaged: float | None = None
    partial: dict[str, Any] | None = None
    stopped: bool = False
    kept: dict[str, str] = field(default_factory=dict)


class Callbacks(keras.callbacks.CallbackList):
    """One list of callbacks for a whole training, though `fit` is called for each of its epochs.

    What `fit` says of the begin and end of trainings and epochs passes by; the loop here says it,
    each end of an epoch with the numbers of the validation. Batches' ends reach the callbacks only
    if one of them listens, as each makes the host wait for the device.
    """

    def __init__(self, trainer: Trainer, names: Sequence[str]):
        callbacks = [*trainer.callbacks, *map(callback_named, names)]
        super().__init__(callbacks, add_history=True, model=trainer.model, epochs=trainer.epochs)
        self.logs: Mapping[str, float] = {}
        self.on_step: Callable[[int, Any], None] = lambda step, logs: None
        base = keras.callbacks.Callback
        self._listens = any(
            type(callback).on_train_batch_end is not base.on_train_batch_end
            or type(callback).on_batch_end is not base.on_batch_end
            for callback in self.callbacks
        )

    def on_train_begin(self, logs=None):
        """Of one call of `fit`: nothing."""

    def on_train_end(self, logs=None):
        """Of one call of `fit`: nothing."""

    def on_epoch_begin(self, epoch, logs=None):
        """Of one call of `fit`: nothing."""

    def on_epoch_end(self, epoch, logs=None):
        """Of one call of `fit`: its numbers are kept."""
        self.logs = {name: float(value) for name, value in (logs or {}).items()}

    def on_train_batch_end(self, batch, logs=None):
        """One step is done."""
        if self._listens:
            super().on_train_batch_end(batch, logs)
        self.on_step(batch + 1, logs)

    def training_begins(self) -> None:
        """The training begins, or goes on."""
        super().on_train_begin()

    def epoch_begins(self, epoch: int) -> None:
        """An epoch begins, or goes on."""
        super().on_epoch_begin(epoch)

    def epoch_ends(self, epoch: int, logs: Mapping[str, float]) -> None:
        """An epoch is validated."""
        super().on_epoch_end(epoch, dict(logs))

    def training_ends(self) -> None:
        """The last epoch is done."""
        super().on_train_end()


def callback_named(name: str) -> keras.callbacks.Callback:
    """The callback of `module:Class`, or of a function or an instance in its place.

    Raises:
        ValueError: there is none under that name.
    """
    module, _, attribute = name.partition(":")
    try:
        value = getattr(importlib.import_module(module), attribute)
        callback = value if isinstance(value, keras.callbacks.Callback) else value()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            "`callback` must be module:Class, a Keras callback that can be made without arguments. "
            f"Got {name!r}: {error}."
        ) from error
    if not isinstance(callback, keras.callbacks.Callback):
        raise ValueError(f"`callback` must name a Keras callback. Got {name!r}: {callback!r}.")
    return callback


def fit(trainer: Trainer, run: Path, callbacks: Sequence[str] = ()) -> Progress:
    """Trains to the end, from wherever `run` stands; leaves the best weights in the model.

    Args:
        trainer: what to train.
        run: the run's folder.
        callbacks: of the user, each `module:Class`.

    Raises:
        ValueError: nothing to train or to keep; a checkpoint is not whole; an epoch's loss is not
            finite (the checkpoint before it stays).
    """
    for name in ("epochs", "keep"):
        if getattr(trainer, name) < 1:
            raise ValueError(f"`{name}` must be at least 1. Got {getattr(trainer, name)}.")
    listeners = Callbacks(trainer, callbacks)
    progress = resume(trainer, run)
    with distribution.others_may_end():
        _Loop(trainer, run, progress, listeners).train()
    if distribution.process() == (0, 1):  # of several, each would need what only the first has
        _use_best(trainer, run, progress)
    return progress


class _Loop:
    """The epochs of one call of `fit`."""

    def __init__(self, trainer: Trainer, run: Path, progress: Progress, callbacks: Callbacks):
        self.trainer, self.run, self.progress, self.callbacks = trainer, run, progress, callbacks

    def train(self) -> None:
        progress = self.progress
        if progress.stopped or progress.epochs_done >= self.trainer.epochs:
            return
        self.callbacks.training_begins()
        while progress.epochs_done < self.trainer.epochs and not progress.stopped:
            epoch = progress.epochs_done
            numbers = self._one_epoch(epoch)
            self.callbacks.epoch_ends(epoch, numbers)
            progress.stopped = bool(self.trainer.model.stop_training)
            _record(progress, numbers)
            if distribution.is_chief():
                _checkpoint(self.trainer, self.run, progress, numbers[f"val_{self.monitor}"])
                _tensorboard(self.run, epoch, numbers)
                _say(self.trainer, epoch, numbers)
        self.callbacks.training_ends()

    @property
    def monitor(self) -> str:
        return self.trainer.monitor

    def _one_epoch(self, epoch: int) -> dict[str, float]:
        """Trains and validates: the epoch's numbers."""
        trainer, begun = self.trainer, time.monotonic()
        _enter(trainer, epoch)
        done = self.progress.partial or {"step": 0, "logs": {}, "seconds": 0.0}
        self.callbacks.epoch_begins(epoch)
        trainer.model.stop_training = False
        self.callbacks.on_step = _Steps(self, epoch, done)
        logs = trainer.run_epoch(epoch, done["step"], self.callbacks)
        numbers = _joined(done["logs"], logs, done["step"], trainer.steps(epoch))
        _check_finite(numbers, epoch, self.run)
        numbers["train_seconds"] = done["seconds"] + time.monotonic() - begun
        stopping = trainer.model.stop_training  # validation, too, may call the model
        numbers.update({f"val_{name}": value for name, value in trainer.validate().items()})
        trainer.model.stop_training = stopping
        _check_finite({self.monitor: numbers[f"val_{self.monitor}"]}, epoch, self.run)
        numbers["seconds"] = done["seconds"] + time.monotonic() - begun
        return numbers


class _Steps:
    """Tells how far an epoch is, and makes checkpoints within it."""

    def __init__(self, loop: _Loop, epoch: int, done: Mapping[str, Any]):
        self.loop, self.epoch, self.done = loop, epoch, done
        self.begun = self.saved = self.told = time.monotonic()
        steps = loop.trainer.steps(epoch)
        self.bar = keras.utils.Progbar(steps, verbose=int(distribution.is_chief()))

    def __call__(self, step: int, logs: Any) -> None:
        now = time.monotonic()
        steps_done = self.done["step"] + step
        last = steps_done == self.loop.trainer.steps(self.epoch)
        if now - self.told >= PROGRESS_SECONDS or last:
            self.told = now
            self.bar.stateful_metrics = set(logs)  # they are means since the stretch's begin
            self.bar.update(steps_done, [(name, float(value)) for name, value in logs.items()])
        if now - self.saved >= CHECKPOINT_SECONDS and not last and distribution.is_chief():
            self.saved = now
            self._checkpoint(step, logs, now)

    def _checkpoint(self, step: int, logs: Any, now: float) -> None:
        progress, trainer = self.loop.progress, self.loop.trainer
        if keras.backend.backend() == "jax":
            trainer.model.jax_state_sync()
        logs = {name: float(value) for name, value in logs.items()}
        steps_done = self.done["step"] + step
        progress.partial = {
            "step": steps_done,
            "logs": _joined(self.done["logs"], logs, self.done["step"], steps_done),
            "seconds": self.done["seconds"] + now - self.begun,
        }
        stem = f"epoch-{progress.epochs_done:04d}-step-{steps_done:07d}"
        progress.last = _save(self.loop.run, f"{stem}.npz", trainer.model, with_optimizer=True)
        _commit(self.loop.run, progress)


def _joined(
    before: Mapping[str, float], after: Mapping[str, float], done: int, steps: int
) -> dict[str, float]:
    """Means over an epoch's steps from those over its first `done` steps and over the rest."""
    return {
        name: (before.get(name, value) * done + value * (steps - done)) / steps
        for name, value in after.items()
    }


def _enter(trainer: Trainer, epoch: int) -> None:
    """Compiles the model for the phase that `epoch` is in, if that is a new one."""
    phase = trainer.phase(epoch)
    if getattr(trainer, "_phase", None) == phase:
        return
    trainer.compile(phase)
    trainer.model.optimizer.build(trainer.model.trainable_variables)
    trainer._phase = phase


def resume(trainer: Trainer, run: Path) -> Progress:
    """Puts model and optimizer where the run's last whole checkpoint left them."""
    if not (run / "state.json").exists():
        return Progress(kept=runs.kept_digests(run))
    progress = _read_progress(run)
    # The optimizer must be that of the epoch which the checkpoint was made in.
    _enter(trainer, progress.epochs_done - (progress.partial is None))
    _load(run, progress.last, trainer.model, with_optimizer=True)
    if distribution.is_chief():
        _remove_others(run, progress)  # a process that was killed may have left some
    if progress.epochs_done < trainer.epochs and not progress.stopped:
        within = f" and {progress.partial['step']} steps" if progress.partial else ""
        print(
            f"Going on after {progress.epochs_done} of {trainer.epochs} epochs{within} in {run}.",
            flush=True,
        )
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
    progress.partial = None
    for name, value in numbers.items():
        # A number that begins in a later phase has no value for the epochs before it.
        series = progress.history.setdefault(name, [math.nan] * progress.epochs_done)
        series.append(float(value))
    progress.epochs_done += 1
    for series in progress.history.values():
        series.extend([math.nan] * (progress.epochs_done - len(series)))


def _checkpoint(trainer: Trainer, run: Path, progress: Progress, value: float) -> None:
    """Writes new files first, then the state that names them, then removes the files not named."""
    stem = f"epoch-{progress.epochs_done:04d}"
    progress.last = _save(run, f"{stem}.npz", trainer.model, with_optimizer=True)
    ranked = sorted([*progress.best, {"value": value}], key=lambda entry: -entry["value"])
    if any("file" not in entry for entry in ranked[: trainer.keep]):
        saved = _save(run, f"{stem}-weights.npz", trainer.model, with_optimizer=False)
        entry = {"value": value, "epoch": progress.epochs_done, **saved}
        ranked = [entry if "file" not in other else other for other in ranked]
    progress.best = [entry for entry in ranked[: trainer.keep] if "file" in entry]
    _commit(run, progress)


def _commit(run: Path, progress: Progress) -> None:
    progress.kept = runs.kept_digests(run)
    state = vars(progress)
    write_json(run / "state.json", {**state, "sha256": json_digest(state)})
    _remove_others(run, progress)


def _read_progress(run: Path) -> Progress:
    """What state.json says, if all that it speaks of is as it was written.

    Raises:
        ValueError: the run is of another version; the state or a file that it lists is altered.
    """
    path = run / "state.json"
    runs.check_version(run)
    state = read_json(path)
    digest = state.pop("sha256", None) if isinstance(state, dict) else None
    if digest is None or digest != json_digest(state):
        raise ValueError(
            f"{path} must be as the training wrote it. It is altered: restore it, or delete {run} "
            "to train anew."
        )
    progress = Progress(**state)
    runs.check_kept(run, progress.kept)
    return progress


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


def _use_best(trainer: Trainer, run: Path, progress: Progress) -> None:
    """Loads the best epoch's weights, or a mean of the best epochs' where that validates better."""
    if progress.averaged is None and len(progress.best) > 1:
        progress.averaged, epochs = _greedy_mean(trainer, run, progress.best)
        if len(epochs) > 1:
            saved = _save(run, "average-weights.npz", trainer.model, with_optimizer=False)
            mean = {"value": progress.averaged, "epoch": 0, "epochs": epochs, **saved}
            progress.best = [mean, *progress.best]
        _commit(run, progress)
    _load(run, progress.best[0], trainer.model, with_optimizer=False)


def _greedy_mean(trainer: Trainer, run: Path, best: list[dict]) -> tuple[float, list[int]]:
    """Leaves the best mean of epochs' weights in the model; its value, and the epochs in it.

    From the best epoch on, the next best joins the mean if that validates better: a greedy soup
    (Wortsman et al. 2022). The mean of weights near one optimum lands in its flatter middle
    (Izmailov et al. 2018).
    """
    value, epochs = best[0]["value"], [best[0]["epoch"]]
    total = _weights_of(trainer, run, best[0])
    for entry in best[1:]:
        tried = [a + b for a, b in zip(total, _weights_of(trainer, run, entry), strict=True)]
        _assign(trainer.model, tried, len(epochs) + 1)
        found = float(trainer.validate()[trainer.monitor])
        with_it = [*epochs, entry["epoch"]]
        print(f"Mean of epochs {with_it}: {trainer.monitor} {found:.4f} ({value:.4f} before)")
        if found > value:
            value, epochs, total = found, with_it, tried
    _assign(trainer.model, total, len(epochs))
    return value, epochs


def _weights_of(trainer: Trainer, run: Path, entry: Mapping[str, str]) -> list:
    _load(run, entry, trainer.model, with_optimizer=False)
    return [keras.ops.convert_to_numpy(variable.value) for variable in trainer.model.weights]


def _assign(model: keras.Model, sums: list, count: int) -> None:
    for variable, total in zip(model.weights, sums, strict=True):
        variable.assign(total / count)


def _tensorboard(run: Path, epoch: int, numbers: Mapping[str, float]) -> None:
    import tensorflow as tf  # only here: the loop itself runs on every backend

    folder = run / "tensorboard"
    with disk_may_fill(folder), tf.summary.create_file_writer(str(folder)).as_default(epoch + 1):
        for name, value in numbers.items():
            tf.summary.scalar(name, value)


def _say(trainer: Trainer, epoch: int, numbers: Mapping[str, float]) -> None:
    shown = "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
    print(f"epoch {epoch + 1}/{trainer.epochs}  {shown}", flush=True)
