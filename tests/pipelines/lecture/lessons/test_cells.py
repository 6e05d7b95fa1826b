"""Each cell learns to predict text; runs are read from their folders."""

import numpy as np
import pytest

from pipelines import runs
from pipelines.lecture.lessons import cells

FLAGS = cells.Flags(units=16, length=10, characters=5000, steps=40)


def test_the_networks_differ_as_their_names_say():
    sizes = {name: cells.network(name, 7, 5).count_params() for name in cells.CELLS}
    gate, out = 5 * (7 + 5), 5 * 7
    assert list(sizes.values()) == [
        gate + out,
        4 * gate + out,
        4 * gate + 4 * 5 + out,
        4 * gate + out,
        4 * gate + 4 * 5 + out,
        4 * gate + 4 * 5 + out,
    ]


def test_frequency_bits_of_an_even_text():
    text = np.tile(np.arange(4), 1000)
    assert cells.frequency_bits(text, text, 4) == pytest.approx(2.0)


@pytest.mark.parametrize("name", ["lecture's RNN", "lecture's LSTM, constant feature"])
def test_a_cell_learns_more_than_the_frequencies(name):
    text, held_out, symbols = cells.read_text(FLAGS.characters)
    measured = cells.measure(name, text, held_out, symbols, FLAGS)
    assert measured["bits a character"] < np.log2(symbols) - 1
    assert measured["milliseconds a step"] > 0


def test_the_text_ends_somewhere():
    with pytest.raises(ValueError, match=r"`characters` must be at most .* Got 100000000."):
        cells.read_text(10**8)


@pytest.fixture
def measured(monkeypatch):
    """Numbers of each cell that take no time."""

    def measure(name, *_):
        bits = 3.0 if "RNN" in name else 2.5
        names = ("milliseconds a step", "parameters", "kept for the backward pass, kB")
        return {"bits a character": bits, **dict.fromkeys(names, 1)}

    monkeypatch.setattr(cells, "measure", measure)


def test_complete_runs_are_found_with_what_they_measured(measured, tmp_path):
    for name, cell in (("plain", "lstm"), ("other", "lstm_tanh")):
        folder = tmp_path / "counting" / name
        folder.mkdir(parents=True)
        (folder / "checkpoints").mkdir()
        arrays = {"0000/a/kernel": (3, 4), "0001/a/carried": (2, 5), "0002/seed_generator_state": 2}
        arrays = {f"model/{name}": np.zeros(shape) for name, shape in arrays.items()}
        np.savez(folder / "checkpoints" / "w.npz", **arrays)
        runs.write_json(folder / "state.json", {"best": [{"file": "w.npz"}]})
        runs.write_json(folder / "config.json", {"cell": cell, "dataset": "demo"})
        metrics = {"metrics": {"accuracy": 0.875}, "train_seconds": 3.0}
        runs.write_json(folder / "metrics.json", metrics)
    (tmp_path / "counting" / "unfinished").mkdir()
    rows = cells.find_runs(tmp_path)
    assert [(run["run"], run["cell"]) for run in rows] == [
        ("other", "lstm_tanh"),
        ("plain", "lstm"),
    ]
    assert rows[0]["parameters"] == 12
    page = cells.run(cells.Flags(runs_dir=tmp_path, characters=5000)).blocks[-1]
    for text in ("lstm_tanh", "accuracy 0.875", "demo"):
        assert text in page


def test_the_lesson_puts_cells_and_runs_into_one_section(measured, tmp_path):
    result = cells.run(cells.Flags(runs_dir=tmp_path, characters=5000))
    assert [finding.holds for finding in result.findings] == [True, True]
    assert "their cells: none" in " ".join(result.notes)
