"""Interleaved timing, and a line that says on which machine."""

import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

REST = 0.01  # seconds between two runs, so that one library's waiting threads leave the cores


def interleaved_medians(
    runs: Mapping[str, Callable[[], object]], rounds: int, seconds: float
) -> dict[str, float]:
    """The median time of each run, in seconds.

    Every round calls each run once, so that a busy moment of the machine meets all of them. Two
    calls before the first round, for compilation and warming up, are not counted.

    Args:
        runs: what to time; each call must end when its result is there.
        rounds: how many rounds at most.
        seconds: how long to go on at most; three rounds are always done.
    """
    for run in runs.values():
        run()
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    end = time.perf_counter() + seconds
    for round_index in range(rounds):
        if round_index >= 3 and time.perf_counter() > end:
            break
        for name, run in runs.items():
            time.sleep(REST)
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def machine() -> str:
    """CPU, cores, versions, and how busy the machine is, in one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = [f"Python {platform.python_version()}"]
    for package in ("tensorflow", "keras", "torch"):
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {package}")
    load = f"load average {os.getloadavg()[0]:.1f} at the start"
    return f"{_cpu_model()}, {cores} cores; {', '.join(versions)}; {load}."


def give(report: str, output: Path | None) -> None:
    """Prints a report, and writes it where there is an output."""
    print(report)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(report)


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
