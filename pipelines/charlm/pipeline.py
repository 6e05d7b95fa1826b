"""The character language model, many to many: from a text to a SavedModel that writes on."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipelines import runs, training
from pipelines.charlm import exported, measuring, pretrained, serving
from pipelines.charlm.card import model_card, split_measured
from pipelines.charlm.data import Vocabulary, build_vocabulary
from pipelines.charlm.flags import PRESETS, Evaluate, Predict, Train, check
from pipelines.charlm.trainer import Trainer, validator
from pipelines.verbs import Export, Pipeline
from zoo.models.char_lm import CharLM

# Data and model.


def build_model(flags: Train, vocabulary: Vocabulary) -> CharLM:
    """The model of a run, built."""
    model = CharLM(
        len(vocabulary),
        units=flags.units,
        layers=flags.layers,
        embedding_units=flags.embedding_units,
        cell=flags.cell,
        constant_feature=flags.constant_feature,
        layer_norm=flags.layer_norm,
        centred=flags.centred,
        input_dropout=flags.input_dropout,
        dropout=flags.dropout,
        weight_dropout=flags.weight_dropout,
        batch_size=flags.batch_size,
        name="char_lm",
    )
    model.build()
    return model


def prepare(flags: Train, run: Path) -> training.Task:
    """Loads the text, builds the model, and says what an epoch is."""
    check(flags)
    begun = pretrained.source(flags)
    train = measuring.read_split(flags, "train", flags.unit)
    dev = measuring.read_split(flags, "dev", flags.unit)
    if begun is None:
        vocabulary = build_vocabulary(train.unit, train.symbols, flags.min_count)
    else:
        vocabulary = pretrained.vocabulary(begun, train.unit)
    runs.write_json(run / "vocabulary.json", vocabulary.to_json())
    numbers, dev_numbers = (vocabulary.encode(text.symbols) for text in (train, dev))
    print(
        f"{len(numbers):,} training and {len(dev_numbers):,} dev {train.unit}s, "
        f"{len(vocabulary) - 1} different ones, {int((dev_numbers == 0).sum())} of dev unknown.",
        flush=True,
    )
    model = build_model(flags, vocabulary)
    if begun is not None:
        pretrained.load(model, begun)
    trainer = Trainer(flags, model, numbers, vocabulary)
    return training.Task(
        model=model,
        epochs=flags.epochs,
        begin=trainer.begin,
        train_epoch=trainer.epoch_with_samples(run / "samples"),
        validate=validator(model, dev_numbers, flags.time),
        monitor="log_likelihood",
        keep=flags.keep,
    )


# Export and prediction.


def export(flags: Train, run: Path) -> Export:
    """The run's best weights as signatures."""
    path = run / "vocabulary.json"
    vocabulary = Vocabulary.from_json(runs.read_json(path))
    model = build_model(flags, vocabulary)
    training.load_best(model, run)
    return serving.char_export(model.as_printed(), vocabulary, path)


def predict(model: Any, flags: Predict) -> Iterable[str]:
    """Writes on from each prompt while it is printed; or the bits per character of a file."""
    if flags.score is not None:
        yield from score_file(model, flags.score)
        return
    _check_drawing(flags)
    for prompt in flags.inputs or ("",):
        pieces = exported.stream(
            model,
            prompt,
            length=flags.length,
            temperature=flags.temperature,
            top_k=flags.top_k,
            top_p=flags.top_p,
            seed=flags.seed,
        )
        print(prompt, end="", flush=True)
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()
        yield ""  # the line's end


def score_file(model: Any, path: Path) -> Iterable[str]:
    """The metrics of a text file, one a line."""
    if not path.is_file():
        raise ValueError(f"`--score` must name a file. Not found: {path}.")
    chunks = exported.chunks_of_file(path, exported.unit_of(model))
    for name, value in exported.total(exported.read(model, chunks)).items():
        yield f"{name}\t{value:.0f}" if name == "characters" else f"{name}\t{value:.4f}"


def _check_drawing(flags: Predict) -> None:
    rules = {
        "length": (flags.length >= 0, "0 or more"),
        "temperature": (flags.temperature >= 0, "0 or more"),
        "top_k": (flags.top_k >= 0, "0 or more"),
        "top_p": (0 < flags.top_p <= 1, "above 0 and at most 1"),
        "seed": (-(2**31) <= flags.seed < 2**31, "an integer of 32 bits"),
    }
    for name, (holds, rule) in rules.items():
        if not holds:
            raise ValueError(f"`{name}` must be {rule}. Got {getattr(flags, name)}.")


def model_folder(flags: Any) -> str:
    """The model under saved_models/ that flags speak of: of Shakespeare where they do not say."""
    dataset = getattr(flags, "dataset", None) or "tiny_shakespeare"
    return "charlm_" + dataset.removeprefix("tiny_")


PIPELINE = Pipeline(
    name="charlm",
    summary="Character language model: the lecture's LSTM reads a text and writes on.",
    train_flags=Train,
    train_presets=PRESETS,
    prepare=prepare,
    export=export,
    evaluate=measuring.evaluate,
    predict=predict,
    report=measuring.report,
    card=model_card,
    test_split=split_measured,
    folder=model_folder,
    evaluate_flags=Evaluate,
    predict_flags=Predict,
)
