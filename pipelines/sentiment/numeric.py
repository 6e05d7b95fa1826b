"""The classifier without its text functions, for `export --format onnx`."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from datasets.sentiment import CLEANING
from pipelines.contract import Numeric
from pipelines.python_patterns import kinds_of, python_pattern
from pipelines.sentiment.data import RULES, UNKNOWN, ends
from pipelines.sentiment.flags import Train
from pipelines.sentiment.metrics import Calibration
from pipelines.sentiment.signatures import calibrated, positive_of
from zoo.models.sentiment import SentimentClassifier

EXAMPLE = "It's NOT bad, but 'twas better before!! <br /> 7/10 :)"


def sentiment_numeric(
    model: SentimentClassifier,
    vocabulary: Sequence[str],
    about: Mapping[str, Any],
    flags: Train,
    expected: float,
) -> Numeric:
    """The one function of a classifier.

    classify: tokens `<int32>[batch, time]`, 0 behind the last word -> probabilities
        `<float32>[batch, classes]`.

    Args:
        model: trained.
        vocabulary: word of each number.
        about: the about.json that the SavedModel holds.
        flags: of the training.
        expected: the score of the text `EXAMPLE`.
    """
    calibration = Calibration(about["temperature"], about["exponent"])

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32, name="tokens")])
    def classify(tokens):
        return {"probabilities": tf.exp(calibrated(model, tokens, calibration))}

    rules = [(python_pattern(pattern), replacement) for pattern, replacement in (*CLEANING, *RULES)]
    reading = {
        "rules": rules,
        "kinds": kinds_of(pattern for pattern, _ in rules),
        "lower_case": flags.lower_case,
        "ends": ends(flags.cut, flags.max_length),
        "unknown": UNKNOWN,
        "labels": about["labels"],
        "positive": positive_of(about["labels"]),
    }
    return Numeric(
        {"classify": classify}, vocabulary, reading, lambda model: model(EXAMPLE)["score"], expected
    )
