"""One HTML file that shows a run: nothing in it points outside, so it opens anywhere, any time.

A report is a list of sections, a section a heading and blocks. A block is a plain string (escaped,
a paragraph) or `Html` made by the helpers here, which escape whatever they are given:

    write_report(path, "A run", [
        Section("Curves", [figure(curves_figure(history), "loss and metrics by epoch")]),
        Section("Metrics", [metrics_table({"greedy": {"bleu_4": 18.2}}), "Measured on dev."]),
    ])
"""

import base64
import html
import io
import math
import numbers
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from pipelines.runs import write_atomically

IMAGE_SIZE = 320  # pixels of the longer side of an embedded image; wider than a card, sharp enough

INK = "#010203"  # drawn in this colour, then replaced by the page's own: light and dark both read
COLORS = ("#3b7dd8", "#e07b39", "#2e9d63", "#9b59b6", "#c0392b", "#8a8d91")  # of lines
PLOT_STYLE = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "report",  # the same figure is the same file
    "font.size": 9,
    "legend.fontsize": 8,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    ),
}

_STYLE = """
:root { color-scheme: light dark; --ink: #1d232b; --soft: #66707d; --page: #f5f6f8;
  --card: #ffffff; --line: #dfe3e8; --accent: #2f6fc4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #9aa4b1; --page: #14171b;
  --card: #1d2127; --line: #333a43; --accent: #7db0f5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 68rem; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 1.5rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .8rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .6rem; }
p { max-width: 46rem; margin: .5rem 0; }
.scroll { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; background: var(--card); border: 1px solid var(--line);
  border-radius: 6px; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .8rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; font-size: .85rem; }
tr:last-child td { border-bottom: 0; }
td.number, th.number { text-align: right; }
svg { max-width: 100%; height: auto; color: var(--ink); }
img { max-width: 100%; display: block; }
.missing { color: var(--soft); font-style: italic; }
"""


class Html(str):
    """Text that is HTML already and must not be escaped again."""


class Section(NamedTuple):
    """A heading, what stands under it (plain strings or `Html`), and CSS for these blocks."""

    heading: str
    blocks: Sequence[str]
    style: str = ""


def write_report(path: Path, title: str, sections: Iterable[Section]) -> None:
    """Writes the report as one file, whole or not at all.

    Args:
        path: the .html file; folders above it are made.
        title: of the page; escaped.
        sections: in reading order.
    """
    sections = list(sections)
    body = "\n".join(
        f"<section>\n<h2>{escape(section.heading)}</h2>\n"
        + "\n".join(map(block, section.blocks))
        + "\n</section>"
        for section in sections
    )
    style = "".join(dict.fromkeys(section.style for section in sections))
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{style}</style>\n</head>\n"
        f"<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )
    # Bytes of a user's file may have reached a string as lone surrogates: shown as "?".
    data = page.encode("utf-8", errors="replace")
    write_atomically(Path(path), lambda file: file.write(data))


def block(content: str) -> Html:
    """`Html` as it is, and a plain string as a paragraph."""
    return content if isinstance(content, Html) else Html(f"<p>{escape(content)}</p>")


def escape(value: Any) -> Html:
    """Any value as HTML text; what is `Html` already stays as it is."""
    return value if isinstance(value, Html) else Html(html.escape(str(value)))


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Html:
    """A table; numbers stand on the right with four significant digits, None is a dash."""
    rows = [list(row) for row in rows]
    numeric = [any(_is_number(row[i]) for row in rows) for i in range(len(header))]
    parts = ["<div class=scroll><table><thead>", _row("th", header, numeric), "</thead><tbody>"]
    parts += [_row("td", row, numeric) for row in rows]
    return Html("\n".join([*parts, "</tbody></table></div>"]))


def fields_table(fields: Mapping[str, Any]) -> Html:
    """Names and values, as of a configuration, one to a row."""
    return table(["name", "value"], [(name, str(value)) for name, value in fields.items()])


def metrics_table(metrics: Mapping[str, Mapping[str, float]], label: str = "") -> Html:
    """One row for each entry of `metrics`, one column for each metric that any of them has."""
    names = list(dict.fromkeys(name for row in metrics.values() for name in row))
    rows = [[key, *(row.get(name) for name in names)] for key, row in metrics.items()]
    return table([label, *names], rows)


def figure(drawing: Figure, alt: str) -> Html:
    """A matplotlib figure as inline SVG, its ink in the page's own text colour."""
    buffer = io.StringIO()
    with matplotlib.rc_context(PLOT_STYLE):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        drawing.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    # HTML knows these names by itself; the attributes would be the file's only outside addresses.
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg)
    return Html(svg.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1))


