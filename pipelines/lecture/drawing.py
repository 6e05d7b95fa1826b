"""Pictures as the lecture draws them: boxes for input, hidden and output, arrows over time."""

from collections.abc import Callable, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from pipelines.report import COLORS, INK, PLOT_STYLE, Html, figure

W_I, W_R, W_O, *_, RED, GREY = COLORS  # a weight has one colour wherever it stands
SUBSCRIPTS = "₁₂₃₄₅₆₇₈₉"

Step = tuple[str | None, str | None]  # input and output of a step; None: there is none


def picture(alt: str, size: tuple[float, float], *panels: Callable[[Axes], None]) -> Html:
    """Panels side by side, for the report.

    Args:
        alt: the picture in words.
        size: width and height of each panel, in inches.
        *panels: functions that draw into the axes that they are given.
    """
    with matplotlib.rc_context(PLOT_STYLE):
        drawing = Figure(figsize=(size[0] * len(panels), size[1]), layout="constrained")
        axes = drawing.subplots(1, len(panels), squeeze=False)[0]
        for draw, panel in zip(panels, axes, strict=True):
            draw(panel)
    return figure(drawing, alt)


def heat_map(
    panel: Axes, values: np.ndarray, columns: Sequence[str], rows: Sequence[str] = (), **axes
) -> None:
    """Numbers between 0 and 1 as colours.

    Args:
        panel: to draw in.
        values: `<float>[rows, columns]`, the first row at the bottom.
        columns, rows: names beside them.
        **axes: of matplotlib's `Axes.set`: title, ylabel, ...
    """
    image = panel.imshow(values, aspect="auto", vmin=0, vmax=1, origin="lower")
    names = {"fontsize": 8, "parse_math": False}
    panel.set_xticks(range(len(columns)), columns, rotation=60, ha="right", **names)
    panel.set_yticks(range(len(rows)), rows, **names)
    panel.set(**axes)
    panel.figure.colorbar(image, ax=panel, fraction=0.025, pad=0.01)


def sequence(
    panel: Axes,
    steps: Sequence[Step],
    title: str,
    fed_back: bool = False,
    labels: Sequence[str] = ("W_i", "W_r", "W_o"),
) -> None:
    """The unfolded network over its steps: input below, hidden between, output above.

    Args:
        panel: to draw in.
        steps: from left to right.
        title: above the panel.
        fed_back: whether an output is the next step's input, drawn as a dotted arrow.
        labels: names at the arrows.
    """
    for t, (given, output) in enumerate(steps):
        box(panel, (t, 1), f"h{SUBSCRIPTS[t]}" if len(steps) > 1 else "h")
        if given is not None:
            box(panel, (t, 0), given, W_I)
            arrow(panel, (t, 0.21), (t, 0.79), W_I, labels[0])
        if output is not None:
            box(panel, (t, 2), output, W_O)
            arrow(panel, (t, 1.21), (t, 1.79), W_O, labels[2])
        if t:
            arrow(panel, (t - 0.69, 1), (t - 0.31, 1), W_R, labels[1])
        if fed_back and t and None not in (steps[t - 1][1], given):
            arrow(panel, (t - 0.69, 1.85), (t - 0.31, 0.1), GREY, linestyle=":")
    panel.set(xlim=(-0.55, len(steps) - 0.25), ylim=(-0.4, 2.4), aspect="equal", title=title)
    panel.set_axis_off()


def box(panel: Axes, center: tuple[float, float], text: str, color: str = INK) -> None:
    """A rounded box with a text in it, shrunk where it is long."""
    x, y = center
    shape = FancyBboxPatch((x - 0.25, y - 0.15), 0.5, 0.3, "round,pad=0.06")
    panel.add_patch(shape).set(fill=False, edgecolor=color)
    size = min(9.0, 62 / len(text))
    panel.text(x, y, text, ha="center", va="center", fontsize=size, parse_math=False)


def arrow(
    panel: Axes, start: Sequence[float], end: Sequence[float], color: str, label: str = "", **style
) -> None:
    """An arrow with a name beside it; `style` is of matplotlib's `FancyArrowPatch`."""
    head = {"arrowstyle": "-|>", "mutation_scale": 9, "linewidth": 1.4}
    panel.add_patch(FancyArrowPatch(start, end, color=color, **head, **style))
    x, y = np.mean([start, end], axis=0)
    if start[0] == end[0]:
        panel.text(x + 0.05, y, label, color=color, fontsize=8, va="center")
    else:
        panel.text(x, y + 0.06, label, color=color, fontsize=8, ha="center")
