"""A small training that several processes may share, in a process of its own.

    KERAS_BACKEND=jax python tests/pipelines/shared_training.py RUN STRATEGY

With KERAS_DISTRIBUTION_* in the environment it is one of several. Each step takes a little while,
so that there is a moment to be killed in.
"""

import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from pipelines import distribution, epochs, training
from zoo.models.char_lm import CharLM

SYMBOLS, BATCH, TIME, STEPS, EPOCHS = 7, 8, 5, 4, 3


class SharedTraining(training.Trainer):
    """A character model with dropout and carried states, on numbers drawn at random."""

    epochs, monitor = EPOCHS, "score"

    def __init__(self):
        keras.utils.set_random_seed(3)
        self.model = CharLM(SYMBOLS, units=6, embedding_units=4, dropout=0.3, batch_size=BATCH)
        self.model.build()
        self.text = np.random.default_rng(0).integers(SYMBOLS, size=(BATCH, STEPS * TIME + 1))

    def compile(self, phase):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(keras.optimizers.Adam(0.02, clipnorm=0.1), loss)

    def steps(self, epoch):
        return STEPS

    def dataset(self, epoch, start=0):
        rows = distribution.rows(BATCH)

        def read(step):
            time.sleep(0.3)
            window = self.text[rows, step * TIME : (step + 1) * TIME + 1].astype("int32")
            begins = (epochs.draws(0, epoch, step).random(BATCH) < 0.3) | (step == 0)
            return {"tokens": window[:, :-1], "begins": begins[rows]}, window[:, 1:]

        window = tf.TensorSpec([None, TIME], tf.int32)
        spec = {"tokens": window, "begins": tf.TensorSpec([None], tf.bool)}, window
        return epochs.generated(read, range(start, STEPS), spec)

    def validate(self):
        logits = keras.ops.convert_to_numpy(self.model(self.text[:, :TIME].astype("int32")))
        return {"score": float(logits.std())}


if __name__ == "__main__":
    distribution.start(sys.argv[2])
    training.fit(SharedTraining(), Path(sys.argv[1]))
