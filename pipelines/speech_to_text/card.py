"""The model card beside an exported recogniser."""

from collections.abc import Mapping
from typing import Any

from pipelines.card import CELLS, made, metrics_table
from pipelines.speech_to_text.flags import Train

TEMPLATE = """# Speech-to-text model

A recording in, its text out. {model}

## Signatures

| name | in | out |
| --- | --- | --- |
| serving_default | `audio_bytes: string[batch]` | `text: string[batch]`, `score: float32[batch]` |
| waveform | `waveform: float32[batch, samples]`, `lengths: int32[batch]`, `rate: int32[]` | \
the same |
| align | `audio_bytes: string[batch]` | `characters: string[batch, characters]`, \
`times: float32[batch, characters]` (seconds), `text`, `score` |
| hypotheses | `audio_bytes: string[batch]` | `texts: string[batch, beams]`, \
`log_probs: float32[batch, beams]` |
{stream}
`audio_bytes` are WAV files: PCM of 8, 16, 24 or 32 bits or floats, any rate, any channels (their
mean is heard). `score` is P(text)^(1 / (characters + 1)), from 0 to 1. A file that cannot be read,
and a recording in which nothing is said, has the text "" and score 0, and does not touch the others
of its batch.

## Data

{data}

## Measured

{table}

Through this SavedModel, from WAV files. `wer` and `cer` are the word and the character error rate;
`at_20_db`: with white noise 20 dB below the recording. {made}

## Limits

It writes a to z, spaces and apostrophes alone: no digits, no punctuation, no capitals. It has heard
{world}: of other words, other languages, music and several people at once it writes nonsense that
looks like speech. {rate} It was not trained to tell speech from other sound. Do not decide about
people by it.
"""
STREAM = (
    "| stream | `chunk: float32[batch, samples]` ({rate:,} a second, a multiple of {step}), "
    "`state: float32[batch, features]` (zeros at first) | `text: string[batch]`, what has been "
    "said since, and `state` |\n"
)
DATA = {
    "demo": (
        "Digits, numbers, dates, letters and commands, spoken by eSpeak NG (GPL-3, reached through "
        "the package `espeakng-loader`), with noise and room by code."
    ),
    "an4": (
        "CMU AN4 (census), recorded at Carnegie Mellon University in 1991: letters, numbers, dates "
        "and commands, read by the training speakers. Free for any use, with CMU's notice."
    ),
    "fsdd": "Free Spoken Digit Dataset (CC BY-SA 4.0): single digits.",
    "fsdd_strings": (
        "Strings of digits joined from recordings of one speaker each of the Free Spoken Digit "
        "Dataset (CC BY-SA 4.0)."
    ),
    "speech_commands": "Speech Commands (Warden 2018, CC BY 4.0): single words.",
    "librispeech": "LibriSpeech (Panayotov et al. 2015, CC BY 4.0): read books.",
    "asterisk": "Telephone prompts of Asterisk (CC BY-SA 3.0, (c) Allison Smith): one speaker.",
    "folder": "Recordings and transcripts of the person who trained the model.",
}
WORLD = {
    "demo": "words spoken by a synthesiser",
    "an4": "letters, numbers, dates and a few commands in American English",
    "fsdd": "single digits in English",
    "fsdd_strings": "digits in English, one after the other",
    "speech_commands": "single words in English",
    "librispeech": "books that are read aloud in English",
    "asterisk": "telephone prompts of one speaker in American English",
    "folder": "the recordings of its training",
}


def model_card(flags: Train, measured: Mapping[str, Any]) -> str:
    """Markdown: the model, its data, its metrics and its limits.

    Args:
        flags: of the run.
        measured: as in a run's metrics.json; without `metrics` before it is measured.
    """
    sources = list(dict.fromkeys(flags.dataset.split("+")))
    stream = STREAM.format(rate=flags.rate, step=flags.rate // 25)
    return TEMPLATE.format(
        model=_model(flags),
        stream="" if flags.bidirectional else stream,
        data="\n\n".join(DATA[source] for source in sources),
        table=metrics_table(measured, f"{measured_split(flags)} split"),
        made=made(measured, flags.seed),
        world=", ".join(WORLD[source] for source in sources),
        rate=f"It hears nothing above {flags.rate // 2000} kHz.",
    )


def measured_split(flags: Train) -> str:
    """The split that `train` measures at its end: test, or dev of AN4.

    The test speakers of AN4 are looked at on purpose only.
    """
    return "dev" if "an4" in flags.dataset.split("+") else "test"


def _model(flags: Train) -> str:
    both = ", forwards and backwards" if flags.bidirectional else ""
    search = "the best path" if flags.beam_size == 1 else f"a search of {flags.beam_size} prefixes"
    return (
        f"Two convolutions of {flags.filters} over log-mel frames, {flags.layers} "
        f"layer{'s' * (flags.layers > 1)} of {CELLS[flags.cell]}{both}, {flags.units} units, CTC "
        f"over the characters, {search}."
    )
