"""The report of a run: bits along the text, samples epoch by epoch, telling units."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pipelines import runs
from pipelines.charlm import client
from pipelines.charlm.evaluation import Reading
from pipelines.charlm.flags import Train
from pipelines.charlm.unit_activity import Unit
from pipelines.contract import Evaluation
from pipelines.report import Html, Section, escape, figure, table

SHOWN = 700  # characters that a unit's activity is shown over
EPOCHS = 6  # epochs whose samples are shown: the first, the last, and some between

_STYLE = """
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--card); font-size: .85rem;
  border: 1px solid var(--line); border-radius: 6px; padding: .6rem .8rem; margin: .3rem 0 1rem; }
.soft { color: var(--soft); font-size: .85rem; margin: .6rem 0 .1rem; }
mark { color: inherit; border-radius: 2px; }
"""


def report_sections(flags: Train, evaluation: Evaluation) -> Iterator[Section]:
    """The sections that the character model has of its own."""
    reading: Reading = evaluation.details
    drawing = bits_figure(reading.bits, client.CHUNK)
    along = "Bits per character along the text"
    yield Section(along, [figure(drawing, along.lower())])
    files = sorted((runs.folder_of("charlm", flags) / "samples").glob("*.json"))
    if files:
        samples = {path.stem: runs.read_json(path) for path in files}
        yield Section("Samples as training goes on", sample_blocks(samples), _STYLE)
    yield Section("What single units tell", unit_blocks(reading.units()), _STYLE)


def bits_figure(bits: Sequence[float], chunk: int) -> Figure:
    """Bits per character of each chunk, against where in the text it begins."""
    drawing = Figure(figsize=(7.5, 2.5), layout="constrained")
    panel = drawing.subplots()
    panel.plot(np.arange(len(bits)) * chunk / 1000, bits, linewidth=1, marker=".", markersize=3)
    panel.set_xlabel("thousand characters read")
    panel.set_ylabel("bits per character")
    panel.spines[["top", "right"]].set_visible(False)
    return drawing


def sample_blocks(samples: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Html]:
    """The texts of some epochs, spread evenly from the first to the last."""
    names = list(samples)
    chosen = sorted({round(place) for place in np.linspace(0, len(names) - 1, EPOCHS)})
    blocks = []
    for name in (names[place] for place in chosen):
        for sample in samples[name]:
            label = f"{name}, temperature {sample['temperature']}"
            blocks.append(Html(f"<p class=soft>{escape(label)}</p>"))
            blocks.append(Html(f"<pre>{escape(sample['text'])}</pre>"))
    return blocks


def unit_blocks(units: Sequence[Unit]) -> list[str]:
    """A table of the units, and the text under each one's activity."""
    if not units:
        return ["No property of the text occurs often enough to look for its unit."]
    rows = [(unit.name, unit.number, unit.correlation) for unit in units]
    blocks: list[str] = [
        "Chosen among all h and C by their correlation with the property on one half of a text, "
        "measured on the other half, which is shown. Blue is above the unit's mean, orange below.",
        table(["property", "unit", "correlation"], rows),
    ]
    for unit in units:
        blocks.append(Html(f"<h3>{escape(unit.name)}: unit {unit.number}</h3>"))
        blocks.append(Html(f"<pre>{activity_marks(unit.text, unit.activity)}</pre>"))
    return blocks


def activity_marks(text: str, activity: np.ndarray, shown: int = SHOWN) -> Html:
    """The text's first characters, each in the colour of the unit's activity after it."""
    around = activity - activity.mean()
    strength = around / max(np.abs(around).max(), 1e-12)
    parts = []
    for character, value in zip(text[:shown], strength, strict=False):
        colour = "59,125,216" if value > 0 else "224,123,57"
        style = f"background:rgba({colour},{abs(value) * 0.8:.2f})"
        parts.append(f'<mark style="{style}">{escape(character)}</mark>')
    return Html("".join(parts))
