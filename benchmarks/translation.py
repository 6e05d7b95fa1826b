"""How fast an exported translator is: a Markdown table, from one run.

python -m benchmarks.translation --model saved_models/translation_en_de --dataset multi30k \\
    --data-dir multi30k [--output benchmarks/results/translation.md]

Greedy and beam search against scoring: one teacher-forced pass over the very text that beam search
wrote, which costs what the model's matrices cost and nothing of the search.
"""

import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
import tyro

from benchmarks.timing import give, interleaved_medians, machine
from datasets.translation import load
from pipelines.exporting import load_saved_model

WAYS = {
    "score": "teacher-forced scoring of the same text",
    "greedy": "greedy search",
    "serving_default": "beam search, as served",
}


def measure(
    model: Path,
    dataset: str = "demo",
    data_dir: Path | None = None,
    sentences: int = 64,
    batches: tuple[int, ...] = (1, 64),
    rounds: int = 7,
    seconds: float = 60.0,
) -> str:
    """The report, as Markdown.

    Args:
        model: SavedModel, or a folder of versions.
        dataset: whose test sentences are translated.
        data_dir: folder of its raw files.
        sentences: how many of them, spread over the split.
        batches: sentences a call.
        rounds: how often each way runs at most, for each batch size.
        seconds: how long one batch size may take at most.
    """
    signatures = load_saved_model(model)[0].signatures
    names = {side: value.numpy().decode() for side, value in signatures["languages"]().items()}
    records = load(dataset, "test", data_dir, **names).as_numpy_iterator()
    text = [record["source"].decode() for record in records]
    text = [text[row] for row in np.linspace(0, len(text) - 1, sentences).astype(int)]
    columns = {}
    for batch in batches:
        runs = calls(signatures, text, batch)
        medians = interleaved_medians(runs, rounds, seconds)
        columns[batch] = {name: len(text) / median for name, median in medians.items()}
    words = np.mean([len(sentence.split()) for sentence in text])
    parts = [
        f"# Speed of a translator, {names['source']} to {names['target']}",
        machine(),
        f"Sentences a second of an exported model, from text to text: {len(text)} test sentences "
        f"of {dataset}, {words:.1f} words each, medians of interleaved runs; in brackets, the time "
        "as a multiple of scoring.",
        table(columns),
    ]
    return "\n\n".join(parts) + "\n"


def calls(signatures, text: list[str], batch: int) -> dict[str, Callable[[], object]]:
    """For each way, a function that sends all of the text, `batch` sentences a call."""
    parts = [tf.constant(text[start : start + batch]) for start in range(0, len(text), batch)]
    answers = [signatures["serving_default"](text=part)["translation"] for part in parts]

    def search(name):
        return lambda: [signatures[name](text=part)["score"].numpy() for part in parts]

    def score():
        pairs = zip(parts, answers, strict=True)
        return [
            signatures["score"](text=part, translation=answer)["score"].numpy()
            for part, answer in pairs
        ]

    return {name: score if name == "score" else search(name) for name in WAYS}


def table(columns: dict[int, dict[str, float]]) -> str:
    """Ways in rows, batch sizes in columns; scoring is the measure of the others."""
    heads = " | ".join(f"batch {batch}" for batch in columns)
    lines = [f"| | {heads} |", "| --- |" + " --- |" * len(columns)]
    for name, title in WAYS.items():
        cells = [
            f"{column[name]:.1f} ({column['score'] / column[name]:.1f}x)"
            for column in columns.values()
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


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
