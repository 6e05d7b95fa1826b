"""Which single units tell what: quotes, brackets, the place in a line (Karpathy et al. 2015)."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

LEAST = 30  # symbols that a property must hold for, or not hold for, to be looked at


class Unit(NamedTuple):
    """A unit and the property of the text that it follows most closely.

    name: of the property.
    number: of the unit, in the order of the state.
    correlation: on the second half of the text; the unit was chosen on the first.
    text: the second half.
    activity: of the unit after each symbol of `text`, `<float32>[symbols]`.
    """

    name: str
    number: int
    correlation: float
    text: str
    activity: np.ndarray


def telling_units(content: str | bytes, states: np.ndarray) -> list[Unit]:
    """For each property of a text the unit whose activity is most correlated with it.

    Args:
        content: the text.
        states: `<float32>[symbols, features]`, the state after each symbol.

    Returns:
        The units, the most telling first; a property that hardly occurs has none.
    """
    text = content.decode("latin-1") if isinstance(content, bytes) else content
    half = len(text) // 2
    units = []
    for name, measure in PROPERTIES.items():
        values = np.array(list(measure(text)), np.float64)
        if not (_varies(values[:half]) and _varies(values[half:])):
            continue
        number = int(np.argmax(np.abs(_correlations(values[:half], states[:half]))))
        (correlation,) = _correlations(values[half:], states[half:, number : number + 1])
        activity = states[half:, number]
        units.append(Unit(name, number, float(correlation), text[half:], activity))
    return sorted(units, key=lambda unit: -abs(unit.correlation))


def _varies(values: np.ndarray) -> bool:
    _, counts = np.unique(values > values.min(initial=0), return_counts=True)
    return len(counts) == 2 and counts.min() >= LEAST


def _correlations(values: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Pearson's r of `[symbols]` with each column of `[symbols, features]`; 0 for a constant."""
    values = values - values.mean()
    states = states - states.mean(axis=0)
    spread = np.sqrt(np.sum(values**2) * np.sum(states**2, axis=0))
    return np.where(spread > 0, values @ states / np.maximum(spread, 1e-12), 0.0)


# Properties: one number for each character, known once it is read.


def _in_line(text: str) -> Iterator[float]:
    place = 0
    for character in text:
        place = 0 if character == "\n" else place + 1
        yield place


def _in_word(text: str) -> Iterator[float]:
    place = 0
    for character in text:
        place = place + 1 if character.isalnum() else 0
        yield place


def _in_quotes(text: str) -> Iterator[float]:
    inside = False
    for character in text:
        if character == '"':
            inside = not inside
        elif character in "“”":
            inside = character == "“"
        yield float(inside)


def _in_brackets(text: str) -> Iterator[float]:
    depth = 0
    for character in text:
        if character in "([{<":
            depth += 1
        elif character in ")]}>":
            depth = max(depth - 1, 0)
        yield float(depth > 0)


def _in_capitals(text: str) -> Iterator[float]:
    capital = False
    for character in text:
        capital = character.isupper() if character.isalpha() else capital
        yield float(capital)


PROPERTIES: dict[str, Callable[[str], Iterator[float]]] = {
    "place in the line": _in_line,
    "place in the word": _in_word,
    "inside quotes": _in_quotes,
    "inside brackets": _in_brackets,
    "in capitals": _in_capitals,
}
