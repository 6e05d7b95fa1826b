"""BConTrasT: customers who speak German and agents who speak English, each turn translated.

Farajian, Lopes, Martins, Maruf and Haffari, "Findings of the WMT 2020 Shared Task on Chat
Translation", WMT 2020; made from Taskmaster-1 (Byrne et al. 2019).
"""

import json
from collections.abc import Iterator
from pathlib import Path

from datasets.files import find_all, open_text
from datasets.translation.cleaning import RawPair
from datasets.translation.pairs import split_of

LANGUAGES = ("en", "de")
_SPEAKS = {"agent": "en", "customer": "de"}
_HINT = (
    "the folder that holds BConTrasT's train.json and dev.json (and test.json), packed or not: "
    "https://github.com/Unbabel/BConTrasT"
)


def raw_pairs(
    split: str, data_dir: Path | str | None, *, source: str, target: str
) -> Iterator[RawPair]:
    """(id, source, target) of a split's turns: train 13,845, dev 1,902, and test where it is there.

    Without test.json, test is the turns of train whose source sentence hashes to it, as of `pairs`.

    Raises:
        ValueError: other languages; a file that is not there, or not in the layout.
    """
    if {source, target} != set(LANGUAGES):
        raise ValueError(
            f"`source` and `target` must be en and de, of `bcontrast`. Got {source!r}, {target!r}."
        )
    files = split_files(data_dir)
    turns = _turns(split if split in files else "train", files, source)
    if "test" in files or split == "dev":
        return turns
    return (turn for turn in turns if split_of(turn[1] or "", ("test",)) == split)


def split_files(data_dir: Path | str | None) -> dict[str, Path]:
    """Split -> its file; `test` only where it is there."""
    files = find_all(data_dir, _HINT, ("train.json", "dev.json"))
    names = {split: f"{split}.json" for split in ("train", "dev", "test")}
    return {split: files[name] for split, name in names.items() if name in files}


def _turns(split: str, files: dict[str, Path], source: str) -> Iterator[RawPair]:
    path = files[split]
    try:
        with open_text(path) as file:
            dialogues = json.load(file)
        turns = [(name, turn) for name, dialogue in dialogues.items() for turn in dialogue]
        for name, turn in turns:
            sides = turn["source"], turn["target"]
            if _SPEAKS[turn["speaker"]] != source:
                sides = sides[::-1]
            yield f"{split}:{name}:{turn['utteranceID']}", *sides
    except (AttributeError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} must be BConTrasT's own: dialogues of turns with utteranceID, speaker (agent "
            f"or customer), source and target. Got {error!r}."
        ) from error
