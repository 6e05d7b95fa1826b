"""The user's own clips: a folder a class, of videos, GIFs or folders of frames.

CLASS/...                                      videos, GIFs, folders of frames; nested as they like
train/CLASS/..., dev/CLASS/..., test/CLASS/... the same, by split
UCF-101/CLASS/..., ucfTrainTestlist/           UCF101's, with trainlist01.txt, testlist01.txt
CLASS/..., splits/CLASS_test_split1.txt        HMDB51's (or testTrainMulti_7030_splits/)
"""

import functools
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from datasets.actions import pictures, split_files, video
from datasets.actions.clips import Clip, held_out
from datasets.faults import Faults
from datasets.files import SPLIT_NAMES, check_place
from datasets.inspection import share_of

VIEWS = ("video",)

STRAY = "picture that lies in no folder of frames"
OTHER = "file that is no clip"
UNLISTED = "clip that no split file names"
MISSING = "clip of a split file that is not there"

_VIDEO_PLACES = ("UCF-101", "UCF101", "videos", "hmdb51_org", ".")
_MEDIA = (*video.ENDINGS, pictures.GIF)
_HINT = "a folder that holds one for each class, with videos, GIFs or folders of frames in them"


class StoredClip(NamedTuple):
    """A clip as it lies on the disk: a file, or the frames of a folder in their order."""

    path: str  # below the folder that holds the classes, "/" between, NFC
    label: str
    split: str | None  # by the folder it is in
    files: tuple[Path, ...]


def clips(split: str, data_dir: Path | str | None, faults: Faults) -> list[Clip]:
    """The clips of a split; ids are paths below the folder of the classes.

    Splits are those of folders named train, dev (val, valid, validation) and test, or of the
    publisher's files; where these have no dev, it is a tenth of train by a hash of the clip's name
    (of the film that a clip is cut from, where names tell it). Else a clip is in the split that its
    path hashes to: about 80, 10 and 10 of a hundred.

    Raises:
        ValueError: there is no such folder, or no clip in it; a split's folder is not there; a
            split file is not in its layout.
    """
    root = check_place(data_dir, _HINT)
    stored = _checked(root, _stored_clips(root, faults))
    listed = _listed(root)
    if listed is not None:
        return [_clip(clip) for clip in _of_lists(split, stored, listed, faults)]
    folders = {clip.split for clip in stored}
    if folders != {None}:
        _check_folders(split, root, folders)
        return [_clip(clip) for clip in stored if _of_folders(clip, folders) == split]
    members = [clip for clip in stored if _of_hash(clip.path) == split]
    if not members:
        raise ValueError(
            f"`split` must hold a clip. {root} has none of `{split}`: it has too few clips for "
            "three splits by hash; folders named train, dev and test name others."
        )
    return [_clip(clip) for clip in members]


def raw_files(data_dir: Path | str | None) -> list[Path]:
    """The split files that are read, and all clips."""
    root = check_place(data_dir, _HINT)
    ucf = split_files.ucf_folder(root)
    lists = split_files.ucf_files(ucf) if ucf else split_files.hmdb_files(root)
    return [
        *lists,
        *(path for clip in _checked(root, _stored_clips(root, Faults())) for path in clip.files),
    ]


def label_names(data_dir: Path | str | None) -> tuple[str, ...]:
    """The names of the classes' folders: in the order of classInd.txt, or sorted."""
    root = check_place(data_dir, _HINT)
    there = {clip.label for clip in _checked(root, _stored_clips(root, Faults()))}
    ucf = split_files.ucf_folder(root)
    listed = split_files.ucf_labels(ucf) if ucf else ()
    return listed if there <= set(listed) else tuple(sorted(there))


def _checked(root: Path, stored: Iterator[StoredClip]) -> list[StoredClip]:
    """The clips, which are of two classes or more.

    One class alone is the folder that holds the classes, in a folder of its own: nobody wants it
    for a label.
    """
    clips = list(stored)
    labels = {clip.label for clip in clips}
    if not clips:
        raise ValueError(f"`data_dir` must be {_HINT}. Got no clip in {root}.")
    if len(labels) == 1:
        raise ValueError(
            f"`data_dir` must be {_HINT}, two classes or more. Got {labels.pop()!r} alone in "
            f"{root}: if the classes lie in that folder, name it."
        )
    return clips


