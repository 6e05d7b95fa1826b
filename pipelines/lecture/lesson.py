"""A lesson and its result: shown, kept, and put into the report of all lessons.

A lesson is a module with `Flags`, whose docstring is its title, and `run`, from flags to a result.

<folder>/
    lessons/<name>.json   flags, findings and numbers of the lesson's last run
    lessons/<name>.html   its section of the report
    report.html           the sections of all lessons run so far, in the lecture's order
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np

from pipelines import runs
from pipelines.flags import Bound, Seed
from pipelines.machine import machine
from pipelines.report import Html, Section, block, escape, table, write_report


@dataclass(frozen=True)
class LessonFlags:
    """All lessons, each in its quick form."""

    seed: Seed = 0
    """Seed of weights and data."""
    folder: Path = Path("runs/lecture")
    """Folder of the report and of each lesson's numbers."""


def at_least(least: int) -> Bound:
    """The bound of a number, or of each number of a tuple, which must hold one."""
    return Bound(
        lambda value: np.size(value) > 0 and np.min(value) >= least,
        f"at least {least}",
    )


Numbers = Annotated[tuple[int, ...], at_least(1)]


class Finding(NamedTuple):
    """A claim of the lecture beside a measurement.

    claim: in a sentence.
    measured: the numbers that bear on the claim, in a sentence.
    holds: whether the numbers bear it out.
    """

    claim: str
    measured: str
    holds: bool


class Result(NamedTuple):
    """The result of a lesson.

    findings: claims beside measurements.
    numbers: all measurements, as JSON values.
    blocks: of the report: strings (paragraphs) and `Html`.
    notes: limits and conditions of the numbers, for their reader.
    """

    findings: Sequence[Finding]
    numbers: Mapping[str, Any]
    blocks: Sequence[str]
    notes: Sequence[str] = ()


def show(result: Result, seconds: float) -> None:
    """Prints claims and measurements."""
    for claim, measured, holds in result.findings:
        print(f"  lecture   {claim}\n  measured  {measured}\n            {_verdict(holds)}")
    for note in result.notes:
        print(f"  note      {note}")
    print(f"  {seconds:.0f} s", flush=True)


def write_lesson(name: str, flags: LessonFlags, result: Result, seconds: float) -> None:
    """Writes the lesson's numbers and its section of the report."""
    record = {
        "lesson": name,
        "flags": runs.flags_to_json(flags),
        "seconds": round(seconds, 1),
        "machine": machine(),
        "findings": [finding._asdict() for finding in result.findings],
        "notes": list(result.notes),
        "numbers": result.numbers,
    }
    runs.write_json(flags.folder / "lessons" / f"{name}.json", record)
    rows = [(f.claim, f.measured, _verdict(f.holds)) for f in result.findings]
    blocks = [
        table(["the lecture", "measured", ""], rows),
        *result.notes,
        *result.blocks,
        Html(f'<p class="missing">{escape(f"{seconds:.0f} s on {machine()}")}</p>'),
    ]
    section = "\n".join(map(block, blocks)).encode()
    path = flags.folder / "lessons" / f"{name}.html"
    runs.write_atomically(path, lambda file: file.write(section))


def write_whole(folder: Path, titles: Mapping[str, str]) -> Path:
    """Puts the report together from the sections of all lessons run so far; returns its path."""
    sections = [
        Section(title, [Html(path.read_text(encoding="utf-8"))])
        for name, title in titles.items()
        if (path := folder / "lessons" / f"{name}.html").exists()
    ]
    write_report(folder / "report.html", "The lecture, run", sections)
    return folder / "report.html"


def _verdict(holds: bool) -> str:
    return "holds" if holds else "DOES NOT HOLD here"