def curves_figure(history: Mapping[str, Sequence[float]]) -> Figure:
    """Curves by epoch, one panel for each name; `val_name` is drawn in the panel of `name`.

    Args:
        history: numbers of epochs 1, 2, ...; a value that is not finite leaves a gap.
    """
    names = list(dict.fromkeys(name.removeprefix("val_") for name in history))
    columns = max(1, min(3, len(names)))
    rows = max(1, math.ceil(len(names) / columns))
    with matplotlib.rc_context(PLOT_STYLE):
        drawing = Figure(figsize=(3.5 * columns, 2.5 * rows), layout="constrained")
        panels = drawing.subplots(rows, columns, squeeze=False).ravel()
        for name, panel in zip(names, panels, strict=False):
            _curves(panel, name, history)
        for panel in panels[len(names) :]:
            panel.set_axis_off()
    return drawing


def plot_lines(
    panel: Axes,
    lines: Mapping[str, Any],
    x: Sequence[float] | None = None,
    level: tuple[float, str] | None = None,
    **axes: Any,
) -> None:
    """A line for each entry of `lines`; several runs of one show as their mean and their range.

    Args:
        panel: to draw in.
        lines: label -> `<float>[points]`, or `<float>[runs, points]`; a value that is not finite
            leaves a gap.
        x: `<float>[points]`; None: 1, 2, ...
        level: a height drawn as a dashed line, with its name: chance, or a baseline.
        **axes: of matplotlib's `Axes.set`: title, xlabel, yscale, ...
    """
    for color, (label, values) in zip(COLORS, lines.items(), strict=False):
        runs = np.array(values, np.float64, ndmin=2)
        runs[~np.isfinite(runs)] = np.nan
        points = np.arange(1, runs.shape[1] + 1) if x is None else x
        marker = "o" if len(points) <= 20 else None
        panel.plot(points, runs.mean(axis=0), color=color, label=label, marker=marker, markersize=3)
        if len(runs) > 1:
            panel.fill_between(points, runs.min(axis=0), runs.max(axis=0), color=color, alpha=0.15)
    if level is not None:
        panel.axhline(level[0], color=COLORS[-1], linestyle="--", linewidth=1, label=level[1])
    panel.set(**axes)
    panel.grid(alpha=0.25, color=INK, linewidth=0.5)
    if len(panel.get_lines()) > 1:
        panel.legend()


def image(data: bytes, alt: str, size: int = IMAGE_SIZE) -> Html:
    """A photograph, upright and at most `size` pixels wide or high; bytes that are no image say so.

    Args:
        data: an image file of any format that Pillow reads.
        alt: what it shows; escaped.
        size: pixels of the longer side.
    """
    try:
        address = image_address(data, size)
    except ValueError:
        return Html('<p class="missing">(this image cannot be read)</p>')
    return Html(f'<img src="{address}" alt="{escape(alt)}">')


def image_address(data: bytes, size: int = IMAGE_SIZE) -> str:
    """The image as a `data:` address of a JPEG.

    Raises:
        ValueError: Pillow cannot read the bytes.
    """
    buffer = io.BytesIO()
    read_image(data, size).save(buffer, "JPEG", quality=85)
    return data_address(buffer.getvalue(), "image/jpeg")


def read_image(data: bytes, size: int) -> Image.Image:
    """An upright RGB image, its longer side at most `size` pixels.

    Raises:
        ValueError: Pillow cannot read the bytes.
    """
    try:
        with Image.open(io.BytesIO(data)) as opened:
            upright = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"`data` must be the bytes of an image file. Got: {error}.") from error
    upright.thumbnail((size, size))
    return upright


def data_address(data: bytes, media_type: str) -> str:
    """Bytes as a `data:` address, which a page carries inside itself."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def _row(tag: str, cells: Sequence[Any], numeric: Sequence[bool]) -> str:
    return f"<tr>{''.join(_cell(tag, *cell) for cell in zip(cells, numeric, strict=True))}</tr>"


def _cell(tag: str, value: Any, numeric: bool) -> str:
    if value is None:
        text = "–"
    elif _is_number(value) and not isinstance(value, numbers.Integral):
        text = f"{value:.4g}"
    else:
        text = escape(value)
    return f"<{tag}{' class=number' if numeric else ''}>{text}</{tag}>"


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _curves(panel, name: str, history: Mapping[str, Sequence[float]]) -> None:
    keys = {"training": name, "validation": f"val_{name}"}
    lines = {label: history[key] for label, key in keys.items() if key in history}
    plot_lines(panel, lines, title=name.replace("_", " "), xlabel="epoch")
    panel.xaxis.get_major_locator().set_params(integer=True)
