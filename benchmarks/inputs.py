"""What the input pipelines cost: batches alone against training steps, a Markdown table.

python -m benchmarks.inputs [--data-dir DATA] [--output benchmarks/results/inputs.md]

Each task's own Trainer, at the preset of a data set: the batches of an epoch's first steps are made
with no training beside them, then the model is trained on the same batches, in turn. In a training
both go on at the same time, so the share is an upper bound of the time that the input takes.
"""

import dataclasses
import os
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tyro

from benchmarks.throughput import Case, chosen
from benchmarks.timing import give, interleaved_medians, machine


def runs(case: Case, data_dir: Path | None, work: Path, steps: int) -> dict[str, Callable]:
    """The two things to time: making the batches, and training on them."""
    pipeline = import_module(f"pipelines.{case.task}.pipeline").PIPELINE
    flags = dataclasses.replace(
        pipeline.train_presets[case.dataset],
        data_dir=data_dir / case.folder if case.folder else None,
        limit=case.limit,
        cache_dir=work / "cache",
    )
    trainer = pipeline.trainer(flags, work / "run")
    trainer.compile(trainer.phase(0))
    if trainer.steps(0) < steps:
        raise ValueError(
            f"`steps` must be at most {trainer.steps(0)} for {case.name}. Got {steps}."
        )
    options = {"steps_per_epoch": steps, "shuffle": False, "verbose": 0}
    return {
        "batches": lambda: sum(1 for _ in trainer.dataset(0).take(steps)),
        "steps": lambda: trainer.model.fit(trainer.dataset(0).take(steps), **options),
    }


def row(case: Case, data_dir: Path | None, steps: int, rounds: int, seconds: float) -> str:
    """A case's row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        timed = runs(case, data_dir, Path(folder), steps)
        medians = interleaved_medians(timed, rounds, seconds)
    batch, step = (1000 * medians[name] / steps for name in ("batches", "steps"))
    return f"| {case.name} | {batch:.2f} | {step:.1f} | {batch / step:.2%} |"


def report(
    cases: list[Case], data_dir: Path | None, steps: int, rounds: int, seconds: float
) -> str:
    """The report, as Markdown."""
    table = ["| | batch, ms | step, ms | share |", "| --- | --- | --- | --- |"]
    line = machine()
    table += [row(case, data_dir, steps, rounds, seconds) for case in cases]
    about = (
        f"Medians of interleaved runs of {steps} steps each, at the presets: milliseconds in which "
        "a batch is made, with no training beside it, and those of a training step."
    )
    return "\n\n".join(["# What the input pipelines cost", line, about, "\n".join(table)]) + "\n"


def main(
    data_dir: Path | None = None,
    tasks: tuple[str, ...] = (),
    datasets: tuple[str, ...] = (),
    steps: int = 10,
    rounds: int = 7,
    seconds: float = 60.0,
    output: Path | None = None,
) -> None:
    """Prints the report; with --output writes it, too.

    Args:
        data_dir: folder of the real data sets, one a folder; without it, only `demo` is measured.
        tasks: whose input to measure. Default: all.
        datasets: on which data sets. Default: all.
        steps: of one run.
        rounds: how often batches are made, and trained on, at most.
        seconds: how long one data set may take at most, preparations aside.
        output: also write the report to this file.
    """
    cases = chosen(tasks, datasets, data_dir)
    give(report(cases, data_dir and data_dir.resolve(), steps, rounds, seconds), output)


if __name__ == "__main__":
    tyro.cli(main)
