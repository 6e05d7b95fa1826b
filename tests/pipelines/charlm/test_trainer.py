"""An epoch's streams: which of them begin anew, and where; and what a step of Muon is."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops

from pipelines import training
from pipelines.charlm.data import UNKNOWN, Vocabulary
from pipelines.charlm.flags import PRESETS
from pipelines.charlm.pipeline import prepare
from pipelines.charlm.trainer import Trainer
from zoo.models.char_lm import CharLM

ROWS, TIME, STEPS = 8, 4, 20


def begun(monkeypatch, restarts):
    """What an epoch reads: the rows that begin anew `<bool>[steps, rows]`, by the symbol before a
    text and by the state that the model was given."""
    flags = replace(PRESETS["demo"], batch_size=ROWS, time=TIME, restarts=restarts)
    model = CharLM(4, units=2, embedding_units=2, batch_size=ROWS)
    model.build()
    numbers = np.random.default_rng(0).integers(1, 4, ROWS * TIME * STEPS + 1).astype("int32")
    trainer = Trainer(flags, model, numbers, Vocabulary("character", (97, 98, 99)))
    by_symbol, by_state = [], []

    def train_on_batch(inputs, targets):
        by_symbol.append(inputs[:, 0] == UNKNOWN)
        states = np.concatenate([ops.convert_to_numpy(state) for state in model.carried], axis=1)
        by_state.append(np.all(states == 0, axis=1))
        for variable in model.carried:
            variable.assign(np.ones(variable.shape))
        return 0.0

    monkeypatch.setattr(model, "train_on_batch", train_on_batch)
    trainer.epoch(0)
    np.testing.assert_array_equal(by_symbol, by_state)
    return np.array(by_symbol)


def test_without_restarts_all_streams_begin_once(monkeypatch):
    anew = begun(monkeypatch, 0.0)
    assert anew.shape == (STEPS, ROWS)
    assert anew[0].all()
    assert not anew[1:].any()


def test_restarts_are_a_share_of_the_streams_and_the_same_each_time(monkeypatch):
    anew = begun(monkeypatch, 0.25)
    assert anew[0].all()
    assert 0.1 < anew[1:].mean() < 0.4
    np.testing.assert_array_equal(anew, begun(monkeypatch, 0.25))


def test_all_streams_may_begin_anew_at_each_step(monkeypatch):
    assert begun(monkeypatch, 1.0).all()


def step_of(optimizer):
    """What one step without warmup does to the recurrent weights and to the readout's."""
    keras.utils.set_random_seed(0)
    changes = {
        "optimizer": optimizer,
        "learning_rate": 0.1,
        "time": 6,
        "batch_size": 4,
        "epochs": 1,
    }
    flags = replace(PRESETS["demo"], **changes)
    model = CharLM(9, units=16, embedding_units=5, batch_size=4)
    model.build()
    numbers = np.random.default_rng(0).integers(1, 9, 25).astype("int32")
    trainer = Trainer(flags, model, numbers, Vocabulary("character", tuple(range(97, 105))))
    trainer.begin(0)
    weights = [model.recurrences[0].cell.recurrent_kernel, model.readout.kernel]
    before = [ops.convert_to_numpy(w) for w in weights]
    trainer.epoch(0)
    assert trainer.steps == 1
    return [ops.convert_to_numpy(w) - b for w, b in zip(weights, before, strict=True)]


def test_muon_steps_by_one_length_in_most_directions_of_the_cells_weights():
    """In AdamW's step few directions are nearly all there is: 1 of 16 has half the length."""
    muon, adamw = (np.linalg.svd(step_of(name)[0])[1] for name in ("muon", "adamw"))
    length = 0.1 * 0.2 * np.sqrt(64)  # learning rate, and the scale that fits AdamW's
    assert 0.6 * length < muon[7] <= muon[0] < 1.4 * length
    assert adamw[7] < 0.25 * adamw[0]


def test_beside_muon_the_readout_is_stepped_by_adamw():
    """AdamW's first step is the learning rate long, for each weight whose gradient is not tiny."""
    found = step_of("muon")[1]
    np.testing.assert_allclose(np.median(np.abs(found)), 0.3 * 0.1, rtol=1e-2)
    assert np.max(np.abs(found)) < 0.3 * 0.1 * 1.001


def test_muon_that_was_cut_off_ends_as_an_unbroken_one(tmp_path, monkeypatch):
    sizes = {"limit": 3000, "units": 12, "embedding_units": 6, "batch_size": 8, "epochs": 2}
    flags = replace(PRESETS["demo"], optimizer="muon", sample_length=0, weight_dropout=0.1, **sizes)
    epoch = Trainer.epoch

    def stops(self, number):
        numbers = epoch(self, number)  # the weights and the carried state have moved on
        if number == 1:
            raise KeyboardInterrupt
        return numbers

    def train(folder):
        keras.utils.set_random_seed(0)
        task = prepare(flags, folder)
        training.fit(task, folder)
        return [ops.convert_to_numpy(w) for w in task.model.trainable_weights]

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "epoch", stops)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "cut")
    cut = train(tmp_path / "cut")
    for found, expected in zip(cut, train(tmp_path / "unbroken"), strict=True):
        np.testing.assert_array_equal(found, expected)
