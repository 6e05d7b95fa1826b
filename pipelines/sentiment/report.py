"""The report of a sentiment run: curves, confusion, ROC, calibration, mistakes word by word."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

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
from pipelines.sentiment import metrics as measures
from pipelines.sentiment.serving import positive_of

_STYLE = """
.text { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: .7rem .9rem; margin: .8rem 0; line-height: 1.75; }
.text p { margin: 0 0 .4rem; color: var(--soft); font-size: .85rem; max-width: none; }
.text b { color: var(--ink); }
.text span { border-radius: 3px; padding: .1em .15em; }
"""
_FOR, _AGAINST = "46, 160, 67", "218, 54, 51"  # red, green, blue
_WORDS = (
    "Green words spoke for {label}, red ones against it: the darker, the more the log-odds change "
    "when that word is made the unknown word. Each text is scaled to its own strongest word."
)


class Example(NamedTuple):
    """One text and what the model said about it.

    name: of the text in its source.
    words, contributions: as the signature `words` gives them.
    said, truth: labels; probability: of what was said.
    """

    name: str
    words: Sequence[str]
    contributions: np.ndarray
    said: str
    truth: str
    probability: float


def write_sentiment_report(
    path: Path,
    *,
    title: str,
    config: Mapping[str, Any],
    history: Mapping[str, Sequence[float]],
    pretraining: Mapping[str, Sequence[float]],
    metrics: Mapping[str, float],
    answers: Any,
    mistakes: Sequence[Example],
    others: Sequence[Example],
) -> None:
    """Writes the report of a run as one HTML file without outside links.

    Args:
        path: the .html file.
        title: of the page.
        config: the run's flags.
        history: numbers by epoch, `val_` for validation.
        pretraining: the same of the language model; empty without one.
        metrics: of the measured split.
        answers: a `measuring.Answers` on that split.
        mistakes: the surest wrong answers.
        others: texts at random.
    """
    truth, said = answers.reviews.labels, answers.probabilities
    positive = positive_of(answers.labels)
    sections = [Section("Metrics", [metrics_table({"measured split": metrics})])]
    if history:
        sections.append(Section("Curves", [figure(curves_figure(history), "curves by epoch")]))
    if pretraining:
        curves = figure(curves_figure(pretraining), "curves of the language model by epoch")
        sections.append(Section("Pre-training as a language model", [curves]))
    sections.append(Section("Confusion", [_confusion(said, truth, answers.labels)]))
    drawing = diagrams_figure(said, truth, answers.temperature, positive)
    sections.append(
        Section("Calibration" if positive is None else "Calibration and ROC", [
            figure(drawing, "what is said against what is so"),
            f"Temperature {answers.temperature:.3f}, fitted on dev.",
        ])
    )  # fmt: skip
    what = "the answer" if positive is None else answers.labels[positive]
    for heading, examples in (("Surest mistakes", mistakes), ("Texts at random", others)):
        if examples:
            blocks = [_WORDS.format(label=what), *map(heat_map, examples)]
            sections.append(Section(heading, blocks))
    sections.append(Section("Configuration", [fields_table(config)]))
    write_report(path, title, sections, _STYLE)


def diagrams_figure(
    probabilities: np.ndarray, labels: np.ndarray, temperature: float, positive: int | None
) -> Figure:
    """A reliability diagram before and after calibration, and the ROC of two labels."""
    drawing = Figure(figsize=(9 if positive is not None else 4.5, 3.8), layout="constrained")
    panels = drawing.subplots(1, 1 if positive is None else 2, squeeze=False)[0]
    raw = measures.with_temperature(probabilities, 1 / temperature)
    for found, name, colour in (
        (raw, "before calibration", "#e07b39"),
        (probabilities, "calibrated", "#3b7dd8"),
    ):
        counts, confidence, right = measures.reliability(found, labels)
        there = counts > 0
        error = measures.calibration_error(found, labels)
        panels[0].plot(
            confidence[there], right[there], "o-", color=colour, label=f"{name}, ECE {error:.3f}"
        )
    _finish(panels[0], "confidence", "accuracy", (1 / probabilities.shape[1], 1))
    if positive is not None:
        scores, truths = probabilities[:, positive], labels == positive
        panels[1].plot(
            *measures.roc(scores, truths),
            color="#3b7dd8",
            label=f"AUC {measures.auc(scores, truths):.4f}",
        )
        _finish(panels[1], "false positive rate", "true positive rate", (0, 1))
    return drawing


def _finish(panel, across: str, up: str, span: tuple[float, float]) -> None:
    panel.plot(span, span, "--", color="#8a8f98", linewidth=1)
    panel.set_xlabel(across)
    panel.set_ylabel(up)
    panel.grid(alpha=0.25, linewidth=0.5)
    panel.legend(fontsize=8)


def heat_map(example: Example) -> Html:
    """The text with each word on a ground as strong as its contribution."""
    strongest = max(float(np.abs(example.contributions).max(initial=0.0)), 1e-9)
    mark = "" if example.said == example.truth else ", which is wrong"
    return Html(
        f'<div class="text"><p>{escape(example.name)}: said <b>{escape(example.said)}</b> with '
        f"probability {example.probability:.3f}{mark}; the truth is "
        f"<b>{escape(example.truth)}</b></p>"
        + " ".join(_words(example.words, example.contributions / strongest))
        + "</div>"
    )


def _words(words: Sequence[str], shares: np.ndarray) -> Iterable[str]:
    for word, share in zip(words, shares, strict=True):
        if abs(share) < 0.08:
            yield escape(word)
        else:
            colour = _FOR if share > 0 else _AGAINST
            ground = f"rgba({colour}, {0.75 * abs(share):.2f})"
            yield f'<span style="background: {ground}">{escape(word)}</span>'


def _confusion(probabilities: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> Html:
    found = measures.confusion(probabilities, truth)
    rows = [[name, *map(int, row)] for name, row in zip(labels, found, strict=True)]
    return table(["truth \\ said", *labels], rows)
