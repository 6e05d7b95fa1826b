"""Sentiment, many to one: the whole story of the task, from raw texts to a SavedModel."""

import itertools
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from datasets.files import read_lines
from datasets.mixture import parts
from datasets.sentiment import DATASETS, warn_overlap
from pipelines import runs, training
from pipelines.classification import warn_at_bound
from pipelines.contract import Export, Numeric, Pipeline
from pipelines.flags import arguments_of
from pipelines.onnx_export import asset_text, assign_weights
from pipelines.sentiment import data, evaluation, metrics, signatures
from pipelines.sentiment.card import model_card
from pipelines.sentiment.flags import FORMER, PRESETS, Evaluate, Predict, Train, csv_options
from pipelines.sentiment.numeric import EXAMPLE, sentiment_numeric
from pipelines.sentiment.report import report_sections
from pipelines.sentiment.trainer import Trainer, logits
from pipelines.store import Column, Store
from zoo.models.sentiment import SentimentClassifier

HELD_OUT_BY_PUBLISHER = {"imdb", "imdb_reviews", "sst2"}
SHADES = (  # of the terminal's 256 colours: backgrounds from faint to strong
    (224, 217, 210, 203),  # red, against the label
    (194, 157, 120, 83),  # green, for it
)
FAINTEST = 0.1  # of the strongest word: less is not shown
LEAST = 0.05  # nats: in a text where no word does more, none is shown


# Data and model.


def classifier(flags: Train, words: int, classes: int) -> SentimentClassifier:
    """The model of a run, not yet built.

    Raises:
        ValueError: the model does not take a flag's value.
    """
    arguments = arguments_of(
        SentimentClassifier, flags, vocabulary_size=words, classes=classes, name="sentiment"
    )
    return SentimentClassifier(**arguments)


def trainer(flags: Train, run: Path) -> Trainer:
    """Reads the data, builds the model, and says how it is trained.

    Raises:
        ValueError: the data cannot be used, or are not those that the run was begun with.
    """
    key = data.data_key(flags)
    splits = {split: data.read_split(flags, split) for split in ("train", "dev")}
    warn_overlap(splits["train"], splits["dev"])
    vocabulary = data.build_vocabulary(flags, splits["train"], key)
    labels = data.read_labels(flags)
    train, dev = (
        data.encode_split(flags, split, records, vocabulary, key)
        for split, records in splits.items()
    )
    runs.keep(run, "vocabulary", vocabulary)
    runs.keep(run, "labels", list(labels))
    runs.keep(run, "data", {"train": train.digest, "dev": dev.digest})
    # For the temperatures, which an export works out: it then needs no data set.
    words, offsets = dev.columns["tokens"]
    dev_labels = dev.columns["label"].values
    runs.keep(run, "dev", {"words": words, "offsets": offsets, "labels": dev_labels})
    model = classifier(flags, len(vocabulary), len(labels))
    model.build((None, None))
    print(
        f"{len(train):,} training texts, {len(dev):,} dev texts, {len(labels)} labels, "
        f"{len(vocabulary):,} words, {model.count_params():,} parameters.",
        flush=True,
    )
    return Trainer(flags, model, train, dev)


def check(flags: Train) -> None:
    """Makes the model of the flags, and leaves it, before any data are read.

    Raises:
        ValueError: the data set is unknown, or the model does not take a flag's value.
    """
    parts(flags.dataset, DATASETS)
    classifier(flags, flags.vocabulary_size, classes=2)


# Export.


def export(flags: Train, run: Path) -> Export:
    """The run's best weights as signatures, calibrated on dev.

    Raises:
        ValueError: the run has no checkpoint, or a file of it is altered.
    """
    vocabulary, labels = runs.kept(run, "vocabulary"), runs.kept(run, "labels")
    model = classifier(flags, len(vocabulary), len(labels))
    model.build((None, None))
    training.load_best(model, run)
    calibration = fit_calibration(model, run)
    about = {
        "labels": labels,
        "temperature": calibration.scale,
        "exponent": calibration.exponent,
        "max_length": flags.max_length,
        "dataset": flags.dataset,
        "split_seed": flags.split_seed,
        "options": csv_options(flags),
    }
    files = {"vocabulary": run / "vocabulary.txt", "about": run / "about.json"}
    words = "\n".join(vocabulary) + "\n"
    runs.write_atomically(files["vocabulary"], lambda file: file.write(words.encode()))
    runs.write_json(files["about"], about)
    return signatures.sentiment_export(
        model,
        vocabulary,
        labels,
        files,
        lower_case=flags.lower_case,
        ends=data.ends(flags.cut, flags.max_length),
        calibration=calibration,
        example=" ".join(np.array(vocabulary)[2:12]),
    )


