"""Characters a second of the character model, in training and in writing: a Markdown table.

python -m benchmarks.charlm [--output benchmarks/results/charlm.md]

The contenders share one model (`CharLM`) but for what is named: `keras.layers.LSTM` (sigmoid gates,
tanh candidate, no biases) in the place of the lecture's layer, and a loop in Python that calls the
model once a character in the place of writing inside the graph.
"""

import os
import timeit
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
import tyro

from benchmarks.timing import give, interleaved_medians, machine
from pipelines.charlm.flags import Train
from pipelines.charlm.trainer import Trainer
from pipelines.store import Column, Store
from zoo.models.char_lm import CharLM

SYMBOLS, EMBEDDING = 66, 64
LENGTH = 100  # characters written in one run


def build(units: int, layers: int, batch: int) -> CharLM:
    """The character model."""
    model = CharLM(SYMBOLS, units=units, layers=layers, embedding_units=EMBEDDING, batch_size=batch)
    model.build()
    return model


def keras_model(units: int, layers: int, batch: int) -> keras.Model:
    """The same with Keras' LSTM, its state carried by `stateful`."""
    inputs = keras.Input((None,), batch_size=batch, dtype="int32")
    x = keras.layers.Embedding(SYMBOLS, EMBEDDING)(inputs)
    for _ in range(layers):
        x = keras.layers.LSTM(units, return_sequences=True, stateful=True, use_bias=False)(x)
    return keras.Model(inputs, keras.layers.Dense(SYMBOLS)(x))


def training_runs(units: int, layers: int, batch: int, time: int) -> dict[str, Callable]:
    """One training step of each contender."""
    rng = np.random.default_rng(0)
    tokens, targets = (rng.integers(0, SYMBOLS, (batch, time)).astype("int32") for _ in "xy")
    runs = {}
    for name, make in {"zoo": build, "keras.layers.LSTM": keras_model}.items():
        for jit_compile in (False, True):
            model = make(units, layers, batch)
            model.compile(
                keras.optimizers.AdamW(1e-3, global_clipnorm=1.0),
                keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                jit_compile=jit_compile,
            )
            step = partial(model.train_on_batch, tokens, targets)
            runs[f"{name}, {'XLA' if jit_compile else 'no XLA'}"] = step
    return runs


def input_seconds(batch: int, time: int, batches: int = 200) -> float:
    """Seconds a batch that the training's own input pipeline takes, with no training beside it."""
    flags = replace(Train(), batch_size=batch, time=time)
    numbers = np.random.default_rng(0).integers(0, SYMBOLS, batches * batch * time + 1)
    store = Store({"numbers": Column(numbers.astype(np.uint8), None)})
    epoch = Trainer(flags, build(1, 1, batch), store, store).dataset(0)
    return min(timeit.repeat(lambda: epoch.reduce(0, lambda n, _: n + 1), number=1)) / batches


def writing_runs(units: int, layers: int, batch: int) -> dict[str, Callable]:
    """`LENGTH` characters for each row, drawn at temperature 1, by each contender."""
    model = build(units, layers, batch).as_printed()  # as exported models are

    @tf.function
    def inside():
        return model.write(model.start(batch), LENGTH, seed=0)[0]

    theirs = keras_model(units, layers, batch)
    call = tf.function(theirs)

    def loop(step: Callable) -> None:
        tokens = tf.zeros([batch, 1], tf.int32)
        for _ in range(LENGTH):
            tokens = tf.random.categorical(step(tokens)[:, -1], 1, dtype=tf.int32)
        tokens.numpy()

    states = [tf.Variable(tf.zeros(shape)) for shape in model.state_shapes(batch)]

    @tf.function
    def stateful(tokens):
        logits, after = model.unroll(tokens, [state.value() for state in states])
        for state, value in zip(states, after, strict=True):
            state.assign(value)
        return logits

    return {
        "zoo, the whole text inside the graph": lambda: inside().numpy(),
        "zoo, a compiled call a character": partial(loop, stateful),
        "keras.layers.LSTM, a compiled call a character": partial(loop, call),
        "keras.layers.LSTM, `predict_on_batch` a character": partial(
            loop, lambda tokens: theirs.predict_on_batch(tokens)
        ),
    }


def measure(
    units: int = 512,
    layers: int = 1,
    batch: int = 64,
    time: int = 100,
    rounds: int = 15,
    seconds: float = 40.0,
) -> str:
    """The report, as Markdown.

    Args:
        units, layers: of the model.
        batch: rows in training, and of the larger of two batches in writing; the other is 1.
        time: characters of each row in a training step.
        rounds: how often each contender runs at most.
        seconds: how long one table may take at most, compilation aside.
    """
    steps = interleaved_medians(training_runs(units, layers, batch, time), rounds, seconds)
    share = input_seconds(batch, time) / steps["zoo, no XLA"]
    parts = [
        "# Speed of the character model",
        machine(),
        f"Medians of interleaved runs. {layers} layer(s) of {units} units, {SYMBOLS} symbols.",
        f"## Training, {batch} rows of {time} characters",
        table(steps, batch * time),
        f"The input pipeline takes {share:.2%} of the zoo's step without XLA.",
    ]
    for rows in (1, batch):
        medians = interleaved_medians(writing_runs(units, layers, rows), rounds, seconds)
        heading = f"## Writing {LENGTH} characters, batch {rows}"
        parts += [heading, table(medians, rows * LENGTH)]
    return "\n\n".join(parts) + "\n"


def table(medians: dict[str, float], characters: int) -> str:
    """Contenders in rows: milliseconds of a run, and characters a second."""
    lines = ["| | milliseconds | characters a second |", "| --- | --- | --- |"]
    for name, median in medians.items():
        lines.append(f"| {name} | {median * 1e3:.1f} | {characters / median:,.0f} |")
    return "\n".join(lines)


def main(
    output: Path | None = None, units: int = 512, layers: int = 1, seconds: float = 40.0
) -> None:
    """Measures the character model and prints the tables.

    Args:
        output: also write the tables to this file.
        units: of the model.
        layers: of the model.
        seconds: how long one table may take at most, compilation aside.
    """
    give(measure(units, layers, seconds=seconds), output)


if __name__ == "__main__":
    tyro.cli(main)
