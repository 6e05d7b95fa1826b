"""Small sound files, and what `load` makes of a split, for the tests of sources."""

from pathlib import Path

import numpy as np
import soundfile

from datasets.speech import load


def tone(seconds: float = 0.2, rate: int = 8000, level: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)


def write(path: Path, samples: np.ndarray | None = None, rate: int = 8000, **options) -> Path:
    """A sound file, its folders made; a tone of 0.2 s where no samples are given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(rate=rate) if samples is None else samples, rate, **options)
    return path


def records(dataset: str, split: str, data_dir: Path | None = None, **options) -> list[dict]:
    """The records of a split, strings decoded."""
    stream = load(dataset, split, data_dir, **options)
    found = list(stream.as_numpy_iterator())
    assert len(found) == int(stream.cardinality())
    names = ("id", "text", "speaker")
    return [record | {name: record[name].decode() for name in names} for record in found]


def texts(*arguments, **options) -> dict[str, str]:
    """id -> text of a split's records."""
    return {record["id"]: record["text"] for record in records(*arguments, **options)}


def speakers(*arguments, **options) -> set[str]:
    return {record["speaker"] for record in records(*arguments, **options)}
