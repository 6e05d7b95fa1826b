"""Recordings as characters and frames, by TensorFlow functions that the exported graph shares."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from datasets.faults import Faults
from pipelines import audio
from pipelines.cache import cached, digest_of, with_progress
from pipelines.inspection import lengths_of
from pipelines.runs import read_json, write_json
from pipelines.store import Store, open_store, write_store
from pipelines.text_to_speech import sources, vocoder
from pipelines.text_to_speech.characters import LONGEST, numbers_of, readable, text_of
from pipelines.text_to_speech.flags import Train
from pipelines.text_to_speech.spelling import in_several_ways, spelt

BATCH = 50  # recordings that are written at a time
VERSION = 1  # of the transform: another one makes caches anew
SECONDS_A_CHARACTER, SECONDS_MORE = 0.25, 1.0  # the longest answer: so much a character, and more
_LEFT_OUT = "left_out.json"


class Front(NamedTuple):
    """The sound of a model: samples a second, mel bands, and frames that one step writes."""

    rate: int
    mels: int
    frames: int

    def spectra(self, waveform: tf.Tensor, rate: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mel and linear frames of speech of any rate, level and silence at its ends."""
        waveform = audio.resample(waveform, rate, self.rate)
        return vocoder.spectra(vocoder.levelled(waveform, self.rate), self.rate, self.mels)

    @property
    def bins(self) -> int:
        """Features of a linear frame."""
        return vocoder.bins(self.rate)

    @property
    def step_seconds(self) -> float:
        """Seconds that one step writes."""
        return self.frames * vocoder.HOP

    def limits(self, counts: Any) -> Any:
        """Steps that texts of so many characters may take, at most: 0.25 s a character and 1 s."""
        seconds = SECONDS_A_CHARACTER * tf.cast(counts, tf.float32) + SECONDS_MORE
        return tf.where(counts > 0, tf.cast(seconds / self.step_seconds, tf.int32), 0)


def front_of(flags: Train) -> Front:
    """The front of a run."""
    return Front(flags.rate, flags.mels, flags.frames)


def describe(flags: Train, splits: Sequence[str]) -> dict[str, Any]:
    """What the loader understands of the recordings, and what cannot be learnt from.

    Raises:
        ValueError: a split cannot be used.
    """
    found = sources.describe(flags, splits)
    encoded = {split: encode_split(flags, split) for split in splits}
    train, _ = encoded["train"]
    examples = [
        {"text": text_of(train.row("characters", row)), "frames": len(train.row("mel", row))}
        for row in range(min(3, len(train)))
    ]
    return {
        **found,
        "examples": examples,
        "lengths": lengths_of(train.lengths("mel"), "frames of 12.5 ms"),
        "unusable": {split: counts for split, (_, counts) in encoded.items() if counts},
    }


def encode_split(flags: Train, split: str) -> tuple[Store, dict[str, int]]:
    """A split as columns `characters`, `mel`, `linear` (16 bits) and `voice`; what is left out.

    Recordings are left out, and counted by kind, whose text cannot be read or can be in several
    ways, that are longer than `max_seconds` or than an answer may be, or that have no sound.

    Raises:
        ValueError: the data cannot be used, or nothing is left.
    """

    def write(folder):
        faults = Faults()
        try:
            write_store(folder, _encoded(flags, split, faults))
        except ValueError as error:
            raise ValueError(
                f"`dataset` must have recordings to learn from in {split}. Got "
                f"{flags.dataset!r}: {error}\n{faults.summary()}".rstrip()
            ) from error
        faults.tell(f"{flags.dataset}, split `{split}`")
        write_json(folder / _LEFT_OUT, dict(faults.counts))

    key = {
        "kind": "text_to_speech records",
        "split": split,
        "version": VERSION,
        "files": digest_of(sources.raw_files(flags)),
        "front": list(front_of(flags)),
        **{name: getattr(flags, name) for name in ("dataset", "limit", "max_seconds")},
    }
    folder = cached(flags.cache_dir, key, write)
    return open_store(folder), read_json(folder / _LEFT_OUT)


def _encoded(flags: Train, split: str, faults: Faults) -> Iterator[dict[str, Any]]:
    front, rows = front_of(flags), []
    hear = tf.function(
        front.spectra,
        input_signature=[tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.int32)],
    )
    records = sources.load(flags, split)
    for voice, record in with_progress(records, lambda record: 1, "recordings heard"):
        text = record["text"].decode("utf-8", "replace")
        fault, numbers = usable_text(text)
        if not fault:
            mel, linear = (x.numpy() for x in hear(record["waveform"], record["rate"]))
            fault = _usable_sound(front, len(numbers), len(mel), flags.max_seconds)
        if fault:
            faults.add(fault, record["id"])
            continue
        rows.append((numbers, mel.astype(np.float16), linear.astype(np.float16), voice))
        if len(rows) == BATCH:
            yield _columns(rows)
            rows = []
    if rows:
        yield _columns(rows)


def usable_text(text: str) -> tuple[str, list[int]]:
    """Why a transcript is no example, "" if it is one; and its characters as numbers."""
    if in_several_ways(text):
        return "number that is read in several ways (write it as words)", []
    try:
        texts, unread = readable(tf.constant([spelt(text)]))
    except ValueError:
        return "date that is read in two ways (write it as words)", []
    if unread[0] != b"":
        return "text with letters or signs that the model does not read", []
    if texts[0] == b"":
        return "text without a letter", []
    if len(texts.numpy()[0]) > LONGEST:
        return f"text of more than {LONGEST} characters", []
    return "", numbers_of(texts).to_list()[0]


def _usable_sound(front: Front, characters: int, frames: int, longest: float) -> str:
    if frames == 0:
        return "recording without sound"
    if frames > longest / vocoder.HOP:
        return f"longer than {longest:g} s (--max-seconds)"
    if steps_of(frames, front.frames) > int(front.limits(characters)):
        return "longer than an answer of so many characters may be"
    return ""


def steps_of(frames: Any, a_step: int) -> Any:
    """Steps of so many frames: the last has a frame of silence, in which the speech ends."""
    return frames // a_step + 1


def _columns(rows: Sequence[tuple]) -> dict[str, Any]:
    numbers, mels, linears, voices = zip(*rows, strict=True)
    frames = np.array([len(mel) for mel in mels])
    return {
        "characters": (
            np.concatenate([np.array(row, np.uint8) for row in numbers]),
            np.array([len(row) for row in numbers]),
        ),
        "mel": (np.concatenate(mels), frames),
        "linear": (np.concatenate(linears), frames),
        "voice": np.array(voices, np.int32),
    }


def padded(rows: Sequence[np.ndarray], time: int) -> np.ndarray:
    """Frames right-padded with silence: `<float32>[rows, time, width]`."""
    batch = np.zeros((len(rows), time, rows[0].shape[1]), np.float32)
    for place, row in zip(batch, rows, strict=True):
        place[: len(row)] = row
    return batch
