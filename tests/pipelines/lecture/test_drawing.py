"""Pictures say in text what they draw, in the page's own ink."""

from functools import partial

import numpy as np

from pipelines.lecture import drawing
from pipelines.report import INK


def test_a_sequence_names_its_steps_and_weights():
    steps = [("in $1", None), (None, "out")]
    panel = partial(drawing.sequence, steps=steps, title="two steps")
    svg = drawing.picture("a <sketch>", (4, 2), panel)
    for text in ("in $1", "out", "h₁", "h₂", "W_r", "two steps", "a &lt;sketch&gt;"):
        assert text in svg
    assert "currentColor" in svg
    assert INK not in svg
    for color in (drawing.W_I, drawing.W_R, drawing.W_O):
        assert color in svg


def test_a_heat_map_has_a_name_under_each_column_and_beside_each_row():
    names = {"columns": ["a$", "b$"], "rows": ["c$", "d$"]}
    panel = partial(drawing.heat_map, values=np.eye(2), **names, ylabel="unit", title="gate")
    svg = drawing.picture("a map", (4, 2), panel)
    for text in ("a$", "b$", "c$", "d$", "unit", "gate"):
        assert text in svg
