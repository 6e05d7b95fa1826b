"""The report of a text-to-speech run: texts to hear, beside the recordings, with alignments."""

from collections.abc import Iterator

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from pipelines.contract import Evaluation
from pipelines.report import PLOT_STYLE, Html, Section, data_address, escape, figure, table
from pipelines.text_to_speech.data import front_of
from pipelines.text_to_speech.evaluation import FAULTS, Answers, Spoken
from pipelines.text_to_speech.flags import Train

PLAYED = ("model", "recordings", "espeak")
MOST = 40  # rows of the table
_STYLE = """
.spoken { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: .7rem .9rem; margin: .8rem 0; }
.spoken p { margin: 0 0 .4rem; max-width: none; }
.spoken .who { color: var(--soft); font-size: .85rem; }
.spoken audio { height: 2rem; vertical-align: middle; margin: 0 1rem .4rem .3rem; }
"""
_ALIGNMENT = (
    "Each row of a drawing is a character, each column a step: a line from one corner to the other "
    "reads the text once, from its beginning to its end."
)


def report_sections(flags: Train, evaluation: Evaluation) -> Iterator[Section]:
    """The sections that text to speech has of its own."""
    answers: Answers = evaluation.details
    for heading, spoken in (("Lowest scores", answers.worst), ("At random", answers.others)):
        yield Section(heading, [_ALIGNMENT, *(card(flags, each) for each in spoken)], _STYLE)
    yield Section("All texts", [_texts(answers)])
    speed = f"{answers.real_time_factor:.4f} seconds of computing for a second of sound."
    yield Section("Real-time factor", [speed])


def card(flags: Train, spoken: Spoken) -> Html:
    """A text, its sounds to hear, what the ears understood, and the alignment."""
    players = "".join(
        f'{escape(kind)}<audio controls preload="none" src="{data_address(wav, "audio/wav")}">'
        "</audio>"
        for kind, wav in spoken.sounds.items()
        if kind in PLAYED and wav
    )
    heard = "".join(
        f"<p>{escape(name)} hears: <b>{escape(texts['model'] or '(nothing)')}</b>; "
        f"of the recording <b>{escape(texts['recordings'] or '(nothing)')}</b></p>"
        for name, texts in spoken.heard.items()
    )
    drawing = figure(alignment_figure(flags, spoken), "alignment of characters and steps")
    return Html(
        f'<div class="spoken"><p class="who">{escape(spoken.id)}, score {spoken.score:.2f}, '
        f"distortion {spoken.distortions.get('model', np.nan):.1f} dB</p>"
        f"<p>text: <b>{escape(spoken.text)}</b></p><p>{players}</p>{heard}{drawing}</div>"
    )


def alignment_figure(flags: Train, spoken: Spoken) -> Figure:
    """The attention of each step, characters from the bottom to the top."""
    weights = spoken.alignment.astype(np.float32)
    steps, cells = max(len(weights), 1), len(spoken.text) + 1
    seconds = steps * front_of(flags).step_seconds
    with matplotlib.rc_context(PLOT_STYLE):
        drawing = Figure(figsize=(min(9.0, 2.5 + seconds), 1.5 + cells / 30), layout="constrained")
        panel = drawing.subplots()
        panel.imshow(
            weights.T if weights.size else np.zeros((cells, 1)),
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=0,
            vmax=1,
            extent=(0, seconds, -0.5, cells - 0.5),
        )
        panel.set(xlabel="seconds", ylabel="character")
    return drawing


def _texts(answers: Answers) -> Html:
    """The texts of the lowest scores and, of the same, the greatest distortion."""
    order = sorted(
        answers.spoken, key=lambda each: (each.score, -each.distortions.get("model", np.inf))
    )
    ears = list(answers.spoken[0].heard)
    rows = [
        [
            each.text,
            each.score,
            *(each.faults[name] for name in FAULTS),
            each.distortions.get("model", np.nan),
            *(each.heard[name]["model"] for name in ears),
        ]
        for each in order[:MOST]
    ]
    header = ["text", "score", *FAULTS, "mcd (dB)", *(f"{name} hears" for name in ears)]
    return table(header, rows)
