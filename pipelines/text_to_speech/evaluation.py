"""How good an exported synthesizer is on a split: beside the recordings, eSpeak, noise, silence."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from datasets.faults import Faults
from datasets.speech.espeak import speak
from pipelines import audio
from pipelines.cache import with_progress
from pipelines.contract import Evaluation
from pipelines.text_to_speech import metrics, sources, vocoder
from pipelines.text_to_speech.characters import text_of
from pipelines.text_to_speech.data import Front, usable_text
from pipelines.text_to_speech.ears import WORST, ear, words_of
from pipelines.text_to_speech.flags import Evaluate

SHOWN = 4  # texts in each group of the report
BLOCK = 0.025  # seconds: shuffled audio is a recording in blocks of this length, in drawn order
FAULTS = ("skipped", "repeated", "stalled", "silent")


class Spoken(NamedTuple):
    """One text of the split, and the model's answer.

    sounds: WAV files by their kind: model, recordings, espeak (where there is one), shuffled,
        silence.
    heard: ear -> kind -> its text.
    """

    number: int
    id: str
    text: str
    sounds: Mapping[str, bytes]
    score: float
    faults: Mapping[str, int]
    ended: bool
    alignment: np.ndarray
    distortions: Mapping[str, float]
    heard: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Answers:
    """All texts without their sound, the worst and some at random with it."""

    spoken: list[Spoken]
    worst: list[Spoken]
    others: list[Spoken]
    real_time_factor: float


def evaluate(model, flags: Evaluate) -> Evaluation:
    """Answers of an exported model for a split's texts, as a server would give them.

    Raises:
        ImportError: an ear's package is not installed.
        ValueError: no recording of the split can be used.
    """
    about = about_model(model)
    names = list(sources.weights(flags))
    flags = replace(flags, voice=flags.voice or _measured(about["voice"], names))
    sources.voice_of(flags)
    faults = Faults()
    answers = _answers(model, flags, Front(*about["front"]), faults)
    faults.tell(f"{flags.dataset}, split `{flags.split}`")
    measured = {**_rates(answers.spoken), **_word_errors(answers.spoken)}
    print(f"Real-time factor: {answers.real_time_factor:.4f}", flush=True)
    return Evaluation(measured, answers)


def about_model(model) -> dict[str, Any]:
    """The export's own description: data set, voice and front."""
    return json.loads(tf.io.read_file(model.about.asset_path).numpy())


def _measured(voice: str, names: Sequence[str]) -> str:
    """The source that is measured: the model's own voice, where it is among the sources."""
    return voice if voice in names else names[-1]


def _answers(model, flags: Evaluate, front: Front, faults: Faults) -> Answers:
    ears = {name: ear(name, flags.ear, _texts(flags, name)) for name in dict.fromkeys(flags.ears)}
    spoken: list[Spoken] = []
    worst: list[Spoken] = []
    others: list[Spoken] = []
    rng, seconds, sound = np.random.default_rng(0), 0.0, 0.0
    records = with_progress(_records(flags, faults), lambda record: 1, "texts spoken")
    for number, record in enumerate(records):
        begun = time.perf_counter()
        wav, score = _speak(model, record["text"])
        seconds += time.perf_counter() - begun
        sound += max(len(wav) - 44, 0) / 2 / front.rate
        answer = _spoken(model, front, number, record, wav, score, ears)
        spoken.append(answer._replace(sounds={}))
        worst = sorted([*worst, answer], key=lambda each: (each.score, each.id))[:SHOWN]
        # Reservoir sampling: at any time each so far is among them with the same chance.
        place = len(others) if len(others) < SHOWN else int(rng.integers(number + 1))
        others[place : place + 1] = [answer] if place < SHOWN else []
    if not spoken:
        raise ValueError(
            f"`split` must hold recordings with a text. Got none:\n{faults.summary()}".rstrip()
        )
    return Answers(spoken, worst, others, seconds / max(sound, 1e-9))


def _texts(flags: Evaluate, name: str) -> list[str]:
    """The texts of the split, for an ear that chooses among them."""
    if name != "pocketsphinx":
        return []
    return [words_of(record["read"]) for record in _records(flags, Faults())]


def _records(flags: Evaluate, faults: Faults) -> Iterator[dict[str, Any]]:
    """The split's records of the voice, with `read`, their text as the model reads it."""
    for _, record in sources.load(flags, flags.split, flags.voice):
        text = record["text"].decode("utf-8", "replace")
        fault, numbers = usable_text(text)
        read = text_of(numbers)
        if fault or not words_of(read):
            faults.add(fault or "text without a word", record["id"])
            continue
        yield {**record, "text": read, "read": read}


