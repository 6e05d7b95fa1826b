"""What arguments must be."""

import re

import numpy as np
import pytest

from zoo.checks import (
    check,
    check_choice,
    check_integers,
    check_rates,
)


def test_what_fits_passes():
    check("size", "be even", 4, True)
    check_integers(units=1)
    check_integers(units=np.int64(3))
    check_integers(0, pairs=0)
    check_rates(dropout=0)
    check_rates(dropout=np.float32(0.5))
    check_choice("cell", "lstm", ("lstm", "gru"))


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", True, None])
def test_a_size_is_a_positive_integer(value):
    message = re.escape(f"`units` must be a positive integer. Got {value!r}.")
    with pytest.raises(ValueError, match=f"^{message}$"):
        check_integers(units=value)


def test_the_least_integer_is_named():
    with pytest.raises(ValueError, match=r"`pairs` must be an integer of 0 or more\. Got -1\."):
        check_integers(0, pairs=-1)
    with pytest.raises(ValueError, match=r"`classes` must be an integer of 2 or more\. Got 1\."):
        check_integers(2, classes=1)


@pytest.mark.parametrize("value", [1, 1.0, -0.1, float("nan"), "0.5", True, None])
def test_a_rate_is_a_number_from_0_to_below_1(value):
    message = re.escape(f"`dropout` must be a number in [0, 1). Got {value!r}.")
    with pytest.raises(ValueError, match=f"^{message}$"):
        check_rates(dropout=value)


def test_choices_are_named():
    with pytest.raises(ValueError, match=r"`cell` must be one of \('a', 'b'\)\. Got 'c'\."):
        check_choice("cell", "c", ("a", "b"))


def test_of_several_values_the_wrong_one_is_named():
    check_integers(units=3, layers=1)
    check_rates(dropout=0.1, input_dropout=0)
    with pytest.raises(ValueError, match=r"`layers` must be a positive integer. Got 0."):
        check_integers(units=3, layers=0)
    with pytest.raises(ValueError, match=r"`pairs` must be an integer of 0 or more. Got -1."):
        check_integers(0, embedding_units=0, pairs=-1)
    with pytest.raises(ValueError, match=r"`input_dropout` must be a number in \[0, 1\). Got 1."):
        check_rates(dropout=0.1, input_dropout=1)