def _stored_clips(root: Path, faults: Faults) -> Iterator[StoredClip]:
    """Every clip below the folders of the classes, sorted by split, class and path."""
    ucf, hmdb = split_files.ucf_folder(root), split_files.hmdb_files(root)
    places = _VIDEO_PLACES if ucf or hmdb else (".",)
    base = next(path for place in places if (path := root / place).is_dir())
    passed = {ucf, *(path.parent for path in hmdb)} - {base}
    splits = {name: split for split, names in SPLIT_NAMES.items() for name in names}
    for folder in _subfolders(base):
        if folder in passed or any(folder in path.parents for path in passed if path):
            continue
        split = splits.get(folder.name.lower())
        for label in _subfolders(folder) if split else [folder]:
            for path, files in _in_class(label, base, faults):
                yield StoredClip(path, _name(label.name), split, files)


def _subfolders(folder: Path) -> list[Path]:
    hidden = (".", "__MACOSX")
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(hidden))


def _name(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _in_class(label: Path, base: Path, faults: Faults) -> Iterator[tuple[str, tuple[Path, ...]]]:
    """(path below `base`, files) of the clips of a class.

    A folder below the class that holds pictures and no video or GIF is one clip.
    """
    for place, subfolders, names in os.walk(label):
        folder = Path(place)
        subfolders[:] = [path.name for path in _subfolders(folder)]
        names = sorted((name for name in names if not name.startswith(".")), key=pictures.natural)
        kinds = {name: Path(name).suffix.lower() for name in names}
        media = [name for name in names if kinds[name] in _MEDIA]
        frames = [name for name in names if kinds[name] in pictures.FRAMES]
        for name in media:
            yield _name((folder / name).relative_to(base).as_posix()), (folder / name,)
        if frames and not media and folder != label:
            files = tuple(folder / name for name in frames)
            yield _name(folder.relative_to(base).as_posix()), files
        elif frames:
            faults.add(STRAY, (folder / frames[0]).relative_to(base).as_posix(), len(frames))
        for name in names:
            if kinds[name] not in (*_MEDIA, *pictures.FRAMES):
                faults.add(OTHER, (folder / name).relative_to(base).as_posix())


def _clip(stored: StoredClip) -> Clip:
    path = stored.files[0]
    if path.suffix.lower() in video.ENDINGS:
        functions, source = (video.inspect, video.read), path
    elif path.suffix.lower() == pictures.GIF:
        functions, source = (pictures.inspect_gif, pictures.read_gif), path
    else:
        functions, source = (pictures.inspect_frames, pictures.read_frames), stored.files
    bound = (functools.partial(function, source) for function in functions)
    return Clip(stored.path, stored.label, "", *bound)


def _of_hash(path: str) -> str:
    share = share_of(path)
    return "train" if share < 0.8 else "dev" if share < 0.9 else "test"


def _of_folders(clip: StoredClip, folders: set) -> str:
    if "dev" in folders or clip.split != "train":
        return clip.split
    return "dev" if held_out(clip.path) else "train"


def _check_folders(split: str, root: Path, folders: set) -> None:
    """That all clips are in folders of splits, and that the folder of `split` is there."""
    if None in folders:
        raise ValueError(
            f"`data_dir` must hold folders of splits alone, or of classes alone. {root} has a "
            f"folder {', '.join(sorted(folders - {None}))} and others."
        )
    wanted = "train" if split == "dev" and "dev" not in folders else split
    if wanted not in folders:
        raise ValueError(
            f"`split` must have a folder: {root} has {', '.join(sorted(folders))} with clips in "
            f"them, and none of `{split}`."
        )


def _listed(root: Path) -> dict | None:
    """(class, name) -> split by the publisher's files; None without any."""
    if ucf := split_files.ucf_folder(root):
        return split_files.with_dev(split_files.ucf_parts(ucf), split_files.ucf_group)
    if files := split_files.hmdb_files(root):
        return split_files.with_dev(split_files.hmdb_parts(files), split_files.hmdb_group)
    return None


def _of_lists(
    split: str, stored: list[StoredClip], parts: dict, faults: Faults
) -> list[StoredClip]:
    """The clips of a split; what stands in no list, or in a list alone, goes to `faults`."""
    members, keys = [], set()
    for clip in stored:
        name = clip.path.rpartition("/")[2]
        is_file = clip.files[0].suffix.lower() in _MEDIA  # a folder's name may hold a dot
        key = (clip.label, Path(name).stem if is_file else name)
        keys.add(key)
        if key not in parts:
            faults.add(UNLISTED, clip.path)
        elif parts[key] == split:
            members.append(clip)
    for key, part in parts.items():
        if part == split and key not in keys:
            faults.add(MISSING, "/".join(key))
    return members