def _speak(model, text: str) -> tuple[bytes, float]:
    answer = model.signatures["serving_default"](text=tf.constant([text]))
    return answer["audio_bytes"].numpy()[0], float(answer["score"][0])


def _spoken(model, front: Front, number: int, record, wav, score, ears) -> Spoken:
    recording = _recording(front, record)
    sounds = {
        "model": wav,
        "recordings": audio.wav_bytes(recording, front.rate).numpy(),
        **_by_espeak(record["read"], front),
        "shuffled": audio.wav_bytes(_shuffled(recording, front.rate, number), front.rate).numpy(),
        "silence": audio.wav_bytes(np.zeros_like(recording), front.rate).numpy(),
    }
    true = _mel(sounds["recordings"], front)
    distortions = {
        kind: metrics.mel_cepstral_distortion(_mel(sounds[kind], front), true)
        for kind in ("model", "espeak", "shuffled")
        if sounds.get(kind)
    }
    details = model.signatures["mel"](text=tf.constant([record["read"]]))
    return Spoken(
        number,
        record["id"],
        record["read"],
        sounds,
        score,
        {name: int(details[name][0]) for name in FAULTS},
        bool(details["ended"][0]),
        details["alignment"].numpy()[0].astype(np.float16),
        distortions,
        {
            name: dict(zip(sounds, hear(list(sounds.values())), strict=True))
            for name, hear in ears.items()
        },
    )


def _recording(front: Front, record: Mapping[str, Any]) -> np.ndarray:
    """The recording as training hears it: the model's rate, one loudness, no silent ends."""
    waveform = audio.resample(tf.constant(record["waveform"]), record["rate"], front.rate)
    return vocoder.levelled(waveform, front.rate).numpy()


def _by_espeak(text: str, front: Front) -> dict[str, bytes]:
    """`espeak` -> the same text by eSpeak NG; nothing where its package is not installed."""
    try:
        waveform, rate = speak(text)
    except ImportError:
        return {}
    waveform = audio.resample(tf.constant(waveform), rate, front.rate)
    waveform = vocoder.levelled(waveform, front.rate)
    return {"espeak": audio.wav_bytes(waveform, front.rate).numpy()}


def _shuffled(waveform: np.ndarray, rate: int, seed: int) -> np.ndarray:
    size = round(BLOCK * rate)
    blocks = waveform[: len(waveform) // size * size].reshape(-1, size)
    return np.random.default_rng(seed).permutation(blocks).reshape(-1)


def _mel(wav: bytes, front: Front) -> np.ndarray:
    """Mel frames of a WAV file; of no sound, one frame of silence."""
    mel, _ = front.spectra(*audio.read_wav(tf.constant(wav)))
    return mel.numpy() if len(mel) else np.zeros((1, front.mels), np.float32)


def _rates(spoken: Sequence[Spoken]) -> dict[str, float]:
    """Distortions in dB, scores, and shares: of texts, and of characters for the faults."""
    kinds = [kind for kind in ("model", "espeak", "shuffled") if kind in spoken[0].distortions]
    distortions = {
        "mcd" if kind == "model" else f"mcd_{kind}": [
            each.distortions.get(kind, np.nan) for each in spoken
        ]
        for kind in kinds
    }
    characters = sum(len(each.text) + 1 for each in spoken)
    return {
        **{name: float(np.nanmean(values)) for name, values in distortions.items()},
        "score": float(np.mean([each.score for each in spoken])),
        "ended": float(np.mean([each.ended for each in spoken])),
        "aligned": float(
            np.mean([each.ended and not any(each.faults.values()) for each in spoken])
        ),
        **{name: sum(each.faults[name] for each in spoken) / characters for name in FAULTS},
    }


def _word_errors(spoken: Sequence[Spoken]) -> dict[str, float]:
    """`wer_EAR`, and `wer_EAR_KIND` of the other sounds.

    An ear that misunderstands more than 30% of the recordings' own words is no judge: it is told.
    """
    errors: dict[str, float] = {}
    references = [words_of(each.text) for each in spoken]
    for name in spoken[0].heard:
        kinds = spoken[0].heard[name]
        found = {
            kind: metrics.word_error(
                references, [each.heard[name].get(kind, "") for each in spoken]
            )
            for kind in kinds
        }
        if found["recordings"] > WORST:
            share = f"{found['recordings']:.0%} of the recordings' words"
            print(f"The ear {name} is not valid: it misunderstands {share}.", flush=True)
        for kind, value in found.items():
            errors[f"wer_{name}" if kind == "model" else f"wer_{name}_{kind}"] = value
    return errors
