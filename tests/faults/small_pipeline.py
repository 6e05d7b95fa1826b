"""A pipeline of a second that has all that can break: training, vocabulary, export, metrics."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from pipelines import contract, runs, training, verbs
from pipelines.flags import TrainFlags
from tests.pipelines.tiny_training import TinyTraining

WORDS = ["<unknown>", "ein", "Käfer", "geht"]
EPOCHS = 4


@dataclass(frozen=True)
class Train(TrainFlags):
    """A small regression."""

    epochs: int = EPOCHS
    """Passes over the data."""


def trainer(flags, run):
    runs.keep(run, "vocabulary", WORDS)
    return TinyTraining(flags.epochs)


def export(flags, run):
    model = TinyTraining().model
    training.load_best(model, run)
    module = tf.Module()
    module.weights = [tf.Variable(keras.ops.convert_to_numpy(w.value)) for w in model.weights]

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
    def answer(x):
        first, bias, second, last = module.weights
        return {"y": (tf.tanh(x @ first + bias) @ second + last)[:, 0]}

    words = run / "vocabulary.txt"
    runs.write_atomically(words, lambda file: file.write("\n".join(WORDS).encode()))
    module.vocabulary = tf.saved_model.Asset(str(words))
    module.signatures_ = [answer]
    warmup = [("serving_default", {"x": np.ones((1, 4), np.float32)})]
    return contract.Export(module, {"serving_default": answer}, warmup)


def answers(model):
    """What an exported model answers to fixed numbers, `<float32>[3]`."""
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    return model.signatures["serving_default"](x=tf.constant(x))["y"].numpy()


def evaluate(model, flags):
    return contract.Evaluation({f"y{i}": float(y) for i, y in enumerate(answers(model))})


PIPELINE = contract.Pipeline(
    name="small",
    summary="A small regression.",
    train_flags=Train,
    train_presets={"demo": Train()},
    describe=lambda flags, splits: {},
    trainer=trainer,
    export=export,
    evaluate=evaluate,
    predict=lambda model, flags: [],
    report=lambda flags, evaluation: [],
    card=lambda flags, measured: "# A small regression\n",
)


def train(runs_dir):
    """The command under test; returns the run's folder."""
    verbs.train(PIPELINE, Train(runs_dir=runs_dir))
    return runs_dir / "small" / "demo"


def outcome(run):
    """All that a run ends with, without times, machine and the names of layers."""
    state = runs.read_json(run / "state.json")
    files = {}
    for path in sorted((run / "checkpoints").iterdir()):
        with np.load(path, allow_pickle=False) as arrays:
            files[path.name] = [arrays[name] for name in sorted(arrays.files)]
    versions = sorted(path.name for path in (run / "saved_model").iterdir())
    return {
        "epochs": state["epochs_done"],
        "history": {k: v for k, v in state["history"].items() if "seconds" not in k},
        "best": [(entry["epoch"], entry["value"], entry["file"]) for entry in state["best"]],
        "files": files,
        "metrics": runs.read_json(run / "metrics.json")["metrics"],
        "versions": versions,
        "hidden": sorted(p.name for p in run.rglob(".*") if p.name != ".lock"),
    }
