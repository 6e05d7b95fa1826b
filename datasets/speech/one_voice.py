"""Speech of one voice of eSpeak NG, clean: the demo's sentences, or every line of text files.

*.txt       a text a line, UTF-8
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from datasets.arguments import check_choice, check_limit
from datasets.files import check_place, find_files, read_lines
from datasets.inspection import share_of
from datasets.speech import sentences
from datasets.speech.espeak import data_folder, speak
from datasets.speech.utterances import Utterance, split_of, stream, tidy

SPLITS = ("train", "dev", "test")
COUNTS = {"train": 1600, "dev": 60, "test": 60}  # of the demo's sentences
VOICE, PACE = "en-us", 150  # words a minute
_NUMBERS = {"train": 0, "dev": 1, "test": 2}
_HINT = "a folder with text files (.txt), a text a line"


def load(split: str, data_dir: Path | str | None = None, limit: int | None = None):
    """The utterances of a split, spoken while a pass goes on: records as `datasets.speech.load`'s.

    Without a folder the texts are the demo's (`sentences.draw`), no text of another split among
    those of dev and test. Of text files, a line is in the split that it hashes to, about 80, 10 and
    10 of a hundred; the order follows from the hash, too, so that a `limit` takes from all files.

    Args:
        split: train, dev or test.
        data_dir: folder of the text files; None: the demo's sentences.
        limit: at most so many utterances.

    Raises:
        ImportError: `espeakng-loader` is not installed.
        ValueError: an argument is unknown, there is no text file, or the split is empty.
    """
    return stream(utterances(split, data_dir, limit))


def describe(splits: Sequence[str] = SPLITS, data_dir=None, limit: int | None = None) -> dict:
    """`files`, and each of `splits` with its utterances."""
    sizes = {split: {"utterances": len(utterances(split, data_dir, limit))} for split in splits}
    return {"files": [str(path) for path in raw_files(data_dir)], "splits": sizes}


def raw_files(data_dir: Path | str | None = None) -> list[Path]:
    """The text files; of the demo the programs that make the sentences."""
    if data_dir is None:
        return [Path(__file__).with_name(f"{name}.py") for name in ("one_voice", "sentences")]
    files = list(find_files(check_place(data_dir, _HINT), [".txt"]).values())
    if not files:
        raise ValueError(f"`data_dir` must be {_HINT}. Got {data_dir}, which has none.")
    return files


def utterances(split: str, data_dir: Path | str | None, limit: int | None) -> list[Utterance]:
    """What `load` streams."""
    check_choice("split", split, SPLITS)
    check_limit(limit)
    data_folder()  # an error now, not in the middle of a pass
    texts = _drawn(split) if data_dir is None else _lines(split, raw_files(data_dir))
    if not texts:
        raise ValueError(f"`split` must hold a text. Got none of {split} in {data_dir}.")
    return [
        Utterance(f"{split}-{number:06d}", text, VOICE, functools.partial(_sound, text))
        for number, text in enumerate(texts[:limit])
    ]


def _drawn(split: str) -> list[str]:
    """Sentences of a split, each once; train has none of those that the others begin with."""
    texts: dict[str, list[str]] = {}
    seen: set[str] = set()
    for name in ("test", "dev", "train")[: 3 - ("train", "dev", "test").index(split)]:
        rng = np.random.default_rng((0, _NUMBERS[name]))
        texts[name] = []
        while len(texts[name]) < COUNTS[name]:
            text = " ".join(sentences.draw(rng))
            if text not in seen:
                texts[name].append(text)
                seen.add(text)
    return texts[split]


def _lines(split: str, files: Sequence[Path]) -> list[str]:
    lines = {tidy(line) for path in files for line in read_lines(path)}
    members = [line for line in lines if any(map(str.isalnum, line)) and split_of(line) == split]
    return sorted(members, key=lambda line: (share_of(line), line))


def _sound(text: str):
    """Letters are said by their names: A would be the article without a comma."""
    words = [f"{word.upper()}," if _is_letter(word, text) else word for word in text.split(" ")]
    return speak(" ".join(words), VOICE, PACE)


def _is_letter(word: str, text: str) -> bool:
    """Whether a word is a letter that is spelt, as all are but "a" and "I" in a sentence."""
    return (
        len(word) == 1 and word.isalpha() and (word not in "aI" or len(text) == 1 or _spelt(text))
    )


def _spelt(text: str) -> bool:
    """Whether a text spells: it has a letter by itself other than "a" and "I"."""
    return any(len(word) == 1 and word.isalpha() and word not in "aI" for word in text.split(" "))
