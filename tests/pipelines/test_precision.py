"""16 bits where they are faster on this machine; a run keeps what it was begun with."""

import time

import keras
import pytest

from pipelines import precision, runs
from pipelines.flags import TrainFlags
from pipelines.precision import policy_of, ratio_of


@pytest.fixture
def flags(tmp_path):
    def make(precision):
        return TrainFlags(precision=precision, cache_dir=tmp_path / "cache", units=4, batch_size=2)

    return make


def test_float32_asks_nobody(flags, tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "_probed", None)
    assert policy_of(flags("float32"), tmp_path) == "float32"
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(("ratio", "policy"), [(0.6, "mixed_bfloat16"), (1.7, "float32")])
def test_auto_takes_the_faster_and_keeps_to_it(flags, tmp_path, monkeypatch, ratio, policy):
    monkeypatch.setattr(precision, "_has_gpu", lambda: False)
    monkeypatch.setattr(precision, "_probed", lambda *_: ratio)
    assert policy_of(flags("auto"), tmp_path) == policy
    assert runs.kept(tmp_path, "precision") == policy
    monkeypatch.setattr(precision, "_probed", lambda *_: 1 / ratio)  # another machine
    assert policy_of(flags("auto"), tmp_path) == policy
    assert policy_of(flags("auto"), tmp_path / "other") != policy


def test_mixed_is_done_and_told_where_it_is_slower(flags, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(precision, "_has_gpu", lambda: False)
    monkeypatch.setattr(precision, "_probed", lambda *_: 1.7)
    assert policy_of(flags("mixed"), tmp_path) == "mixed_bfloat16"
    assert "1.70 of one in 32 bits" in capsys.readouterr().out
    monkeypatch.setattr(precision, "_has_gpu", lambda: True)
    monkeypatch.setattr(precision, "_probed", lambda *_: 0.5)
    assert policy_of(flags("mixed"), tmp_path) == "mixed_float16"
    assert capsys.readouterr().out == ""


def test_processes_that_train_together_do_not_measure_each_for_itself(flags, tmp_path, monkeypatch):
    monkeypatch.setattr(precision.distribution, "process", lambda: (1, 2))
    with pytest.raises(ValueError, match=r"`precision` must be .* Got 'auto'"):
        policy_of(flags("auto"), tmp_path)
    assert policy_of(flags("float32"), tmp_path) == "float32"


def test_probe_measures_once(flags, tmp_path, monkeypatch):
    ratio = precision._probed(flags("auto"), "mixed_bfloat16")
    assert ratio > 0
    monkeypatch.setattr(precision, "ratio_of", None)
    assert precision._probed(flags("auto"), "mixed_bfloat16") == ratio
    assert keras.config.dtype_policy().name == "float32"


def test_ratio_is_of_the_shortest_times():
    slow = iter([0.2, 0.02, 0.2, 0.2, 0.2, 0.2, 0.2])
    ratio = ratio_of(lambda: time.sleep(next(slow) / 2), lambda: time.sleep(0.02))
    assert 0.4 < ratio < 0.9
