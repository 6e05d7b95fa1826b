"""Sentiment, many to one: the whole story of the task, from raw texts to a SavedModel."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from datasets.sentiment import Reviews, read, warn_overlap
from pipelines import runs, training
from pipelines.sentiment import measuring, metrics, predicting, pretraining, serving, tokens
from pipelines.sentiment.card import model_card
from pipelines.sentiment.flags import PRESETS, Evaluate, Predict, Train, check, csv_options
from pipelines.sentiment.trainer import Trainer, logits
from pipelines.verbs import Export, Pipeline
from zoo.models.sentiment import SentimentClassifier

WITH_UNLABELLED = ("imdb", "imdb_reviews")


# Data and model.


def build_classifier(flags: Train, vocabulary: Sequence[str], classes: int) -> SentimentClassifier:
    """The model of a run, built."""
    model = SentimentClassifier(
        len(vocabulary),
        classes,
        pooling=flags.pooling,
        dropout=flags.dropout,
        units=flags.units,
        embedding_units=flags.embedding_units,
        layers=flags.layers,
        bidirectional=flags.bidirectional,
        cell=flags.cell,
        constant_feature=flags.constant_feature,
        gate_offsets=flags.gate_offsets,
        contractive=flags.contractive,
        pairs=flags.pairs,
        pair_units=flags.pair_units,
        embedding_dropout=flags.embedding_dropout,
        input_dropout=flags.input_dropout,
        output_dropout=flags.output_dropout,
        pair_dropout=flags.pair_dropout,
        name="sentiment",
    )
    model.build((None, None))
    return model


def read_split(flags: Train, split: str) -> Reviews:
    """The reviews of a split."""
    return read(
        flags.dataset,
        split,
        flags.data_dir,
        seed=flags.split_seed,
        limit=flags.limit,
        **csv_options(flags),
    )


def prepare(flags: Train, run: Path) -> training.Task:
    """Loads the data, builds the model, pre-trains it if asked, and says what an epoch is."""
    check(flags)
    lent = pretraining.source(flags)
    train, dev = read_split(flags, "train"), read_split(flags, "dev")
    warn_overlap(train, dev)
    unlabelled = []
    if flags.pretrain_epochs and flags.dataset in WITH_UNLABELLED:
        unlabelled = read_split(flags, "unlabelled").texts
    if lent is None:
        vocabulary = tokens.build_vocabulary(
            [*train.texts, *unlabelled], flags.vocabulary_size, flags.min_count, flags.lower_case
        )
    else:
        vocabulary = pretraining.vocabulary_of(lent)
    _keep(run / "vocabulary.json", vocabulary)
    _keep(run / "labels.json", list(train.names))
    rows = tokens.encode(train.texts, vocabulary, flags.lower_case)
    model = build_classifier(flags, vocabulary, len(train.names))
    if flags.pairs:
        model.reader.pairs.know(tokens.telling_pairs(rows, train.labels, flags.pairs))
    dev_rows = tokens.encode(dev.texts, vocabulary, flags.lower_case)
    print(
        f"{len(rows)} training texts, {len(dev_rows)} dev texts, {len(train.names)} labels, "
        f"{len(vocabulary)} words, {model.count_params()} parameters.",
        flush=True,
    )
    if flags.pretrain_epochs:
        more = tokens.encode(unlabelled, vocabulary, flags.lower_case)
        pretraining.pretrain(flags, model.reader, [*rows, *more], dev_rows, run)
    elif lent is not None:
        pretraining.load(flags, model.reader, lent)
    return _task(flags, run, model, (rows, train.labels), (dev_rows, dev.labels))


def _keep(path: Path, value: list[str]) -> None:
    """Writes what the model's numbers mean; where a run goes on, they must mean the same.

    Raises:
        ValueError: the data are no longer those that the run was begun with.
    """
    if path.exists() and runs.read_json(path) != value:
        raise ValueError(
            f"The data must be those that {path.parent} was begun with. Got another {path.name}: "
            "give the run another name with `--run`, or delete that folder."
        )
    runs.write_json(path, value)


def _task(flags, run, model, train, dev) -> training.Task:
    ends = tokens.ends(flags.cut, flags.max_length)

    def labelled(rows, labels):
        chosen = [i for i, row in enumerate(rows) if labels[i] >= 0 and len(row)]
        return [tokens.cut_row(rows[i], *ends) for i in chosen], labels[chosen]

    trainer = Trainer(flags, model, *labelled(*train))
    dev_rows, dev_labels = labelled(*dev)
    # Kept for the temperature, which an export works out: it then needs no data set.
    measuring.save_rows(run / "dev.npz", dev_rows, dev_labels)
    return training.Task(
        model=model,
        epochs=flags.epochs,
        begin=trainer.begin,
        train_epoch=trainer.epoch,
        validate=measuring.validator(model, dev_rows, dev_labels),
        monitor="accuracy",
        keep=flags.keep,
    )


# Export.


def export(flags: Train, run: Path) -> Export:
    """The run's best weights as signatures, calibrated on dev."""
    vocabulary = runs.read_json(run / "vocabulary.json")
    labels = runs.read_json(run / "labels.json")
    model = build_classifier(flags, vocabulary, len(labels))
    training.load_best(model, run)
    rows, truths = measuring.load_rows(run / "dev.npz")
    temperature = metrics.fit_temperature(logits(model, rows), truths)
    print(f"Temperature, fitted on dev: {temperature:.3f}.", flush=True)
    about = {
        "labels": labels,
        "temperature": temperature,
        "dataset": flags.dataset,
        "split_seed": flags.split_seed,
        "options": csv_options(flags),
    }
    files = {"vocabulary": run / "vocabulary.txt", "about": run / "about.json"}
    words = "\n".join(vocabulary) + "\n"
    runs.write_atomically(files["vocabulary"], lambda file: file.write(words.encode()))
    runs.write_json(files["about"], about)
    return serving.sentiment_export(
        model,
        vocabulary,
        labels,
        files,
        lower_case=flags.lower_case,
        ends=tokens.ends(flags.cut, flags.max_length),
        temperature=temperature,
        example=" ".join(np.array(vocabulary)[2:12]),
    )


def measured_split(flags: Train) -> str:
    """demo and csv: test. IMDB: dev, so that the test split is looked at on purpose only."""
    return "dev" if flags.dataset in WITH_UNLABELLED else "test"


PIPELINE = Pipeline(
    name="sentiment",
    summary="Sentiment: the lecture's LSTM reads a text both ways and says what it thinks of it.",
    train_flags=Train,
    train_presets=PRESETS,
    prepare=prepare,
    export=export,
    evaluate=measuring.evaluate,
    predict=predicting.predict,
    report=measuring.report,
    card=model_card,
    test_split=measured_split,
    evaluate_flags=Evaluate,
    predict_flags=Predict,
)
