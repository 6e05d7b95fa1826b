"""How many reviews an exported classifier reads in a second: a Markdown table, from one run.

python -m benchmarks.sentiment --model saved_models/sentiment --dataset imdb --data-dir imdb/ \\
    [--output benchmarks/results/sentiment.md]

On one core and on as many as there are, each in a process of its own that may use no others.
"""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
import tyro

from benchmarks.timing import give, interleaved_medians, machine
from datasets.sentiment import load
from pipelines.exporting import load_saved_model

BATCHES = (1, 64)  # reviews a call


def rates(model: Path, texts: list[bytes], cores: int, rounds: int, seconds: float) -> list[float]:
    """Reviews a second for each of `BATCHES`, on so many cores.

    TensorFlow sizes its threads by the cores that its process may use when it starts, so the
    measuring process is a new one, which inherits them.
    """
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(mine)[:cores])
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(_rates, model, texts, rounds, seconds).result()
    finally:
        os.sched_setaffinity(0, mine)


def _rates(model: Path, texts: list[bytes], rounds: int, seconds: float) -> list[float]:
    signature = load_saved_model(model)[0].signatures["serving_default"]
    runs = {str(batch): _call(signature, texts, batch) for batch in BATCHES}
    return [len(texts) / median for median in interleaved_medians(runs, rounds, seconds).values()]


def _call(signature: Callable, texts: list[bytes], batch: int) -> Callable[[], object]:
    """A function that sends all of the texts, `batch` a call."""
    parts = [tf.constant(texts[start : start + batch]) for start in range(0, len(texts), batch)]
    return lambda: [signature(text=part)["score"].numpy() for part in parts]


def measure(
    model: Path,
    dataset: str = "demo",
    data_dir: Path | None = None,
    split: str = "dev",
    reviews: int = 256,
    rounds: int = 7,
    seconds: float = 60.0,
) -> str:
    """The report, as Markdown.

    Args:
        model: SavedModel, or a folder of versions.
        dataset, data_dir, split: whose reviews are read.
        reviews: how many of them, spread over the split.
        rounds: how often each batch size runs at most, on each number of cores.
        seconds: how long each number of cores may take at most.
    """
    records = load(dataset, split, data_dir)
    texts = [record["text"] for record in records.as_numpy_iterator()]
    texts = [texts[row] for row in np.linspace(0, len(texts) - 1, reviews).astype(int)]
    words = np.mean([len(text.split()) for text in texts])
    about = machine()
    lines = ["| | batch 1 | batch 64 |", "| --- | --- | --- |"]
    for cores in sorted({1, len(os.sched_getaffinity(0))}):
        cells = " | ".join(f"{r:.1f}" for r in rates(model, texts, cores, rounds, seconds))
        lines.append(f"| {cores} core{'s' * (cores > 1)} | {cells} |")
    parts = [
        "# Speed of a sentiment classifier",
        about,
        f"Reviews a second of an exported model, from raw text to score: {len(texts)} reviews of "
        f"{dataset}, {words:.0f} words each, in the split's order; medians of interleaved runs.",
        "\n".join(lines),
    ]
    return "\n\n".join(parts) + "\n"


def main(
    model: Path,
    dataset: str = "demo",
    data_dir: Path | None = None,
    output: Path | None = None,
) -> None:
    """Prints the report; with --output writes it, too."""
    give(measure(model, dataset, data_dir), output)


if __name__ == "__main__":
    tyro.cli(main)
