"""An exported captioner's captions against people's: a split in one pass."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from datasets.captioning.demo import is_exact
from pipelines.captioning.calibration import borne_out, outside_answers, photographs_of
from pipelines.captioning.confidence import auroc, calibration_error
from pipelines.captioning.data import read_split
from pipelines.captioning.flags import Evaluate
from pipelines.captioning.metrics import caption_metrics
from pipelines.contract import Evaluation

REPORTED = 1000  # images whose attention is kept: the report chooses its examples from them


@dataclass(frozen=True)
class Answers:
    """An exported model's answers on a split: one entry an image in each list.

    records: of the split.
    captions, scores: the model's.
    references: what people wrote.
    confidences, thresholds: the model's; one of version 0.1 has none.
    outside: see `outside_answers`; empty without confidences.
    words, attention: of the first `REPORTED` images, the caption word by word as the model wrote
        it, and where each word looked `<float32>[words, rows, columns]`; empty without attention.
    """

    records: tf.data.Dataset
    captions: list[str] = field(default_factory=list)
    references: list[list[str]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    words: list[list[str]] = field(default_factory=list)
    attention: list[np.ndarray] = field(default_factory=list)
    outside: dict[str, list] = field(default_factory=dict)

    def add(self, captions: list[list[bytes]], answer: dict[str, np.ndarray]) -> None:
        """Takes people's captions of a batch of images, and the model's answer to it."""
        self.captions.extend(caption.decode() for caption in answer["caption"])
        self.scores.extend(answer["score"].tolist())
        self.references.extend([text.decode() for text in image] for image in captions)
        if "confidence" in answer:
            self.confidences.extend(answer["confidence"].tolist())
            self.thresholds.extend(answer["threshold"].tolist())
        if "attention" in answer and len(self.words) < REPORTED:
            words = [[word.decode() for word in row if word] for row in answer["words"]]
            maps = zip(words, answer["attention"], strict=True)
            self.words.extend(words)
            self.attention.extend(map_[: len(row)].copy() for row, map_ in maps)

    def images(self, numbers: Collection[int]) -> dict[int, bytes]:
        """The files of some images, read once more."""
        records = self.records.take(max(numbers, default=-1) + 1).as_numpy_iterator()
        return {i: record["image_bytes"] for i, record in enumerate(records) if i in numbers}


def evaluate(model, flags: Evaluate) -> Evaluation:
    """Captions of an exported model for a split's images, as a server would give them."""
    answers = Answers(read_split(flags, flags.split))
    # The same captions as serving_default's, and where each word looked, for the report.
    name = "attention" if "attention" in model.signatures else "serving_default"
    progress = keras.utils.Progbar(int(answers.records.cardinality()), unit_name="image")
    for batch in answers.records.ragged_batch(flags.batch_size).prefetch(1):
        answer = model.signatures[name](image_bytes=batch["image_bytes"])
        answers.add(
            batch["captions"].to_list(), {key: value.numpy() for key, value in answer.items()}
        )
        progress.update(len(answers.captions))
    metrics = caption_metrics(answers.captions, answers.references)
    if answers.confidences:
        answers.outside.update(outside_answers(model, photographs_of(answers.records)))
        metrics |= confidence_metrics(answers)
    if flags.dataset == "demo":
        # A caption is exact when all it claims of the scene is true, and nothing is left out.
        pairs = zip(answers.captions, answers.references, strict=True)
        metrics = {"exact": float(np.mean([is_exact(*pair) for pair in pairs])), **metrics}
    return Evaluation(metrics, answers)


def confidence_metrics(answers: Answers) -> Mapping[str, float]:
    """How well a model knows what it does not know; all from 0 to 1.

    | key | what |
    | --- | --- |
    | borne_out | share of the captions that the references bear out: see `confidence` |
    | confidence_ece | calibration error of the confidence on these captions |
    | coverage | share of the captions that are not called unsure |
    | sure_borne_out | share of those that are borne out |
    | confidence_auroc | these images against images from elsewhere, by the confidence |
    | score_auroc | the same by the score |
    | elsewhere_unsure | share of the captions of images from elsewhere that are called unsure |

    The images from elsewhere are of the kinds that the confidence was not fitted on.
    """
    confidence, threshold = np.array(answers.confidences), answers.thresholds[0]
    truths = borne_out(answers.captions, answers.references)
    outside = np.array(answers.outside["confidence"])
    sure = confidence >= threshold
    return {
        "borne_out": float(truths.mean()),
        "confidence_ece": calibration_error(confidence, truths),
        "coverage": float(sure.mean()),
        "sure_borne_out": float(truths[sure].mean()) if sure.any() else 0.0,
        "confidence_auroc": auroc(confidence, outside),
        "score_auroc": auroc(np.array(answers.scores), np.array(answers.outside["score"])),
        "elsewhere_unsure": float((outside < threshold).mean()),
    }
