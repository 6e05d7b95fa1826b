"""The lecture, run: every system and claim of the lecture that the applications do not cover.

`python -m pipelines.lecture <lesson> [flags]`. A lesson is a function from its flags to a result:
claims of the lecture beside measurements, the numbers, and pictures. The lecture is no application
with train and evaluate: `LESSONS` is the table of lessons, in the order of the lecture.
"""

import sys
import time
from collections.abc import Sequence

from pipelines.cli import guarded, parse, unknown
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
    module.LESSON.name: module.LESSON
    for module in (mlp_vs_rnn, unfold, summing, compare, kinds, bptt, long_term, gates, cells)
}
PROGRAM = "python -m pipelines.lecture"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one lesson, or `all` of them; returns the exit status.

    Wrong input ends with a message and status 2, without a traceback.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0 if arguments else 2
    name, *rest = arguments
    names = [*LESSONS, "all"]
    if name not in names:
        return unknown("lesson", name, names)

    def work():
        flag_type = LessonFlags if name == "all" else LESSONS[name].flags
        flags = parse(flag_type, rest, f"{PROGRAM} {name}", presets={})
        _teach([name] if name != "all" else list(LESSONS), flags)

    return guarded(work, "Stopped. The lessons that ended are in the report.")


def _teach(names: Sequence[str], flags: LessonFlags) -> None:
    """Runs lessons in turn; the report is put together anew after each."""
    for name in names:
        lesson = LESSONS[name]
        own = flags if len(names) == 1 else lesson.flags(seed=flags.seed, folder=flags.folder)
        print(f"\n{name}: {lesson.title}", flush=True)
        started = time.monotonic()
        result = lesson.run(own)
        seconds = time.monotonic() - started
        show(result, seconds)
        write_lesson(lesson, own, result, seconds)
        report = write_whole(flags.folder, LESSONS.values())
    print(f"\nReport: {report}", flush=True)


def _usage() -> str:
    lines = [__doc__.partition("\n")[0], "", f"usage: {PROGRAM} <lesson> [flags]", ""]
    lines += [f"  {name:<12}{lesson.title}" for name, lesson in LESSONS.items()]
    lines += [f"  {'all':<12}all of them, in this order, each in its quick form"]
    return "\n".join([*lines, "", f"{PROGRAM} <lesson> --help lists the lesson's flags."])
