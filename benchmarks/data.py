"""How data reach a training: three inputs too large for memory, each trained on to step 100.

python -m benchmarks.data [--folder DIR] [--scale 0.001] [--output benchmarks/results/data.md]

Five million sentence pairs, a CSV of 2 GB and a text of 1 GB are written to a folder (a temporary
one, unless it is named), and `train` reads each of them as its user's own data. The table has the
seconds from the start of the process to the end of the first step and of step 100, the most memory
that the process and its children held at once, and the examples a second between the two steps.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tyro

from benchmarks.timing import give, machine

ROOT = Path(__file__).parents[1]
STEP = 100
PAUSE = 0.2  # seconds between two looks at the memory
PAIRS, CSV_BYTES, TEXT_BYTES = 5_000_000, 2 * 10**9, 10**9
CHUNK = 500_000  # words made at once

# The inputs.

WORDS = 20_000
SYLLABLES = {
    "en": [a + b for a in "bdfghjklmnprstvwz" for b in "aeiou"],
    "de": [a + b + "n" for a in "bdfghjklmnprstvwz" for b in "aeiou"],
}


def word_list(language: str) -> list[str]:
    """`WORDS` words that differ; the first ones, which `draw` draws most, are the shortest."""
    syllables, words = SYLLABLES[language], []
    for number in range(WORDS):
        word = ""
        while number or not word:
            number, digit = divmod(number, len(syllables))
            word += syllables[digit]
        words.append(word)
    return words


def draw(rng: np.random.Generator, count: int) -> np.ndarray:
    """Numbers of words `<int32>[count]`; word n has about the probability 1 / (n + 1.5) / ln WORDS.

    That is Zipf's law: the number is exp(u ln(WORDS + 1)) - 1, for u even in 0..1, rounded down.
    """
    numbers = np.exp(rng.random(count, np.float32) * np.float32(np.log(WORDS + 1)))
    return np.minimum(numbers.astype(np.int32) - 1, WORDS - 1)


def rows(
    rng: np.random.Generator,
    tables: Sequence[list[bytes]],
    shortest: int,
    longest: int,
    endings: int,
) -> tuple[list[bytes], int]:
    """Rows of words, `CHUNK` words or so in all: the text from each table, and how many rows.

    Args:
        rng: draws the words, the same for all tables, and the endings.
        tables: words with a space behind them, then the same with each of the endings; see `table`.
        shortest, longest: words of a row.
        endings: how many; a row's first word tells which of them it gets.
    """
    sizes = rng.integers(shortest, longest + 1, 2 * CHUNK // (shortest + longest))
    ends = np.cumsum(sizes) - 1
    words, ending = draw(rng, ends[-1] + 1), rng.integers(0, endings, len(sizes))
    if endings > 1:
        words[ends - sizes + 1] = ending
    words[ends] += WORDS * (1 + ending)
    numbers = words.tolist()
    return [b"".join(map(table.__getitem__, numbers)) for table in tables], len(sizes)


def table(language: str, *endings: str) -> list[bytes]:
    """The words that `rows` writes: each with a space behind it, then each with each ending."""
    words = word_list(language)
    return [(word + behind).encode() for behind in (" ", *endings) for word in words]


def write_pairs(folder: Path, pairs: int) -> Path:
    """Two aligned files, train.en and train.de; a target is its source word by word."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, tables, left = np.random.default_rng(0), [table("en", "\n"), table("de", "\n")], pairs
    with open(folder / "train.en", "wb") as source, open(folder / "train.de", "wb") as target:
        while left > 0:
            texts, count = rows(rng, tables, shortest=4, longest=20, endings=1)
            if count > left:
                texts = [b"".join(text.splitlines(keepends=True)[:left]) for text in texts]
            source.write(texts[0])
            target.write(texts[1])
            left -= count
    return folder


def write_csv(folder: Path, size: int) -> Path:
    """reviews.csv with the columns text and label, of `size` bytes and at most one row more."""
    behind = ['",negative\n"', '",positive\n"']  # and what opens the next row
    return _write(folder / "reviews.csv", 'text,label\n"', behind, '"', size, (20, 160))


def write_text(folder: Path, size: int) -> Path:
    """text.txt: a sentence a line, `size` bytes and at most one line more."""
    return _write(folder / "text.txt", "", [".\n"], "", size, (4, 28))


