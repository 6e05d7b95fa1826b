"""Which operations a training step of each task spends its time in: a Markdown table.

python -m benchmarks.step_profile [--tasks charlm] [--output docs/step_profile.md]

TensorFlow's profiler writes each operation's time; here they are summed by type. Two threads work
side by side, so that the sum may be larger than the step's time.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import tensorflow as tf
import tyro

from benchmarks.steps import STEPS_OF, Run, ours
from benchmarks.timing import give, machine

REPEATS = 5  # steps under the profiler
SHOWN = 12  # types of operations in the table


def operation_times(run: Run) -> dict[str, tuple[float, float]]:
    """By type of operation: (milliseconds, calls) of one step, the longest first."""
    run()
    run()
    times, calls = Counter(), Counter()
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            for _ in range(REPEATS):
                run()
        for kind, milliseconds in _events(Path(folder)):
            times[kind] += milliseconds
            calls[kind] += 1
    return {kind: (ms / REPEATS, calls[kind] / REPEATS) for kind, ms in times.most_common()}


def _events(folder: Path) -> Iterator[tuple[str, float]]:
    """(type, milliseconds) of each operation that ran on the CPU.

    The profiler names an operation "node:type".
    """
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace.FromString(next(folder.rglob("*.xplane.pb")).read_bytes())
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                node, _, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
                if node and kind.isidentifier() and not node.endswith(":"):
                    yield kind, event.duration_ps / 1e9


def report(tasks: Sequence[str]) -> str:
    """The report, as Markdown."""
    parts = [
        "# Where a training step spends its time",
        machine(),
        f"Made by `python -m benchmarks.step_profile`: means of {REPEATS} steps at the presets' "
        "sizes. Two threads run side by side, so that times add up to more than the step.",
    ]
    for task in tasks:
        step = STEPS_OF[task]()
        times = list(operation_times(ours(step)).items())
        lines = ["| operation | ms | calls |", "| --- | --- | --- |"]
        lines += [f"| {kind} | {ms:.1f} | {n:,.0f} |" for kind, (ms, n) in times[:SHOWN]]
        rest = sum(ms for _, (ms, _) in times[SHOWN:])
        parts += [f"## {step.name}", "\n".join([*lines, f"| others | {rest:.1f} | |"])]
    return "\n\n".join(parts) + "\n"


def main(tasks: tuple[str, ...] = tuple(STEPS_OF), output: Path | None = None) -> None:
    """Prints the report; with --output writes it, too.

    Args:
        tasks: whose steps to profile.
        output: also write the report to this file.
    """
    give(report(tasks), output)


if __name__ == "__main__":
    tyro.cli(main)
