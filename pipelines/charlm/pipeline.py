"""The character language model, many to many: from a text to a SavedModel that writes on."""

import dataclasses
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from datasets.text import unit_of
from pipelines import runs, training
from pipelines.charlm import client, data, evaluation, metrics, pretrained
from pipelines.charlm.card import model_card, split_measured
from pipelines.charlm.data import Vocabulary
from pipelines.charlm.flags import FORMER, PRESETS, Evaluate, Predict, Train
from pipelines.charlm.numeric import EXAMPLE, char_numeric
from pipelines.charlm.report import report_sections
from pipelines.charlm.signatures import char_export
from pipelines.charlm.trainer import Samples, Trainer
from pipelines.contract import Export, Numeric, Pipeline
from pipelines.flags import arguments_of
from pipelines.onnx_export import asset_text, assign_weights
from zoo.models.char_lm import CharLM

# Data and model.


def build_model(flags: Train, vocabulary: Vocabulary) -> CharLM:
    """The model of a run, built."""
    arguments = arguments_of(CharLM, flags, vocabulary_size=len(vocabulary))
    model = CharLM(name="char_lm", **arguments)
    model.build()
    return model


def trainer(flags: Train, run: Path) -> Trainer:
    """Reads the text, builds the model, and says how it is trained."""
    source, key = pretrained.source(flags), data.data_key(flags)
    if source is None:
        vocabulary = data.build_vocabulary(flags, key)
    else:
        vocabulary = pretrained.vocabulary_of(source, unit_of(flags.dataset, flags.unit))
    train, dev = (data.encode_split(flags, split, vocabulary, key) for split in ("train", "dev"))
    runs.keep(run, "vocabulary", vocabulary.to_json())
    runs.keep(run, "data", {"train": train.digest, "dev": dev.digest})
    unknown = len(dev) - np.count_nonzero(dev.columns["numbers"].values)
    print(
        f"{len(train):,} training and {len(dev):,} dev {vocabulary.unit}s, "
        f"{len(vocabulary.symbols)} different ones, {unknown} of dev unknown.",
        flush=True,
    )
    model = build_model(flags, vocabulary)
    if source is not None:
        training.load_trained(model, source)
    result = Trainer(flags, model, train, dev)
    if flags.sample_length:
        result.callbacks = [Samples(run / "samples", vocabulary, flags.sample_length)]
    return result


# Export and prediction.


def export(flags: Train, run: Path) -> Export:
    """The run's best weights as signatures."""
    vocabulary = Vocabulary.from_json(runs.kept(run, "vocabulary"))
    model = build_model(flags, vocabulary)
    training.load_best(model, run)
    path = run / "vocabulary.json"
    runs.write_json(path, vocabulary.to_json())
    return char_export(model.as_printed(), vocabulary, path)


def numeric(exported: Any, flags: Train) -> Numeric:
    """An exported model's weights as functions of numbers.

    Raises:
        ValueError: the weights are not those of a model of this version.
    """
    vocabulary = Vocabulary.from_json(json.loads(asset_text(exported.vocabulary)))
    first = client.first_state(exported)
    # An export has the cells as printed; one of version 0.1, as they were trained.
    for centred in (False, flags.centred):
        model = build_model(dataclasses.replace(flags, centred=centred), vocabulary)
        assign_weights(model, exported)
        if np.allclose(np.concatenate(model.start(1), axis=1), first, atol=1e-4):
            break
    answer = exported.signatures["score"](text=tf.constant([EXAMPLE]))
    return char_numeric(model.as_printed(), vocabulary, float(answer["bits_per_char"][0]))


def predict(model: Any, flags: Predict) -> Iterable[str]:
    """Writes on from each prompt while it is printed; or the bits per character of a file."""
    if flags.score is not None:
        yield from score_file(model, flags.score)
        return
    for prompt in flags.inputs or ("",):
        pieces = client.stream(
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
    chunks = client.chunks_of_file(path, client.unit_of(model))
    for name, value in metrics.total(client.read(model, chunks)).items():
        yield f"{name}\t{value:.0f}" if name == "characters" else f"{name}\t{value:.4f}"


def model_folder(flags: Any) -> str:
    """The model under saved_models/ that flags speak of: of Shakespeare where they do not say."""
    dataset = getattr(flags, "dataset", None) or "tiny_shakespeare"
    return "charlm_" + dataset.removeprefix("tiny_")


PIPELINE = Pipeline(
    name="charlm",
    summary="Character language model: the lecture's LSTM reads a text and writes on.",
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
    test_split=split_measured,
    folder=model_folder,
    former_flags=FORMER,
    evaluate_flags=Evaluate,
    predict_flags=Predict,
)
