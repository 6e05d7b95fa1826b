"""The table of what the input costs, on the quickest of the demos."""

import re

import pytest

from benchmarks import inputs
from benchmarks.throughput import CASES


def case(task):
    return next(case for case in CASES if case.task == task and case.dataset == "demo")


def test_a_row_has_both_times_and_their_share():
    row = inputs.row(case("charlm"), None, steps=2, rounds=3, seconds=0)
    name, batch, step, share = [cell.strip() for cell in row.split("|")[1:-1]]
    assert "charlm" in name
    assert 0 < float(batch) < float(step)
    assert re.fullmatch(r"\d+\.\d\d%", share)


def test_more_steps_than_an_epoch_has_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"`steps` must be at most \d+ for .* Got 1000000"):
        inputs.runs(case("charlm"), None, tmp_path, 1_000_000)
