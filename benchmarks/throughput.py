"""Training throughput of every task before a change and after it: a Markdown table, from one run.

python -m benchmarks.throughput --before OLD_CHECKOUT --data-dir DATA [--output FILE]

OLD_CHECKOUT is the project as it was (`git worktree add --detach OLD_CHECKOUT COMMIT`), DATA the
folder of the real data sets. The processes alternate, before, after, before, after, so that a busy
hour of the machine meets both. Each trains a few epochs of a data set that `--limit` keeps small,
and is ended when they are done. The seconds are those that the run wrote down itself:
`train_seconds` in state.json, which validation is no part of. The first epoch, which traces and
compiles, does not count; of the others the fastest does: a busy moment only makes an epoch slower.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import tyro

from benchmarks.timing import give, machine

ROOT = Path(__file__).parents[1]
PAUSE = 0.2  # seconds between two looks at a run


class Case(NamedTuple):
    """What is trained: a task's preset for one data set.

    Attributes:
        task, dataset: as on the command line.
        limit: of the training split; so many examples make an epoch.
        folder: of the data set, under `--data-dir`; None if it needs none.
        flags: what else the command gets.
    """

    task: str
    dataset: str
    limit: int
    folder: str | None = None
    flags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.task} {self.dataset}"

    def command(self, data_dir: Path | None, work: Path, run: str, epochs: int) -> list[str]:
        """The training's command line, to be run from a tree's root; `work` gets what it writes."""
        given = {"dataset": self.dataset, "limit": self.limit, "epochs": epochs, "run": run}
        given |= {"runs-dir": work / "runs", "cache-dir": work / "cache"}
        if self.folder is not None:
            given["data-dir"] = data_dir / self.folder
        flags = [f"--{name}={value}" for name, value in given.items()]
        return [sys.executable, "-m", f"pipelines.{self.task}", "train", *flags, *self.flags]


FIRST_PHASE = ("--fine-tune-from=None", "--fine-tune-epochs=0", "--self-critical-epochs=0")
NO_SAMPLES = ("--sample-length=0",)  # written after an epoch, in its time
# So many examples that the blank rows of each bucket's last batch are few, as in a whole epoch.
CASES = (
    Case("sentiment", "demo", 4000),
    Case("translation", "demo", 6000),
    Case("captioning", "demo", 640),
    Case("charlm", "demo", 300_000, flags=NO_SAMPLES),
    Case("sentiment", "imdb", 2880, "imdb"),
    Case("translation", "multi30k", 2880, "multi30k"),
    Case("captioning", "flickr8k", 960, "flickr8k", FIRST_PHASE),
    Case("charlm", "tiny_shakespeare", 50_000, "text", NO_SAMPLES),
)


def chosen(tasks: Sequence[str], datasets: Sequence[str], data_dir: Path | None) -> list[Case]:
    """The cases of some tasks and data sets (none named: of all); demos alone without data."""
    return [
        case
        for case in CASES
        if (not tasks or case.task in tasks)
        and (not datasets or case.dataset in datasets)
        and (data_dir is not None or case.folder is None)
    ]


def train_seconds(
    tree: Path, command: Sequence[str], state: Path, log: Path, epochs: int
) -> list[float]:
    """The training seconds of each epoch but the first.

    Args:
        tree: where the command is run.
        command: of the training; its process is killed when the epochs are done.
        state: the run's state.json.
        log: file for what the process prints.
        epochs: how many to wait for.

    Raises:
        RuntimeError: the process ended before that; shows its last lines.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    options = {"cwd": tree, "env": environment, "start_new_session": True}
    with (
        open(log, "wb") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options) as process,
    ):
        try:
            while len(seconds := _written(state)) < epochs and process.poll() is None:
                time.sleep(PAUSE)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if len(seconds := _written(state)) < epochs:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise RuntimeError(f"{' '.join(command)} in {tree} did not train {epochs} epochs:\n{last}")
    return seconds[1:]


def _written(state: Path) -> list[float]:
    return json.loads(state.read_text())["history"]["train_seconds"] if state.exists() else []


def compare(
    case: Case, trees: dict[str, Path], data_dir: Path | None, rounds: int, epochs: int
) -> dict[str, list[float]]:
    """Examples a second of each side, a number a round; the processes alternate."""
    rates: dict[str, list[float]] = {side: [] for side in trees}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for side, tree in trees.items():
                work = Path(folder, side)  # the cache stays from round to round
                work.mkdir(exist_ok=True)
                command = case.command(data_dir, work, f"round-{number}", epochs)
                state = work / "runs" / case.task / f"round-{number}" / "state.json"
                seconds = min(train_seconds(tree, command, state, work / "log", epochs))
                rates[side].append(case.limit / seconds)
                print(f"{case.name}, {side}: {seconds:.2f} s an epoch", file=sys.stderr, flush=True)
    return rates


def row(case: Case, rates: dict[str, list[float]]) -> str:
    """A case's row of the table; the range is of the ratios of neighbouring processes."""
    before, after = (statistics.median(rates[side]) for side in ("before", "after"))
    fastest = max(rates["after"]) / max(rates["before"])
    ratios = [b / a for a, b in zip(rates["before"], rates["after"], strict=True)]
    span = f"{min(ratios):.2f} to {max(ratios):.2f}"
    cells = [case.name, f"{before:,.1f}", f"{after:,.1f}", f"{after / before:.2f}", span]
    return f"| {' | '.join(cells)} | {fastest:.2f} |"


def report(
    trees: dict[str, Path],
    cases: Sequence[Case],
    data_dir: Path | None,
    rounds: int,
    epochs: int,
) -> str:
    """The report, as Markdown."""
    table = [
        "| | before | after | after / before | of neighbours | of the fastest |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    line = machine()
    table += [row(case, compare(case, trees, data_dir, rounds, epochs)) for case in cases]
    about = (
        f"Training examples a second (of charlm, characters): medians of {rounds} processes of "
        f"each tree, alternating, each in the fastest of its epochs 2 to {epochs}. The ratio is "
        "that of the medians; then the least and the largest of two processes that ran one after "
        "the other; then that of each tree's fastest process, which a busy machine moves least."
    )
    return "\n\n".join(["# Training throughput", line, about, "\n".join(table)]) + "\n"


def main(
    before: Path,
    after: Path = ROOT,
    data_dir: Path | None = None,
    tasks: tuple[str, ...] = (),
    datasets: tuple[str, ...] = (),
    rounds: int = 3,
    epochs: int = 4,
    output: Path | None = None,
) -> None:
    """Prints the report; with --output writes it, too.

    Args:
        before: a checkout of the project as it was.
        after: a checkout of the project as it is. Default: this one.
        data_dir: folder of the real data sets, one a folder; without it, only `demo` is trained.
        tasks: whose trainings to compare. Default: all.
        datasets: on which data sets. Default: all.
        rounds: processes of each side.
        epochs: that a process trains, from 2; the first does not count.
        output: also write the report to this file.
    """
    if epochs < 2:
        raise ValueError(f"`epochs` must be at least 2. Got {epochs}.")
    cases = chosen(tasks, datasets, data_dir)
    trees = {"before": before.resolve(), "after": after.resolve()}
    give(report(trees, cases, data_dir and data_dir.resolve(), rounds, epochs), output)


if __name__ == "__main__":
    tyro.cli(main)
