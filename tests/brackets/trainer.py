"""How the model is trained."""

import keras
import numpy as np
import tensorflow as tf

from pipelines import training
from pipelines.epochs import Batches, dataset
from pipelines.schedules import WarmupCosine
from pipelines.store import Store
from tests.brackets.flags import Train
from tests.brackets.model import BracketReader


class Trainer(training.Trainer):
    """Cross-entropy of the labels."""

    monitor = "accuracy"

    def __init__(self, flags: Train, model: BracketReader, train: Store, dev: Store):
        self.flags, self.model, self.train, self.dev = flags, model, train, dev
        self.epochs, self.keep = flags.epochs, flags.keep
        self.batches = Batches(train.lengths("tokens"), flags.batch_size, flags.seed)

    def compile(self, phase):
        steps = self.epochs * self.batches.steps
        optimizer = keras.optimizers.Adam(WarmupCosine(self.flags.learning_rate, steps, 5))
        self.model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    def steps(self, epoch):
        return self.batches.steps

    def dataset(self, epoch, start=0):
        def read(records, time):
            labels = self.train.dense("label", records)
            return self.train.padded("tokens", records, time), labels, (records >= 0).astype("f4")

        tokens = tf.TensorSpec([None, None], tf.int32)
        spec = (tokens, tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32))
        return dataset(self.batches.plan(epoch), read, spec, start)

    def validate(self):
        records = np.arange(len(self.dev))
        tokens = self.dev.padded("tokens", records, int(self.dev.lengths("tokens").max()))
        answers = np.argmax(self.model.predict_on_batch(tokens), axis=-1)
        return {"accuracy": float(np.mean(answers == self.dev.dense("label", records)))}
