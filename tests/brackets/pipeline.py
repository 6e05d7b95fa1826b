"""Brackets, many to one: the whole story of the task."""

import tensorflow as tf

from pipelines import runs, training
from pipelines.contract import Pipeline
from pipelines.flags import arguments_of
from pipelines.report import Section, table
from tests.brackets import data, evaluation, signatures
from tests.brackets.flags import PRESETS, Train
from tests.brackets.model import BracketReader
from tests.brackets.trainer import Trainer


def build_model(flags: Train) -> BracketReader:
    """The model of a run, built."""
    model = BracketReader(**arguments_of(BracketReader, flags))
    model(tf.zeros((1, 1), "int32"))
    return model


def trainer(flags: Train, run) -> Trainer:
    """Reads the data, builds the model, and says how it is trained."""
    train, dev = data.encode_split(flags, "train"), data.encode_split(flags, "dev")
    runs.keep(run, "data", {"train": train.digest, "dev": dev.digest})
    return Trainer(flags, build_model(flags), train, dev)


def export(flags: Train, run):
    """The run's best weights as signatures."""
    model = build_model(flags)
    training.load_best(model, run)
    return signatures.bracket_export(model, flags.max_length)


def predict(model, flags):
    """`label<TAB>text` for each line."""
    answers = model.signatures["serving_default"](text=tf.constant(flags.inputs))
    for label, text in zip(answers["label"].numpy(), flags.inputs, strict=True):
        yield f"{label.decode()}\t{text}"


def report(flags: Train, evaluated):
    """The lines that were answered wrong."""
    yield Section("Mistakes", [table(["line"], [[text.decode()] for text in evaluated.details])])


def card(flags: Train, measured) -> str:
    """The model card."""
    return f"# Brackets\n\n{flags.units} units. Measured: {measured.get('metrics', 'nothing')}.\n"


PIPELINE = Pipeline(
    name="brackets",
    summary="Brackets: are they balanced?",
    train_flags=Train,
    train_presets=PRESETS,
    describe=data.describe,
    trainer=trainer,
    export=export,
    evaluate=evaluation.evaluate,
    predict=predict,
    report=report,
    card=card,
)
