"""A translator's sentences against people's: during training, and of an exported model."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from datasets.translation import read
from datasets.translation.cleaning import Pairs
from pipelines.runs import flags_to_json
from pipelines.training import as_graph
from pipelines.translation import data
from pipelines.translation.flags import Evaluate, Train
from pipelines.translation.metrics import Measured, bleu, sentence_scores, translation_metrics
from pipelines.translation.report import Alignment, Example, write_translation_report
from pipelines.translation.subwords import Subwords
from pipelines.verbs import Evaluation
from zoo.models.translator import Translator

BATCH = 64  # sentences a call in validation
REPORTED = 1000  # sentences that the report chooses its examples from


def read_pairs(flags: Train, split: str) -> Pairs:
    """A split of the run's data."""
    return read(
        flags.dataset,
        split,
        flags.data_dir,
        source=flags.source,
        target=flags.target,
        seed=flags.seed,
        limit=flags.limit,
    )


def validator(
    model: Translator, dev: Pairs, vocabulary: list[str], rules: Mapping[str, Any], flags: Train
) -> Callable[[], dict[str, float]]:
    """A function that translates the dev sentences, greedily, and scores them by BLEU."""
    subwords = Subwords(vocabulary)
    tokens = data.Corpus(dev.sources, vocabulary).encode()
    longest_first = np.argsort([-len(sentence) for sentence in tokens], kind="stable")

    @as_graph
    def search(source):
        return model.translate(source, method="greedy", **rules).tokens

    def validate() -> dict[str, float]:
        texts = [""] * len(tokens)
        for start in range(0, len(tokens), BATCH):
            rows = longest_first[start : start + BATCH]
            time = min(flags.max_length, len(tokens[rows[0]]))
            found = search(data.pad([tokens[row] for row in rows], time))
            written = subwords.decode(tf.constant(keras.ops.convert_to_numpy(found)[:, 0]))
            for row, text in zip(rows, written.numpy(), strict=True):
                texts[row] = text.decode()
        return {"bleu": bleu(texts, dev.targets, flags.target)}

    return validate


class Answers(NamedTuple):
    """What an exported model said about a split: one entry a sentence in each list."""

    pairs: Pairs
    translations: list[str]
    scores: list[float]
    alignments: list[Alignment | None]
    measured: Measured
    languages: tuple[str, str]


def evaluate(model, flags: Evaluate) -> Evaluation:
    """Translations of an exported model for a split's sentences, as a server would give them."""
    if flags.batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Got {flags.batch_size}.")
    named = model.signatures["languages"]()
    source, target = (named[side].numpy().decode() for side in ("source", "target"))
    pairs = read(
        flags.dataset,
        flags.split,
        flags.data_dir,
        source=source,
        target=target,
        limit=flags.limit,
    )
    found = _answer(model, pairs.sources, flags.batch_size)
    measured = translation_metrics(found["translation"], pairs.targets, target)
    metrics = dict(measured.metrics)
    if flags.dataset == "demo":
        same = [a == b for a, b in zip(found["translation"], pairs.targets, strict=True)]
        metrics = {"exact": float(np.mean(same)), **metrics}
    for name, signature in measured.signatures.items():
        print(f"{name}: {signature}", flush=True)
    answers = Answers(
        pairs,
        found["translation"],
        found["score"],
        found["alignment"],
        measured,
        (source, target),
    )
    return Evaluation(metrics, answers)


def _answer(model, sentences: tuple[str, ...], batch_size: int) -> dict[str, list]:
    """Answers in the order of the sentences; asked in the order of their lengths."""
    has_attention = "attention" in model.signatures
    signature = model.signatures["attention" if has_attention else "serving_default"]
    answers: dict[str, list] = {
        name: [None] * len(sentences) for name in ("translation", "score", "alignment")
    }
    order = np.argsort([-len(sentence) for sentence in sentences], kind="stable")
    progress = keras.utils.Progbar(len(sentences), unit_name="sentence")
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        said = signature(text=tf.constant([sentences[row] for row in rows]))
        said = {name: value.numpy() for name, value in said.items()}
        for place, row in enumerate(rows):
            answers["translation"][row] = said["translation"][place].decode()
            answers["score"][row] = float(said["score"][place])
            if has_attention:
                answers["alignment"][row] = _alignment(said, place)
        progress.update(start + len(rows))
    return answers


def _alignment(said: Mapping[str, np.ndarray], row: int) -> Alignment:
    sides = (said[f"{side}_pieces"][row] for side in ("source", "target"))
    source, target = ([piece.decode() for piece in side if piece] for side in sides)
    weights = said["attention"][row, : len(target), : len(source)]
    return Alignment(source, target, weights.copy())


def report(run: Path, flags: Train, history: Mapping, evaluation: Evaluation) -> None:
    """Writes the run's report: curves, metrics, examples, alignments, BLEU by length."""
    found: Answers = evaluation.details
    count = min(REPORTED, len(found.translations))
    scores = sentence_scores(found.translations[:count], found.pairs.targets[:count])
    examples = [
        Example(
            found.pairs.sources[i],
            found.pairs.targets[i],
            found.translations[i],
            scores[i],
            found.scores[i],
            found.alignments[i],
        )
        for i in range(count)
    ]
    write_translation_report(
        run / "report.html",
        title=f"Translation: {flags.dataset}, {flags.source} to {flags.target}",
        config=flags_to_json(flags),
        history=history,
        metrics=evaluation.metrics,
        signatures=found.measured.signatures,
        lengths=by_length(found, flags.target),
        examples=examples,
    )


def by_length(found: Answers, language: str) -> list[tuple[str, int, float]]:
    """(source words, sentences, BLEU) of five groups of about equal size, the shortest first."""
    words = np.array([len(source.split()) for source in found.pairs.sources])
    cuts = np.unique(np.quantile(words, (0.2, 0.4, 0.6, 0.8, 1), method="higher"))
    groups = []
    below = 0
    for cut in cuts:
        rows = np.flatnonzero((words > below) & (words <= cut))
        texts = [found.translations[row] for row in rows]
        score = bleu(texts, [found.pairs.targets[row] for row in rows], language)
        low = int(words[rows].min())
        groups.append((f"{low} to {cut}" if low < cut else f"{cut}", len(rows), score))
        below = cut
    return groups
