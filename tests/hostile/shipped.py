"""The shipped models, each loaded once, and what it means to leave neighbours alone."""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

ROOT = Path(__file__).parents[2] / "saved_models"
RUN = "assets.extra/run.json"

Answers = Mapping[str, np.ndarray]
Ask = Callable[[Sequence[bytes]], Answers]


def versions(task: str) -> list[Path]:
    """Folders of the shipped models of a task."""
    found = sorted(path.parent for path in ROOT.glob("*/*/saved_model.pb"))
    return [path for path in found if json.loads((path / RUN).read_text())["task"] == task]


def name(folder: Path) -> str:
    return folder.relative_to(ROOT).as_posix()


@functools.lru_cache
def load(folder: Path) -> Any:
    return tf.saved_model.load(str(folder))


def asker(folder: Path, signature: str, argument: str, **others) -> Ask:
    """A signature as a function of one batch of strings, the other inputs fixed."""
    called = load(folder).signatures[signature]

    def ask(batch: Sequence[bytes]) -> Answers:
        found = called(**{argument: tf.constant(list(batch), tf.string)}, **others)
        return {key: value.numpy() for key, value in found.items()}

    return ask


def faults(ask: Ask, items: Sequence[tuple[str, bytes]], sane: Sequence[bytes], size: int):
    """Asks for hostile elements between two sane ones; one line for each thing that is wrong.

    The answers of the two must be what they are alone, to rounding, and every number finite.
    """
    first, last = (ask([one]) for one in sane)
    found = []
    for start in range(0, len(items), size):
        part = items[start : start + size]
        answers = ask([sane[0], *(data for _, data in part), sane[1]])
        where = f"batch with {part[0][0]} ... {part[-1][0]}"
        for key, values in answers.items():
            if len(values) != len(part) + 2:
                found.append(f"{where}: {len(values)} rows of {key}")
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                found.append(f"{where}: {key} is not finite")
            for place, alone in ((0, first), (-1, last)):
                if not _alike(values[place], alone[key][0]):
                    found.append(f"{where}: {key} of neighbour {place} is {values[place]!r:.200}")
    return found


def _alike(one, other) -> bool:
    """Equal to rounding; the longer one may have padding more (zeros, empty strings)."""
    one, other = np.asarray(one), np.asarray(other)
    shape = tuple(map(max, zip(one.shape, other.shape, strict=True)))
    one, other = (_padded(value, shape) for value in (one, other))
    if one.dtype.kind != "f":
        return np.array_equal(one, other)
    # Rounding is relative to the sums that made a value, not to what is left of them.
    return np.allclose(one, other, rtol=1e-5, atol=1e-5 * max(1.0, np.abs(other).max(initial=0)))


def _padded(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    filled = np.full(shape, b"" if value.dtype.kind == "O" else 0, value.dtype)
    filled[tuple(map(slice, value.shape))] = value
    return filled
