"""Models as SavedModels and as ONNX, in 32 and in 8 bits: time and quality, a Markdown table.

python -m benchmarks.onnx_step [--models NAME ...] [--text FILE] [--pairs FILE.en FILE.de]
    [--output benchmarks/results/onnx.md]

One thread, a batch of 1, from text to text: the character model reads a character (its signature
`step`), the translator translates a sentence (`greedy`), the classifier reads a text
(`serving_default`). With --text the character model's bits a character, with --pairs the
translator's BLEU, by each of the three.
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import sacrebleu
import tensorflow as tf
import tyro

from benchmarks.timing import give, interleaved_medians, machine
from pipelines import exporting, onnx_export, onnx_runner, runs
from pipelines.charlm.client import first_state
from pipelines.charlm.pipeline import PIPELINE as CHARLM
from pipelines.sentiment.pipeline import PIPELINE as SENTIMENT
from pipelines.translation.pipeline import PIPELINE as TRANSLATION
from pipelines.verbs import from_json

PIPELINES = {pipeline.name: pipeline for pipeline in (CHARLM, SENTIMENT, TRANSLATION)}
SAVED_MODELS = Path(__file__).parents[1] / "saved_models"
FORMATS = {"onnxruntime, float32": False, "onnxruntime, int8": True}
SENTENCE = "Two men in green shirts are standing in front of a house with a big red door."
TEXT = " ".join(["I liked the first half of it, but what a dull end that was!"] * 7)


def formats(model: Path, work: Path) -> tuple[str, Any, dict[str, Any]]:
    """The task, the SavedModel, and onnx_runner's model of each format."""
    loaded, folder = exporting.load_saved_model(model)
    made = runs.read_json(folder / exporting.RUN)
    pipeline = PIPELINES[made["task"]]
    numeric = pipeline.numeric(loaded, from_json(pipeline, made["flags"]))
    runners = {}
    for name, int8 in FORMATS.items():
        output = work / f"{model.name}_{int8}"
        onnx_export.write_onnx(numeric, pipeline.name, folder, output, int8)
        runners[name] = onnx_runner.load(output, threads=1)
    return pipeline.name, loaded, runners


def calls(task: str, loaded: Any, runners: dict[str, Any]) -> dict[str, Callable]:
    """What is timed, of each format."""
    if task == "charlm":
        step, state = loaded.signatures["step"], first_state(loaded)
        number, given = next(iter(runners.values())).numbers("e")[0], state.numpy()
        saved = {"SavedModel": lambda: step(character=tf.constant(["e"]), state=state)["state"]}
        return saved | {
            name: lambda model=model: model.next(number, given) for name, model in runners.items()
        }
    name = {"translation": "greedy", "sentiment": "serving_default"}[task]
    text = SENTENCE if task == "translation" else TEXT
    signature = loaded.signatures[name]
    saved = {"SavedModel": lambda: signature(text=tf.constant([text]))["score"].numpy()}
    return saved | {name: lambda model=model: model(text) for name, model in runners.items()}


def bits(loaded: Any, runners: dict[str, Any], text: str) -> dict[str, float]:
    """Bits a character of a text, by each format."""
    saved = loaded.signatures["score"](text=tf.constant([text]))["bits_per_char"]
    return {"SavedModel": float(saved[0])} | {
        name: model.bits_per_char(text) for name, model in runners.items()
    }


def bleu(loaded: Any, runners: dict[str, Any], pairs: Sequence[Path]) -> dict[str, float]:
    """BLEU of greedy translations, by each format.

    Raises:
        ValueError: the two files differ in their number of lines.
    """
    sources, targets = (path.read_text("utf-8").splitlines() for path in pairs)
    if len(sources) != len(targets):
        raise ValueError(f"`pairs` must be alike in lines. Got {len(sources)} and {len(targets)}.")
    saved = []
    for start in range(0, len(sources), 50):
        part = tf.constant(sources[start : start + 50])
        answers = loaded.signatures["greedy"](text=part)["translation"].numpy()
        saved += [answer.decode() for answer in answers]
    by_format = {"SavedModel": saved} | {
        name: [model(source)["translation"] for source in sources]
        for name, model in runners.items()
    }
    return {
        name: sacrebleu.corpus_bleu(texts, [targets]).score for name, texts in by_format.items()
    }


def row(name: str, values: dict[str, float], digits: int) -> str:
    cells = " | ".join(f"{values[key]:.{digits}f}" for key in ("SavedModel", *FORMATS))
    return f"| {name} | {cells} |"


def rows(model: Path, text: str, pairs: Sequence[Path], rounds: int, seconds: float) -> list[str]:
    """A model's rows of the table."""
    with tempfile.TemporaryDirectory() as folder:
        task, loaded, runners = formats(model, Path(folder))
    medians = interleaved_medians(calls(task, loaded, runners), rounds, seconds)
    result = [row(f"{model.name}, µs", {k: 1e6 * v for k, v in medians.items()}, 0)]
    if task == "charlm" and text:
        label = f"{model.name}, bits a character of {len(text):,}"
        result.append(row(label, bits(loaded, runners, text), 4))
    if task == "translation" and pairs:
        result.append(row(f"{model.name}, BLEU", bleu(loaded, runners, pairs), 2))
    return result


def main(
    models: tuple[Path, ...] = (SAVED_MODELS / "charlm_shakespeare",),
    text: Path | None = None,
    pairs: tuple[Path, Path] | None = None,
    characters: int = 20_000,
    rounds: int = 300,
    seconds: float = 30.0,
    output: Path | None = None,
) -> None:
    """Prints the table; with --output writes it, too.

    Args:
        models: SavedModels, or folders of versions.
        text: to measure bits a character on; its first `characters`.
        pairs: source and target, sentence by sentence, to measure BLEU on.
        characters: of the text.
        rounds: how often each call is timed at most.
        seconds: how long a model is timed at most.
        output: also write the table to this file.
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    about = machine()
    content = text.read_text("utf-8")[:characters] if text else ""
    heads = " | ".join(("SavedModel", *FORMATS))
    lines = [f"| | {heads} |", "| --- | --- | --- | --- |"]
    for model in models:
        lines += rows(model, content, pairs or (), rounds, seconds)
    parts = ["# Models as ONNX", about, "Medians; one thread, a batch of 1.", "\n".join(lines)]
    give("\n\n".join(parts) + "\n", output)


if __name__ == "__main__":
    tyro.cli(main)
