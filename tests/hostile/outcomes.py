"""What a loader does with hostile folders: a sane answer or a clear ValueError, nothing else."""

import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

LONGEST_MESSAGE = 2000  # letters
SECONDS = 60  # more is a hang


def faults(
    cases: Iterable[tuple[str, dict[str, bytes]]],
    read: Callable[[Path], Any],
    check: Callable[[Any], str | None],
    folder: Path,
) -> list[str]:
    """One line for each case that ended otherwise; an empty list is what a test wants.

    Args:
        cases: name of a case, and its files by their paths.
        read: the loader, called with the case's own folder.
        check: what is wrong with an answer; None if nothing is.
        folder: where the cases' folders are made.
    """
    found = []
    for number, (name, files) in enumerate(cases):
        place = folder / f"case{number}"
        _write(place, files)
        started = time.monotonic()
        try:
            problem = check(read(place))
        except ValueError as error:
            problem = _unclear(str(error), place, files)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        if time.monotonic() - started > SECONDS:
            problem = "it hangs"
        if problem:
            found.append(f"{name}: {problem[:300]}")
    harm = [str(path) for path in folder.rglob("*harm*")]
    return found + [f"written: {path}" for path in harm]


def _write(place: Path, files: dict[str, bytes]) -> None:
    place.mkdir()
    for name, content in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _unclear(message: str, place: Path, files: dict[str, bytes]) -> str | None:
    """A message must name an argument or a file, and be short enough to be read."""
    named = str(place) in message or any(Path(name).name in message for name in files)
    if not named and "`" not in message and not re.search(r"\w\.(txt|csv|tsv)\b", message):
        return f"message that names nothing: {message}"
    if len(message) > LONGEST_MESSAGE:
        return f"message of {len(message)} letters: {message}"
    return None


def broken(texts: Iterable[str]) -> str | None:
    """Texts must be Unicode (no surrogates) and not empty."""
    for text in texts:
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            return f"surrogates in {text[:50]!a}"
        if not text.strip():
            return "an empty text"
    return None
