"""The report of a speech-to-text run: what was heard, by eye and by ear, and what for what."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import matplotlib
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from pipelines import audio
from pipelines.contract import Evaluation
from pipelines.report import INK, PLOT_STYLE, Html, Section, data_address, escape, figure, table
from pipelines.speech_to_text import metrics
from pipelines.speech_to_text.data import front_of
from pipelines.speech_to_text.evaluation import Answers, Recording
from pipelines.speech_to_text.flags import Train

MOST = 30  # rows of a table of confusions, and of speakers
EDGES = (1, 2, 4, 8, 16)  # seconds, between the groups by length
_STYLE = """
.heard { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: .7rem .9rem; margin: .8rem 0; }
.heard p { margin: 0 0 .4rem; max-width: none; }
.heard .who { color: var(--soft); font-size: .85rem; }
.heard audio { height: 2rem; margin-bottom: .4rem; }
"""
_SPECTROGRAM = (
    "Each character stands over the moment at which the model writes it, most often near the end "
    "of its sound."
)


def report_sections(flags: Train, evaluation: Evaluation) -> Iterator[Section]:
    """The sections that speech to text has of its own."""
    answers: Answers = evaluation.details
    for heading, recordings in (
        ("Most errors", answers.worst),
        ("Recordings at random", answers.others),
    ):
        if recordings:
            blocks = [card(flags, answers, recording) for recording in recordings]
            yield Section(heading, [_SPECTROGRAM, *blocks], _STYLE)
    yield Section("Confusions", [_confusions(answers)])
    speakers = [recording.speaker or "(unknown)" for recording in answers.recordings]
    yield Section("By speaker", [_by_speaker(answers, speakers)])
    yield Section("By length", [_by_length(answers)])
    if answers.by_noise:
        rows = [
            [f"{level:g} dB", rates["wer"], rates["cer"]]
            for level, rates in answers.by_noise.items()
        ]
        yield Section("By noise", [table(["white noise below the recording", "wer", "cer"], rows)])
    speed = f"{answers.real_time_factor:.4f} seconds of computing for a second of sound."
    yield Section("Real-time factor", [speed])


def card(flags: Train, answers: Answers, recording: Recording) -> Html:
    """A recording to hear, its transcript, the answer, and its spectrogram."""
    ((characters, times),) = answers.align([recording.wav])
    drawing = figure(
        spectrogram(flags, recording.wav, characters, times), "spectrogram with characters"
    )
    address = data_address(recording.wav, "audio/wav")
    return Html(
        f'<div class="heard"><p class="who">{escape(recording.id)}, {recording.seconds:.1f} s, '
        f"character error rate {recording.errors:.0%}</p>"
        f'<audio controls preload="none" src="{address}"></audio>'
        f"<p>said: <b>{escape(recording.reference)}</b></p>"
        f"<p>heard: <b>{escape(recording.text or '(nothing)')}</b></p>{drawing}</div>"
    )


def spectrogram(
    flags: Train, wav: bytes, characters: Sequence[str], times: Sequence[float]
) -> Figure:
    """The log-mel frames that the model hears, with the characters over them."""
    features = front_of(flags)(*audio.read_wav(tf.constant(wav))).numpy()
    seconds = len(features) * audio.HOP
    with matplotlib.rc_context(PLOT_STYLE):
        drawing = Figure(figsize=(min(10.0, 2.5 + 1.5 * seconds), 2.2), layout="constrained")
        panel = drawing.subplots()
        shown = np.clip(features.T, np.quantile(features, 0.05) if features.size else 0, None)
        panel.imshow(
            shown,
            origin="lower",
            aspect="auto",
            cmap="magma",
            extent=(0, seconds, 0, flags.mels),
        )
        for character, moment in zip(characters, times, strict=True):
            mark = "␣" if character == " " else character
            panel.text(moment, flags.mels * 1.03, mark, ha="center", va="bottom", color=INK)
        panel.set(xlabel="seconds", ylabel="mel band", xlim=(0, max(seconds, audio.HOP)))
    return drawing


def _confusions(answers: Answers) -> Html:
    counts = metrics.confusions(answers.references, answers.texts).most_common(MOST)
    rows = [[true or "(nothing)", heard or "(nothing)", count] for (true, heard), count in counts]
    return table(["said", "heard", "times"], rows)


def _by_speaker(answers: Answers, speakers: Sequence[str]) -> Html:
    groups = metrics.by_group(answers.references, answers.texts, speakers)
    worst = sorted(groups.items(), key=lambda item: -item[1]["wer"])[:MOST]
    return table(["speaker", "recordings", "wer", "cer"], [_row(*item) for item in worst])


def _by_length(answers: Answers) -> Html:
    edges = (0, *EDGES)
    lows = [
        max(edge for edge in edges if edge <= recording.seconds) for recording in answers.recordings
    ]
    groups = metrics.by_group(answers.references, answers.texts, lows)
    names = {low: f"{low} to {high} s" for low, high in pairwise(edges)}
    names[edges[-1]] = f"{edges[-1]} s and more"
    rows = [_row(names[low], rates) for low, rates in groups.items()]
    return table(["length", "recordings", "wer", "cer"], rows)


def _row(name: str, rates: dict) -> list:
    return [name, rates["count"], rates["wer"], rates["cer"]]
