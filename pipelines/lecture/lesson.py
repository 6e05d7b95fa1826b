"""A lesson and its result: shown, kept, and put into the report of all lessons.

<folder>/
    lessons/<name>.json   flags, findings and numbers of the lesson's last run
    lessons/<name>.html   its section of the report
    report.html           the sections of all lessons run so far, in the lecture's order
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pipelines import runs
from pipelines.machine import machine
from pipelines.report import Html, Section, escape, table, write_report


@dataclass(frozen=True)
class LessonFlags:
    """All lessons, each in its quick form."""

    seed: int = 0
    """Seed of weights and data."""
    folder: Path = Path("runs/lecture")
    """Folder of the report and of each lesson's numbers."""


class Finding(NamedTuple):
    """A claim of the lecture beside a measurement.

    claim: in a sentence.
    measured: the numbers that bear on the claim, in a sentence.
    holds: whether the numbers bear it out.
    """

    claim: str
    measured: str
    holds: bool


@dataclass(frozen=True)
class Result:
    """The result of a lesson.

    findings: claims beside measurements.
    numbers: all measurements, as JSON values.
    blocks: of the report: strings (paragraphs) and `Html`.
    notes: limits and conditions of the numbers, for their reader.
    """

    findings: Sequence[Finding]
    numbers: Mapping[str, Any]
    blocks: Sequence[str]
    notes: Sequence[str] = field(default=())


class Lesson(NamedTuple):
    """A lesson by name: a function from its flags to a result."""

    name: str
    title: str
    flags: type[LessonFlags]
    run: Callable[[Any], Result]


# Flags.


def check_at_least(flags: LessonFlags, **least: float) -> None:
    """Checks the seed, and flags against their least values (each number of a tuple alone).

    Raises:
        ValueError: a number is too small, or a tuple is empty.
    """
    if flags.seed < 0:
        raise ValueError(f"`seed` must be at least 0. Got {flags.seed}.")
    for name, smallest in least.items():
        value = getattr(flags, name)
        for number in value if isinstance(value, tuple) else (value,):
            if not number >= smallest:
                raise ValueError(f"`{name}` must be at least {smallest}. Got {number}.")
        if value == ():
            raise ValueError(f"`{name}` must hold at least one number. Got none.")


# Results.


def show(result: Result, seconds: float) -> None:
    """Prints claims and measurements."""
    for claim, measured, holds in result.findings:
        print(f"  lecture   {claim}")
        print(f"  measured  {measured}")
        print(f"            {_verdict(holds)}")
    for note in result.notes:
        print(f"  note      {note}")
    print(f"  {seconds:.0f} s", flush=True)


def write_lesson(lesson: Lesson, flags: LessonFlags, result: Result, seconds: float) -> None:
    """Writes the lesson's numbers and its section of the report."""
    record = {
        "lesson": lesson.name,
        "flags": runs.flags_to_json(flags),
        "seconds": round(seconds, 1),
        "machine": machine(),
        "findings": [finding._asdict() for finding in result.findings],
        "notes": list(result.notes),
        "numbers": result.numbers,
    }
    runs.write_json(flags.folder / "lessons" / f"{lesson.name}.json", record)
    rows = [(f.claim, f.measured, _verdict(f.holds)) for f in result.findings]
    blocks = [
        table(["the lecture", "measured", ""], rows),
        *result.notes,
        *result.blocks,
        Html(f'<p class="missing">{escape(f"{seconds:.0f} s on {machine()}")}</p>'),
    ]
    text = "\n".join(map(_block, blocks))
    path = flags.folder / "lessons" / f"{lesson.name}.html"
    runs.write_atomically(path, lambda file: file.write(text.encode()))


def write_whole(folder: Path, lessons: Iterable[Lesson]) -> Path:
    """Puts the report together from the sections of all lessons run so far; returns its path."""
    sections = []
    for lesson in lessons:
        path = folder / "lessons" / f"{lesson.name}.html"
        if path.exists():
            heading = f"{lesson.name}: {lesson.title}"
            sections.append(Section(heading, [Html(path.read_text(encoding="utf-8"))]))
    write_report(folder / "report.html", "The lecture, run", sections)
    return folder / "report.html"


def _verdict(holds: bool) -> str:
    return "holds" if holds else "DOES NOT HOLD here"


def _block(block: str) -> str:
    return block if isinstance(block, Html) else f"<p>{escape(block)}</p>"