def numeric(exported: Any, flags: Train) -> Numeric:
    """An exported model's weights as functions of numbers.

    Raises:
        ValueError: the weights are not those of a model of this version.
    """
    vocabulary = asset_text(exported.vocabulary).split("\n")[:-1]
    about = json.loads(asset_text(exported.about))
    model = classifier(flags, len(vocabulary), len(about["labels"]))
    model.build((None, None))
    assign_weights(model, exported)
    answer = exported.signatures["serving_default"](text=tf.constant([EXAMPLE]))
    return sentiment_numeric(model, vocabulary, about, flags, float(answer["score"][0]))


def fit_calibration(model: SentimentClassifier, run: Path) -> metrics.Calibration:
    """The temperatures that logits are divided by, fitted on the run's dev."""
    dev = runs.kept(run, "dev")
    columns = {"tokens": Column(dev["words"], dev["offsets"]), "label": Column(dev["labels"], None)}
    calibration, temperature = metrics.fit_calibration(
        logits(model, Store(columns)), dev["labels"], np.diff(dev["offsets"])
    )
    print(
        f"Temperature of a text of n words, fitted on dev: {calibration}; of a middling one: "
        f"{temperature:.3f}.",
        flush=True,
    )
    warn_at_bound(temperature)
    return calibration


def measured_split(flags: Train) -> str:
    """demo, phrases, csv: test. IMDB, SST-2: dev; the test split is looked at on purpose only."""
    return "dev" if HELD_OUT_BY_PUBLISHER & set(flags.dataset.split("+")) else "test"


# Prediction.


def predict(model, flags: Predict) -> Iterable[str]:
    """`label<TAB>score<TAB>text` for each text, in the order given; with `words`, a heat map too.

    Raises:
        ValueError: no texts at all, texts from two sides, or a file that is not there.
    """
    answer = model.signatures["serving_default"]
    texts = read_texts(flags)
    while part := list(itertools.islice(texts, flags.batch_size)):
        answers = answer(text=_encoded(part))
        labels, scores = answers["label"].numpy(), answers["score"].numpy()
        for text, label, score in zip(part, labels, scores, strict=True):
            shown = " ".join(text.split()).encode("utf-8", "replace").decode()
            yield f"{label.decode()}\t{score:.4f}\t{shown}"
            if flags.words and label:
                yield "  " + heat_line(
                    *evaluation.explain(model, _encoded([text]))[0], colours=_coloured()
                )


def read_texts(flags: Predict) -> Iterator[str]:
    """The texts to answer, one by one: arguments, a file's lines or standard input's.

    Raises:
        ValueError: texts from two sides or from none, or a file that is not there.
    """
    if flags.file is not None and flags.inputs:
        raise ValueError("`inputs` must be empty where `--file` is given. Got both.")
    if flags.file is not None:
        if not flags.file.is_file():
            raise ValueError(f"`file` must be a file with a text a line. Not found: {flags.file}.")
        return _lines_of(flags.file)
    if flags.inputs and flags.inputs != ("-",):
        return iter(flags.inputs)
    if not flags.inputs and sys.stdin.isatty():
        raise ValueError(
            "`inputs` must be texts, or `-` for the lines of standard input, or `--file` must name "
            "a file. Got none."
        )
    return (line.rstrip("\r\n") for line in sys.stdin)


def _lines_of(file) -> Iterator[str]:
    for line in read_lines(file):
        yield line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def heat_line(words: Sequence[str], contributions: np.ndarray, colours: bool) -> str:
    """The words on a line, coloured by their contributions, or with the numbers in brackets.

    "not[-1.2] bad[+2.1] at all": a word that moved the log-odds by less than a tenth of the
    strongest is left plain.
    """
    strongest = float(np.abs(contributions).max(initial=0.0))
    shown = []
    for word, value in zip(words, contributions, strict=True):
        share = abs(float(value)) / strongest if strongest >= LEAST else 0.0
        if share < FAINTEST:
            shown.append(word)
        elif colours:
            shades = SHADES[int(value > 0)]
            shade = shades[min(int(share * len(shades)), len(shades) - 1)]
            shown.append(f"\x1b[30;48;5;{shade}m{word}\x1b[0m")
        else:
            shown.append(f"{word}[{value:+.1f}]")
    return " ".join(shown)


def _coloured() -> bool:
    """Whether colours show: in a terminal, unless NO_COLOR (no-color.org) is set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _encoded(texts: Sequence[str]) -> tf.Tensor:
    """Strings as TensorFlow's; lone surrogates (bytes of a user's file) go on as bytes."""
    return tf.constant([text.encode("utf-8", "surrogatepass") for text in texts], tf.string)


PIPELINE = Pipeline(
    name="sentiment",
    summary="Sentiment: the lecture's LSTM reads a text both ways and says what it thinks of it.",
    train_flags=Train,
    train_presets=PRESETS,
    describe=data.describe,
    trainer=trainer,
    export=export,
    numeric=numeric,
    evaluate=evaluation.evaluate,
    predict=predict,
    report=report_sections,
    card=model_card,
    test_split=measured_split,
    check=check,
    former_flags=FORMER,
    evaluate_flags=Evaluate,
    predict_flags=Predict,
)
