"""Recordings that tests can make: each letter is a tone of its own."""

from pathlib import Path

import numpy as np

from pipelines.audio import wav_bytes

RATE = 8000
TONES = {"a": 500.0, "b": 1000.0, "c": 2000.0}  # Hz


def sound_of(text: str, seed: int = 0) -> np.ndarray:
    """A fifth of a second for each letter, silence around them, and faint noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(RATE // 5) / RATE
    tones = [0.3 * np.sin(2 * np.pi * TONES[letter] * time) for letter in text]
    silence = np.zeros(RATE // 10)
    sound = np.concatenate([silence, *tones, silence])
    return (sound + 0.0005 * rng.normal(size=len(sound))).astype(np.float32)


def write_folder(folder: Path, count: int = 60, seed: int = 0) -> Path:
    """The layout of `folder`, with the tables of splits: two thirds of train."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    lines: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    for number in range(count):
        text = "".join(rng.choice(list("abc"), rng.integers(3, 7)))
        (folder / f"{number}.wav").write_bytes(wav_bytes(sound_of(text, number), RATE).numpy())
        split = ("train", "train", "train", "train", "dev", "test")[number % 6]
        lines[split].append(f"{number}.wav\t{text}\tspeaker of {split}")
    for split, rows in lines.items():
        (folder / f"{split}.tsv").write_text("path\tsentence\tclient_id\n" + "\n".join(rows) + "\n")
    return folder
