"""The report of a sentiment run: confusion, ROC, calibration, mistakes word by word."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from matplotlib.figure import Figure

from pipelines import classification
from pipelines.contract import Evaluation
from pipelines.report import Html, Section, escape, figure, table
from pipelines.sentiment import metrics as measures
from pipelines.sentiment.evaluation import Answers, Text
from pipelines.sentiment.flags import Train
from pipelines.sentiment.signatures import positive_of

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


def report_sections(flags: Train, evaluation: Evaluation) -> Iterator[Section]:
    """The sections that sentiment has of its own."""
    answers: Answers = evaluation.details
    positive = positive_of(answers.labels)
    yield Section("Confusion", [_confusion(answers.probabilities, answers.truths, answers.labels)])
    drawing = diagrams_figure(answers, positive)
    yield Section(
        "Calibration" if positive is None else "Calibration and ROC",
        [
            figure(drawing, "confidence against accuracy"),
            f"Temperature {answers.calibration} of a text of n words, fitted on dev.",
        ],
    )
    scored = "the answer" if positive is None else answers.labels[positive]
    for heading, texts in (
        ("Surest mistakes", answers.mistakes),
        ("Texts at random", answers.others),
    ):
        if texts:
            maps = [heat_map(answers, text) for text in texts]
            yield Section(heading, [_WORDS.format(label=scored), *maps], _STYLE)


def diagrams_figure(answers: Answers, positive: int | None) -> Figure:
    """A reliability diagram before and after calibration, and the ROC of two labels."""
    probabilities, labels = answers.probabilities, answers.truths
    drawing = Figure(figsize=(9 if positive is not None else 4.5, 3.8), layout="constrained")
    panels = drawing.subplots(1, 1 if positive is None else 2, squeeze=False)[0]
    raw = classification.with_temperature(probabilities, 1 / answers.temperatures)
    for shown, name, colour in (
        (raw, "before calibration", "#e07b39"),
        (probabilities, "calibrated", "#3b7dd8"),
    ):
        counts, confidence, right = classification.reliability(shown, labels)
        there = counts > 0
        error = classification.calibration_error(shown, labels)
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


def heat_map(answers: Answers, text: Text) -> Html:
    """The text with each word on a ground as strong as its contribution."""
    ((words, contributions),) = answers.explain([text.text])
    strongest = max(float(np.abs(contributions).max(initial=0.0)), 1e-9)
    best = int(text.probabilities.argmax())
    mark = "" if best == text.label else ", which is wrong"
    return Html(
        f'<div class="text"><p>{escape(text.id)}: answer <b>{escape(answers.labels[best])}</b> '
        f"with probability {text.probabilities[best]:.3f}{mark}; the truth is "
        f"<b>{escape(answers.labels[text.label])}</b></p>"
        + " ".join(_words(words, contributions / strongest))
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
    counts = classification.confusion(probabilities, truth)
    rows = [[name, *map(int, row)] for name, row in zip(labels, counts, strict=True)]
    return table(["truth \\ answer", *labels], rows)
