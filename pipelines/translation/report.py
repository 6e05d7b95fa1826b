"""The report of a translation run: BLEU by length, sentences beside references, alignments."""

import random
from collections.abc import Iterator, Sequence

import numpy as np

from pipelines.contract import Evaluation
from pipelines.report import Html, Section, escape, table
from pipelines.translation.evaluation import Alignment, Answers, Example
from pipelines.translation.flags import Train

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


def report_sections(flags: Train, evaluation: Evaluation) -> Iterator[Section]:
    """The sections that translation has of its own."""
    answers: Answers = evaluation.details
    by_length = table(["source words", "sentences", "BLEU"], answers.by_length)
    yield Section("BLEU by length of the source", [by_length])
    notes = [f"{name}: {signature}" for name, signature in answers.signatures.items()]
    yield Section("How sacreBLEU counted", notes)
    for heading, group in choose_examples(answers.examples).items():
        if group:
            yield Section(f"{heading} translations", list(map(_card, group)), _STYLE)


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
