"""The report of a translation run: curves, metrics, sentences beside references, alignments."""

import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipelines.report import (
    Html,
    Section,
    curves_figure,
    escape,
    fields_table,
    figure,
    metrics_table,
    table,
    write_report,
)

SHOWN = 6  # examples in each of the groups best, worst and random

_STYLE = """
.sentence { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: .7rem .9rem; margin: .7rem 0; }
.sentence p { margin: .15rem 0; }
.sentence .said { font-weight: 600; }
.soft { color: var(--soft); font-size: .82rem; }
.heat { border: 0; background: none; font-size: .78rem; margin: .6rem 0; }
.heat th, .heat td { padding: .1rem .3rem; border: 0; }
.heat thead th { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left;
  vertical-align: bottom; }
.heat tbody th { text-align: right; }
.heat td { width: 1.2rem; min-width: 1.2rem; border: 1px solid var(--line); }
"""


class Alignment(NamedTuple):
    """Where each piece of a translation looked.

    source, target: the pieces, the source's end token among them.
    weights: `<float>[target, source]`, each row a distribution.
    """

    source: Sequence[str]
    target: Sequence[str]
    weights: np.ndarray


class Example(NamedTuple):
    """One sentence of the split and what the model said.

    score: chrF of the translation against the reference, 0..100.
    probability: geometric mean over the translation's subwords, 0..1.
    """

    source: str
    reference: str
    translation: str
    score: float
    probability: float
    alignment: Alignment | None


def write_translation_report(
    path: Path,
    *,
    title: str,
    config: Mapping[str, Any],
    history: Mapping[str, Sequence[float]],
    metrics: Mapping[str, float],
    signatures: Mapping[str, str],
    lengths: Iterable[tuple[str, int, float]],
    examples: Sequence[Example],
    shown: int = SHOWN,
) -> None:
    """Writes the report of a run as one HTML file without outside links.

    Args:
        path: the .html file.
        title: of the page.
        config: the run's flags.
        history: numbers by epoch, `val_` for validation.
        metrics: of the measured split.
        signatures: metric -> how sacreBLEU counted it.
        lengths: (source words, sentences, BLEU), a row each.
        examples: translations of one split; the more, the more the best and the worst say.
        shown: at most so many examples in each group; a short list is shared out evenly.
    """
    notes = [f"{name}: {signature}" for name, signature in signatures.items()]
    sections = [Section("Metrics", [metrics_table({"measured split": metrics}), *notes])]
    if history:
        sections.append(Section("Curves", [figure(curves_figure(history), "curves by epoch")]))
    by_length = table(["source words", "sentences", "BLEU"], lengths)
    sections.append(Section("BLEU by length of the source", [by_length]))
    for heading, group in choose_examples(examples, shown).items():
        if group:
            sections.append(Section(f"{heading} translations", list(map(_card, group))))
    sections.append(Section("Configuration", [fields_table(config)]))
    write_report(path, title, sections, _STYLE)


def choose_examples(examples: Sequence[Example], shown: int = SHOWN) -> dict[str, list[Example]]:
    """Best and worst by chrF, and random ones of the rest: none twice, the same every time."""
    each = min(shown, -(-len(examples) // 3))
    ordered = sorted(examples, key=lambda example: -example.score)
    best, rest = ordered[:each], ordered[each:]
    split = max(0, len(rest) - each)
    rest, worst = rest[:split], rest[split:][::-1]
    sample = random.Random(0).sample(rest, min(each, len(rest)))
    return {"Best": best, "Worst": worst, "Random": sample}


def heat_map(alignment: Alignment) -> Html:
    """An alignment as a table: a row for each piece written, a column for each piece read.

    The deeper a cell's colour, the larger its weight; the number shows on hovering.

    Raises:
        ValueError: the weights do not have a row and a column for each piece.
    """
    weights = np.asarray(alignment.weights, np.float64)
    shape = (len(alignment.target), len(alignment.source))
    if weights.shape != shape:
        raise ValueError(f"`weights` must have shape {shape}. Got {weights.shape}.")
    heads = "".join(f"<th>{escape(piece)}</th>" for piece in alignment.source)
    rows = [
        f"<tr><th>{escape(piece)}</th>{''.join(map(_cell, row))}</tr>"
        for piece, row in zip(alignment.target, weights, strict=True)
    ]
    return Html(
        f'<div class="scroll"><table class="heat"><thead><tr><th></th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(weight: float) -> str:
    return f'<td style="background: rgba(59,125,216,{weight:.2f})" title="{weight:.2f}"></td>'


def _card(example: Example) -> Html:
    alignment = ""
    if example.alignment is not None and len(example.alignment.target):
        alignment = f"<details><summary>alignment</summary>{heat_map(example.alignment)}</details>"
    return Html(
        f'<article class="sentence"><p class="soft">{escape(example.source)}</p>'
        f'<p class="said">{escape(example.translation or "(nothing)")}</p>'
        f"<p>{escape(example.reference)}</p>"
        f'<p class="soft">chrF {example.score:.1f}, probability of a subword '
        f"{example.probability:.2f}</p>{alignment}</article>"
    )
