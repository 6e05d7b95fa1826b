"""Speech Commands: 35 words, a recording of one second each, 16 kHz; 105,829 in version 0.02.

Warden, "Speech Commands: a dataset for limited-vocabulary speech recognition", arXiv:1804.03209.

    WORD/SPEAKER_nohash_NUMBER.wav
    validation_list.txt, testing_list.txt      WORD/SPEAKER_nohash_NUMBER.wav, a line each
"""

import re
from pathlib import Path

from datasets.faults import Faults
from datasets.files import check_place, read_lines
from datasets.speech.utterances import NO_FILE, Utterance, recording

_LISTS = {"dev": "validation_list.txt", "test": "testing_list.txt"}
_NAME = re.compile(r"(.+)_nohash_\d+\.wav")
_HINT = (
    "the folder that speech_commands_v0.02.tar.gz unpacks to: a folder of WAV files for each word, "
    "validation_list.txt and testing_list.txt"
)


def utterances(split: str, data_dir: Path | str | None, faults: Faults) -> list[Utterance]:
    """The recordings of a split, sorted by word; dev and test are the publisher's lists.

    The publisher's lists hold whole speakers. _background_noise_ has no words and is passed over.

    Raises:
        ValueError: a list is not there, or there is no recording.
    """
    root = check_place(data_dir, _HINT)
    if missing := [name for name in _LISTS.values() if not (root / name).is_file()]:
        raise ValueError(f"`data_dir` must be {_HINT}. Not in {root}: {', '.join(missing)}.")
    listed = {
        name.strip(): part for part, table in _LISTS.items() for name in read_lines(root / table)
    }
    files = {f"{path.parent.name}/{path.name}": path for path in _recordings(root)}
    for name, part in listed.items():
        if name and part == split and name not in files:
            faults.add(NO_FILE, name)
    members = [name for name in files if listed.get(name, "train") == split]
    return [
        recording(files[name], name, name.partition("/")[0], _NAME.fullmatch(files[name].name)[1])
        for name in members
    ]


def raw_files(data_dir: Path | str | None) -> list[Path]:
    """The two lists and all recordings."""
    root = check_place(data_dir, _HINT)
    lists = [root / name for name in _LISTS.values() if (root / name).is_file()]
    return [*lists, *_recordings(root)]


def _recordings(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("[!_.]*/*.wav") if _NAME.fullmatch(path.name))
