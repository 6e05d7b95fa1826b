"""What is shown at full length must show at a small one: who remembers over a gap, and who not."""

import json

import numpy as np
import pytest

from pipelines.lecture import fitting, memory
from pipelines.lecture.lessons import long_term

FLAGS = long_term.Flags(
    units=16,
    seeds=1,
    gaps=(2, 30),
    steps=250,
    adding_lengths=(2,),
    adding_steps=2,
    copy_gaps=(1,),
    copy_steps=2,
)
TASKS = long_term.tasks(FLAGS)
RECALL = TASKS["recall"]


def test_the_simple_rnn_recalls_over_a_short_gap_and_not_over_a_long_one():
    assert long_term.trial(RECALL, 2, "SimpleRNN", FLAGS)[0] > 0.9
    assert long_term.trial(RECALL, 30, "SimpleRNN", FLAGS)[0] < 0.45


@pytest.mark.parametrize("start", ["LSTM, gate offsets", "SimpleRNN, identity"])
def test_weights_begun_for_it_recall_over_the_long_gap(start):
    assert long_term.trial(RECALL, 30, start, FLAGS)[0] > 0.9


def test_scores_are_what_they_say():
    outputs, y = np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([0, 0])
    assert fitting.share_right(y, outputs) == 0.5
    right = [np.exp(2) / (np.exp(2) + 1), 1 / (1 + np.e)]
    assert float(TASKS["copying"]["score"](y, outputs)) == pytest.approx(
        -np.log(right).mean(), rel=1e-5
    )
    squares = TASKS["adding"]["score"](np.array([[0.0], [2.0]]), np.array([[1.0], [0.0]]))
    assert float(squares) == 2.5


def test_the_lesson_puts_all_tasks_cells_and_baselines_together(monkeypatch, capsys):
    def trial(task, span, start, flags):  # the trainings are tested above
        best, (without_memory, _) = float(task["title"] == "share right"), task["baseline"]
        return [best if start == "LSTM, gate offsets" else without_memory]

    monkeypatch.setattr(long_term, "trial", trial)
    result = long_term.run(FLAGS)
    numbers = result.numbers
    assert numbers["baselines"] == {"recall": 0.25, "adding": 1 / 6, "copying": np.log(4)}
    for name, count in (("recall", 2), ("adding", 1), ("copying", 1)):
        assert set(numbers[name]) == set(memory.STARTS)
        assert len(numbers[name]["LSTM"]) == count
    verdicts = {finding.claim: finding.holds for finding in result.findings}
    assert verdicts["The LSTM learns long-term dependencies."] is False
    assert any("gates begun" in claim and holds for claim, holds in verdicts.items())
    assert "do nothing (1/6)" in "".join(result.blocks)
    assert json.loads(json.dumps(verdicts)) == verdicts
    assert "recall" in capsys.readouterr().out
