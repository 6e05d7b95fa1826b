"""Pictures say in text what they draw, in the page's own ink."""

import numpy as np

from pipelines.lecture import drawing


def test_a_sequence_names_its_steps_and_weights():
    with drawing.panels(1, 1, 4, 2) as (sketch, axes):
        drawing.sequence(axes[0, 0], [drawing.Step("in $1", None), drawing.Step(None, "out")])
    svg = drawing.picture(sketch, "a <sketch>")
    for text in ("in $1", "out", "h₁", "h₂", "W_r", "a &lt;sketch&gt;"):
        assert text in svg
    assert "currentColor" in svg
    assert drawing._INK not in svg
    for color in (drawing.W_I, drawing.W_R, drawing.W_O):
        assert color in svg


def test_curves_show_the_mean_of_seeds_and_the_level():
    with drawing.panels(1, 1, 4, 2) as (sketch, axes):
        panel = axes[0, 0]
        drawing.curves(
            panel,
            [1, 2],
            {"two seeds": [[0.0, 1.0], [1.0, 3.0]], "one": [5.0, 6.0]},
            title="t",
            xlabel="x",
            ylabel="y",
            level=(4.0, "chance"),
        )
        lines = {line.get_label(): line.get_ydata() for line in panel.get_lines()}
    np.testing.assert_array_equal(lines["two seeds"], [0.5, 2.0])
    np.testing.assert_array_equal(lines["one"], [5, 6])
    np.testing.assert_array_equal(lines["chance"], [4, 4])
    assert "chance" in drawing.picture(sketch, "curves")


def test_a_heat_map_has_a_name_under_each_column():
    with drawing.panels(1, 1, 4, 2) as (sketch, axes):
        drawing.heat_map(axes[0, 0], np.eye(2), columns=["a$", "b$"], rows="unit", title="gate")
    svg = drawing.picture(sketch, "a map")
    assert "a$" in svg
    assert "b$" in svg
