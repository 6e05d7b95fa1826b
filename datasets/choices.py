"""A name out of a few: what every task's `read` and `load` check first."""

import difflib
from collections.abc import Sequence


def check_choice(argument: str, value: str, choices: Sequence[str]) -> None:
    """Raises ValueError, with the nearest choice, where `value` is none of `choices`."""
    if value in choices:
        return
    near = difflib.get_close_matches(str(value), choices, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"`{argument}` must be one of {', '.join(choices)}. Got {value!r}.{hint}")
