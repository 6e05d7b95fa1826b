"""Recordings as frames and labels, by TensorFlow functions that the exported graph shares."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from datasets.faults import Faults
from pipelines import audio
from pipelines.cache import cached, digest_of, with_progress
from pipelines.inspection import lengths_of
from pipelines.runs import read_json, write_json
from pipelines.speech_to_text import sources
from pipelines.speech_to_text.characters import (
    CHARACTERS,
    TranscriptError,
    clean,
    least_frames,
    to_labels,
)
from pipelines.speech_to_text.flags import Train
from pipelines.store import Store, open_store, write_store
from zoo.models.recognizer import REDUCTION

BATCH = 100  # recordings that are written at a time
SAMPLE = 1_000_000  # frames that the mean and the scale are taken over, at most
VERSION = 1  # of the transform: another one makes caches anew
_LEFT_OUT = "left_out.json"


class Front(NamedTuple):
    """What a model hears: rate, bands, and whether a frame looks ahead (`audio.log_mel`)."""

    rate: int
    mels: int
    causal: bool

    def __call__(self, waveform: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
        """`<float32>[samples]` of any rate -> `<float32>[frames, mels]`."""
        waveform = audio.resample(waveform, rate, self.rate)
        return audio.log_mel(waveform, self.rate, self.mels, self.causal)

    @property
    def step(self) -> int:
        """Samples between two frames that the model gives out."""
        return REDUCTION * audio.spans(self.rate)[1]

    @property
    def seconds(self) -> float:
        """Seconds between two frames that the model gives out."""
        return self.step / self.rate


def front_of(flags: Train) -> Front:
    """The front of a run: causal where the model reads in one direction alone."""
    return Front(flags.rate, flags.mels, not flags.bidirectional)


def describe(flags: Train, splits: Sequence[str]) -> dict[str, Any]:
    """What the loader understands of the recordings, and what CTC cannot be trained on.

    Raises:
        ValueError: a split cannot be used.
    """
    found = sources.describe(flags, splits)
    encoded = {split: encode_split(flags, split) for split in splits}
    train, _ = encoded["train"]
    rows = range(min(3, len(train)))
    examples = [
        {
            "text": "".join(CHARACTERS[label - 1] for label in train.row("labels", row)),
            "frames": len(train.row("features", row)),
        }
        for row in rows
    ]
    left_out = {split: counts for split, (_, counts) in encoded.items() if counts}
    return {
        **found,
        "examples": examples,
        "lengths": lengths_of(train.lengths("features"), "frames of 10 ms"),
        "unusable": left_out,
    }


def data_key(flags: Train) -> dict[str, Any]:
    """All that the frames of a run's splits depend on."""
    names = ("dataset", "unheard", "limit", "max_seconds")
    files = digest_of(sources.raw_files(flags))
    values = {name: getattr(flags, name) for name in names}
    return {"version": VERSION, "files": files, "front": list(front_of(flags)), **values}


def encode_split(flags: Train, split: str) -> tuple[Store, dict[str, int]]:
    """A split as columns `features` (log-mel in 16 bits) and `labels`; and what is left out.

    Recordings are left out, and counted by kind, whose transcript cannot be spelt
    (`characters.clean`), that are longer than `max_seconds`, or that have fewer frames than CTC
    needs for the transcript.

    Raises:
        ValueError: the data cannot be used, or nothing is left.
    """

    def write(folder):
        faults = Faults()
        batches = _encoded(sources.load(flags, split), front_of(flags), flags.max_seconds, faults)
        try:
            write_store(folder, batches)
        except ValueError as error:
            raise ValueError(
                f"`dataset` must have recordings to learn from in {split}. Got "
                f"{flags.dataset!r}: {error}\n{faults.summary()}".rstrip()
            ) from error
        faults.tell(f"{flags.dataset}, split `{split}`")
        write_json(folder / _LEFT_OUT, dict(faults.counts))

    kind = {"kind": "speech_to_text records", "split": split}
    folder = cached(flags.cache_dir, {**data_key(flags), **kind}, write)
    return open_store(folder), read_json(folder / _LEFT_OUT)


def _encoded(
    records: tf.data.Dataset, front: Front, longest: float, faults: Faults
) -> Iterator[dict[str, Any]]:
    def hear(record):
        return {**record, "waveform": front(record["waveform"], record["rate"])}

    heard = records.map(hear, num_parallel_calls=2).prefetch(16).as_numpy_iterator()
    features, labels = [], []
    for record in with_progress(heard, lambda record: 1, "recordings heard"):
        name = record["id"].decode("utf-8", "replace")
        frames = record["waveform"]
        fault, row = usable(record["text"], len(frames), longest)
        if fault:
            faults.add(fault, name)
            continue
        features.append(frames.astype(np.float16))
        labels.append(np.array(row, np.uint8))
        if len(labels) == BATCH:
            yield _columns(features, labels)
            features, labels = [], []
    if labels:
        yield _columns(features, labels)


def usable(text: bytes, frames: int, longest: float) -> tuple[str, list[int]]:
    """Why a recording is no example, "" if it is one; and its labels.

    Args:
        text: the transcript.
        frames: of the recording, 10 ms each.
        longest: seconds.
    """
    try:
        labels = to_labels(clean(text.decode("utf-8", "replace")))
    except TranscriptError as error:
        return str(error), []
    if frames > longest / audio.HOP:
        return f"longer than {longest:g} s (--max-seconds)", []
    if frames // REDUCTION < least_frames(labels):
        return "too short for the transcript", []
    return "", labels


def _columns(features: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> dict[str, Any]:
    columns = {"features": features, "labels": labels}
    return {
        name: (np.concatenate(rows), np.array([len(row) for row in rows]))
        for name, rows in columns.items()
    }


def statistics(store: Store) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each band over the frames, `<float64>[mels]` each."""
    values = store.columns["features"].values
    values = values[:: -(-len(values) // SAMPLE)].astype(np.float64)
    return values.mean(axis=0), np.maximum(values.std(axis=0), 1e-3)


def padded(rows: Sequence[np.ndarray], time: int, mels: int) -> np.ndarray:
    """Frames right-padded with 0: `<float32>[rows, time, mels]`."""
    batch = np.zeros((len(rows), time, mels), np.float32)
    for place, row in zip(batch, rows, strict=True):
        place[: len(row)] = row
    return batch


def join(labels: Sequence[int]) -> str:
    """The text of labels; 0 has none."""
    return "".join(CHARACTERS[label - 1] for label in labels if label)
