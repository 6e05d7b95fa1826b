"""Rules of arguments, in the same words wherever an argument is wrong."""

import numbers
from collections.abc import Sequence
from typing import Any


def check(name: str, rule: str, value: Any, holds: bool) -> None:
    """Raises ValueError, with the argument, the rule and the value, unless the rule holds."""
    if not holds:
        raise ValueError(f"`{name}` must {rule}. Got {value}.")


def check_integers(least: int = 1, **values: Any) -> None:
    """Raises ValueError unless all values are integers of `least` or more; True is none."""
    rule = "a positive integer" if least == 1 else f"an integer of {least} or more"
    for name, value in values.items():
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        check(name, f"be {rule}", repr(value), whole and value >= least)


def check_rates(**values: Any) -> None:
    """Raises ValueError unless all values are rates, from 0 to below 1; True is none."""
    for name, value in values.items():
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        check(name, "be a number in [0, 1)", repr(value), number and 0 <= value < 1)


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Raises ValueError unless the value is one of the choices."""
    check(name, f"be one of {choices}", repr(value), value in choices)
