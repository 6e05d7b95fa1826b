"""An exported translator's sentences against people's: a split in one pass, free-running."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from datasets.translation import load
from pipelines.contract import Evaluation
from pipelines.translation.flags import Evaluate
from pipelines.translation.metrics import Counts

WINDOW = 1024  # sentences that are sorted by length at a time, so that like ones share a batch
REPORTED = 1000  # sentences that the report chooses its examples from


class Alignment(NamedTuple):
    """Where each piece of a translation looked.

    source, target: the pieces, the source's end token among them.
    weights: `<float>[target, source]`, each row a distribution.
    """

    source: Sequence[str]
    target: Sequence[str]
    weights: np.ndarray


class Example(NamedTuple):
    """One sentence of the split and the model's answer.

    probability: geometric mean over the translation's subwords, 0..1.
    origin: the data set that it is from, of several.
    score: chrF of the translation against the reference, 0..100.
    """

    source: str
    reference: str
    translation: str
    probability: float
    alignment: Alignment | None
    origin: str = ""
    score: float = 0.0


@dataclass(frozen=True)
class Answers:
    """An exported model's answers on a split.

    examples: the first `REPORTED`.
    by_length: (source words, sentences, BLEU) of groups of sentences.
    signatures: metric -> how sacreBLEU counted it.
    """

    examples: list[Example]
    by_length: list[tuple[str, int, float]]
    signatures: Mapping[str, str]


def evaluate(model, flags: Evaluate) -> Evaluation:
    """Translations of an exported model for a split's sentences, as a server would give them."""
    languages = model.signatures["languages"]()
    source, target = (languages[side].numpy().decode() for side in ("source", "target"))
    options = {"source": source, "target": target, "limit": flags.limit}
    records = load(flags.dataset, flags.split, flags.data_dir, **options)
    counts, words, equal, examples = Counts(target), [], 0, []
    places = defaultdict(list)  # of the sentences of each data set
    for answers in _answered(model, records, flags.batch_size):
        translations = [answer.translation for answer in answers]
        references = [answer.reference for answer in answers]
        counts.add(translations, references)
        for place, answer in enumerate(answers, start=len(words)):
            places[answer.origin].append(place)
        words += [len(answer.source.split()) for answer in answers]
        equal += sum(map(str.__eq__, translations, references))
        examples += answers[: REPORTED - len(examples)]
    metrics = counts.metrics()
    if flags.dataset == "demo":
        metrics = {"exact": equal / len(words), **metrics}
    if len(places) > 1:
        each = {name: np.array(rows) for name, rows in places.items()}
        metrics |= {f"bleu_{name}": counts.score("bleu", rows).score for name, rows in each.items()}
    for name, signature in counts.signatures().items():
        print(f"{name}: {signature}", flush=True)
    scored = [
        example._replace(score=counts.score("chrf", [row]).score)
        for row, example in enumerate(examples)
    ]
    lengths = by_length(np.array(words), counts)
    return Evaluation(metrics, Answers(scored, lengths, counts.signatures()))


def _answered(model, records: tf.data.Dataset, batch_size: int) -> Iterator[list[Example]]:
    """The records with the model's answers, window by window, in their order."""
    name = "attention" if "attention" in model.signatures else "serving_default"
    progress = keras.utils.Progbar(int(records.cardinality()), unit_name="sentence")
    for window in records.batch(WINDOW).prefetch(1).as_numpy_iterator():
        order = np.argsort([len(source) for source in window["source"]], kind="stable")
        answers: list[Example | None] = [None] * len(order)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            outputs = model.signatures[name](text=tf.constant(window["source"][rows]))
            outputs = {name: value.numpy() for name, value in outputs.items()}
            for place, row in enumerate(rows):
                pair = window["source"][row].decode(), window["target"][row].decode()
                origin, several, _ = window["id"][row].decode().partition("/")
                answers[row] = _example(*pair, outputs, place, origin if several else "")
            progress.add(len(rows))
        yield answers


def _example(
    source: str, reference: str, outputs: Mapping[str, np.ndarray], row: int, origin: str
) -> Example:
    translation, score = outputs["translation"][row].decode(), float(outputs["score"][row])
    alignment = _alignment(outputs, row) if "attention" in outputs else None
    return Example(source, reference, translation, score, alignment, origin)


def _alignment(outputs: Mapping[str, np.ndarray], row: int) -> Alignment:
    sides = (outputs[f"{side}_pieces"][row] for side in ("source", "target"))
    source, target = ([piece.decode() for piece in side if piece] for side in sides)
    weights = outputs["attention"][row, : len(target), : len(source)]
    return Alignment(source, target, weights.copy())


def by_length(words: np.ndarray, counts: Counts) -> list[tuple[str, int, float]]:
    """(source words, sentences, BLEU) of five groups of about equal size, the shortest first.

    Args:
        words: `<int>[sentences]`, words of each source.
        counts: of the same sentences.
    """
    limits = np.unique(np.quantile(words, (0.2, 0.4, 0.6, 0.8, 1), method="higher"))
    groups = []
    below = 0
    for limit in limits:
        rows = np.flatnonzero((words > below) & (words <= limit))
        low = int(words[rows].min())
        name = f"{low} to {limit}" if low < limit else f"{limit}"
        groups.append((name, len(rows), counts.score("bleu", rows).score))
        below = limit
    return groups
