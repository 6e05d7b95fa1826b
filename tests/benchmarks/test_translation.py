"""The table of the translator's speed, on a few sentences."""

import re
from pathlib import Path

from benchmarks import translation

MODEL = Path(__file__).parents[2] / "saved_models" / "translation_en_de"


def test_the_table_has_a_row_for_each_way_and_scoring_is_the_measure():
    report = translation.measure(MODEL, sentences=2, batches=(1, 2), rounds=3, seconds=0)
    assert "en to de" in report
    for name, title in translation.WAYS.items():
        (cells,) = re.findall(rf"\| {title} \| ([\d.]+) \(([\d.]+)x\) \| ([\d.]+) ", report)
        assert all(float(cell) > 0 for cell in cells)
        assert name != "score" or cells[1] == "1.0"
