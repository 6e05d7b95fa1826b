"""How wrong an exported recogniser is on a split, free-running: each recording as a WAV file."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from datasets.faults import Faults
from pipelines.audio import wav_bytes
from pipelines.cache import with_progress
from pipelines.contract import Evaluation
from pipelines.speech_to_text import metrics, sources
from pipelines.speech_to_text.characters import TranscriptError, clean
from pipelines.speech_to_text.flags import Evaluate

SHOWN = 6  # recordings in each group of the report
WINDOW = 128  # recordings that are sorted by length at a time, so that like ones share a batch


class Recording(NamedTuple):
    """One recording of the split with its transcript and the model's answers.

    number: its place among the recordings. errors: character error rate of its own.
    noisy: the answers with noise, one for each level.
    """

    number: int
    id: str
    speaker: str
    reference: str
    seconds: float
    wav: bytes
    text: str = ""
    errors: float = 0.0
    noisy: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answers:
    """An exported model's answers on a split.

    recordings: all, without their sound.
    worst, others: those with the most errors, and some at random, with their sound.
    real_time_factor: seconds of computing for a second of sound.
    by_noise: dB that white noise is below each recording -> `wer` and `cer`.
    align: WAV files -> for each (characters, seconds of each).
    """

    recordings: list[Recording]
    worst: list[Recording]
    others: list[Recording]
    real_time_factor: float
    by_noise: dict[float, dict[str, float]]
    align: Callable[[Sequence[bytes]], list[tuple[list[str], np.ndarray]]]

    @property
    def references(self) -> list[str]:
        return [recording.reference for recording in self.recordings]

    @property
    def texts(self) -> list[str]:
        return [recording.text for recording in self.recordings]


def evaluate(model, flags: Evaluate) -> Evaluation:
    """Answers of an exported model for a split's recordings, as a server would give them.

    Raises:
        ValueError: no recording of the split has a transcript that can be spelt.
    """
    about = about_model(model)
    if flags.unheard is None and flags.dataset == about["dataset"]:
        flags = replace(flags, unheard=about["unheard"])
    answers = _answers(model, flags)
    measured = metrics.error_rates(answers.references, answers.texts)
    if "+" in flags.dataset:
        origins = [recording.id.partition("/")[0] for recording in answers.recordings]
        for source, rates in metrics.by_group(answers.references, answers.texts, origins).items():
            measured |= {f"wer_{source}": rates["wer"], f"cer_{source}": rates["cer"]}
    for level, rates in answers.by_noise.items():
        measured |= {f"{name}_at_{level:g}_db": value for name, value in rates.items()}
    print(f"Real-time factor: {answers.real_time_factor:.4f}", flush=True)
    return Evaluation(measured, answers)


def about_model(model) -> dict[str, Any]:
    """The export's own description: the data set, the front, the characters."""
    return json.loads(tf.io.read_file(model.about.asset_path).numpy())


def _answers(model, flags: Evaluate) -> Answers:
    faults, clock = Faults(), _Clock()
    recordings: list[Recording] = []
    worst: list[Recording] = []
    others: list[Recording] = []
    rng = np.random.default_rng(0)
    levels = tuple(dict.fromkeys(flags.noise_levels))
    for recording in _answered(model, _recordings(flags, faults), levels, flags.batch_size, clock):
        recordings.append(recording._replace(wav=b""))
        worst = sorted([*worst, recording], key=lambda each: (-each.errors, each.id))[:SHOWN]
        # Reservoir sampling: at any time each so far is among them with the same chance.
        place = len(others) if len(others) < SHOWN else int(rng.integers(len(recordings)))
        others[place : place + 1] = [recording] if place < SHOWN else []
    faults.tell(f"{flags.dataset}, split `{flags.split}`")
    if not recordings:
        raise ValueError(
            f"`split` must hold recordings with a transcript. Got none:\n{faults.summary()}"
        )
    references = [recording.reference for recording in recordings]
    by_noise = {
        level: metrics.error_rates(references, [each.noisy[place] for each in recordings])
        for place, level in enumerate(levels)
    }
    return Answers(
        recordings,
        [recording for recording in worst if recording.errors > 0],
        others,
        clock.seconds / sum(recording.seconds for recording in recordings),
        by_noise,
        lambda wavs: align(model, wavs),
    )


def _recordings(flags: Evaluate, faults: Faults) -> Iterator[Recording]:
    """The split's recordings whose transcript can be spelt, not yet answered."""
    records = sources.load(flags, flags.split).prefetch(8).as_numpy_iterator()
    number = 0
    for record in with_progress(records, lambda record: 1, "recordings measured"):
        name = record["id"].decode("utf-8", "replace")
        try:
            reference = clean(record["text"].decode("utf-8", "replace"))
        except TranscriptError as error:
            faults.add(str(error), name)
            continue
        wav = wav_bytes(record["waveform"], record["rate"]).numpy()
        seconds = len(record["waveform"]) / int(record["rate"])
        speaker = record["speaker"].decode("utf-8", "replace")
        yield Recording(number, name, speaker, reference, seconds, wav)
        number += 1


class _Clock:
    """Seconds that the model took for the recordings as they are."""

    seconds = 0.0


def _answered(
    model, recordings: Iterator[Recording], levels: Sequence[float], batch_size: int, clock: _Clock
) -> Iterator[Recording]:
    """The recordings with their answers, in their order; like lengths share a batch."""
    answer = model.signatures["serving_default"]

    def texts_of(wavs):
        texts = answer(audio_bytes=tf.constant(wavs, tf.string))["text"].numpy()
        return [text.decode() for text in texts]

    for window in _batched(recordings, WINDOW):
        done = []
        for batch in _batched(sorted(window, key=lambda each: each.seconds), batch_size):
            begun = time.perf_counter()
            columns = [texts_of([each.wav for each in batch])]
            clock.seconds += time.perf_counter() - begun
            columns += [texts_of([noisy(each, level) for each in batch]) for level in levels]
            for recording, text, *others in zip(batch, *columns, strict=True):
                errors = metrics.error_rates([recording.reference], [text])["cer"]
                done.append(recording._replace(text=text, errors=errors, noisy=tuple(others)))
        yield from sorted(done, key=lambda each: each.number)


def _batched(values: Iterable, size: int) -> Iterator[list]:
    values = iter(values)
    while batch := list(islice(values, size)):
        yield batch


def noisy(recording: Recording, level: float) -> bytes:
    """The recording's WAV with white noise `level` dB below it, drawn by its number."""
    samples, rate = tf.audio.decode_wav(recording.wav)
    waveform = samples.numpy()[:, 0]
    rng = np.random.default_rng([recording.number, len(waveform)])
    scale = np.sqrt(np.mean(np.square(waveform)) * 10 ** (-level / 10))
    noise = scale * rng.standard_normal(len(waveform))
    return wav_bytes((waveform + noise).astype(np.float32), rate).numpy()


def align(model, wavs: Sequence[bytes]) -> list[tuple[list[str], np.ndarray]]:
    """Of each recording the characters and the second at which each appears."""
    return aligned(model.signatures["align"](audio_bytes=tf.constant(wavs, tf.string)))


def aligned(answers: Mapping[str, tf.Tensor]) -> list[tuple[list[str], np.ndarray]]:
    """Characters and seconds of each recording, without what fills the rows up."""
    pairs = []
    for row, times in zip(answers["characters"].numpy(), answers["times"].numpy(), strict=True):
        characters = [character.decode() for character in row if character]
        pairs.append((characters, times[: len(characters)]))
    return pairs
