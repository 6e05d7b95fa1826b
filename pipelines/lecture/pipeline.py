"""The lecture, run: every system and claim of the lecture that the applications do not cover.

`python -m pipelines.lecture <lesson> [flags]`. A lesson is a function from its flags to a result:
claims of the lecture beside measurements, the numbers, and pictures. The lecture is no application
with train and evaluate: `LESSONS` is the table of lessons, in the order of the lecture.
"""

import time
from collections.abc import Sequence

from pipelines.cli import run_one
from pipelines.flags import check_bounds
from pipelines.lecture.lesson import LessonFlags, show, write_lesson, write_whole
from pipelines.lecture.lessons import (
    bptt,
    cells,
    compare,
    gates,
    kinds,
    long_term,
    mlp_vs_rnn,
    summing,
    unfold,
)

LESSONS = {
    "mlp_vs_rnn": mlp_vs_rnn,
    "unfold": unfold,
    "sum": summing,
    "compare": compare,
    "types": kinds,
    "bptt": bptt,
    "long_term": long_term,
    "gates": gates,
    "cells": cells,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one lesson, or `all` of them; returns the exit status."""
    flag_types = {name: lesson.Flags for name, lesson in LESSONS.items()} | {"all": LessonFlags}
    return run_one(
        "lesson",
        flag_types,
        teach,
        arguments,
        program="python -m pipelines.lecture",
        summary=__doc__.partition("\n")[0],
        stopped=dict.fromkeys(flag_types, "Stopped. The lessons that ended are in the report."),
    )


def teach(name: str, flags: LessonFlags) -> None:
    """Runs a lesson, or all in turn; the report is put together anew after each.

    Raises:
        ValueError: a flag is out of its bounds.
    """
    check_bounds(flags)
    titles = {name: f"{name}: {module.Flags.__doc__[:-1]}" for name, module in LESSONS.items()}
    chosen = {name: flags}
    if name == "all":
        chosen = {n: m.Flags(seed=flags.seed, folder=flags.folder) for n, m in LESSONS.items()}
    for lesson, own in chosen.items():
        print(f"\n{titles[lesson]}", flush=True)
        started = time.monotonic()
        result = LESSONS[lesson].run(own)
        seconds = time.monotonic() - started
        show(result, seconds)
        write_lesson(lesson, own, result, seconds)
        report = write_whole(flags.folder, titles)
    print(f"\nReport: {report}", flush=True)
