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

from pipelines import distribution, training
from zoo.models.char_lm import CharLM

SYMBOLS, BATCH, TIME, STEPS, EPOCHS = 7, 8, 5, 4, 3


def task() -> training.Task:
    """A character model with dropout and carried states, on numbers drawn at random."""
    keras.utils.set_random_seed(3)
    model = CharLM(SYMBOLS, units=6, embedding_units=4, dropout=0.3, batch_size=BATCH)
    model.build()
    text = np.random.default_rng(0).integers(SYMBOLS, size=(BATCH, STEPS * TIME + 1))

    def begin(epoch):
        if not model.compiled:
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(keras.optimizers.Adam(0.02, clipnorm=0.1), loss)
            model.optimizer.build(model.trainable_variables)

    def train_epoch(epoch):
        model.reset_states()
        losses = []
        for start in range(0, STEPS * TIME, TIME):
            part = text[:, start : start + TIME + 1].astype("int32")
            losses.append(float(model.train_on_batch(part[:, :-1], part[:, 1:])))
            time.sleep(0.3)
        return {"loss": np.mean(losses)}

    def validate():
        logits = keras.ops.convert_to_numpy(model(text[:, :TIME].astype("int32")))
        return {"score": float(logits.std())}

    return training.Task(model, EPOCHS, begin, train_epoch, validate, "score")


if __name__ == "__main__":
    distribution.start(sys.argv[2])
    training.fit(task(), Path(sys.argv[1]))
