"""Machine translation, many to many: the whole story of the task, from pairs to a SavedModel."""

import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipelines import runs, training
from pipelines.translation import data, measuring, serving
from pipelines.translation.card import model_card
from pipelines.translation.flags import PRESETS, Evaluate, Predict, Train, check
from pipelines.translation.flags import Export as ExportFlags
from pipelines.translation.measuring import read_pairs
from pipelines.translation.subwords import END, PAD, START, UNKNOWN, learn_vocabulary
from pipelines.translation.trainer import Trainer
from pipelines.verbs import Export, Pipeline
from zoo.models.translator import Translator

# Data and model.


def build_translator(flags: Train, vocabulary: Sequence[str]) -> Translator:
    """The model of a run, built."""
    model = Translator(
        len(vocabulary),
        units=flags.units,
        encoder_units=flags.encoder_units,
        embedding_units=flags.embedding_units,
        attention_units=flags.attention_units,
        encoder_layers=flags.encoder_layers,
        attention=flags.attention,
        cell=flags.cell,
        embedding_dropout=flags.embedding_dropout,
        dropout=flags.dropout,
        name="translator",
    )
    model.build()
    return model


def search_rules(flags: Train) -> dict[str, Any]:
    """What a translation may be, for every search (see `zoo.decoding.Rules`)."""
    return {
        "start_token": START,
        "end_token": END,
        "pad_token": PAD,
        "forbidden_tokens": (UNKNOWN,),
        "max_length": flags.max_length,
        "min_length": 1,
        "length_penalty": flags.length_penalty,
    }


def prepare(flags: Train, run: Path) -> training.Task:
    """Loads the data, learns the vocabulary, builds the model, and says what an epoch is."""
    check(flags)
    train, dev = read_pairs(flags, "train"), read_pairs(flags, "dev")
    vocabulary = _vocabulary(flags, run, [*train.sources, *train.targets])
    sources, targets = (
        data.Corpus(sentences, vocabulary, flags.subword_dropout, seed=flags.seed)
        for sentences in (train.sources, train.targets)
    )
    model = build_translator(flags, vocabulary)
    trainer = Trainer(flags, model, sources, targets)
    lengths = data.longer_sides(sources.encode(), targets.encode())
    print(
        f"{len(train.ids)} training pairs, {sum(lengths > flags.max_length)} of them too long, "
        f"{len(dev.ids)} dev pairs, {len(vocabulary)} subwords, {lengths.mean():.1f} a sentence, "
        f"padded to {trainer.limits}; {model.count_params():,} parameters.",
        flush=True,
    )
    validate = measuring.validator(model, dev, vocabulary, search_rules(flags), flags)
    return training.Task(
        model=model,
        epochs=flags.epochs,
        begin=trainer.begin,
        train_epoch=trainer.epoch,
        validate=validate,
        monitor="bleu",
        keep=flags.keep,
    )


def _vocabulary(flags: Train, run: Path, texts: Sequence[str]) -> list[str]:
    """The run's vocabulary: what it was begun with, or learnt now."""
    path = run / "vocabulary.json"
    if not path.exists():
        runs.write_json(path, learn_vocabulary(texts, flags.vocabulary_size))
    return runs.read_json(path)


# Export and prediction.


def export(flags: Train, run: Path) -> Export:
    """The run's best weights as signatures."""
    vocabulary = runs.read_json(run / "vocabulary.json")
    pieces = run / "vocabulary.txt"
    runs.write_atomically(pieces, lambda file: file.write("\n".join(vocabulary).encode() + b"\n"))
    translator = build_translator(flags, vocabulary)
    training.load_best(translator, run)
    return serving.translation_export(
        translator,
        vocabulary,
        pieces,
        languages=(flags.source, flags.target),
        beam_size=flags.beam_size,
        rules=search_rules(flags),
        example="A man rides a bike.",
    )


def predict(model, flags: Predict) -> Iterator[str]:
    """A translation for each line, in the order given; blank lines stay blank."""
    if flags.batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Got {flags.batch_size}.")
    answer = model.signatures["serving_default"]
    lines = _lines(flags)
    while batch := list(itertools.islice(lines, flags.batch_size)):
        for translation in answer(text=tf.constant(batch))["translation"].numpy():
            yield translation.decode()


def _lines(flags: Predict) -> Iterator[bytes]:
    """The sentences as bytes: what is not UTF-8 is the model's to answer, not an error."""
    if flags.inputs and flags.file is not None:
        raise ValueError(f"`inputs` must be left out with `--file`. Got {len(flags.inputs)}.")
    if flags.inputs:
        return iter([sentence.encode("utf-8", "surrogateescape") for sentence in flags.inputs])
    if flags.file is not None:
        return _stripped(flags.file.read_bytes().splitlines())
    return _stripped(sys.stdin.buffer)


def _stripped(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (line.rstrip(b"\r\n") for line in lines)


PIPELINE = Pipeline(
    name="translation",
    summary="Machine translation: the lecture's LSTM reads a sentence and writes another.",
    train_flags=Train,
    train_presets=PRESETS,
    prepare=prepare,
    export=export,
    evaluate=measuring.evaluate,
    predict=predict,
    report=measuring.report,
    card=model_card,
    folder=lambda flags: f"translation_{flags.source}_{flags.target}",
    evaluate_flags=Evaluate,
    predict_flags=Predict,
    export_flags=ExportFlags,
)
