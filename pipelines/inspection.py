"""What `inspect` prints: a pipeline's description of its data, as lines that a person reads."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from pipelines.flags import TrainFlags

LONGEST = 160  # letters of a printed value
MOST = 20  # printed entries of a list or a mapping; the JSON has all
_WIDTH = 100


@functools.cache
def inspect_flags(train_flags: type[TrainFlags]) -> type[TrainFlags]:
    """The flags of `inspect`: those of `train`, so that one command line does for both."""
    help_text = "Write the description as JSON to this file, too."
    output = Annotated[Path | None, tyro.conf.arg(help=help_text)]
    return dataclasses.make_dataclass(
        "Inspect",
        [("output", output, None)],
        bases=(train_flags,),
        namespace={"__doc__": "What a data set looks like to the task; nothing is trained."},
        frozen=True,
    )


def lengths_of(lengths: Sequence[int], unit: str) -> dict[str, Any]:
    """The shortest, the median and the longest of some lengths, their unit and their number."""
    values = np.asarray(lengths)
    if not len(values):
        return {"unit": unit, "count": 0}
    return {
        "unit": unit,
        "count": len(values),
        "min": int(values.min()),
        "median": int(np.median(values)),
        "max": int(values.max()),
    }


def show(description: Mapping[str, Any]) -> None:
    """Prints a description."""
    print("\n".join(lines_of(description)) + "\n", flush=True)


def lines_of(value: Any, indent: str = "") -> Iterator[str]:
    """A description as lines: `name: value`, deeper values further in.

    {"splits": {"train": 4000, "dev": 500}, "left_out": {}} -> "splits: train: 4,000, dev: 500"
    """
    named = isinstance(value, Mapping)
    entries = list(value.items()) if named else [("-", item) for item in value]
    for key, item in entries[:MOST]:
        head = f"{indent}{str(key).replace('_', ' ')}{':' if named else ''}"
        line = _in_line(item)
        if line is None:
            deeper = list(lines_of(item, indent + "  "))
            yield from [head, *deeper] if named else [f"{head} {deeper[0].lstrip()}", *deeper[1:]]
        elif line:
            yield f"{head} {line}"
    if len(entries) > MOST:
        yield f"{indent}... and {len(entries) - MOST:,} more"


def _in_line(value: Any) -> str | None:
    """A value in one line, empty if there is nothing to say; None where it needs several."""
    if not isinstance(value, (Mapping, list, tuple)):
        return _shown(value)
    if isinstance(value, Mapping):
        parts = [f"{str(key).replace('_', ' ')}: {_shown(item)}" for key, item in value.items()]
        items = value.values()
    else:
        parts, items = [_shown(item) for item in value], value
    if any(isinstance(item, (Mapping, list, tuple)) for item in items):
        return None
    line = ", ".join(parts)
    return line if len(line) <= _WIDTH and len(parts) <= MOST else None


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    text = " ".join(str(value).encode("utf-8", "backslashreplace").decode().split())
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
