"""Pictures as the lecture draws them: boxes for input, hidden and output, arrows over time.

Lines and letters are drawn in one ink that becomes the page's own text colour, so that pictures
read on light pages and on dark ones.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from pipelines.report import Html, figure

W_I, W_R, W_O = "#3b7dd8", "#e07b39", "#2e9d63"  # a weight has one colour wherever it stands
COLORS = (W_I, W_R, W_O, "#9b59b6", "#c0392b", "#8a8d91")
GREY = "#8a8d91"

_INK = "#010204"
_INKED = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
_STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    **dict.fromkeys(_INKED, _INK),
}
_BOX = (0.62, 0.42)  # width and height, where steps lie 1 apart


class Step(NamedTuple):
    """A step of a drawn sequence; None stands for no input, or no output."""

    input: str | None
    output: str | None


@contextlib.contextmanager
def panels(rows: int, columns: int, width: float, height: float) -> Iterator[tuple[Figure, Any]]:
    """A figure and its axes `[rows, columns]`, each `width` by `height` inches, in the style."""
    with matplotlib.rc_context(_STYLE):
        drawing = Figure(figsize=(width * columns, height * rows), layout="constrained")
        yield drawing, drawing.subplots(rows, columns, squeeze=False)


def picture(drawing: Figure, alt: str) -> Html:
    """The figure for the report; `alt` describes it in words."""
    return Html(figure(drawing, alt).replace(_INK, "currentColor"))


def curves(
    panel: Axes,
    x: Sequence[float],
    lines: Mapping[str, Any],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    level: tuple[float, str] | None = None,
) -> None:
    """One line for each entry of `lines`; several seeds show as their mean and their range.

    Args:
        panel: to draw in.
        x: of the points.
        lines: label -> `<float>[points]`, or `<float>[seeds, points]`.
        title: above the panel.
        xlabel: below it.
        ylabel: beside it.
        level: a height drawn as a dashed line, with its name: chance, or a baseline.
    """
    for (label, values), color in zip(lines.items(), COLORS, strict=False):
        runs = np.atleast_2d(np.asarray(values, np.float64))
        marker = "o" if len(x) <= 12 else None
        panel.plot(x, runs.mean(axis=0), color=color, label=label, marker=marker, markersize=3)
        if len(runs) > 1:
            panel.fill_between(x, runs.min(axis=0), runs.max(axis=0), color=color, alpha=0.15)
    if level is not None:
        panel.axhline(level[0], color=GREY, linestyle="--", linewidth=1, label=level[1])
    panel.set_title(title, fontsize=10, loc="left")
    panel.set_xlabel(xlabel)
    panel.set_ylabel(ylabel)
    panel.grid(alpha=0.25, color=_INK, linewidth=0.5)
    panel.legend(fontsize=8)


def heat_map(
    panel: Axes, values: np.ndarray, *, columns: Sequence[str], rows: str, title: str
) -> None:
    """`<float>[rows, columns]` between 0 and 1 as colours, a name under each column."""
    image = panel.imshow(values, aspect="auto", vmin=0, vmax=1, cmap="viridis")
    panel.set_xticks(range(len(columns)), columns, rotation=60, ha="right", fontsize=8)
    for label in panel.get_xticklabels():
        label.set_parse_math(False)
    panel.set_yticks([])
    panel.set_ylabel(rows)
    panel.set_title(title, fontsize=10, loc="left")
    panel.figure.colorbar(image, ax=panel, fraction=0.025, pad=0.01)


def sequence(
    panel: Axes, steps: Sequence[Step], *, fed_back: bool = False, labels: bool = True
) -> None:
    """The unfolded network over its steps: input below, hidden between, output above.

    Args:
        panel: to draw in.
        steps: from left to right.
        fed_back: whether an output is the next step's input, drawn as a dotted arrow.
        labels: whether arrows carry the names of their weights.
    """
    names = ("W_i", "W_r", "W_o") if labels else ("", "", "")
    for t, step in enumerate(steps):
        box(panel, (t, 1), f"h{subscript(t + 1)}")
        if step.input is not None:
            box(panel, (t, 0), step.input, W_I)
            arrow(panel, (t, 0.21), (t, 0.79), W_I, names[0])
        if step.output is not None:
            box(panel, (t, 2), step.output, W_O)
            arrow(panel, (t, 1.21), (t, 1.79), W_O, names[2])
        if t:
            arrow(panel, (t - 0.69, 1), (t - 0.31, 1), W_R, names[1])
        before = steps[t - 1].output if t else None
        if fed_back and before is not None and step.input is not None:
            arrow(panel, (t - 0.69, 1.85), (t - 0.31, 0.1), GREY, dotted=True)
    fit_to_drawing(panel, len(steps))


def box(panel: Axes, center: tuple[float, float], text: str, color: str = _INK) -> None:
    """A rounded box with a text in it, shrunk where it is long."""
    width, height = _BOX
    corner = (center[0] - width / 2 + 0.06, center[1] - height / 2 + 0.06)
    shape = FancyBboxPatch(
        corner, width - 0.12, height - 0.12, "round,pad=0.06", fill=False, edgecolor=color
    )
    panel.add_patch(shape)
    size = min(9.0, 62 / max(1, len(text)))
    panel.text(*center, text, ha="center", va="center", fontsize=size, parse_math=False)


def arrow(
    panel: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    color: str,
    label: str = "",
    dotted: bool = False,
    curve: float = 0.0,
) -> None:
    """An arrow with a name beside it."""
    style = {"linestyle": ":" if dotted else "-", "connectionstyle": f"arc3,rad={curve}"}
    shape = FancyArrowPatch(
        start, end, arrowstyle="-|>", mutation_scale=9, color=color, linewidth=1.4, **style
    )
    panel.add_patch(shape)
    upright = abs(end[0] - start[0]) < abs(end[1] - start[1])
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    place = (x + 0.05, y, "left", "center") if upright else (x, y + 0.06, "center", "bottom")
    panel.text(*place[:2], label, color=color, fontsize=8, ha=place[2], va=place[3])


def fit_to_drawing(panel: Axes, steps: int, low: float = -0.4, high: float = 2.4) -> None:
    """Limits that show all boxes of so many steps, undistorted, without axes."""
    panel.set_xlim(-0.55, steps - 0.45)
    panel.set_ylim(low, high)
    panel.set_aspect("equal")
    panel.set_axis_off()


def subscript(number: int) -> str:
    """12 -> "₁₂"."""
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
