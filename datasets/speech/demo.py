"""Short English utterances by eSpeak NG: many voices and accents, rooms and noises; no download.

A voice (a variant of eSpeak's, such as f3) is in one split only, whatever its accent.
"""

import functools
from pathlib import Path

import numpy as np

from datasets.arguments import check_seed
from datasets.speech import sentences
from datasets.speech.acoustics import add_noise, add_room
from datasets.speech.audio import Audio
from datasets.speech.espeak import data_folder, speak
from datasets.speech.utterances import Utterance

COUNTS = {"train": 2000, "dev": 200, "test": 300}
ACCENTS = (
    *("en-us", "en-us", "en", "en-us-nyc", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan"),
    *("en-gb-x-gbcwmd", "en-029"),
)
VOICES = {
    "train": (
        *("f1", "f2", "f4", "m1", "m2", "m3", "m5", "m6", "m8", "Alex", "Andrea", "Annie", "Gene"),
        *("Jacky", "Lee", "Marco", "Mario", "Michael", "Reed", "adam", "anika", "antonio"),
        *("aunty", "benjamin", "caleb", "ed", "edward", "grandpa", "iven", "iven3", "john"),
        *("linda", "max", "michel", "norbert", "paul", "pedro", "rob", "sandro", "steph", "zac"),
    ),
    "dev": ("f3", "m4", "Alicia", "Denis", "Mike", "belinda", "david", "miguel", "travis"),
    "test": ("f5", "m7", "Diogo", "Hugo", "boris", "grandma", "pablo", "robert", "shelby"),
}
_NUMBERS = {"train": 0, "dev": 1, "test": 2}


def utterances(split: str, seed: int, limit: int | None) -> list[Utterance]:
    """The utterances of a split: the i-th depends on the seed, the split and i alone.

    Raises:
        ImportError: `espeakng-loader` is not installed.
    """
    check_seed(seed)
    data_folder()  # an error now, not in the middle of a pass
    count = COUNTS[split] if limit is None else min(limit, COUNTS[split])
    return [_utterance(split, seed, i) for i in range(count)]


def _utterance(split: str, seed: int, i: int) -> Utterance:
    rng = np.random.default_rng((seed, _NUMBERS[split], i))
    words = sentences.draw(rng)
    voice = "+".join(choices[rng.integers(len(choices))] for choices in (ACCENTS, VOICES[split]))
    sound = functools.partial(_sound, words, voice, (seed, _NUMBERS[split], i, 1))
    return Utterance(f"demo-{seed}-{split}-{i:05d}", " ".join(words), voice, sound)


def _sound(words: list[str], voice: str, seed: tuple[int, ...]) -> Audio:
    """The words at a drawn pace, pitch and loudness, between drawn silences; then room and noise.

    Half of the utterances have a room, and four in five a noise, 5 to 40 dB below the speech.
    """
    rng = np.random.default_rng(seed)
    pace, pitch, melody = (
        int(rng.integers(*bounds)) for bounds in ((110, 230), (20, 80), (20, 80))
    )
    waveform, rate = speak(_spoken(words, rng), voice, pace, pitch, melody)
    before, after = (int(seconds * rate) for seconds in rng.uniform(0.05, 0.4, 2))
    waveform = np.pad(waveform.astype(np.float64), (before, after))
    if rng.random() < 0.5:
        waveform = add_room(waveform, rate, rng)
    if rng.random() < 0.8:
        waveform = add_noise(waveform, rng.uniform(5, 40), rng)
    waveform *= 10 ** rng.uniform(-1.3, -0.1) / np.abs(waveform).max()
    return waveform.astype(np.float32), rate


def _spoken(words: list[str], rng: np.random.Generator) -> str:
    """The words as eSpeak has to read them: letters as capitals, with a pause after each or none.

    An A without a comma is read as the article.
    """
    pauses = rng.random() < 0.5
    pieces = []
    for word in words:
        letter = len(word) == 1
        pieces.append(
            (word.upper() if letter else word) + "," * (letter and (pauses or word == "a"))
        )
    return " ".join(pieces)


def raw_files() -> list[Path]:
    """The programs that make the speech."""
    return [Path(__file__).with_name(f"{name}.py") for name in ("demo", "sentences", "acoustics")]
