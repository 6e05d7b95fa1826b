"""How the character model is trained: streams with carried states, dev, samples as it goes."""

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from pipelines import distribution, runs, training
from pipelines.charlm import metrics
from pipelines.charlm.data import Vocabulary
from pipelines.charlm.flags import Train
from pipelines.charlm.streams import Streams
from pipelines.epochs import generated
from pipelines.schedules import WarmupCosine
from pipelines.store import Store
from zoo.losses import SmoothedCrossentropy
from zoo.models.char_lm import CharLM

TEMPERATURES = (0.5, 0.8, 1.0)
LARGEST_GRADIENT = 1.0  # its norm, over all weights; a larger one is scaled down to it
VALIDATION_ROWS = 16  # pieces that dev is read in, side by side; each begins anew


class Trainer(training.Trainer):
    """Truncated backpropagation through time over the streams of a text.

    Args:
        flags: of the run.
        model: built.
        train, dev: the column `numbers`.
    """

    monitor = "log_likelihood"

    def __init__(self, flags: Train, model: CharLM, train: Store, dev: Store):
        self.flags, self.model = flags, model
        self.epochs, self.keep = flags.epochs, flags.keep
        numbers = train.columns["numbers"].values
        self.streams = Streams(numbers, flags.batch_size, flags.time, flags.seed, flags.restarts)
        self.dev = dev.columns["numbers"].values
        self._score = training.as_graph(
            lambda tokens, keep, *states: model.score(tokens, list(states), keep)
        )
        self._start = training.as_graph(lambda: model.start(VALIDATION_ROWS))

    def compile(self, phase: str) -> None:
        """AdamW, whose rate rises over a twentieth of the steps and falls to 0."""
        flags, steps = self.flags, self.epochs * self.streams.steps
        optimizer = keras.optimizers.AdamW(
            WarmupCosine(flags.learning_rate, steps, steps // 20),
            weight_decay=flags.weight_decay,
            global_clipnorm=LARGEST_GRADIENT,
        )
        # Scales and offsets are not to be drawn towards 0.
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "embeddings"])
        compiled = flags.jit_compile or keras.backend.backend() == "jax"  # which is slow otherwise
        self.model.compile(optimizer, SmoothedCrossentropy(), jit_compile=compiled)

    def steps(self, epoch: int) -> int:
        return self.streams.steps

    def dataset(self, epoch: int, start: int = 0) -> tf.data.Dataset:
        """Inputs `{"tokens": <int32>[batch, time], "begins": <bool>[batch]}`, and targets."""
        rows = distribution.rows(self.flags.batch_size)

        def read(step):
            inputs, targets, begins = self.streams.window(epoch, step, rows)
            return {"tokens": inputs, "begins": begins}, targets

        count = rows.stop - rows.start
        window = tf.TensorSpec([count, self.flags.time], tf.int32)
        spec = {"tokens": window, "begins": tf.TensorSpec([count], tf.bool)}, window
        return generated(read, range(start, self.streams.steps), spec)

    def validate(self) -> dict[str, float]:
        """What dev costs, read in `VALIDATION_ROWS` pieces side by side.

        Side by side is faster than from start to end, as `evaluate` reads; the pieces begin without
        what was before them, which makes dev look a little harder than it is.
        """
        time, symbols = self.flags.time, len(self.dev)
        length = -(-symbols // VALIDATION_ROWS // time) * time
        starts = np.arange(VALIDATION_ROWS)[:, None] * length
        states, nats, hits = self._start(), 0.0, 0
        for start in range(0, length, time):
            places = starts + np.arange(start, start + time)
            keep = places < symbols
            tokens = self.dev[np.minimum(places, symbols - 1)].astype(np.int32)
            log_p, hit, states = self._score(tokens, keep, *states)
            nats -= float(np.sum(ops.convert_to_numpy(log_p)[keep], dtype=np.float64))
            hits += int(np.sum(ops.convert_to_numpy(hit)[keep]))
        numbers = metrics.total([metrics.Cost(symbols, nats, hits)])
        loss = numbers["nats_per_char"]
        shared = {name: numbers[name] for name in ("bits_per_char", "accuracy")}
        return {"loss": loss, **shared, "log_likelihood": -loss}


class Samples(keras.callbacks.Callback):
    """Writes a text at each temperature after each epoch: the same for the same epoch and model.

    Args:
        folder: of the files, epoch-0001.json and so on.
        vocabulary: of the model.
        length: characters of a text.
    """

    def __init__(self, folder: Path, vocabulary: Vocabulary, length: int):
        super().__init__()
        self.folder, self.vocabulary, self.length = folder, vocabulary, length
        self._write = training.as_graph(self._write)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        samples = [self._sample(epoch, temperature) for temperature in TEMPERATURES]
        if distribution.is_chief():
            runs.write_json(self.folder / f"epoch-{epoch + 1:04d}.json", samples)

    def _sample(self, epoch: int, temperature: float) -> dict:
        numbers = self._write(np.int32(epoch), np.float32(temperature))
        text = self.vocabulary.decode(ops.convert_to_numpy(numbers)[0])
        return {"temperature": temperature, "text": text}

    def _write(self, seed, temperature):
        start = self.model.start(1)
        return self.model.write(start, self.length, seed=seed, temperature=temperature)[0]
