"""What an epoch is made of, what the model makes of it, and how it is validated."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops

from pipelines import distribution
from pipelines.charlm.data import UNKNOWN
from pipelines.charlm.flags import PRESETS
from pipelines.charlm.trainer import Trainer
from pipelines.store import Column, Store
from zoo.models.char_lm import CharLM

ROWS, TIME, STEPS = 8, 4, 20
FLAGS = replace(PRESETS["demo"], batch_size=ROWS, time=TIME, restarts=0.25, dropout=0.0)


def store(numbers):
    return Store({"numbers": Column(np.asarray(numbers), None)})


def make_trainer(numbers, **flags):
    model = CharLM(1 + int(max(numbers)), units=2, embedding_units=2, batch_size=ROWS)
    model.build()
    dev = np.random.default_rng(1).integers(0, 3, 150)
    return Trainer(replace(FLAGS, **flags), model, store(numbers), store(dev))


@pytest.fixture(scope="module")
def trainer():
    numbers = np.random.default_rng(0).integers(1, 4, ROWS * TIME * STEPS + 1)
    return make_trainer(numbers.astype(np.uint8))


def batches(trainer, *arguments):
    return list(trainer.dataset(*arguments).as_numpy_iterator())


def test_each_symbol_counts_once_an_epoch():
    trainer = make_trainer(np.arange(ROWS * TIME * STEPS + 9, dtype=np.uint16))
    for epoch in range(2):
        elements = batches(trainer, epoch)
        assert len(elements) == trainer.steps(epoch) == STEPS
        targets = np.sort(np.concatenate([targets.ravel() for _, targets in elements]))
        np.testing.assert_array_equal(np.diff(targets), 1)
        assert len(targets) == ROWS * TIME * STEPS


def test_an_epoch_goes_on_from_any_step(trainer):
    whole = batches(trainer, 1)
    for (inputs, targets), (later, following) in zip(
        whole[7:], batches(trainer, 1, 7), strict=True
    ):
        np.testing.assert_array_equal(targets, following)
        for name in ("tokens", "begins"):
            np.testing.assert_array_equal(inputs[name], later[name])


def test_a_process_gives_its_own_rows(trainer, monkeypatch):
    whole = batches(trainer, 0)
    monkeypatch.setattr(distribution, "rows", lambda size: slice(size // 2, size))
    for (inputs, targets), (part, own) in zip(whole, batches(trainer, 0), strict=True):
        np.testing.assert_array_equal(targets[ROWS // 2 :], own)
        np.testing.assert_array_equal(inputs["tokens"][ROWS // 2 :], part["tokens"])
        np.testing.assert_array_equal(inputs["begins"][ROWS // 2 :], part["begins"])


def test_a_fitted_epoch_carries_states_over_the_streams_and_begins_them_anew(trainer):
    """With a learning rate of nearly 0 the weights stay: states can be worked out from them."""
    trainer.flags = replace(trainer.flags, learning_rate=1e-12)
    trainer.compile("train")
    model = trainer.model
    for variable in model.carried:
        variable.assign(np.ones(variable.shape))  # what an epoch before may have left
    model.fit(trainer.dataset(0), steps_per_epoch=STEPS, shuffle=False, verbose=0)
    states = model.initial_states(ROWS)
    for inputs, _ in batches(trainer, 0):
        tokens, begins = inputs["tokens"].copy(), inputs["begins"]
        tokens[begins, 0] = UNKNOWN
        states = [ops.where(begins[:, None], 0.0, state) for state in states]
        _, states = model.unroll(tokens, states)
    for variable, state in zip(model.carried, states, strict=True):
        np.testing.assert_allclose(variable, state, atol=1e-5)


def test_validation_is_the_cost_of_each_piece_from_its_start(trainer):
    model, dev = trainer.model, trainer.dev.astype(np.int32)
    metrics = trainer.validate()
    nats, hits = 0.0, 0
    for start in range(0, 150, 12):  # 150 in 16 pieces, each a multiple of 4
        log_p, hit, _ = model.score(dev[None, start : start + 12], model.start(1))
        nats -= float(np.sum(log_p))
        hits += int(np.sum(hit))
    np.testing.assert_allclose(metrics["loss"], nats / 150, rtol=1e-5)
    np.testing.assert_allclose(metrics["bits_per_char"], nats / 150 / np.log(2), rtol=1e-5)
    assert metrics["accuracy"] == hits / 150
    assert metrics["log_likelihood"] == -metrics["loss"]


def test_compiled_with_xla_where_it_is_asked_for(trainer):
    trainer.flags = replace(trainer.flags, jit_compile=True)
    trainer.compile("train")
    assert trainer.model.jit_compile
    trainer.flags = replace(trainer.flags, jit_compile=False)
    trainer.compile("train")
    assert trainer.model.jit_compile is False
    assert isinstance(trainer.model.optimizer, keras.optimizers.AdamW)