def _write(path: Path, start: str, endings: list[str], opening: str, size: int, words) -> Path:
    """Writes rows until the file has its size; each opens as its predecessor's ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng, tables = np.random.default_rng(0), [table("en", *endings)]
    with open(path, "wb") as file:
        file.write(start.encode())
        while (left := size - file.tell()) > 0:
            (text,), _ = rows(rng, tables, *words, endings=len(endings))
            end = text.find(b"\n", left) + 1  # 0 where the text is shorter than what is left
            file.write(text[:end] if end else text)
        if opening and not end:  # what opened a row that does not come
            file.truncate(file.tell() - len(opening))
    return path.parent


# A training that is watched.


class StopAtStep(keras.callbacks.Callback):
    """Ends the process after step `STEP`, and prints when that was.

    The line is JSON: `{"first_step": ..., "step_100": ...}`, both the seconds from the start of the
    process to the end of the step.
    """

    def __init__(self):
        super().__init__()
        self.steps, self.first = 0, 0.0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps == 1:
            self.first = process_seconds()
        if self.steps == STEP:
            times = {"first_step": self.first, f"step_{STEP}": process_seconds()}
            print("\n" + json.dumps(times), flush=True)
            raise SystemExit(0)


def process_seconds() -> float:
    """Seconds since this process was started (Linux), to a hundredth."""
    stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started = int(stat[19]) / os.sysconf("SC_CLK_TCK")  # field 22, counted from 1
    return round(time.clock_gettime(time.CLOCK_BOOTTIME) - started, 2)


def watch(command: Sequence[str], log: Path, seconds: float) -> dict[str, float]:
    """Runs a training with `StopAtStep`: what that printed, and the peak memory in bytes.

    Args:
        command: what to run, from the project's root.
        log: file for what the process prints.
        seconds: how long it may take.

    Raises:
        RuntimeError: the process ended, or was ended, before step `STEP`; shows its last lines.
    """
    end, peak = time.monotonic() + seconds, 0
    with (
        open(log, "wb") as output,
        subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        while process.poll() is None:
            peak = max(peak, sum(map(held, tree(process.pid))))
            if time.monotonic() > end:
                process.kill()
            time.sleep(PAUSE)
    lines = log.read_text(errors="replace").splitlines()
    told = [line for line in lines if line.startswith('{"first_step"')]
    if not told:
        last = "\n".join(lines[-20:])
        raise RuntimeError(f"{' '.join(command)} did not come to step {STEP}:\n{last}")
    return {**json.loads(told[-1]), "memory": peak}


def tree(pid: int) -> Iterator[int]:
    """A process and all that it and its children started, as far as they still run."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:  # the thread has ended
            continue
        for child in found:
            yield from tree(int(child))


def held(pid: int) -> int:
    """Bytes of memory that a process holds, shared pages divided by those who share them (PSS)."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # it has ended
        return 0
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line[:4] == "Pss:")


# The table.

INPUTS = {  # task -> (what, its `--dataset`, who writes it, how much)
    "translation": ("sentence pairs", "pairs", write_pairs, PAIRS),
    "sentiment": ("bytes of CSV", "csv", write_csv, CSV_BYTES),
    "charlm": ("bytes of text", "file", write_text, TEXT_BYTES),
}


def measure(task: str, folder: Path, scale: float, seconds: float) -> str:
    """Writes a task's input unless it is there, trains, and gives the row of the table."""
    what, dataset, write, amount = INPUTS[task]
    amount = int(amount * scale)
    data = folder / f"{dataset}-{amount}"
    if not data.exists():
        write(folder / "writing", amount).rename(data)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        command = [sys.executable, "-m", f"pipelines.{task}", "train", f"--dataset={dataset}"]
        command += [f"--data-dir={data}", f"--runs-dir={work}/runs", f"--cache-dir={work}/cache"]
        command += ["--callback=benchmarks.data:StopAtStep"]
        found = watch(command, folder / f"{task}.log", seconds)
        batch = json.loads(Path(work, "runs", task, dataset, "config.json").read_text())
    rate = (STEP - 1) * batch["batch_size"] / (found[f"step_{STEP}"] - found["first_step"])
    return (
        f"| {task}, {amount:,} {what} | {found['first_step']:.1f} | {found[f'step_{STEP}']:.1f} "
        f"| {found['memory'] / 1e9:.2f} | {rate:,.1f} |"
    )


def report(folder: Path, tasks: Sequence[str], scale: float, seconds: float) -> str:
    """The report, as Markdown."""
    head = f"| | first step, s | step {STEP}, s | memory, GB | examples a second |"
    table = [head, "| --- | --- | --- | --- | --- |"]
    about = (
        "Trainings on data that do not fit in memory, with the presets of `--dataset pairs`, `csv` "
        "and `file`. Memory is the largest sum over the process and its children, looked at every "
        f"{PAUSE} s. An example of the character model is a row of a batch."
    )
    line = machine()
    table += [measure(task, folder, scale, seconds) for task in tasks]
    return "\n\n".join(["# How data reach the training", line, about, "\n".join(table)]) + "\n"


def main(
    folder: Path | None = None,
    tasks: tuple[str, ...] = tuple(INPUTS),
    scale: float = 1.0,
    seconds: float = 3600.0,
    output: Path | None = None,
) -> None:
    """Prints the report; with --output writes it, too.

    Args:
        folder: where inputs and logs are written, and kept for the next time. Default: a temporary
            one; it takes 4 GB and what the trainings keep in their caches.
        tasks: whose input to measure.
        scale: size of the inputs, as a share of the full one.
        seconds: how long one training may take.
        output: also write the report to this file.
    """
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        give(report(place.resolve(), tasks, scale, seconds), output)


if __name__ == "__main__":
    tyro.cli(main)
