"""The report of an action-recognition run: clips with the belief over time, and how sure it is."""

from collections.abc import Iterator

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from pipelines import classification
from pipelines.action_recognition import metrics
from pipelines.action_recognition.evaluation import Answers, Clip
from pipelines.action_recognition.flags import Train
from pipelines.action_recognition.signatures import gif_bytes
from pipelines.contract import Evaluation
from pipelines.report import (
    PLOT_STYLE,
    Html,
    Section,
    data_address,
    escape,
    figure,
    plot_lines,
    table,
)

LINES = 5  # labels whose belief is drawn
DRAWING = 128  # pixels of a drawn body's side
INK, PAPER = (47, 111, 196), (245, 246, 248)  # of a drawn body
_STYLE = """
.clip { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: .7rem .9rem; margin: .8rem 0; }
.clip p { margin: 0 0 .4rem; max-width: none; }
.clip .who { color: var(--soft); font-size: .85rem; }
.clip div { display: flex; gap: 1rem; align-items: center; flex-wrap: wrap; }
.clip img { width: 160px; image-rendering: pixelated; }
"""
_BELIEF = (
    "The lines are the probabilities of the likeliest labels once so much of the clip was seen; "
    "the rest of the clip is not known to the model at that moment."
)


def report_sections(flags: Train, evaluation: Evaluation) -> Iterator[Section]:
    """The sections that action recognition has of its own."""
    answers: Answers = evaluation.details
    for heading, clips in (
        ("Surest mistakes", answers.mistakes),
        ("Clips at random", answers.others),
    ):
        if clips:
            blocks = [card(answers.labels, clip) for clip in clips]
            yield Section(heading, [_BELIEF, *blocks], _STYLE)
    yield Section("Confusion", [_confusion(answers)])
    groups = metrics.by_group(answers.probabilities, answers.truths, answers.subjects)
    rows = [[name or "(unknown)", *numbers] for name, numbers in groups.items()]
    yield Section("By subject", [table(["subject", "clips", "accuracy"], rows)])
    rows = [[f"{share:.0%}", right] for share, right in answers.by_share.items()]
    yield Section("How early it knows", [table(["of the clip seen", "accuracy"], rows)])
    drawing = figure(reliability_figure(answers), "confidence against accuracy")
    text = f"Temperature {answers.temperature:.3f}, fitted on dev."
    yield Section("Calibration", [drawing, text])


def card(labels: list[str], clip: Clip) -> Html:
    """A clip that plays, the truth, the answer, and the belief over time."""
    best = int(clip.probabilities.argmax())
    mark = "" if best == clip.label else ", which is wrong"
    count = len(clip.beliefs)
    address = data_address(gif_bytes(pictures(clip.frames, count), clip.seconds), "image/gif")
    drawing = figure(belief_figure(labels, clip), "belief over time")
    return Html(
        f'<div class="clip"><p class="who">{escape(clip.id)}, {clip.seconds:.1f} s</p>'
        f"<p>answer <b>{escape(labels[best])}</b> with probability "
        f"{clip.probabilities[best]:.3f}{mark}; the truth is "
        f"<b>{escape(labels[clip.label])}</b></p>"
        f'<div><img src="{address}" alt="{escape(labels[clip.label])}">{drawing}</div></div>'
    )


def belief_figure(labels: list[str], clip: Clip) -> Figure:
    """The probabilities of the labels that are likely at any moment."""
    highest = clip.beliefs.max(axis=0)
    shown = [*np.argsort(-highest)[: LINES - 1]]
    if clip.label not in shown:
        shown.append(clip.label)
    lines = {labels[label]: clip.beliefs[:, label] for label in shown}
    seen = np.arange(1, len(clip.beliefs) + 1) / len(clip.beliefs)
    with matplotlib.rc_context(PLOT_STYLE):
        drawing = Figure(figsize=(5.5, 2.2), layout="constrained")
        panel = drawing.subplots()
        axes = {"xlabel": "share of the clip seen", "ylabel": "probability", "ylim": (0, 1)}
        plot_lines(panel, lines, seen, **axes)
    return drawing


def reliability_figure(answers: Answers) -> Figure:
    """Accuracy of the answers of like confidence, before and after the temperature."""
    raw = classification.with_temperature(answers.probabilities, 1 / answers.temperature)
    with matplotlib.rc_context(PLOT_STYLE):
        drawing = Figure(figsize=(4.5, 3.8), layout="constrained")
        panel = drawing.subplots()
        for shown, name, colour in (
            (raw, "before calibration", "#e07b39"),
            (answers.probabilities, "calibrated", "#3b7dd8"),
        ):
            counts, confidence, right = classification.reliability(shown, answers.truths)
            there = counts > 0
            error = classification.calibration_error(shown, answers.truths)
            label = f"{name}, ECE {error:.3f}"
            panel.plot(confidence[there], right[there], "o-", color=colour, label=label)
        panel.plot((0, 1), (0, 1), "--", color="#8a8d91", linewidth=1)
        panel.set(xlabel="confidence", ylabel="accuracy")
        panel.legend()
    return drawing


def pictures(frames: np.ndarray, count: int) -> np.ndarray:
    """At most `count` frames, evenly over the clip, to look at: `<uint8>[time, side, side, 3]`.

    Poses are drawn as dots, from the front: the first axis to the right, the second one upwards.
    """
    places = (2 * np.arange(count) + 1) * len(frames) // (2 * count)
    frames = frames[places]
    if frames.ndim == 4:
        return frames
    flat = frames[..., :2]
    low, high = flat.min(axis=(0, 1)), flat.max(axis=(0, 1))
    scale = 0.84 * DRAWING / max(float((high - low).max()), 1e-6)
    centred = (flat - (low + high) / 2) * scale * (1, -1) + DRAWING / 2
    return np.stack([_dots(points) for points in centred])


def _dots(points: np.ndarray) -> np.ndarray:
    picture = Image.new("RGB", (DRAWING, DRAWING), PAPER)
    draw = ImageDraw.Draw(picture)
    for x, y in points.tolist():
        draw.ellipse((x - 2.5, y - 2.5, x + 2.5, y + 2.5), INK)
    return np.asarray(picture)


def _confusion(answers: Answers) -> Html:
    counts = classification.confusion(answers.probabilities, answers.truths)
    rows = [[name, *map(int, row)] for name, row in zip(answers.labels, counts, strict=True)]
    return table(["truth \\ answer", *answers.labels], rows)
