"""A training of a second: a small regression in two phases, with dropout and two optimizers.

`python tests/pipelines/tiny_training.py FOLDER EPOCHS` trains it in a process that can be killed.
"""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from pipelines import epochs, training

SWITCH = 2  # epochs of the first phase
EXAMPLES, BATCH = 32, 8


class TinyTraining(training.Trainer):
    """Dropout's random state, Adam's moments and SGD's momentum all decide what comes next."""

    monitor = "score"

    def __init__(self, epochs=4, keep=2):
        self.epochs, self.keep = epochs, keep
        keras.utils.set_random_seed(11)
        rng = np.random.default_rng(5)
        self.x = rng.normal(size=(EXAMPLES, 4)).astype("float32")
        self.y = np.sin(self.x.sum(axis=1, keepdims=True))
        self.model = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(8, activation="tanh"),
                keras.layers.Dropout(0.4),
                keras.layers.Dense(1),
            ]
        )

    def phase(self, epoch):
        return "adam" if epoch < SWITCH else "momentum"

    def compile(self, phase):
        adam, momentum = keras.optimizers.Adam(0.1), keras.optimizers.SGD(0.05, momentum=0.9)
        optimizer = adam if phase == "adam" else momentum
        self.model.compile(optimizer, "mse", run_eagerly=True)  # eager: nothing to trace

    def steps(self, epoch):
        return EXAMPLES // BATCH

    def dataset(self, epoch, start=0):
        plan = epochs.Batches(np.ones(EXAMPLES, int), BATCH, seed=1).plan(epoch)
        spec = (tf.TensorSpec([None, 4], tf.float32), tf.TensorSpec([None, 1], tf.float32))
        return epochs.dataset(plan, lambda rows, time: (self.x[rows], self.y[rows]), spec, start)

    def run_epoch(self, epoch, start, callbacks):
        logs = super().run_epoch(epoch, start, callbacks)
        return logs if self.phase(epoch) == "adam" else {**logs, "late": -logs["loss"]}

    def validate(self):
        answers = keras.ops.convert_to_numpy(self.model(self.x, training=False))
        return {"score": -float(np.mean((answers - self.y) ** 2))}


if __name__ == "__main__":
    training.fit(TinyTraining(epochs=int(sys.argv[2])), Path(sys.argv[1]))
