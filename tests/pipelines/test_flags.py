"""What a single flag may be, and which of them a constructor takes."""

import math
from dataclasses import dataclass
from typing import Annotated

import pytest

from pipelines import flags
from pipelines.flags import Bound, Positive, Rate, Share, TrainFlags, arguments_of, check_bounds


@dataclass(frozen=True)
class Flags:
    layers: Positive = 1
    limit: Positive | None = None
    dropout: Rate = 0.0
    share: Share = 1.0
    even: Annotated[int, Bound(lambda value: value % 2 == 0, "even")] = 2
    name: str = "any"


@pytest.mark.parametrize(
    "good", [{}, {"limit": 3}, {"limit": None}, {"dropout": 0.99}, {"share": 0.0}, {"even": -4}]
)
def test_flags_in_their_bounds_pass(good):
    check_bounds(Flags(**good))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"layers": 0}, "`layers` must be at least 1. Got 0."),
        ({"limit": 0}, "`limit` must be at least 1. Got 0."),
        ({"dropout": 1.0}, "`dropout` must be at least 0 and below 1. Got 1.0."),
        ({"dropout": math.nan}, "`dropout` must be at least 0 and below 1. Got nan."),
        ({"share": 1.01}, "`share` must be from 0 to 1. Got 1.01."),
        ({"even": 3}, "`even` must be even. Got 3."),
    ],
)
def test_flag_out_of_its_bounds_is_named_with_the_rule(bad, message):
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        check_bounds(Flags(**bad))


@pytest.mark.parametrize(
    ("bound", "least", "below"),
    [
        (flags.Positive, 1, 0),
        (flags.Count, 0, -1),
        (flags.AboveZero, 1e-9, 0.0),
        (flags.NotNegative, 0.0, -1e-9),
        (flags.Seed, 0, -1),
    ],
)
def test_bounds_begin_where_they_say(bound, least, below):
    (mark,) = bound.__metadata__
    assert mark.holds(least)
    assert not mark.holds(below)


def test_shared_flags_are_in_their_bounds_and_have_them():
    check_bounds(TrainFlags())
    for name in ("limit", "units", "batch_size", "epochs", "keep", "learning_rate"):
        with pytest.raises(ValueError, match=f"`{name}` must be"):
            check_bounds(TrainFlags(**{name: 0}))


def test_constructor_gets_the_flags_that_it_takes():
    def constructor(layers, dropout=0.5, other=3):
        return layers, dropout, other

    assert arguments_of(constructor, Flags(layers=2)) == {"layers": 2, "dropout": 0.0}
    assert arguments_of(constructor, Flags(), layers=7)["layers"] == 7
