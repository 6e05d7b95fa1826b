"""Recordings that tests can make: each letter is a tone of its own, laid out as AN4 is."""

from pathlib import Path

import numpy as np

from pipelines.audio import wav_bytes

RATE = 8000
TONES = {"a": 500.0, "b": 1000.0, "c": 2000.0, " ": 0.0}  # Hz


def sound_of(text: str, seed: int = 0) -> np.ndarray:
    """A fifth of a second for each letter, silence around them, and faint noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(RATE // 5) / RATE
    tones = [
        0.3 * np.sin(2 * np.pi * TONES[letter] * time) * np.hanning(len(time)) for letter in text
    ]
    silence = np.zeros(RATE // 10)
    sound = np.concatenate([silence, *tones, silence])
    return (sound + 0.001 * rng.normal(size=len(sound))).astype(np.float32)


def wav_of(text: str, seed: int = 0) -> bytes:
    return wav_bytes(sound_of(text, seed), RATE).numpy()


def draw_text(rng: np.random.Generator) -> str:
    letters = "".join(rng.choice(list("abc"), rng.integers(2, 5)))
    return f"{letters[:1]} {letters[1:]}" if rng.random() < 0.3 else letters


def write_an4(folder: Path, speakers: int = 26, each: int = 4, seed: int = 0) -> Path:
    """AN4's layout: so many speakers, of whom eight each are dev and test."""
    rng = np.random.default_rng(seed)
    etc, sound = folder / "an4" / "etc", folder / "an4" / "wav" / "an4_clstk"
    etc.mkdir(parents=True)
    fileids, lines = [], []
    for speaker in (f"s{chr(97 + n // 26)}{chr(97 + n % 26)}x" for n in range(speakers)):
        (sound / speaker).mkdir(parents=True)
        for number in range(each):
            name, text = f"an{number}-{speaker}-b", draw_text(rng)
            (sound / speaker / f"{name}.wav").write_bytes(wav_of(text, len(lines)))
            fileids.append(f"an4_clstk/{speaker}/{name}")
            lines.append(f"<s> {text.upper()} </s> ({name})")
    (etc / "an4_train.fileids").write_text("\n".join(fileids) + "\n")
    (etc / "an4_train.transcription").write_text("\n".join(lines) + "\n")
    return folder
