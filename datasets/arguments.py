"""The checks of arguments that every task's `load` makes first."""

import difflib
from collections.abc import Sequence
from pathlib import Path


def check_choice(argument: str, value: str, choices: Sequence[str]) -> None:
    """Raises ValueError, with the nearest choice, where `value` is none of `choices`."""
    if value in choices:
        return
    near = difflib.get_close_matches(str(value), choices, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"`{argument}` must be one of {', '.join(choices)}. Got {value!r}.{hint}")


def check_limit(limit: int | None) -> None:
    """Raises ValueError where `limit` is no number of records."""
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise ValueError(f"`limit` must be a positive integer or None. Got {limit!r}.")


def check_no_folder(data_dir: Path | str | None, own: str, dataset: str = "demo") -> None:
    """Raises ValueError where a data set that reads no files is given some; `own` reads them."""
    if data_dir is not None:
        raise ValueError(
            f"`data_dir` must be None for `{dataset}`, which reads no files of yours "
            f"(`{own}` does). Got {str(data_dir)!r}."
        )


def check_seed(seed: int) -> None:
    """Raises ValueError where `seed` is none of numpy's."""
    if not isinstance(seed, int) or seed < 0:
        raise ValueError(f"`seed` must be an integer of at least 0. Got {seed!r}.")
