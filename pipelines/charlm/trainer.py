"""What an epoch of a character model is: one pass over the streams, and samples after it."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from keras import ops

from datasets.text.streams import streams
from pipelines import runs
from pipelines.charlm.data import UNKNOWN, Vocabulary
from pipelines.charlm.flags import Train
from pipelines.losses import SmoothedCrossentropy
from pipelines.schedules import WarmupCosine
from pipelines.training import as_graph
from zoo.models.char_lm import CharLM

TEMPERATURES = (0.5, 0.8, 1.0)
LARGEST_GRADIENT = 1.0  # its norm, over all weights; a larger one is scaled down to it
VALIDATION_ROWS = 16  # pieces that dev is read in, side by side; each begins anew


def make_optimizer(flags: Train, steps: int) -> keras.optimizers.AdamW:
    """AdamW, the learning rate from the first of `steps` to the last."""
    rate = WarmupCosine(flags.learning_rate, steps, steps // 20)
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=flags.weight_decay, global_clipnorm=LARGEST_GRADIENT
    )
    # Scales and offsets are not to be drawn towards 0.
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "embeddings"])
    return optimizer


class Trainer:
    """Epochs of truncated backpropagation through time."""

    def __init__(self, flags: Train, model: CharLM, numbers: np.ndarray, vocabulary: Vocabulary):
        self.flags = flags
        self.model = model
        self.numbers = numbers
        self.vocabulary = vocabulary
        self.steps = (len(numbers) - 1) // flags.batch_size // flags.time
        self._sample = as_graph(self._sample)

    def begin(self, epoch: int) -> None:
        """Compiles the model, once."""
        if self.model.compiled:
            return
        self.model.compile(
            make_optimizer(self.flags, self.flags.epochs * self.steps),
            SmoothedCrossentropy(),
            jit_compile=self.flags.jit_compile,
        )
        self.model.optimizer.build(self.model.trainable_variables)

    def epoch(self, epoch: int) -> dict[str, float]:
        """One pass over the text; the same for the same epoch and model.

        The pass leaves out a random number of symbols at the start, so that the cuts between
        streams and between steps fall elsewhere each time. Now and then a stream begins anew: from
        carried states alone the model would not learn to read a text from its start, and its cells
        could count up all along a stream.
        """
        flags = self.flags
        rng = np.random.default_rng([flags.seed, epoch])
        spare = (len(self.numbers) - 1) % (flags.batch_size * flags.time)
        offset = int(rng.integers(0, max(spare, 1)))
        progress = keras.utils.Progbar(self.steps, stateful_metrics=["loss"])
        losses = []
        for inputs, targets in streams(self.numbers, flags.batch_size, flags.time, offset):
            anew = (rng.random(flags.batch_size) < flags.restarts) | (not losses)
            if anew.any():
                self.model.reset_states(anew)
                inputs = inputs.copy()
                inputs[anew, 0] = UNKNOWN  # what stands before a text
            losses.append(float(self.model.train_on_batch(inputs, targets)))
            progress.update(len(losses), [("loss", np.mean(losses))])
        progress.update(self.steps, [("loss", np.mean(losses))], finalize=True)
        return {"loss": float(np.mean(losses))}

    def samples(self, epoch: int) -> list[dict]:
        """A text at each temperature, the same for the same epoch and model."""
        found = []
        for temperature in TEMPERATURES:
            numbers = self._sample(np.int32(epoch), np.float32(temperature))
            text = self.vocabulary.decode(ops.convert_to_numpy(numbers)[0])
            found.append({"temperature": temperature, "text": text})
        return found

    def _sample(self, seed, temperature):
        start, length = self.model.start(1), self.flags.sample_length
        return self.model.write(start, length, seed=seed, temperature=temperature)[0]

    def epoch_with_samples(self, folder: Path) -> Callable[[int], dict[str, float]]:
        """`epoch`, after which samples are written to `folder`/epoch-0001.json and so on."""

        def train_epoch(epoch: int) -> dict[str, float]:
            numbers = self.epoch(epoch)
            if self.flags.sample_length and np.isfinite(numbers["loss"]):
                runs.write_json(folder / f"epoch-{epoch + 1:04d}.json", self.samples(epoch))
            return numbers

        return train_epoch


def validator(model: CharLM, numbers: np.ndarray, time: int) -> Callable[[], dict[str, float]]:
    """A function that reads dev in `VALIDATION_ROWS` pieces side by side, and gives its cost.

    Side by side is faster than from start to end, as `evaluate` reads; the pieces begin without
    what was before them, which makes dev look a little harder than it is.
    """
    length = -(-len(numbers) // VALIDATION_ROWS)
    length = -(-length // time) * time
    padded = np.zeros(VALIDATION_ROWS * length, np.int32)
    padded[: len(numbers)] = numbers
    rows = padded.reshape(VALIDATION_ROWS, length)
    keep = (np.arange(padded.size) < len(numbers)).reshape(rows.shape)
    score = as_graph(lambda tokens, keep, *states: model.score(tokens, list(states), keep))
    start = as_graph(lambda: model.start(VALIDATION_ROWS))

    def validate() -> dict[str, float]:
        states, nats, hits = start(), 0.0, 0
        for place in range(0, length, time):
            part = slice(place, place + time)
            log_p, hit, states = score(rows[:, part], keep[:, part], *states)
            nats -= float(np.sum(ops.convert_to_numpy(log_p)[keep[:, part]], dtype=np.float64))
            hits += int(np.sum(ops.convert_to_numpy(hit)[keep[:, part]]))
        loss = nats / len(numbers)
        return {
            "loss": loss,
            "bits_per_char": loss / np.log(2),
            "accuracy": hits / len(numbers),
            "log_likelihood": -loss,
        }

    return validate
