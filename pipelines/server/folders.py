"""Folders of models, as TF Serving looks at them: `saved_models/<model>/<version>/`."""

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path

VERSION = re.compile("[0-9]{1,18}")  # a name that TF Serving takes for a version


def versions(folder: Path) -> dict[int, Path]:
    """Version number -> folder."""
    return {
        int(path.name): path
        for path in folder.glob("*")
        if VERSION.fullmatch(path.name) and path.is_dir()
    }


def find(root: Path, names: Sequence[str]) -> list[str]:
    """The names of the models to serve: `names`, or all of the folder where `names` is empty.

    Raises:
        ValueError: the folder holds no model, or a name is none of its models.
    """
    available = sorted(path.name for path in root.glob("*") if versions(path))
    if not available:
        raise ValueError(
            f"`saved_models` must hold folders of versions (captioning/1, ...). Got {root}, which "
            "has none."
        )
    for name in names:
        if name not in available:
            raise ValueError(f"`models` must be among {', '.join(available)}. Got {name!r}.")
    return list(dict.fromkeys(names)) or available


def files(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Name, size and time of each file: whether a folder has changed."""
    entries = set()
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # gone since it was listed
            stat = path.stat()
            entries.add((str(path.relative_to(folder)), stat.st_size, stat.st_mtime_ns))
    return frozenset(entries)
