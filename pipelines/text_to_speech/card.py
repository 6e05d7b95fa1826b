"""The model card beside an exported synthesizer."""

from collections.abc import Mapping
from typing import Any

from pipelines.card import CELLS, made, metrics_table
from pipelines.text_to_speech import sources
from pipelines.text_to_speech.flags import Train

TEMPLATE = """# Text-to-speech model

A text in, its sound out. {model}

## Signatures

| name | in | out |
| --- | --- | --- |
| serving_default | `text: string[batch]` | `audio_bytes: string[batch]` (WAV), \
`score: float32[batch]`, `unread: string[batch]` |
| speak | `text: string[batch]`, `speed: float32[]` (0.5 to 2) | the same |
| mel | `text: string[batch]` (120 characters at most) | `mel: float32[batch, time, mels]`, \
`frames: int32[batch]`, `alignment: float32[batch, steps, characters]`, \
`characters: string[batch, characters]`, `ended`, `score`, `unread`, `skipped`, `repeated`, \
`stalled`, `silent` |

The sound has {rate:,} samples a second, of 16 bits. It reads a to z, the apostrophe and `,.?!`;
accents go; other characters, digits too, are left out and come back as `unread`. `score`, from 0 to
1, is 1 where every character was read once, in order and aloud, and the speech ended by itself; it
is 0 where it did not end, of an empty text, and of one of more than 5,000 characters. An answer is
at most as long as 0.25 s a character, and 1.2 s more for each 120 characters. The same text gives
the same bytes.

## Data

{data}

The model speaks with the voice of `{voice}`.

## Measured

{table}

Through this SavedModel. `mcd`: mel cepstral distortion to the recording, in dB, after dynamic time
warping; `aligned`: the share of texts without a fault; `skipped`, `repeated`, `stalled` and
`silent`: shares of the characters; `wer_EAR`: the word error of a recogniser that hears the model,
beside what it makes of the recordings, of eSpeak NG, of shuffled audio and of silence. {made}

## Limits

English alone. Words unlike those of its training are pronounced by guess. Sound made by a program
must not be passed off as a person's: the voice belongs to the person who was recorded.
"""
DATA = {
    "demo": (
        "Digits, numbers, dates, letters and commands, spoken by eSpeak NG (GPL-3, reached through "
        "the package `espeakng-loader`) in one voice."
    ),
    "espeak": "Lines of text of the person who trained the model, spoken by eSpeak NG (GPL-3).",
    "asterisk": "Telephone prompts of Asterisk (CC BY-SA 3.0, (c) Allison Smith): one speaker.",
    "folder": "Recordings and transcripts of the person who trained the model.",
}


def model_card(flags: Train, measured: Mapping[str, Any]) -> str:
    """Markdown: the model, its data, its metrics and its limits.

    Args:
        flags: of the run.
        measured: as in a run's metrics.json; without `metrics` before it is measured.
    """
    return TEMPLATE.format(
        model=_model(flags),
        rate=flags.rate,
        data="\n\n".join(DATA[source] for source in sources.weights(flags)),
        voice=sources.voice_of(flags)[0],
        table=metrics_table(measured, f"{measured_split(flags)} split"),
        made=made(measured, flags.seed),
    )


def measured_split(flags: Train) -> str:
    """The split that `train` measures at its end: test, or dev where the voice is `asterisk`'s.

    The 63 prompts of its test are looked at on purpose only.
    """
    return "dev" if sources.voice_of(flags)[0] == "asterisk" else "test"


def _model(flags: Train) -> str:
    return (
        f"The text is read by {CELLS[flags.cell]}, forwards and backwards, {flags.encoder_units} "
        f"units each; a decoder of two layers of {flags.units} with location-sensitive attention "
        f"writes {flags.frames} frames of {flags.mels} mel bands a step; convolutions of "
        f"{flags.postnet_filters} make linear spectra of them, and Griffin-Lim the sound."
    )
