"""How often a classifier is right and how well it knows it: in training, and when exported."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from datasets.sentiment import Reviews, read
from pipelines import runs
from pipelines.sentiment import metrics, pretraining
from pipelines.sentiment.flags import Evaluate, Train, csv_options
from pipelines.sentiment.report import Example, write_sentiment_report
from pipelines.sentiment.serving import positive_of
from pipelines.sentiment.trainer import logits
from pipelines.verbs import Evaluation
from zoo.models.sentiment import SentimentClassifier


def validator(
    model: SentimentClassifier, rows: Sequence[np.ndarray], labels: np.ndarray
) -> Callable[[], dict[str, float]]:
    """A function that measures the model on dev."""

    def validate() -> dict[str, float]:
        found = np.exp(metrics.log_softmax(logits(model, rows)))
        return {"accuracy": metrics.accuracy(found, labels), "loss": metrics.loss(found, labels)}

    return validate


def save_rows(path: Path, rows: Sequence[np.ndarray], labels: np.ndarray) -> None:
    """Writes word numbers and labels of texts as one .npz."""
    lengths = np.array([len(row) for row in rows])
    words = np.concatenate(rows)
    runs.write_atomically(
        path, lambda file: np.savez_compressed(file, words=words, lengths=lengths, labels=labels)
    )


def load_rows(path: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """Reads what `save_rows` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        rows = np.split(arrays["words"], np.cumsum(arrays["lengths"])[:-1])
        return rows, arrays["labels"]


@dataclass(frozen=True)
class Answers:
    """What an exported model said about a split.

    reviews: those with a label, whose indices are the model's (see `labels`).
    labels: the model's labels.
    probabilities: `<float>[texts, labels]`.
    temperature: that the model was calibrated with.
    explain: texts -> for each (words, contributions).
    """

    reviews: Reviews
    labels: list[str]
    probabilities: np.ndarray
    temperature: float
    explain: Callable[[Sequence[str]], list[tuple[list[str], np.ndarray]]]


def evaluate(model, flags: Evaluate) -> Evaluation:
    """Answers of an exported model for a split's texts, as a server would give them."""
    if flags.batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Got {flags.batch_size}.")
    about = about_model(model)
    same = flags.dataset == about["dataset"]
    reviews = read(
        flags.dataset,
        flags.split,
        flags.data_dir,
        seed=about["split_seed"],
        limit=flags.limit,
        **{**(about["options"] if same else {}), **csv_options(flags)},
    )
    reviews = as_labelled(reviews, about["labels"])
    probabilities = answer_all(model, reviews.texts, flags.batch_size)
    # A text without words has no probabilities; it counts as a guess.
    empty = probabilities.sum(axis=1, keepdims=True) == 0
    probabilities = np.where(empty, 1 / len(about["labels"]), probabilities)
    found = metrics.classification_metrics(
        probabilities, reviews.labels, about["temperature"], positive_of(about["labels"])
    )
    answers = Answers(
        reviews,
        about["labels"],
        probabilities,
        about["temperature"],
        lambda texts: explain(model, texts),
    )
    return Evaluation(found, answers)


def about_model(model) -> dict[str, Any]:
    """What the export wrote about itself: labels, temperature, data set and its options."""
    return json.loads(tf.io.read_file(model.about.asset_path).numpy())


def as_labelled(reviews: Reviews, labels: Sequence[str]) -> Reviews:
    """The reviews that have a label, numbered as the model's labels are.

    Raises:
        ValueError: no review has one, or the model does not know a label.
    """
    unknown = sorted(set(reviews.names) - set(labels))
    if unknown:
        raise ValueError(
            f"The labels must be among the model's: {', '.join(labels)}. Got {', '.join(unknown)}."
        )
    rows = np.flatnonzero(reviews.labels >= 0)
    if not len(rows):
        raise ValueError("`split` must hold reviews with a label. Got none: nothing to measure.")
    chosen = reviews.select(rows)
    numbers = np.array([labels.index(name) for name in reviews.names])
    return Reviews(chosen.texts, numbers[chosen.labels], tuple(labels), chosen.ids)


def answer_all(model, texts: Sequence[str], batch_size: int) -> np.ndarray:
    """Probabilities of each text `<float64>[texts, labels]`; texts of like length share a batch."""
    answer = model.signatures["serving_default"]
    order = np.argsort([len(text) for text in texts], kind="stable")
    progress = keras.utils.Progbar(len(order), unit_name="text")
    found = []
    for start in range(0, len(order), batch_size):
        part = encoded([texts[index] for index in order[start : start + batch_size]])
        found.append(answer(text=part)["probabilities"].numpy())
        progress.update(min(start + batch_size, len(order)))
    ordered = np.concatenate(found).astype(np.float64)
    probabilities = np.empty_like(ordered)
    probabilities[order] = ordered
    return probabilities


def explain(model, texts: Sequence[str]) -> list[tuple[list[str], np.ndarray]]:
    """Words of each text as the model read them, and what each contributed."""
    found = model.signatures["words"](text=encoded(texts))
    explained = []
    for words, moved in zip(found["words"].numpy(), found["contributions"].numpy(), strict=True):
        spelt = [word.decode() for word in words if word]
        explained.append((spelt, moved[: len(spelt)]))
    return explained


def encoded(texts: Sequence[str]) -> tf.Tensor:
    """Strings as TensorFlow's; lone surrogates (bytes of a user's file) go on as bytes."""
    return tf.constant([text.encode("utf-8", "surrogatepass") for text in texts], tf.string)


def report(run: Path, flags: Train, history: Mapping, evaluation: Evaluation) -> None:
    """Writes the run's report: curves, confusion, ROC, calibration, the surest mistakes."""
    found: Answers = evaluation.details
    lm = run / pretraining.FOLDER / "state.json"
    write_sentiment_report(
        run / "report.html",
        title=f"Sentiment: {flags.dataset}",
        config=runs.flags_to_json(flags),
        history=history,
        pretraining=runs.read_json(lm)["history"] if lm.exists() else {},
        metrics=evaluation.metrics,
        answers=found,
        mistakes=_examples(found, surest_mistakes(found)),
        others=_examples(found, np.random.default_rng(0).permutation(len(found.reviews))[:SHOWN]),
    )


SHOWN = 8  # texts in each group of the report


def surest_mistakes(found: Answers) -> np.ndarray:
    """Indices of the wrong answers with the highest probabilities."""
    wrong = np.flatnonzero(found.probabilities.argmax(axis=1) != found.reviews.labels)
    return wrong[np.argsort(-found.probabilities[wrong].max(axis=1), kind="stable")][:SHOWN]


def _examples(found: Answers, rows: np.ndarray) -> list[Example]:
    examples = []
    for row in rows:  # one at a time: a batch would be as long as its longest text
        ((words, moved),) = found.explain([found.reviews.texts[row]])
        examples.append(
            Example(
                name=found.reviews.ids[row],
                words=words,
                contributions=moved,
                said=found.labels[int(found.probabilities[row].argmax())],
                truth=found.labels[found.reviews.labels[row]],
                probability=float(found.probabilities[row].max()),
            )
        )
    return examples
