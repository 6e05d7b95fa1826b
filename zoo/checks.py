"""Rules of arguments, in the same words wherever an argument is wrong."""

import numbers
from collections.abc import Sequence
from typing import Any


def check(name: str, rule: str, value: Any, holds: bool) -> None:
    """Raises ValueError, with the argument, the rule and the value, unless the rule holds."""
    if not holds:
        raise ValueError(f"`{name}` must {rule}. Got {value}.")


def check_integer(name: str, value: Any, least: int = 1) -> None:
    """Raises ValueError unless the value is an integer of `least` or more; True is none."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    rule = "a positive integer" if least == 1 else f"an integer of {least} or more"
    check(name, f"be {rule}", repr(value), whole and value >= least)


def check_integers(least: int = 1, **values: Any) -> None:
    """`check_integer` for each of the values, by their names."""
    for name, value in values.items():
        check_integer(name, value, least)


def check_rate(name: str, value: Any) -> None:
    """Raises ValueError unless the value is a rate of dropout, from 0 to below 1; True is none."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    check(name, "be a number in [0, 1)", repr(value), number and 0 <= value < 1)


def check_rates(**values: Any) -> None:
    """`check_rate` for each of the values, by their names."""
    for name, value in values.items():
        check_rate(name, value)


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Raises ValueError unless the value is one of the choices."""
    check(name, f"be one of {choices}", repr(value), value in choices)
