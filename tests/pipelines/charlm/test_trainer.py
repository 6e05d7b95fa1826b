"""An epoch's streams: which of them begin anew, and where."""

from dataclasses import replace

import numpy as np
from keras import ops

from pipelines.charlm.data import UNKNOWN, Vocabulary
from pipelines.charlm.flags import PRESETS
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
