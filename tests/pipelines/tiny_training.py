"""A training of a second: a small regression in two phases, with dropout and two optimizers.

`python tests/pipelines/tiny_training.py FOLDER EPOCHS` trains it in a process that can be killed.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from pipelines import training

SWITCH = 2  # epochs of the first phase
EXAMPLES, BATCH = 32, 8


class TinyTraining:
    """Dropout's random state, Adam's moments and SGD's momentum all decide what comes next."""

    def __init__(self):
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
        self.phase = None

    def begin(self, epoch):
        phase = "adam" if epoch < SWITCH else "momentum"
        if phase != self.phase:
            self.phase = phase
            adam, momentum = keras.optimizers.Adam(0.1), keras.optimizers.SGD(0.05, momentum=0.9)
            optimizer = adam if phase == "adam" else momentum
            self.model.compile(optimizer, "mse", run_eagerly=True)  # eager: nothing to trace
            self.model.optimizer.build(self.model.trainable_variables)

    def train_epoch(self, epoch):
        order = np.random.default_rng([1, epoch]).permutation(EXAMPLES).reshape(-1, BATCH)
        loss = np.mean([self.model.train_on_batch(self.x[rows], self.y[rows]) for rows in order])
        return {"loss": loss} if self.phase == "adam" else {"loss": loss, "late": -loss}

    def validate(self):
        found = keras.ops.convert_to_numpy(self.model(self.x, training=False))
        return {"score": -float(np.mean((found - self.y) ** 2))}

    def task(self, epochs=4, keep=2):
        return training.Task(
            model=self.model,
            epochs=epochs,
            begin=self.begin,
            train_epoch=self.train_epoch,
            validate=self.validate,
            monitor="score",
            keep=keep,
        )


if __name__ == "__main__":
    training.fit(TinyTraining().task(epochs=int(sys.argv[2])), Path(sys.argv[1]))
