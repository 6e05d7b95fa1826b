"""The table of the classifier's speed, on a few reviews."""

import os
import re
from pathlib import Path

import pytest

from benchmarks import sentiment

MODEL = Path(__file__).parents[2] / "saved_models" / "sentiment"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no way to hold cores here")
def test_the_table_has_a_row_for_one_core_and_gives_the_cores_back():
    mine = os.sched_getaffinity(0)
    report = sentiment.measure(MODEL, reviews=3, rounds=3, seconds=0)
    (one,) = re.findall(r"\| 1 core \| ([\d.]+) \| ([\d.]+) \|", report)
    assert all(float(rate) > 0 for rate in one)
    assert os.sched_getaffinity(0) == mine
