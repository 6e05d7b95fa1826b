"""How often an exported classifier is right, and how well it knows it: a split in one pass."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from datasets.sentiment import label_names, load
from datasets.sentiment.labels import meaning
from pipelines.contract import Evaluation
from pipelines.sentiment import metrics
from pipelines.sentiment.data import tokenize
from pipelines.sentiment.flags import Evaluate, csv_options
from pipelines.sentiment.signatures import positive_of

SHOWN = 8  # texts in each group of the report
WINDOW = 4096  # texts that are sorted by length at a time, so that like ones share a batch


class Text(NamedTuple):
    """One text of the split, its words as the model counts them, and the model's answer."""

    id: str
    text: bytes
    label: int
    words: int
    probabilities: np.ndarray

    @property
    def certainty_of_mistake(self) -> float:
        """The likeliest label's probability where it is wrong, else below 0."""
        best = int(self.probabilities.argmax())
        return float(self.probabilities[best]) if best != self.label else -1.0


@dataclass(frozen=True)
class Answers:
    """An exported model's answers on a split.

    labels: names of the model's labels.
    truths: `<int>[texts]`, true labels; the numbers are the model's.
    probabilities: `<float>[texts, labels]`.
    calibration, temperatures: what the model was calibrated with; `<float>[texts]` by its words.
    mistakes, others: the surest wrong answers, and texts at random.
    explain: texts -> for each (words, contributions).
    """

    labels: list[str]
    truths: np.ndarray
    probabilities: np.ndarray
    calibration: metrics.Calibration
    temperatures: np.ndarray
    mistakes: list[Text]
    others: list[Text]
    explain: Callable[[Sequence[bytes]], list[tuple[list[str], np.ndarray]]]


def evaluate(model, flags: Evaluate) -> Evaluation:
    """Answers of an exported model for a split's texts, as a server would give them.

    Raises:
        ValueError: no text of the split has a label, or the model does not know a label.
    """
    about = about_model(model)
    records, numbers = _records(flags, about)
    truths, probabilities, sources, lengths = [], [], [], []
    mistakes, others = [], []
    rng = np.random.default_rng(0)
    longest = about.get("max_length")  # with the exponent, since version 0.2
    for text in _answered(model, records, numbers, flags.batch_size, longest):
        truths.append(text.label)
        probabilities.append(text.probabilities)
        sources.append(text.id.partition("/")[0])
        lengths.append(text.words)
        mistakes = sorted([*mistakes, text], key=lambda text: -text.certainty_of_mistake)[:SHOWN]
        # Reservoir sampling: at any time each text so far is among them with the same chance.
        place = len(others) if len(others) < SHOWN else int(rng.integers(len(truths)))
        others[place : place + 1] = [text] if place < SHOWN else []
    if not truths:
        raise ValueError("`split` must hold reviews with a label. Got none: nothing to measure.")
    calibration = metrics.Calibration(about["temperature"], about.get("exponent", 0.0))
    answers = Answers(
        labels=about["labels"],
        truths=np.array(truths),
        probabilities=np.array(probabilities, np.float64),
        calibration=calibration,
        temperatures=calibration.temperatures(np.array(lengths)),
        mistakes=[text for text in mistakes if text.certainty_of_mistake >= 0],
        others=others,
        explain=lambda texts: explain(model, texts),
    )
    measured = metrics.classification_metrics(
        answers.probabilities, answers.truths, answers.temperatures, positive_of(about["labels"])
    )
    if "+" in flags.dataset:
        measured |= metrics.metrics_by_source(
            answers.probabilities, answers.truths, np.array(sources)
        )
    return Evaluation(measured, answers)


def about_model(model) -> dict[str, Any]:
    """The export's own description: labels, temperature, data set and its options."""
    return json.loads(tf.io.read_file(model.about.asset_path).numpy())


def _records(flags: Evaluate, about: dict[str, Any]) -> tuple[tf.data.Dataset, np.ndarray]:
    """The split's records, and the model's number of each of their labels.

    Raises:
        ValueError: the data cannot be used, or the model does not know a label.
    """
    trained_with = about["options"] if flags.dataset == about["dataset"] else {}
    options = {**trained_with, **csv_options(flags)}
    records = load(
        flags.dataset,
        flags.split,
        flags.data_dir,
        seed=about["split_seed"],
        limit=flags.limit,
        **options,
    )
    names = label_names(flags.dataset, flags.data_dir, **options)
    known = {meaning(label): place for place, label in enumerate(about["labels"])}
    unknown = sorted(name for name in names if meaning(name) not in known)
    if unknown:
        raise ValueError(
            f"The labels must be among the model's: {', '.join(about['labels'])}. Got "
            f"{', '.join(unknown)}."
        )
    return records, np.array([known[meaning(name)] for name in names])


def _answered(
    model, records, numbers: np.ndarray, batch_size: int, longest: int | None
) -> Iterator[Text]:
    """The texts that have a label, with the model's answers; like lengths share a batch."""
    progress = keras.utils.Progbar(int(records.cardinality()), unit_name="text")
    labelled = records.filter(lambda record: record["label"] >= 0)
    for window in labelled.batch(WINDOW).prefetch(1).as_numpy_iterator():
        order = np.argsort([len(text) for text in window["text"]], kind="stable")
        words = np.minimum(tokenize(window["text"]).row_lengths().numpy(), longest or np.inf)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            answers = _answer(model, window["text"][rows])
            for row, probabilities in zip(rows, answers, strict=True):
                label = int(numbers[window["label"][row]])
                name = window["id"][row].decode("utf-8", "replace")
                yield Text(name, window["text"][row], label, int(words[row]), probabilities)
            progress.add(len(rows))


def _answer(model, texts: Sequence[bytes]) -> np.ndarray:
    """`<float>[texts, labels]`; a text without words has none, and counts as a guess."""
    probabilities = model.signatures["serving_default"](text=tf.constant(texts, tf.string))
    probabilities = probabilities["probabilities"].numpy()
    empty = probabilities.sum(axis=1, keepdims=True) == 0
    return np.where(empty, 1 / probabilities.shape[1], probabilities)


def explain(model, texts: Sequence[bytes]) -> list[tuple[list[str], np.ndarray]]:
    """Words of each text as the model read them, and the contribution of each."""
    answer = model.signatures["words"](text=tf.constant(texts, tf.string))
    explained = []
    for row, values in zip(answer["words"].numpy(), answer["contributions"].numpy(), strict=True):
        words = [word.decode() for word in row if word]
        explained.append((words, values[: len(words)]))
    return explained
