"""Machine translation, many to many: the whole story of the task, from pairs to a SavedModel."""

import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from datasets.files import read_lines
from pipelines import runs, training
from pipelines.contract import Export, Numeric, Pipeline
from pipelines.flags import arguments_of
from pipelines.onnx_export import asset_text, assign_weights
from pipelines.translation import data, evaluation, signatures
from pipelines.translation.card import model_card
from pipelines.translation.flags import FORMER, PRESETS, Evaluate, Predict, Train
from pipelines.translation.flags import Export as ExportFlags
from pipelines.translation.numeric import EXAMPLE, translation_numeric
from pipelines.translation.report import report_sections
from pipelines.translation.subwords import END, PAD, START, UNKNOWN
from pipelines.translation.trainer import Trainer
from zoo.models.translator import Translator

MAX_REPEATS = 3  # of a passage in a translation: more is a model that has lost its way

# Data and model.


def build_translator(flags: Train, vocabulary: Sequence[str]) -> Translator:
    """The model of a run, built."""
    arguments = arguments_of(Translator, flags, vocabulary_size=len(vocabulary))
    model = Translator(name="translator", **arguments)
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
        "max_repeats": MAX_REPEATS,
        "length_penalty": flags.length_penalty,
    }


def trainer(flags: Train, run: Path) -> Trainer:
    """Reads the data, learns the vocabulary, builds the model, and says how it is trained."""
    key = data.data_key(flags)
    records = {split: data.read_split(flags, split) for split in ("train", "dev")}
    vocabulary = data.build_vocabulary(flags, records["train"], key)
    train, dev = (
        data.encode_split(flags, split, pairs, vocabulary, key) for split, pairs in records.items()
    )
    runs.keep(run, "vocabulary", vocabulary)
    runs.keep(run, "data", {"train": train.digest, "dev": dev.digest})
    model = build_translator(flags, vocabulary)
    trainer = Trainer(flags, model, vocabulary, train, dev, search_rules(flags))
    too_long = np.count_nonzero(trainer.lengths > flags.max_length)
    print(
        f"{len(train):,} training pairs, {too_long:,} of them too long and left out, {len(dev):,} "
        f"dev pairs, {len(vocabulary):,} subwords, {trainer.lengths.mean():.1f} a sentence, padded "
        f"to {trainer.batches.limits.tolist()}; {model.count_params():,} parameters.",
        flush=True,
    )
    return trainer


# Export and prediction.


def export(flags: Train, run: Path) -> Export:
    """The run's best weights as signatures."""
    vocabulary = runs.kept(run, "vocabulary")
    pieces = run / "vocabulary.txt"
    runs.write_atomically(pieces, lambda file: file.write("\n".join(vocabulary).encode() + b"\n"))
    translator = build_translator(flags, vocabulary)
    training.load_best(translator, run)
    return signatures.translation_export(
        translator,
        vocabulary,
        pieces,
        languages=(flags.source, flags.target),
        beam_size=flags.beam_size,
        rules=search_rules(flags),
        example="A man rides a bike.",
    )


def numeric(exported: Any, flags: Train) -> Numeric:
    """An exported model's weights as functions of numbers.

    Raises:
        ValueError: the weights are not those of a model of this version.
    """
    vocabulary = asset_text(exported.vocabulary).split("\n")[:-1]
    translator = build_translator(flags, vocabulary)
    assign_weights(translator, exported)
    answer = exported.signatures["greedy"](text=tf.constant([EXAMPLE]))
    return translation_numeric(
        translator, vocabulary, search_rules(flags), float(answer["score"][0])
    )


def predict(model, flags: Predict) -> Iterator[str]:
    """A translation for each line, in the order given; blank lines stay blank."""
    answer = model.signatures["serving_default"]
    lines, number = _lines(flags), 0
    while batch := list(itertools.islice(lines, flags.batch_size)):
        found = answer(text=tf.constant(batch))
        cut = found.get("cut", tf.zeros(len(batch), tf.bool)).numpy()  # older models do not say
        for translation, is_cut in zip(found["translation"].numpy(), cut, strict=True):
            number += 1
            if is_cut:
                print(f"Line {number} is cut: it has a sentence too long.", file=sys.stderr)
            yield translation.decode()


def _lines(flags: Predict) -> Iterator[bytes]:
    """The sentences as bytes: what is not UTF-8 is the model's to answer, not an error."""
    if flags.inputs and flags.file is not None:
        raise ValueError(f"`inputs` must be left out with `--file`. Got {len(flags.inputs)}.")
    if flags.inputs:
        return iter([sentence.encode("utf-8", "surrogateescape") for sentence in flags.inputs])
    return _stripped(sys.stdin.buffer) if flags.file is None else _lines_of(flags.file)


def _lines_of(file: Path) -> Iterator[bytes]:
    return (line.encode("utf-8", "surrogateescape") for line in read_lines(file))


def _stripped(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (line.rstrip(b"\r\n") for line in lines)


PIPELINE = Pipeline(
    name="translation",
    summary="Machine translation: the lecture's LSTM reads a sentence and writes another.",
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
    folder=lambda flags: f"translation_{flags.source}_{flags.target}",
    former_flags=FORMER,
    evaluate_flags=Evaluate,
    predict_flags=Predict,
    export_flags=ExportFlags,
)
