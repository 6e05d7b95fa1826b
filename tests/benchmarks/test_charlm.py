"""Every contender of the character model's benchmark runs, and the table says how fast."""

from benchmarks import charlm


def test_contenders_run_and_the_table_gives_characters_a_second(monkeypatch):
    monkeypatch.setattr(charlm, "LENGTH", 2)
    for run in charlm.writing_runs(units=3, layers=2, batch=2).values():
        run()
    runs = charlm.training_runs(units=3, layers=1, batch=2, time=4)
    assert list(runs)[::2] == ["zoo, no XLA", "keras.layers.LSTM, no XLA"]
    runs["zoo, no XLA"]()
    runs["keras.layers.LSTM, no XLA"]()
    assert 0 < charlm.input_seconds(batch=2, time=4, batches=3) < 1
    assert "| a | 500.0 | 40 |" in charlm.table({"a": 0.5}, 20)
